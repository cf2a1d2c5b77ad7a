//! What is modelled: sizes, the parts of the protocol that are on, and what is broken on purpose.

use super::state::{Set, set_of_all};

/// What a mutator does on stores, borrows and allocations; as `gc_core`'s `mode::Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named and explained in gc_core")]
pub enum Mode {
    Idle,
    Ended,
    Sync,
    Rooted,
    Trace,
}

impl Mode {
    /// All of them.
    pub const ALL: [Mode; 5] = [Mode::Idle, Mode::Ended, Mode::Sync, Mode::Rooted, Mode::Trace];

    /// Whether deletions are shaded.
    pub fn shades(self) -> bool {
        self >= Mode::Sync
    }

    /// The colour of new objects.
    pub fn birth(self) -> Colour {
        match self {
            Mode::Idle | Mode::Sync => Colour::White,
            Mode::Rooted => Colour::Grey,
            Mode::Trace | Mode::Ended => Colour::Black,
        }
    }
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Neither marked nor queued.
    White,
    /// Marked and queued.
    Grey,
    /// Marked, and will not be scanned.
    Black,
}

/// A request that every mutator answers once; as `gc_core`'s `mode::Handshake`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named and explained in gc_core")]
pub enum Handshake {
    Sync,
    Rooted,
    Trace,
    Wave,
    Ended,
    Idle,
    Start,
    Finish,
}

impl Handshake {
    /// All of them.
    pub const ALL: [Handshake; 8] = [
        Handshake::Sync,
        Handshake::Rooted,
        Handshake::Trace,
        Handshake::Wave,
        Handshake::Ended,
        Handshake::Idle,
        Handshake::Start,
        Handshake::Finish,
    ];

    /// The mode it is requested in, and the one that answering leads to.
    pub fn modes(self) -> (Mode, Mode) {
        match self {
            Handshake::Sync => (Mode::Idle, Mode::Sync),
            Handshake::Rooted => (Mode::Sync, Mode::Rooted),
            Handshake::Trace => (Mode::Rooted, Mode::Trace),
            Handshake::Wave => (Mode::Trace, Mode::Trace),
            Handshake::Ended => (Mode::Trace, Mode::Ended),
            Handshake::Idle => (Mode::Ended, Mode::Idle),
            Handshake::Start => (Mode::Idle, Mode::Trace),
            Handshake::Finish => (Mode::Trace, Mode::Idle),
        }
    }

    /// Whether a mutator may answer inside a region, where it allocates.
    pub fn suits_regions(self) -> bool {
        matches!(self, Handshake::Wave | Handshake::Ended | Handshake::Idle | Handshake::Finish)
    }

    /// Whether an answer shades the mutator's local roots.
    pub fn roots(self) -> bool {
        matches!(self, Handshake::Rooted | Handshake::Start)
    }

    /// Whether an answer hands in what was shaded.
    pub fn hands_in(self) -> bool {
        matches!(self, Handshake::Trace | Handshake::Wave | Handshake::Start)
    }
}

/// One change that makes the protocol unsafe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broken {
    /// No H1: H2 is the first handshake, and switches the barrier on.
    NoSync,
    /// H2 and H3 in one on a shared heap.
    RootedIsTrace,
    /// A claim in Sync and Rooted counts as the final one.
    EarlyClaim,
    /// Markers scan as soon as H3 is requested.
    EarlyScan,
    /// A claim looks, and then takes without looking again.
    BlindClaim,
    /// A store loads, notes what it saw for shading, and then stores.
    ReadShadeWrite,
    /// Done as soon as the queues are empty.
    NoWave,
    /// A wave is requested while work is queued.
    EarlyWave,
    /// A wave in which something was handed in counts as clean.
    UncountedHandIn,
    /// The word goes to Terminating after a clean wave only.
    LateTerminating,
    /// A shade marks first and looks at the word after.
    MarkThenLook,
    /// An upgrade marks before it looks at the word.
    UpgradeMarksFirst,
    /// An upgrade does not care for Done.
    UpgradeIgnoresDone,
    /// An upgrade that has seen another word shades although Done was declared since.
    UpgradeAfterDone,
    /// Newborns in Sync are black.
    BlackInSync,
    /// Newborns in Rooted are white.
    WhiteInRooted,
    /// Newborns in Rooted are marked and not queued.
    BlackInRooted,
    /// Newborns in Trace are white.
    WhiteInTrace,
    /// Newborns in Ended are white.
    WhiteInEnded,
    /// H4 and H5 in one on a shared heap.
    SingleEnd,
    /// Who answers H5 goes on to allocate in spans that are about to be swept.
    CachesKept,
    /// A root that is dropped before or during the walk is forgotten at once.
    UnpinnedRoots,
    /// A newcomer starts in the mode before the latest request, and nobody waits for it.
    LateJoiner,
    /// Weak cells are not settled before H4.
    UnsettledWeak,
    /// An answer to a wave does not flush the edge buffer.
    WaveKeepsEdges,
    /// A mutator leaves without flushing its edge buffer.
    LeaverKeepsEdges,
    /// H1 is answered inside regions too. Not unsafe by itself: what a mutator writes without a shade, through a guard from
    /// before, is over by its answer to H2.
    SyncInRegion,
    /// H2 is answered inside regions too.
    RootedInRegion,
    /// H3 is answered inside regions too.
    TraceInRegion,
    /// H1, H2 and H3 are.
    StartInRegion,
}

