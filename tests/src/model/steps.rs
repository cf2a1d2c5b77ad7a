//! The steps of the collector and its markers. Those of mutators are in `mutator_steps`.
//!
//! S1. A step is one access to what is shared. What is a thread's own is folded into the access before or after it; folded
//!     too are pairs of accesses between which nothing that others do makes a difference.
//! S2. Where the code has a bound (of a buffer, a batch, a stride), the model has none and may act at any moment: each
//!     bound is one of its behaviours.
//! S3. All markers, assisting mutators among them, are one: what they have found and not yet marked is one set, and each
//!     takes, reads and marks when it likes.

use super::protocol::{Broken, Handshake, Mode, Protocol};
use super::state::{FREE, Phase, Place, Set, State, Word, each, one, targets};

/// Who takes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The thread that runs the cycle.
    Collector,
    /// A marker.
    Marker,
    /// Anybody who holds a root.
    Holder,
    /// This mutator.
    Mutator(usize),
}

/// A step, for telling a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "told by `story`")]
pub enum Step {
    Ask(Handshake),
    Walk(usize),
    WalkOver,
    SeeQuiet,
    SeeHandIn,
    SeeClean,
    Decide(bool),
    Sweep(Set),
    Take(usize),
    Read(usize),
    Skip(usize),
    Mark(usize),
    DropRoot(usize),
    Join(Mode),
    Retire,
    Left,
    BeginAnswer(Handshake, Set),
    Answered(Mode),
    Resume(usize, bool),
    Shade(usize),
    ShadeAndHandIn(usize),
    StorePlain(usize, Option<usize>),
    StoreShading(usize, Option<usize>, Option<usize>),
    LoadOld(usize, Option<usize>),
    StoreLate(usize, Option<usize>),
    Alloc(usize),
    MakeRoot(usize),
    MakeWeak(usize),
    Upgrade(usize),
    UpgradeLooks(usize, bool),
    UpgradeReads(usize, Word),
    UpgradeMarks(usize),
    Lock(usize),
    Seen(usize),
    Claim(usize),
    Finish(usize),
    Unlock(usize),
    Write(usize, Option<usize>),
}

/// What is wrong with a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// A mutator can reach a slot that is free.
    ReachableFreed,
    /// A mutator can reach a white object after Done.
    ReachableWhite,
    /// A marker reads content that a mutator may be writing.
    ReadWhileWritten,
    /// A deletion that waits in an edge buffer at Done is of a white object. That harms nobody by itself; but no weak
    /// reference could be settled by the mark while it might be set any moment.
    WhiteEdge,
}

/// Collects the steps that a state allows.
pub struct Steps<'a> {
    pub(super) protocol: &'a Protocol,
    /// Where they lead.
    pub next: Vec<(Who, Step, State)>,
}

impl<'a> Steps<'a> {
    /// None yet.
    pub fn new(protocol: &'a Protocol) -> Self {
        Steps { protocol, next: Vec::new() }
    }

    pub(super) fn add(&mut self, who: Who, step: Step, mut state: State) {
        state.forget(!self.protocol.is(Broken::MarkThenLook));
        state.load();
        self.next.push((who, step, state));
    }

    /// All steps of `state`.
    pub fn of(&mut self, state: &State) {
        self.next.clear();
        if self.urgent(state) {
            return;
        }
        self.collector(state);
        self.markers(state);
        // A root that is dropped at another time may as well be dropped at rest.
        if self.protocol.roots && (state.phase == Phase::Rest || self.in_pinning(state)) {
            for root in each(state.roots) {
                let mut next = *state;
                next.roots &= !one(root);
                if self.pinned(state) {
                    next.zombies |= one(root);
                } else {
                    next.unwalked &= !one(root);
                }
                self.add(Who::Holder, Step::DropRoot(root), next);
            }
        }
        for at in 0..self.protocol.mutators {
            self.mutator(state, at);
        }
    }

