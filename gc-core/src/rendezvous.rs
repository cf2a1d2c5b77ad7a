//! Counts the answers of one handshake and wakes the collector at the last one.
//!
//! I1. `begin(n)` happens before the n requests are made (the state word's Release), so no answer is counted early.
//! I2. Each mutator that was asked answers exactly once: itself, through the collector acting for it, or as it leaves.

use crate::sync::{AtomicUsize, Condvar, Mutex, Ordering, spin_loop, yield_now};

/// Rounds of spinning before the collector sleeps: some 20 microseconds, the time in which a mutator that polls answers.
/// Without offering the processor to others: on a busy machine that costs the cycle a time slice, while who wakes from
/// sleep is served first.
const SPINS: u32 = if cfg!(loom) { 1 } else { 1_500 };

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Rendezvous {
    /// Answers still missing. Set by the collector (`begin`), decremented by whoever answers (`answered`, AcqRel), read
    /// by the collector (Acquire).
    outstanding: AtomicUsize,
    /// Guards nothing but the sleep on `all`.
    lock: Mutex<()>,
    all: Condvar,
}

impl Rendezvous {
    pub(crate) fn new() -> Self {
        Rendezvous { outstanding: AtomicUsize::new(0), lock: Mutex::new(()), all: Condvar::new() }
    }

    /// `asked` answers are expected from now on.
    pub(crate) fn begin(&self, asked: usize) {
        // Relaxed: published by the requests (I1).
        self.outstanding.store(asked, Ordering::Relaxed);
    }

    /// One answer was given.
    pub(crate) fn answered(&self) {
        // AcqRel: Release publishes what the answer did; Acquire chains the answers, so that the collector, which reads
        // zero, sees all of them.
        // MUTATION(answer-relaxed) Ordering::AcqRel ==> Ordering::Relaxed
        if self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            // The lock orders this wake-up after the collector's last look at the counter.
            let _guard = self.lock.lock();
            // MUTATION(last-answer-wakes-nobody) skip
            self.all.notify_all();
        }
    }

    /// Whether all have answered.
    pub(crate) fn is_complete(&self) -> bool {
        // Acquire: pairs with `answered`.
        // MUTATION(count-of-answers-relaxed) Ordering::Acquire ==> Ordering::Relaxed
        self.outstanding.load(Ordering::Acquire) == 0
    }

    /// Waits until all have answered.
    pub(crate) fn wait(&self) {
        for _ in 0..SPINS {
            if self.is_complete() {
                return;
            }
            if cfg!(loom) { yield_now() } else { spin_loop() }
        }
        let mut guard = self.lock.lock();
        while !self.is_complete() {
            self.all.wait(&mut guard);
        }
    }
}
