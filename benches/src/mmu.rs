//! Minimum mutator utilisation (Cheng and Blelloch, "A parallel, real-time garbage collector", 2001): the least share of any
//! window of a length that a mutator had for itself.
//!
//! M1. An interruption is seen from the program, by two readings of the clock: a gap of more than 2 microseconds between two
//!     while the thread only spins on it, or what a request takes above the median request, if that is more than 2
//!     microseconds. Nothing is asked of the collector. So it contains assists, handshakes, refills, cache misses that
//!     markers caused - and what the system took the processor away for: the control's figure stands beside.
//! M2. An excess is put at its request's end, whole. Interruptions don't overlap and ascend.
//! M3. The window of a least share can be moved until it begins where an interruption begins or ends where one ends, so
//!     those are all that are looked at, as far as they lie in the run.

use serde_json::{Map, Value};

use crate::histogram::Histogram;

/// Below it a gap is the loop's own: two readings of the clock and a mispredicted branch.
const THRESHOLD_NS: u64 = 2_000;
/// Lengths of windows, in milliseconds.
const WINDOWS_MS: [u64; 7] = [1, 2, 5, 10, 20, 50, 100];

/// Times at which a thread could not do its work.
#[derive(Debug, Default)]
pub struct Interruptions {
    /// Ascending ends, and lengths; gaps whole, requests with all that they took.
    seen: Vec<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    end: u64,
    length: u64,
    is_request: bool,
}

impl Interruptions {
    /// None so far, and room for some.
    pub fn with_capacity(capacity: usize) -> Self {
        Interruptions { seen: Vec::with_capacity(capacity) }
    }

    /// The thread did nothing but read the clock, at `before` and at `now`.
    #[inline(always)]
    pub fn idle(&mut self, before: u64, now: u64) {
        if now - before > THRESHOLD_NS {
            self.seen.push(Seen { end: now, length: now - before, is_request: false });
        }
    }

    /// A request took from `began` to `ended`.
    #[inline(always)]
    pub fn request(&mut self, began: u64, ended: u64) {
        if ended - began > THRESHOLD_NS {
            self.seen.push(Seen { end: ended, length: ended - began, is_request: true });
        }
    }

    /// The shares by window, of a run that began at `start` and ended at `end` and whose requests took `service`: `null`
    /// where the run was shorter than the window.
    pub fn mmu(&self, start: u64, end: u64, service: &Histogram) -> Value {
        let usual = (service.quantile_us(0.5) * 1e3) as u64;
        let stops: Vec<(u64, u64)> = self
            .seen
            .iter()
            .map(|seen| (seen.end, if seen.is_request { seen.length.saturating_sub(usual) } else { seen.length }))
            .filter(|&(_, length)| length > THRESHOLD_NS)
            .map(|(end, length)| (end - length, end))
            .collect();
        let shares = WINDOWS_MS.map(|ms| {
            let share = least_share(&stops, start, end, ms * 1_000_000);
            (format!("{ms}ms"), share.map(|share| (share * 1e4).round() / 1e4).into())
        });
        Value::Object(Map::from_iter(shares))
    }
}

/// The least share of a window that no stop covers. Stops are disjoint, ascending, and in the run.
fn least_share(stops: &[(u64, u64)], start: u64, end: u64, window: u64) -> Option<f64> {
    let last = end.checked_sub(window).filter(|&last| last >= start)?;
    let mut sums = Vec::with_capacity(stops.len() + 1);
    sums.push(0);
    for &(from, to) in stops {
        sums.push(sums[sums.len() - 1] + (to - from));
    }
    // What stops cover before a time.
    let covered = |time: u64| {
        let whole = stops.partition_point(|&(_, to)| to <= time);
        sums[whole] + stops.get(whole).map_or(0, |&(from, _)| time.saturating_sub(from))
    };
    let most = stops
        .iter()
        .flat_map(|&(from, to)| [from, to.saturating_sub(window)])
        .map(|from| from.clamp(start, last))
        .map(|from| covered(from + window) - covered(from))
        .max()
        .unwrap_or(0);
    Some(1.0 - most as f64 / window as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By trying every window.
    fn by_hand(stops: &[(u64, u64)], end: u64, window: u64) -> f64 {
        let is_stopped = |time: u64| stops.iter().any(|&(from, to)| (from..to).contains(&time));
        let most = (0..=end - window).map(|from| (from..from + window).filter(|&time| is_stopped(time)).count()).max();
        1.0 - most.unwrap_or(0) as f64 / window as f64
    }

    #[test]
    fn it_is_the_least_of_all_windows() {
        let mut rng = crate::Rng::new();
        for _ in 0..50 {
            let (mut stops, mut time) = (Vec::new(), 0);
            while stops.len() < 8 {
                let from = time + rng.below(20);
                time = from + 1 + rng.below(9);
                stops.push((from, time));
            }
            let end = time + rng.below(10);
            for window in [1, 3, 10, 25, end] {
                let share = least_share(&stops, 0, end, window).expect("the window fits");
                assert!((share - by_hand(&stops, end, window)).abs() < 1e-12, "{stops:?} {end} {window}");
            }
        }
    }

    #[test]
    fn no_stop_is_all_and_a_longer_window_than_the_run_nothing() {
        assert_eq!(least_share(&[], 0, 100, 10), Some(1.0));
        assert_eq!(least_share(&[], 0, 100, 101), None);
    }

    #[test]
    fn a_request_counts_with_what_it_takes_above_the_usual() {
        let mut service = Histogram::new();
        let mut seen = Interruptions::default();
        for i in 0..10 {
            service.add(128_000);
            seen.request(i * 1_000_000, i * 1_000_000 + 128_000);
        }
        service.add(640_000);
        seen.request(10_000_000, 10_640_000);
        seen.idle(11_000_000, 11_001_000);
        let mmu = seen.mmu(0, 20_000_000, &service);
        assert_eq!(mmu["1ms"], 1.0 - 0.512);
        assert_eq!(mmu["10ms"], 1.0 - 0.0512);
        assert!(mmu["50ms"].is_null());
    }
}