    /// Steps that are the only ones of a state which allows them: nobody else can tell when they are taken.
    fn urgent(&mut self, state: &State) -> bool {
        for (at, mutator) in state.mutators.iter().enumerate() {
            if mutator.place == Place::Answering && self.is_flushed(state, at) {
                self.mutator(state, at);
                return true;
            }
        }
        let urgent = match state.phase {
            Phase::Asked(Handshake::Wave) => state.handed_in,
            Phase::Asked(_) => true,
            Phase::Walk => state.unwalked == 0,
            _ => false,
        };
        if urgent {
            self.collector(state);
        }
        !self.next.is_empty()
    }

    /// From the request of the first handshake to the end of the walk.
    fn in_pinning(&self, state: &State) -> bool {
        match state.phase {
            Phase::Asked(handshake) => matches!(handshake, Handshake::Sync | Handshake::Rooted | Handshake::Start),
            Phase::Walk => true,
            _ => false,
        }
    }

    /// Whether dropped roots stay.
    fn pinned(&self, state: &State) -> bool {
        self.in_pinning(state) && !self.protocol.is(Broken::UnpinnedRoots)
    }

    // ---- the collector

    /// Requests `handshake`, under the registry's lock.
    fn ask(&mut self, state: &State, handshake: Handshake) {
        let mut next = *state;
        if next.mutators.iter().any(|mutator| mutator.place == Place::Retiring) {
            return;
        }
        for mutator in &mut next.mutators {
            mutator.pending = mutator.place != Place::Absent;
        }
        next.phase = Phase::Asked(handshake);
        self.add(Who::Collector, Step::Ask(handshake), next);
    }

    fn collector(&mut self, state: &State) {
        let p = self.protocol;
        let mut next = *state;
        match state.phase {
            Phase::Rest => {
                next.word = Word::Tracing;
                let first = match p.local {
                    true => Handshake::Start,
                    false if p.is(Broken::NoSync) => Handshake::Rooted,
                    false => Handshake::Sync,
                };
                self.ask(&next, first);
            }
            Phase::Asked(handshake) => {
                if state.mutators.iter().all(|mutator| !mutator.pending) {
                    self.answered(state, handshake);
                }
            }
            Phase::Walk => {
                for root in each(state.unwalked) {
                    let mut next = *state;
                    next.unwalked &= !one(root);
                    next.queued |= one(root) & !next.marked;
                    next.marked |= one(root);
                    self.add(Who::Collector, Step::Walk(root), next);
                }
                if state.unwalked == 0 {
                    next.zombies = 0;
                    if p.local || p.is(Broken::RootedIsTrace) {
                        next.phase = Phase::Mark;
                        self.add(Who::Collector, Step::WalkOver, next);
                    } else {
                        self.ask(&next, Handshake::Trace);
                    }
                }
            }
            Phase::Mark => {
                let quiet = state.queued | state.found | state.reading == 0;
                if quiet || p.is(Broken::EarlyWave) {
                    next.handed_in = false;
                    next.phase = Phase::Quiet;
                    self.add(Who::Collector, Step::SeeQuiet, next);
                }
            }
            Phase::Quiet => {
                if p.is(Broken::NoWave) {
                    next.word = Word::Done;
                    next.phase = Phase::Settle;
                    self.add(Who::Collector, Step::Decide(true), next);
                } else {
                    if !p.is(Broken::LateTerminating) {
                        next.word = Word::Terminating;
                    }
                    self.ask(&next, Handshake::Wave);
                }
            }
            Phase::Clean => {
                let done = state.word == Word::Terminating;
                next.word = if done { Word::Done } else { Word::Tracing };
                next.phase = if done { Phase::Settle } else { Phase::Mark };
                next.handed_in = false;
                self.add(Who::Collector, Step::Decide(done), next);
            }
            Phase::Settle => {
                if !p.is(Broken::UnsettledWeak) {
                    next.weak &= next.marked;
                }
                let whole = p.local || p.is(Broken::SingleEnd);
                self.ask(&next, if whole { Handshake::Finish } else { Handshake::Ended });
            }
        }
    }

