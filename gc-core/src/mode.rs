//! Modes of a mutator and the handshakes between them.
//!
//! ```text
//! Idle --H1--> Sync --H2--> Rooted --H3--> Trace --(waves)--> Trace --H4--> Ended --H5--> Idle
//! ```
//!
//! A mutator's mode changes only in an answer: its own at a safepoint, or one the collector gives for it while it is
//! outside. So the fast path of every barrier is a plain load and a branch.
//!
//! M1. A local heap has one mutator, so nothing is ragged: H1 to H3 are asked for as one ([`Handshake::Start`]), and H4
//!     with H5 ([`Handshake::Finish`]). Its snapshot is the moment of that one answer.
//! M2. H1, H2 and H3 are answered outside regions only: inside, a guard taken before would write without its shade, and
//!     the region's pointers are roots that nobody knows. From Trace on neither matters: every guard was claimed before it
//!     was handed out, and whatever the region holds is black or reached from the snapshot. So a wave, H4 and H5 are
//!     answered at the slow path of an allocation too ([`Handshake::suits_regions`]), and a long region that allocates
//!     does not hold up the end of a cycle.
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
    pub(crate) const ALL: [Mode; 5] = [Mode::Idle, Mode::Ended, Mode::Sync, Mode::Rooted, Mode::Trace];

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
    /// H1, H2 and H3 in one (M1).
    Start = 7,
    /// H4 and H5 in one (M1).
    Finish = 8,
}

impl Handshake {
    pub(crate) const ALL: [Handshake; 8] = [
        Handshake::Sync,
        Handshake::Rooted,
        Handshake::Trace,
        Handshake::Wave,
        Handshake::Ended,
        Handshake::Idle,
        Handshake::Start,
        Handshake::Finish,
    ];

    /// What an answer does, in order: the handshake itself, or those that it stands for (M1).
    pub(crate) const fn steps(self) -> &'static [Handshake] {
        match self {
            Handshake::Sync => &[Handshake::Sync],
            Handshake::Rooted => &[Handshake::Rooted],
            Handshake::Trace => &[Handshake::Trace],
            Handshake::Wave => &[Handshake::Wave],
            Handshake::Ended => &[Handshake::Ended],
            Handshake::Idle => &[Handshake::Idle],
            Handshake::Start => &[Handshake::Sync, Handshake::Rooted, Handshake::Trace],
            Handshake::Finish => &[Handshake::Ended, Handshake::Idle],
        }
    }

    /// Whether a mutator may answer inside a region, where it allocates (M2).
    pub(crate) const fn suits_regions(self) -> bool {
        matches!(self, Handshake::Wave | Handshake::Ended | Handshake::Idle | Handshake::Finish)
    }

    /// Whether newborns of who has answered belong to the next epoch.
    pub(crate) const fn begins_epoch(self) -> bool {
        matches!(self, Handshake::Idle | Handshake::Finish)
    }

    /// The handshake that `raw` stands for in a request word.
    pub(crate) fn from_raw(raw: u32) -> Handshake {
        *Handshake::ALL
            .iter()
            .find(|h| **h as u32 == raw)
            .expect("a request word holds one of the handshakes: only the collector writes it")
    }

    /// The mode that answering leads to; the single table of transitions. `None` when `from` is not the mode this handshake
    /// is requested in.
    const fn leads_to(self, from: Mode) -> Option<Mode> {
        match (from, self) {
            (Mode::Idle, Handshake::Sync) => Some(Mode::Sync),
            (Mode::Sync, Handshake::Rooted) => Some(Mode::Rooted),
            (Mode::Rooted, Handshake::Trace) => Some(Mode::Trace),
            (Mode::Trace, Handshake::Wave) => Some(Mode::Trace),
            (Mode::Trace, Handshake::Ended) => Some(Mode::Ended),
            (Mode::Ended, Handshake::Idle) => Some(Mode::Idle),
            (Mode::Idle, Handshake::Start) => Some(Mode::Trace),
            (Mode::Trace, Handshake::Finish) => Some(Mode::Idle),
            _ => None,
        }
    }

    /// The mode that answering in the mode `from` leads to.
    ///
    /// # Panics
    /// When `from` is not the mode this handshake is requested in: the collector's phases are broken.
    pub(crate) fn next_mode(self, from: Mode) -> Mode {
        self.leads_to(from).unwrap_or_else(|| panic!("handshake {self:?} requested in mode {from:?}"))
    }
}

/// For the model of the protocol: each mode, whether it shades, and the bits of its newborns.
pub fn modes() -> impl Iterator<Item = (String, bool, String)> {
    Mode::ALL.into_iter().map(|mode| (format!("{mode:?}"), mode.shades(), format!("{:?}", mode.birth())))
}

/// For the model of the protocol: each handshake, the mode it is requested in and the one that answering leads to, and
/// whether it may be answered in a region.
pub fn handshakes() -> impl Iterator<Item = (String, String, String, bool)> {
    Handshake::ALL.into_iter().flat_map(|handshake| {
        Mode::ALL.into_iter().filter_map(move |from| {
            let to = handshake.leads_to(from)?;
            Some((format!("{handshake:?}"), format!("{from:?}"), format!("{to:?}"), handshake.suits_regions()))
        })
    })
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
    fn the_handshakes_of_local_heaps_are_their_steps() {
        for (handshake, from) in [(Handshake::Start, Mode::Idle), (Handshake::Finish, Mode::Trace)] {
            let last = handshake.steps().iter().fold(from, |mode, step| step.next_mode(mode));
            assert_eq!(handshake.next_mode(from), last);
        }
    }

    #[test]
    fn no_handshake_before_trace_is_answered_in_a_region() {
        for handshake in Handshake::ALL {
            let starts = handshake.steps().iter().any(|step| (*step as u32) <= Handshake::Trace as u32);
            assert_eq!(handshake.suits_regions(), !starts);
        }
    }

    #[test]
    fn exactly_the_three_middle_modes_shade() {
        let shading: Vec<Mode> = Mode::ALL.into_iter().filter(|m| m.shades()).collect();
        assert_eq!(shading, [Mode::Sync, Mode::Rooted, Mode::Trace]);
    }

    #[test]
    fn requests_survive_the_request_word() {
        for handshake in Handshake::ALL {
            assert_eq!(Handshake::from_raw(handshake as u32), handshake);
        }
    }
}