impl Broken {
    /// All of them.
    pub const ALL: [Broken; 30] = [
        Broken::NoSync,
        Broken::RootedIsTrace,
        Broken::EarlyClaim,
        Broken::EarlyScan,
        Broken::BlindClaim,
        Broken::ReadShadeWrite,
        Broken::NoWave,
        Broken::EarlyWave,
        Broken::UncountedHandIn,
        Broken::LateTerminating,
        Broken::MarkThenLook,
        Broken::UpgradeMarksFirst,
        Broken::UpgradeIgnoresDone,
        Broken::UpgradeAfterDone,
        Broken::BlackInSync,
        Broken::WhiteInRooted,
        Broken::BlackInRooted,
        Broken::WhiteInTrace,
        Broken::WhiteInEnded,
        Broken::SingleEnd,
        Broken::CachesKept,
        Broken::UnpinnedRoots,
        Broken::LateJoiner,
        Broken::UnsettledWeak,
        Broken::WaveKeepsEdges,
        Broken::LeaverKeepsEdges,
        Broken::SyncInRegion,
        Broken::RootedInRegion,
        Broken::TraceInRegion,
        Broken::StartInRegion,
    ];
}

/// What is modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol {
    /// How many objects, each with one cell.
    pub objects: usize,
    /// How many mutators.
    pub mutators: usize,
    /// The objects whose cell is compound; those of the others are words.
    pub compound: Set,
    /// A local heap: H1 to H3 in one, H4 with H5.
    pub local: bool,
    /// Global roots.
    pub roots: bool,
    /// Mutators join and leave.
    pub joining: bool,
    /// Weak references.
    pub weak: bool,
    /// Barriers leave what they shade in the edge buffer. Otherwise they shade before anything else happens.
    pub deferred: bool,
    /// Waves, H4 and H5 are answered inside regions too.
    pub in_region: bool,
    /// What is broken.
    pub broken: Option<Broken>,
}

impl Protocol {
    /// Word cells, local roots, everything as in gc-core.
    pub const fn new(mutators: usize, objects: usize) -> Protocol {
        Protocol {
            objects,
            mutators,
            compound: 0,
            local: false,
            roots: false,
            joining: false,
            weak: false,
            deferred: true,
            in_region: true,
            broken: None,
        }
    }

    /// With compound cells in these objects.
    pub const fn compound(self, compound: Set) -> Protocol {
        Protocol { compound, ..self }
    }

    /// With compound cells in all objects.
    pub const fn all_compound(self) -> Protocol {
        Protocol { compound: set_of_all(self.objects), ..self }
    }

    /// With global roots.
    pub const fn roots(self) -> Protocol {
        Protocol { roots: true, ..self }
    }

    /// With mutators that join and leave.
    pub const fn joining(self) -> Protocol {
        Protocol { joining: true, ..self }
    }

    /// With weak references.
    pub const fn weak(self) -> Protocol {
        Protocol { weak: true, ..self }
    }

    /// Shades are not deferred.
    pub const fn immediate(self) -> Protocol {
        Protocol { deferred: false, ..self }
    }

    /// No answers inside regions.
    pub const fn outside_only(self) -> Protocol {
        Protocol { in_region: false, ..self }
    }

    /// A local heap.
    pub const fn local(self) -> Protocol {
        Protocol { local: true, ..self }
    }

    /// Broken.
    pub const fn broken(self, broken: Broken) -> Protocol {
        Protocol { broken: Some(broken), ..self }
    }

    /// Whether it is broken in this way.
    #[inline]
    pub fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// The mode that answering `handshake` leads to.
    pub fn next_mode(&self, handshake: Handshake) -> Mode {
        match handshake {
            Handshake::Rooted if self.is(Broken::RootedIsTrace) => Mode::Trace,
            handshake => handshake.modes().1,
        }
    }

    /// Whether `handshake` may be answered inside a region.
    pub fn suits_regions(&self, handshake: Handshake) -> bool {
        let broken = match handshake {
            Handshake::Sync => self.is(Broken::SyncInRegion) || self.is(Broken::StartInRegion),
            Handshake::Rooted => self.is(Broken::RootedInRegion) || self.is(Broken::StartInRegion),
            Handshake::Trace => self.is(Broken::TraceInRegion) || self.is(Broken::StartInRegion),
            Handshake::Start => self.is(Broken::StartInRegion),
            _ => false,
        };
        broken || (self.in_region && handshake.suits_regions())
    }

    /// The colour of an object born in `mode`.
    pub fn birth(&self, mode: Mode) -> Colour {
        match (mode, self.broken) {
            (Mode::Sync, Some(Broken::BlackInSync)) => Colour::Black,
            (Mode::Rooted, Some(Broken::WhiteInRooted)) => Colour::White,
            (Mode::Rooted, Some(Broken::BlackInRooted)) => Colour::Black,
            (Mode::Trace, Some(Broken::WhiteInTrace)) => Colour::White,
            (Mode::Ended, Some(Broken::WhiteInEnded)) => Colour::White,
            (mode, _) => mode.birth(),
        }
    }
}