    /// All mutators have answered.
    fn answered(&mut self, state: &State, handshake: Handshake) {
        let mut next = *state;
        match handshake {
            Handshake::Sync => self.ask(state, Handshake::Rooted),
            Handshake::Rooted | Handshake::Start => {
                // Steps of the walk, or its end, follow at once.
                next.phase = Phase::Walk;
                next.unwalked = state.roots | state.zombies;
                self.add(Who::Collector, Step::WalkOver, next);
            }
            Handshake::Trace => {
                next.phase = Phase::Mark;
                self.add(Who::Collector, Step::WalkOver, next);
            }
            Handshake::Wave => {
                if state.handed_in {
                    next.word = Word::Tracing;
                    next.handed_in = false;
                    next.phase = Phase::Mark;
                    self.add(Who::Collector, Step::SeeHandIn, next);
                } else {
                    if self.protocol.is(Broken::LateTerminating) {
                        next.word = Word::Terminating;
                    }
                    next.phase = Phase::Clean;
                    self.add(Who::Collector, Step::SeeClean, next);
                }
            }
            Handshake::Ended => self.ask(state, Handshake::Idle),
            Handshake::Idle | Handshake::Finish => {
                let dead = state.allocated() & !state.marked & !state.fresh;
                for object in each(dead) {
                    next.content[object] = FREE;
                }
                next.marked &= state.fresh;
                next.queued = 0;
                next.fresh = 0;
                next.scanned = 0;
                next.phase = Phase::Rest;
                self.add(Who::Collector, Step::Sweep(dead), next);
            }
        }
    }

    // ---- markers

    fn markers(&mut self, state: &State) {
        let p = self.protocol;
        let marking = match state.phase {
            Phase::Mark | Phase::Quiet | Phase::Clean | Phase::Asked(Handshake::Wave) => true,
            Phase::Asked(Handshake::Trace) => p.is(Broken::EarlyScan),
            _ => false,
        };
        if !marking {
            return;
        }
        for object in each(state.queued) {
            let mut next = *state;
            next.queued &= !one(object);
            if p.compound & one(object) == 0 {
                next.found |= targets(state.content[object]);
                self.add(Who::Marker, Step::Take(object), next);
            } else if (state.busy | state.scanned) & one(object) != 0 {
                self.add(Who::Marker, Step::Skip(object), next);
            } else {
                next.busy |= one(object);
                next.reading |= one(object);
                self.add(Who::Marker, Step::Claim(object), next);
            }
        }
        for object in each(state.reading) {
            let mut next = *state;
            next.reading &= !one(object);
            next.busy &= !one(object);
            next.scanned |= one(object);
            next.found |= targets(state.content[object]);
            self.add(Who::Marker, Step::Read(object), next);
        }
        for object in each(state.found) {
            let mut next = *state;
            next.found &= !one(object);
            next.queued |= one(object);
            next.marked |= one(object);
            self.add(Who::Marker, Step::Mark(object), next);
        }
    }
}

/// What is wrong with `state`, if anything.
pub fn wrong(protocol: &Protocol, state: &State) -> Option<Wrong> {
    if state.mutators.iter().any(|mutator| mutator.guards & state.reading != 0) {
        return Some(Wrong::ReadWhileWritten);
    }
    let reachable = state.reachable();
    let allocated = state.allocated();
    if reachable & !allocated != 0 {
        return Some(Wrong::ReachableFreed);
    }
    let over = matches!(
        state.phase,
        Phase::Settle
            | Phase::Asked(Handshake::Ended)
            | Phase::Asked(Handshake::Idle)
            | Phase::Asked(Handshake::Finish)
    );
    if over && reachable & !state.marked & !state.fresh != 0 {
        return Some(Wrong::ReachableWhite);
    }
    // What is broken is to be told by what it breaks.
    let white = over && protocol.broken.is_none() && state.mutators.iter().any(|mutator| mutator.edges != 0);
    white.then_some(Wrong::WhiteEdge)
}
