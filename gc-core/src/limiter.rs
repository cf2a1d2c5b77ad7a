//! The limiter of the collector's CPU share: a leaky bucket, as in Go since 1.19 (M. Knyszek, "Soft memory limit", 2022).
//!
//! When a memory limit keeps the goal close to what lives, cycles follow one another, and in the end the program does nothing
//! else: a death spiral. So the collector's CPU time fills a bucket, the rest drains it, at rates by which it is level at the
//! share that the collector may have. While it is full no cycle begins by itself and nobody assists: memory then exceeds a
//! soft limit instead. An empty bucket allows a burst.
//!
//! Arithmetic alone; `pacing` feeds it.

use std::time::Duration;

/// CPU time that a full bucket stands for, for each processor: some cycles' burst. (Go's is a second.)
const CAPACITY: Duration = Duration::from_millis(50);

/// The bucket.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limiter {
    /// Nanoseconds of the collector's that nothing has drained, in percent of a nanosecond.
    fill: u128,
}

impl Limiter {
    /// During `wall`, on `processors`, the collector used `busy` of CPU time and may use `share` percent. How long it has to
    /// keep still from now on for the bucket not to be full: zero if it is not.
    pub(crate) fn passed(&mut self, wall: Duration, processors: usize, busy: Duration, share: u32) -> Duration {
        let share = u128::from(share.clamp(1, 100));
        let all = wall.as_nanos().saturating_mul(processors as u128);
        let busy = busy.as_nanos().min(all);
        let full = CAPACITY.as_nanos() * processors as u128 * 100;
        // Level at `share`: what comes in is busy * (100 - share), what goes out (all - busy) * share.
        let filled = busy.saturating_mul(100 - share);
        self.fill = self.fill.saturating_add(filled).saturating_sub((all - busy).saturating_mul(share));
        // The pause drains to the brim. What would take longer than this very time is worth is spilt.
        self.fill = self.fill.min(full.saturating_add(filled));
        let pause = self.fill.saturating_sub(full) / (share * processors as u128);
        Duration::from_nanos(u64::try_from(pause).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Cycles of this length that follow one another as fast as the limiter lets them: the share they take in the end.
    fn share_of(cycle: Duration, markers: u32, processors: usize, share: u32) -> f64 {
        let mut limiter = Limiter::default();
        let (mut pause, mut busy, mut all) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for n in 0..20_000 {
            let wall = pause + cycle;
            pause = limiter.passed(wall, processors, cycle * markers, share);
            if n >= 10_000 {
                busy += cycle * markers;
                all += wall * processors as u32;
            }
        }
        busy.as_secs_f64() / all.as_secs_f64()
    }

    #[test]
    fn the_share_is_kept_whatever_the_cycles_are() {
        for cycle in [MS / 10, MS, 50 * MS, 2000 * MS] {
            for (markers, processors) in [(1, 1), (2, 2), (1, 2), (4, 16), (16, 16)] {
                for share in [10, 25, 50, 90] {
                    let took = share_of(cycle, markers, processors, share);
                    let free = f64::from(markers) / processors as f64;
                    let expected = free.min(f64::from(share) / 100.0);
                    assert!((took - expected).abs() < 0.02, "{cycle:?} {markers}/{processors} {share} %: {took}");
                }
            }
        }
    }

    #[test]
    fn a_burst_passes_and_no_share_is_no_limit() {
        let mut limiter = Limiter::default();
        assert_eq!(limiter.passed(90 * MS, 1, 90 * MS, 50), Duration::ZERO);
        assert_eq!(limiter.passed(90 * MS, 1, Duration::ZERO, 50), Duration::ZERO);
        assert_eq!(limiter.passed(90 * MS, 1, 90 * MS, 50), Duration::ZERO);
        let mut limiter = Limiter::default();
        assert_eq!(limiter.passed(Duration::MAX, 1, Duration::MAX, 100), Duration::ZERO);
        assert!(limiter.passed(Duration::MAX, 1, Duration::MAX, 0) > Duration::ZERO);
    }
}
