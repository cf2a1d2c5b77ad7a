//! The control run: what the machine does to a program that does nothing, and what measuring costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::histogram::Histogram;
use crate::mmu::Interruptions;

/// Requests that do nothing, one every 100 microseconds for `seconds`, timed as the real ones are: from when each was due.
/// In between the thread spins on the clock, as it does between real requests; `hiccup_max` is its longest gap.
pub fn empty_requests(seconds: u64) -> Value {
    const PERIOD_NS: u64 = 100_000;
    let mut gaps = Histogram::new();
    let mut latency = Histogram::new();
    let clock = Clock::new();
    let start = clock.ns();
    let mut interruptions = Interruptions::new(1 << 10, start);
    let mut before = start;
    for request in 0..seconds * 1_000_000_000 / PERIOD_NS {
        let due = start + request * PERIOD_NS;
        loop {
            let now = clock.ns();
            gaps.add(now - before);
            interruptions.idle(before, now);
            before = now;
            if now >= due {
                break;
            }
        }
        latency.add(clock.ns() - due);
    }
    let lost = interruptions.lost(start, before, &Histogram::new());
    json!({
        "empty_p50_us": latency.quantile_us(0.5),
        "empty_p99_us": latency.quantile_us(0.99),
        "empty_p999_us": latency.quantile_us(0.999),
        "empty_max_us": latency.max_us(),
        "hiccup_max_us": gaps.max_us(),
        "mmu": lost.mmu,
        "mmu_on_cpu": lost.mmu_on_cpu,
        "lost": lost.sums,
    })
}

/// A thread that spins on the clock beside the measured part and keeps the gaps it sees. It takes a core: opt in where
/// one is spare.
#[derive(Debug)]
pub struct Spinner {
    /// Written by `finish` (Relaxed: nothing else travels with it), read by the thread.
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Histogram>,
}

impl Spinner {
    /// Starts it.
    pub fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut gaps = Histogram::new();
            let clock = Clock::new();
            let mut before = clock.ns();
            while !seen.load(Ordering::Relaxed) {
                let now = clock.ns();
                gaps.add(now - before);
                before = now;
            }
            gaps
        });
        Spinner { stop, thread }
    }

    /// Ends it: what it saw.
    pub fn finish(self) -> Value {
        self.stop.store(true, Ordering::Relaxed);
        let gaps = self.thread.join().expect("the control thread only reads the clock");
        json!({ "p999_us": gaps.quantile_us(0.999), "max_us": gaps.max_us() })
    }
}
