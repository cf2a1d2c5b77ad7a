//! The claim of a compound cell: who has shaded its content in this cycle.
//!
//! ```text
//!   unscanned --try_claim (compare-and-swap)--> busy --finish--> scanned(epoch)
//! ```
//!
//! I1. The content is read by a marker only between `try_claim` and `finish` of that marker; and once `scanned(epoch)` is
//!     stored no marker reads it again in the cycle `epoch`. So content is never read while it is written: a mutator that
//!     is about to write claims first, or waits for `scanned`.
//! I2. Claims count only in Trace, after all mutators have answered H3: none is left busy by a mode that ended.
//! I3. An epoch is never 0 (never scanned) nor `BUSY`; a live cell is claimed in every cycle, so its epoch is at most two
//!     cycles old and a wrapped epoch can't meet an old one.

use crate::sync::{AtomicU32, Ordering, Witness, spin_loop, yield_now};

const NEVER: u32 = 0;
const BUSY: u32 = u32::MAX;
/// The first epoch; they go on to `BUSY - 1` and begin again here.
pub(crate) const FIRST_EPOCH: u32 = 1;

/// The epoch after `epoch` (I3).
pub(crate) const fn next_epoch(epoch: u32) -> u32 {
    match epoch + 1 {
        BUSY => FIRST_EPOCH,
        next => next,
    }
}

/// The outcome of an attempt to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// The caller holds the claim and must `finish` it.
    Mine,
    /// Another thread holds it.
    Busy,
    /// It was scanned in this cycle.
    Done,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Claim {
    /// Written by markers and by mutators in Trace (`try_claim`, `finish`), read by both. Pairs: `finish` Release with
    /// the Acquire loads in `try_claim` and `wait`.
    word: AtomicU32,
    /// The cell's content (I1), for the models.
    pub(crate) content: Witness,
}

impl Claim {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Claim { word: AtomicU32::new(NEVER), content: Witness::new() }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Claim { word: AtomicU32::new(NEVER), content: Witness::new() }
    }

    /// Tries to become the one that shades the content in the cycle `epoch`.
    #[inline]
    pub(crate) fn try_claim(&self, epoch: u32) -> Claimed {
        // Acquire: pairs with `finish`; a mutator that finds `scanned` writes after the marker's last read.
        // MUTATION(claim-look-relaxed) Ordering::Acquire ==> Ordering::Relaxed
        let seen = self.word.load(Ordering::Acquire);
        if seen == epoch {
            return Claimed::Done;
        }
        if seen == BUSY {
            return Claimed::Busy;
        }
        // Acquire on success: the content is read after the claim, so after what an earlier holder of the lock or borrow
        // wrote; on failure as above.
        // MUTATION(claim-without-exchange) self.word.compare_exchange(seen, BUSY, Ordering::Acquire, Ordering::Acquire) ==> { self.word.store(BUSY, Ordering::Release); Ok::<u32, u32>(seen) }
        match self.word.compare_exchange(seen, BUSY, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => Claimed::Mine,
            Err(now) if now == epoch => Claimed::Done,
            Err(_) => Claimed::Busy,
        }
    }

    /// The holder has read all of the content.
    #[inline]
    pub(crate) fn finish(&self, epoch: u32) {
        // Release: pairs with `try_claim` and `wait`: the reads of the content happened before any write that follows.
        // MUTATION(claim-finish-relaxed) Ordering::Release ==> Ordering::Relaxed
        self.word.store(epoch, Ordering::Release);
    }

    /// Waits until the holder has finished: for the time it takes to read one cell's content.
    pub(crate) fn wait(&self) {
        let mut spins = 0_u32;
        // Acquire: pairs with `finish`.
        // MUTATION(claim-wait-relaxed) Ordering::Acquire ==> Ordering::Relaxed
        while self.word.load(Ordering::Acquire) == BUSY {
            if cfg!(loom) || spins > 100 {
                yield_now();
            } else {
                spin_loop();
            }
            spins += 1;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_had_once_in_a_cycle() {
        let claim = Claim::new();
        assert_eq!(claim.try_claim(7), Claimed::Mine);
        assert_eq!(claim.try_claim(7), Claimed::Busy);
        claim.finish(7);
        assert_eq!(claim.try_claim(7), Claimed::Done);
        assert_eq!(claim.try_claim(8), Claimed::Mine);
    }

    #[test]
    fn epochs_wrap_past_the_two_reserved_words() {
        assert_eq!(next_epoch(BUSY - 2), BUSY - 1);
        assert_eq!(next_epoch(BUSY - 1), FIRST_EPOCH);
    }

    #[test]
    fn epoch_wrap_with_old_cell() {
        // A cell scanned in the last epoch before the wrap is unscanned in the first one after it.
        let claim = Claim::new();
        assert_eq!(claim.try_claim(BUSY - 1), Claimed::Mine);
        claim.finish(BUSY - 1);
        assert_eq!(claim.try_claim(next_epoch(BUSY - 1)), Claimed::Mine);
    }
}
