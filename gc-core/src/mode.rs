//! Modes of a mutator and the handshakes between them.
//!
//! ```text
//! Idle --H1--> Sync --H2--> Rooted --H3--> Trace --(waves)--> Trace --H4--> Ended --H5--> Idle
//! ```
//!
//! A mutator's mode changes only in an answer: its own at a safepoint, or one the collector gives for it while it is
//! outside. So the fast path of every barrier is a plain load and a branch.
//!
//! | mode | a word cell's store | an exclusive borrow of a compound cell | newborns |
//! |---|---|---|---|
//! | Idle | plain | plain | white |
//! | Sync | exchange, shade what came out | shade the content, every time, no claim | white |
//! | Rooted | same | same | grey |
//! | Trace | same | claim, shade once | black |
//! | Ended | plain | plain | black |

use allocator::Birth;

/// What a mutator does on stores, borrows and allocations. Ordered so that the modes that shade are the last three.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mode {
    /// No cycle is on.
    Idle = 0,
    /// The cycle is decided; newborns stay black until all have left.
    Ended = 1,
    /// The barrier is on.
    Sync = 2,
    /// The mutator's own roots are shaded.
    Rooted = 3,
    /// Everybody's roots are shaded; markers scan.
    Trace = 4,
}

impl Mode {
    /// Whether deletions are shaded.
    #[inline(always)]
    pub(crate) const fn shades(self) -> bool {
        self as u8 >= Mode::Sync as u8
    }

    /// The bits a new object's slot is born with.
    pub(crate) const fn birth(self) -> Birth {
        match self {
            Mode::Idle | Mode::Sync => Birth::Alloc,
            Mode::Rooted => Birth::Both,
            Mode::Trace | Mode::Ended => Birth::Mark,
        }
    }
}

/// A request that every mutator answers once, at its own next safepoint.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Handshake {
    /// H1: barrier on.
    Sync = 1,
    /// H2: shade your roots.
    Rooted = 2,
    /// H3: claims count from now on, newborns are black.
    Trace = 3,
    /// Hand in what you shaded; no change of mode.
    Wave = 4,
    /// H4: barrier off.
    Ended = 5,
    /// H5: newborns white; hand over the caches.
    Idle = 6,
}

impl Handshake {
    pub(crate) const ALL: [Handshake; 6] =
        [Handshake::Sync, Handshake::Rooted, Handshake::Trace, Handshake::Wave, Handshake::Ended, Handshake::Idle];

    /// The handshake that `raw` stands for in a request word.
    pub(crate) fn from_raw(raw: u32) -> Handshake {
        *Handshake::ALL
            .iter()
            .find(|h| **h as u32 == raw)
            .expect("a request word holds one of the handshakes: only the collector writes it")
    }

    /// The mode that answering leads to; the single table of transitions.
    ///
    /// # Panics
    /// When `from` is not the mode this handshake is requested in: the collector's phases are broken.
    pub(crate) fn next_mode(self, from: Mode) -> Mode {
        match (from, self) {
            (Mode::Idle, Handshake::Sync) => Mode::Sync,
            (Mode::Sync, Handshake::Rooted) => Mode::Rooted,
            (Mode::Rooted, Handshake::Trace) => Mode::Trace,
            (Mode::Trace, Handshake::Wave) => Mode::Trace,
            (Mode::Trace, Handshake::Ended) => Mode::Ended,
            (Mode::Ended, Handshake::Idle) => Mode::Idle,
            (mode, handshake) => panic!("handshake {handshake:?} requested in mode {mode:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_of_handshakes_leads_back_to_idle() {
        let mut mode = Mode::Idle;
        for handshake in Handshake::ALL {
            mode = handshake.next_mode(mode);
        }
        assert_eq!(mode, Mode::Idle);
    }

    #[test]
    fn exactly_the_three_middle_modes_shade() {
        let shading: Vec<Mode> = [Mode::Idle, Mode::Sync, Mode::Rooted, Mode::Trace, Mode::Ended]
            .into_iter()
            .filter(|m| m.shades())
            .collect();
        assert_eq!(shading, [Mode::Sync, Mode::Rooted, Mode::Trace]);
    }

    #[test]
    fn requests_survive_the_request_word() {
        for handshake in Handshake::ALL {
            assert_eq!(Handshake::from_raw(handshake as u32), handshake);
        }
    }
}
