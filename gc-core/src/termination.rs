//! The word that decides when marking has ended.
//!
//! ```text
//!   Tracing --begin_wave (collector, queues empty)--> Terminating --settle (collector, clean wave)--> Done
//!   Terminating --resume (a shade of an unmarked object)--> Tracing            Done --reset (before the next H1)--> Tracing
//! ```
//!
//! I1. The collector moves the word to Terminating before it requests the wave, so a mutator that has answered the wave
//!     sees Terminating (or later) at its next shade.
//! I2. Whoever shades an unmarked object in Trace calls `resume` *before* it sets the mark. A deletion and its shade are two
//!     steps; another mutator that has answered may mark the object in between, and the late shader hands in nothing:
//!     then it is the other's `resume` that keeps the wave from counting as clean.
//! I3. Done is reached only by the collector's compare-and-swap from Terminating, after a wave in which nothing was handed
//!     in. At Done no reachable object is white.

use crate::sync::{AtomicU32, Ordering};

const TRACING: u32 = 0;
const TERMINATING: u32 = 1;
const DONE: u32 = 2;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Termination {
    /// Written by the collector (`begin_wave`, `settle`, `reset`) and by shaders (`resume`). All transitions that race are
    /// compare-and-swaps; the pairs are named at each access.
    word: AtomicU32,
}

impl Termination {
    pub(crate) fn new() -> Self {
        Termination { word: AtomicU32::new(TRACING) }
    }

    /// The collector has found all queues empty and is about to request a wave.
    pub(crate) fn begin_wave(&self) {
        // Relaxed: published to each mutator by the Release of its request (I1).
        self.word.store(TERMINATING, Ordering::Relaxed);
    }

    /// Called before an unmarked object is marked by a mutator in Trace (I2).
    #[inline]
    pub(crate) fn resume(&self) {
        // Acquire: the mark that follows must not move before this look.
        if self.word.load(Ordering::Acquire) == TERMINATING {
            // AcqRel: Acquire as above; Release so that a collector that reads Tracing in `settle` sees what this
            // mutator did before. A failure means that somebody else moved it, to Tracing or to Done.
            let _ = self.word.compare_exchange(TERMINATING, TRACING, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// As `resume`, for an upgrade: false if marking is over, so that marks alone decide.
    pub(crate) fn try_resume(&self) -> bool {
        // Acquire: pairs with `settle`: at Done every mark is seen.
        match self.word.load(Ordering::Acquire) {
            // MUTATION(upgrade-after-done) false ==> true
            DONE => false,
            // AcqRel, Acquire: as in `resume`, and at Done as above.
            TERMINATING => !matches!(
                self.word.compare_exchange(TERMINATING, TRACING, Ordering::AcqRel, Ordering::Acquire),
                Err(DONE)
            ),
            _ => true,
        }
    }

    /// Ends marking if the word is still Terminating; the caller has seen that the wave handed nothing in.
    pub(crate) fn settle(&self) -> bool {
        // AcqRel: pairs with `resume`.
        // MUTATION(settle-whatever) self.word.compare_exchange(TERMINATING, DONE, Ordering::AcqRel, Ordering::Acquire).is_ok() ==> { self.word.store(DONE, Ordering::Release); true }
        self.word.compare_exchange(TERMINATING, DONE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Marking goes on after a wave that was not clean, or the word is made ready for the next cycle.
    pub(crate) fn reset(&self) {
        // Relaxed: published by the Release of the next request.
        self.word.store(TRACING, Ordering::Relaxed);
    }
}
