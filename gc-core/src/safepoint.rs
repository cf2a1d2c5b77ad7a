//! The state word of a mutator: who may touch its record, and whether a request waits for it.
//!
//! ```text
//!             enter                      leave
//!   OUTSIDE --------> INSIDE   INSIDE --------> OUTSIDE          (the mutator's own thread)
//!   OUTSIDE+PENDING --act--> ACTING+PENDING --acted--> OUTSIDE   (the collector)
//!   INSIDE+PENDING --answered--> INSIDE                          (the mutator's own thread)
//!   any --request--> any+PENDING                                 (the collector, one request at a time)
//!   any --attend--> any+ATTENTION --attended--> any              (the collector asks, the mutator answers)
//! ```
//!
//! I1. Whoever moved the word to INSIDE or ACTING has exclusive access to the mutator's record until it moves it back;
//!     the transitions out are Release, those in are Acquire.
//! I2. A request is never missed: `leave` and `enter` are compare-and-swaps from the bare state, so a PENDING bit makes
//!     them fail, and the mutator answers before it goes on. State and request share one word, so no fence is needed:
//!     there is no second word that could be seen in another order.
//! I3. At most one request is outstanding per mutator: the collector counts the answers of one handshake before the next.

use crate::sync::{AtomicU32, Ordering};

const STATE: u32 = 0b0011;
const OUTSIDE: u32 = 0;
const INSIDE: u32 = 1;
const ACTING: u32 = 2;
/// A handshake waits for an answer.
const PENDING: u32 = 0b0100;
/// The owner has something to do at its next safepoint outside a region (dead objects to drop).
const ATTENTION: u32 = 0b1000;

/// What a mutator finds at a safepoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// A handshake is pending: answer it, then call `answered`.
    Request,
    /// Only the owner's own business is left.
    Attention,
    /// The collector acts for this mutator right now; try again.
    Collector,
    /// Nothing.
    Nothing,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct StateWord {
    /// Written by the mutator's thread (`enter`, `leave`, `answered`) and by the collector (`request`, `act`, `acted`,
    /// `attend`); read by both. Pairs: `leave`/`acted` Release with `act`/`enter` Acquire; `request` Release with the
    /// Acquire load in `waiting`.
    word: AtomicU32,
}

impl StateWord {
    pub(crate) fn new() -> Self {
        StateWord { word: AtomicU32::new(OUTSIDE) }
    }

    /// OUTSIDE to INSIDE, if nothing waits. Cost: one compare-and-swap.
    #[inline(always)]
    pub(crate) fn try_enter(&self) -> bool {
        // Acquire: pairs with `acted` (what the collector did to the record happened before this region).
        // MUTATION(enter-relaxed) Ordering::Acquire ==> Ordering::Relaxed
        self.word.compare_exchange(OUTSIDE, INSIDE, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// INSIDE to OUTSIDE, if nothing waits. Cost: one compare-and-swap.
    #[inline(always)]
    pub(crate) fn try_leave(&self) -> bool {
        // Release: pairs with `try_act` (the region's writes happened before the collector acts).
        // MUTATION(leave-without-look) self.word.compare_exchange(INSIDE, OUTSIDE, Ordering::Release, Ordering::Relaxed).is_ok() ==> { self.word.store(OUTSIDE, Ordering::Release); true }
        // MUTATION(leave-relaxed) Ordering::Release ==> Ordering::Relaxed
        self.word.compare_exchange(INSIDE, OUTSIDE, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// One attempt to enter although something may wait. Afterwards the caller is inside unless the collector acts.
    pub(crate) fn enter_with_waiting(&self) -> Waiting {
        let seen = self.word.load(Ordering::Relaxed);
        if seen & STATE == ACTING {
            return Waiting::Collector;
        }
        debug_assert_eq!(seen & STATE, OUTSIDE, "a region was entered twice");
        // Acquire: as in `try_enter`, and pairs with `request`, whose handshake is read next.
        match self.word.compare_exchange(seen, seen | INSIDE, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Self::classify(seen),
            Err(_) => Waiting::Collector,
        }
    }

    /// INSIDE to OUTSIDE keeping an ATTENTION bit; false if a request came meanwhile.
    pub(crate) fn try_leave_with_attention(&self) -> bool {
        // Release: as in `try_leave`.
        self.word
            .compare_exchange(INSIDE | ATTENTION, OUTSIDE | ATTENTION, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// What waits for the mutator, seen from inside.
    pub(crate) fn waiting(&self) -> Waiting {
        // Acquire: pairs with `request`, so that the handshake word read next is the one requested.
        // MUTATION(look-relaxed) Ordering::Acquire ==> Ordering::Relaxed
        Self::classify(self.word.load(Ordering::Acquire))
    }

    fn classify(seen: u32) -> Waiting {
        if seen & PENDING != 0 {
            Waiting::Request
        } else if seen & ATTENTION != 0 {
            Waiting::Attention
        } else {
            Waiting::Nothing
        }
    }

    /// Whether anything at all waits: one relaxed load, for polls in loops.
    #[inline(always)]
    pub(crate) fn should_yield(&self) -> bool {
        self.word.load(Ordering::Relaxed) & (PENDING | ATTENTION) != 0
    }

    /// The mutator, inside, has answered.
    pub(crate) fn answered(&self) {
        // Relaxed: the answer itself is published by the counter of answers (see `Rendezvous`).
        let before = self.word.fetch_and(!PENDING, Ordering::Relaxed);
        debug_assert_eq!(before & (STATE | PENDING), INSIDE | PENDING);
    }

    /// The collector asks. The request must be written before.
    pub(crate) fn request(&self) {
        // Release: pairs with the Acquire in `waiting` and `enter_with_waiting`.
        // MUTATION(request-relaxed) Ordering::Release ==> Ordering::Relaxed
        let before = self.word.fetch_or(PENDING, Ordering::Release);
        debug_assert_eq!(before & PENDING, 0, "I3: one request at a time");
    }

    /// The collector tries to answer for a mutator that is outside.
    pub(crate) fn try_act(&self) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            // MUTATION(act-for-those-inside) seen & (STATE | PENDING) != OUTSIDE | PENDING ==> seen & PENDING == 0
            if seen & (STATE | PENDING) != OUTSIDE | PENDING {
                return false;
            }
            // Acquire: pairs with `try_leave`.
            // MUTATION(act-relaxed) Ordering::Acquire ==> Ordering::Relaxed
            match self.word.compare_exchange_weak(seen, seen | ACTING, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// The collector has answered for the mutator.
    pub(crate) fn acted(&self) {
        // Release: pairs with `try_enter`.
        // MUTATION(acted-relaxed) Ordering::Release ==> Ordering::Relaxed
        let before = self.word.fetch_and(!(ACTING | PENDING), Ordering::Release);
        debug_assert_eq!(before & (STATE | PENDING), ACTING | PENDING);
    }

    /// The collector asks the owner to look after its own business at a safepoint.
    pub(crate) fn attend(&self) {
        // Release: pairs with the Acquire of whoever finds ATTENTION in `waiting`.
        self.word.fetch_or(ATTENTION, Ordering::Release);
    }

    /// The owner is about to look after its business: whatever is asked from now on counts anew.
    pub(crate) fn attended(&self) {
        // AcqRel: what was queued before `attend` is seen by the owner, who looks at its queue next.
        self.word.fetch_and(!ATTENTION, Ordering::AcqRel);
    }
}
