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
//! M4. After each interruption the thread's own processor time is read, outside of what is timed. What the wall clock gained
//!     on it since the last reading the thread spent without a processor: another thread had it, or nothing had. The second
//!     figure, on the processor, is without it.

use serde_json::{Map, Value, json};

use crate::histogram::Histogram;
use crate::process::{Disturbances, on_cpu};

/// Below it a gap is the loop's own: two readings of the clock and a mispredicted branch.
const THRESHOLD_NS: u64 = 2_000;
/// Lengths of windows, in milliseconds.
const WINDOWS_MS: [u64; 7] = [1, 2, 5, 10, 20, 50, 100];

/// Times at which a thread could not do its work.
#[derive(Debug)]
pub struct Interruptions {
    /// Ascending ends, and lengths; gaps whole, requests with all that they took.
    seen: Vec<Seen>,
    /// The last reading of both clocks (M4).
    last: (u64, u64),
    before: Disturbances,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    end: u64,
    length: u64,
    is_request: bool,
    /// Without a processor since the one before.
    away: u64,
}

impl Interruptions {
    /// None so far, and room for some. `now` is the clock of all that follow.
    pub fn new(capacity: usize, now: u64) -> Self {
        Interruptions { seen: Vec::with_capacity(capacity), last: (now, on_cpu()), before: Disturbances::now() }
    }

    /// The thread did nothing but read the clock, at `before` and at `now`.
    #[inline(always)]
    pub fn idle(&mut self, before: u64, now: u64) {
        if now - before > THRESHOLD_NS {
            self.note(now, now - before, false);
        }
    }

    /// A request took from `began` to `ended`.
    #[inline(always)]
    pub fn request(&mut self, began: u64, ended: u64) {
        if ended - began > THRESHOLD_NS {
            self.note(ended, ended - began, true);
        }
    }

    fn note(&mut self, end: u64, length: u64, is_request: bool) {
        let cpu = on_cpu();
        let (last_end, last_cpu) = self.last;
        let away = (end - last_end).saturating_sub(cpu - last_cpu);
        self.last = (end, cpu);
        self.seen.push(Seen { end, length, is_request, away });
    }

    /// What a run lost that began at `start` and ended at `end` and whose requests took `service`. Of the thread that ran it.
    pub fn lost(&self, start: u64, end: u64, service: &Histogram) -> Lost {
        let usual = (service.quantile_us(0.5) * 1e3) as u64;
        let excess = |seen: &Seen| seen.length.saturating_sub(if seen.is_request { usual } else { 0 });
        let stops = |length: &dyn Fn(&Seen) -> u64| -> Vec<(u64, u64)> {
            let lengths = self.seen.iter().map(|seen| (seen.end, length(seen)));
            lengths.filter(|&(_, length)| length > THRESHOLD_NS).map(|(end, length)| (end - length, end)).collect()
        };
        let (all, own) = (stops(&excess), stops(&|seen| excess(seen).saturating_sub(seen.away)));
        let ms = |stops: &[(u64, u64)]| stops.iter().map(|(from, to)| to - from).sum::<u64>() as f64 / 1e6;
        let now = Disturbances::now();
        Lost {
            mmu: shares(&all, start, end),
            mmu_on_cpu: shares(&own, start, end),
            sums: json!({
                "ms": ms(&all),
                "on_cpu_ms": ms(&own),
                "preemptions": now.preemptions - self.before.preemptions,
                "page_faults": now.page_faults - self.before.page_faults,
            }),
        }
    }
}

/// What interruptions took from a run.
#[derive(Debug, Default, Clone)]
pub struct Lost {
    /// The least share of a window, by window: `null` where the run was shorter than the window.
    pub mmu: Value,
    /// The same without the time that the thread had no processor.
    pub mmu_on_cpu: Value,
    /// In all, with that time and without, and what the system counted meanwhile.
    pub sums: Value,
}

fn shares(stops: &[(u64, u64)], start: u64, end: u64) -> Value {
    let shares = WINDOWS_MS.map(|ms| {
        let share = least_share(stops, start, end, ms * 1_000_000);
        (format!("{ms}ms"), share.map(|share| (share * 1e4).round() / 1e4).into())
    });
    Value::Object(Map::from_iter(shares))
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
        let mut seen = Interruptions::new(16, 0);
        let mut note = |end: u64, length, is_request| seen.seen.push(Seen { end, length, is_request, away: 0 });
        for i in 0..10 {
            service.add(128_000);
            note(i * 1_000_000 + 128_000, 128_000, true);
        }
        service.add(640_000);
        note(10_640_000, 640_000, true);
        note(11_001_000, 1_000, false);
        let Lost { mmu, mmu_on_cpu, .. } = seen.lost(0, 20_000_000, &service);
        assert_eq!(mmu["1ms"], 1.0 - 0.512);
        assert_eq!(mmu["10ms"], 1.0 - 0.0512);
        assert!(mmu["50ms"].is_null());
        assert_eq!(mmu_on_cpu, mmu);
    }

    #[test]
    fn a_sleep_is_time_without_a_processor() {
        let clock = crate::Clock::new();
        let start = clock.ns();
        let mut seen = Interruptions::new(16, start);
        std::thread::sleep(std::time::Duration::from_millis(20));
        seen.idle(start, clock.ns());
        let spin = clock.ns();
        while clock.ns() < spin + 5_000_000 {}
        seen.idle(spin, clock.ns());
        let lost = seen.lost(start, clock.ns(), &Histogram::new());
        let ms = |name: &str| lost.sums[name].as_f64().expect(name);
        assert!(ms("ms") >= 25.0, "{lost:?}");
        // All but the sleep; an upper bound is the machine's affair.
        assert!(ms("ms") - ms("on_cpu_ms") >= 19.0, "{lost:?}");
    }
}
