//! The steps of mutators, and of a collector that answers for one which is outside.

use super::protocol::{Broken, Colour, Handshake, Mode, Protocol};
use super::state::{
    Content, FREE, Mutator, NULL, Op, Phase, Place, Set, State, Word, each, one, set_of_all, targets, to,
};
use super::steps::{Step, Steps, Who};

/// The object that a content points to.
fn pointee(content: Content) -> Option<usize> {
    each(targets(content)).next()
}

impl Steps<'_> {
    /// The steps of the mutator `at`.
    pub(super) fn mutator(&mut self, state: &State, at: usize) {
        let me = state.mutators[at];
        match me.place {
            Place::Absent => self.join(state, at),
            Place::Answering => self.answering(state, at),
            Place::Retiring => self.retiring(state, at),
            Place::Inside => match me.op {
                Op::None => self.inside(state, at),
                Op::Resumed(_) => self.go_on_shading(state, at),
                op => self.go_on(state, at, op),
            },
        }
    }

    fn step(&mut self, state: &State, at: usize, step: Step, change: impl FnOnce(&mut State, &mut Mutator)) {
        let mut next = *state;
        let mut me = next.mutators[at];
        change(&mut next, &mut me);
        next.mutators[at] = me;
        self.add(Who::Mutator(at), step, next);
    }

    // ---- coming, going, answering

    /// The mode that the latest request leads to, and, for those whom nobody waits for, the one before it.
    fn registered(&self, phase: Phase) -> (Mode, Mode) {
        let p = self.protocol;
        match phase {
            Phase::Rest => (Mode::Idle, Mode::Idle),
            Phase::Asked(Handshake::Rooted) if p.is(Broken::NoSync) => (Mode::Rooted, Mode::Idle),
            Phase::Asked(handshake) => (p.next_mode(handshake), handshake.modes().0),
            Phase::Walk => {
                let mode = p.next_mode(if p.local { Handshake::Start } else { Handshake::Rooted });
                (mode, mode)
            }
            Phase::Mark | Phase::Quiet | Phase::Clean | Phase::Settle => (Mode::Trace, Mode::Trace),
        }
    }

    fn registry_is_free(state: &State) -> bool {
        state.mutators.iter().all(|mutator| mutator.place != Place::Retiring)
    }

    fn join(&mut self, state: &State, at: usize) {
        if !self.protocol.joining || !Self::registry_is_free(state) {
            return;
        }
        let (now, before) = self.registered(state.phase);
        let mode = if self.protocol.is(Broken::LateJoiner) { before } else { now };
        self.step(state, at, Step::Join(mode), |_, me| *me = Mutator { mode, place: Place::Inside, ..Mutator::ABSENT });
    }

    /// Leaves its region, if `handshake` is to be answered outside, and begins to answer. What it holds then are its local
    /// roots; what else it held, it may as well go on to hold until it is asked for its roots.
    fn begin_answer(&mut self, state: &State, at: usize, handshake: Handshake) {
        let p = self.protocol;
        let me = state.mutators[at];
        let inside = p.suits_regions(handshake);
        if me.guards != 0 && !inside {
            return;
        }
        if !handshake.roots() || inside {
            return self.step(state, at, Step::BeginAnswer(handshake, me.held), |_, me| me.place = Place::Answering);
        }
        for locals in (0..=me.held).filter(|locals| locals & !me.held == 0) {
            self.step(state, at, Step::BeginAnswer(handshake, locals), |_, me| {
                me.place = Place::Answering;
                me.held = locals;
                me.edges |= locals;
            });
        }
    }

    /// Whether nothing is left to shade in an answer.
    pub(super) fn is_flushed(&self, state: &State, at: usize) -> bool {
        let keeps = state.phase == Phase::Asked(Handshake::Wave) && self.protocol.is(Broken::WaveKeepsEdges);
        let me = state.mutators[at];
        me.op == Op::None && (me.edges == 0 || keeps)
    }

    fn answering(&mut self, state: &State, at: usize) {
        let Phase::Asked(handshake) = state.phase else { unreachable!("a request is on while one is answered") };
        if !self.is_flushed(state, at) {
            return self.go_on_shading(state, at);
        }
        let mode = self.protocol.next_mode(handshake);
        let hands_in = handshake.hands_in() || mode == Mode::Trace;
        let counted = !self.protocol.is(Broken::UncountedHandIn);
        self.step(state, at, Step::Answered(mode), |next, me| {
            if hands_in {
                hand_in(next, me, counted);
            }
            if matches!(handshake, Handshake::Ended | Handshake::Finish) {
                me.shades = 0;
            }
            me.mode = mode;
            me.pending = false;
            me.place = Place::Inside;
        });
    }

    fn retiring(&mut self, state: &State, at: usize) {
        let me = state.mutators[at];
        let keeps = self.protocol.is(Broken::LeaverKeepsEdges);
        if me.op != Op::None || (me.edges != 0 && !keeps) {
            return self.go_on_shading(state, at);
        }
        let counted = !self.protocol.is(Broken::UncountedHandIn);
        self.step(state, at, Step::Left, |next, me| {
            if me.mode.shades() {
                hand_in(next, me, counted);
            }
            *me = Mutator::ABSENT;
        });
    }

    // ---- shading

    /// Shades something of the edge buffer, or goes on with it. Marked edges are forgotten: none is marked.
    fn go_on_shading(&mut self, state: &State, at: usize) {
        let me = state.mutators[at];
        let late = self.protocol.is(Broken::MarkThenLook);
        let resumed = state.word == Word::Terminating;
        if let Op::Resumed(object) = me.op {
            let object = object as usize;
            if late {
                self.step(state, at, Step::Resume(object, resumed), |next, me| {
                    resume(next);
                    me.op = Op::None;
                });
            } else {
                self.mark(state, at, object, Op::None);
            }
            return;
        }
        for edge in each(me.edges) {
            if me.mode != Mode::Trace {
                self.mark(state, at, edge, Op::None);
            } else if late {
                self.mark(state, at, edge, Op::Resumed(edge as u8));
            } else {
                self.step(state, at, Step::Resume(edge, resumed), |next, me| {
                    resume(next);
                    me.edges &= !one(edge);
                    me.op = Op::Resumed(edge as u8);
                });
            }
        }
    }

    /// The step of a shade that sets the mark; then the shade buffer may be full.
    fn mark(&mut self, state: &State, at: usize, object: usize, then: Op) {
        let counted = !self.protocol.is(Broken::UncountedHandIn);
        let shade = |next: &mut State, me: &mut Mutator| {
            mark(next, me, object);
            me.edges &= !one(object);
            me.op = then;
        };
        self.step(state, at, Step::Shade(object), shade);
        // Before Trace it is all the same when it is handed in.
        if state.mutators[at].mode == Mode::Trace {
            self.step(state, at, Step::ShadeAndHandIn(object), |next, me| {
                shade(next, me);
                hand_in(next, me, counted);
            });
        }
    }

    // ---- inside

    fn inside(&mut self, state: &State, at: usize) {
        let p = self.protocol;
        let me = state.mutators[at];
        // The edge buffer may be full at any time; before Trace nobody can tell whether it was.
        if me.mode == Mode::Trace || !p.deferred {
            self.go_on_shading(state, at);
            if !p.deferred && me.edges != 0 {
                return;
            }
        }
        if let Phase::Asked(handshake) = state.phase
            && me.pending
        {
            self.begin_answer(state, at, handshake);
        }
        if p.joining && !me.pending && me.guards == 0 && Self::registry_is_free(state) {
            self.step(state, at, Step::Retire, |_, me| {
                me.place = Place::Retiring;
                me.held = 0;
            });
        }
        self.alloc(state, at);
        for object in each(me.held) {
            if p.compound & one(object) == 0 {
                self.store(state, at, object);
            } else {
                self.compound(state, at, object);
            }
            if p.roots && state.roots & one(object) == 0 {
                self.step(state, at, Step::MakeRoot(object), |next, _| next.roots |= one(object));
            }
            if p.weak && state.weak & one(object) == 0 {
                self.step(state, at, Step::MakeWeak(object), |next, _| next.weak |= one(object));
            }
        }
        for object in each(state.weak & !me.held) {
            self.upgrade(state, at, object);
        }
    }

    fn alloc(&mut self, state: &State, at: usize) {
        let p = self.protocol;
        let free = set_of_all(p.objects) & !state.allocated();
        // Free slots of a kind are all alike.
        for kind in [p.compound, !p.compound] {
            let Some(object) = each(free & kind).next() else { continue };
            let colour = p.birth(state.mutators[at].mode);
            let epoch_begins = matches!(state.phase, Phase::Asked(Handshake::Idle | Handshake::Finish));
            self.step(state, at, Step::Alloc(object), |next, me| {
                next.content[object] = NULL;
                match colour {
                    Colour::White => {}
                    Colour::Grey => {
                        next.marked |= one(object);
                        next.queued |= one(object);
                    }
                    Colour::Black => next.marked |= one(object),
                }
                if epoch_begins && me.mode == Mode::Idle && !p.is(Broken::CachesKept) {
                    next.fresh |= one(object);
                }
                me.held |= one(object);
            });
        }
    }

    /// What may be stored: nothing, or what is held.
    fn values(&self, held: Set) -> impl Iterator<Item = Content> + use<> {
        std::iter::once(NULL).chain(each(held).map(to))
    }

    fn store(&mut self, state: &State, at: usize, object: usize) {
        let me = state.mutators[at];
        let old = state.content[object];
        for value in self.values(me.held) {
            if value == old {
                continue;
            }
            if !me.mode.shades() {
                self.step(state, at, Step::StorePlain(object, pointee(value)), |next, _| next.content[object] = value);
            } else if self.protocol.is(Broken::ReadShadeWrite) {
                self.step(state, at, Step::LoadOld(object, pointee(old)), |_, me| {
                    me.edges |= targets(old);
                    me.op = Op::Store(object as u8, value);
                });
            } else {
                let step = Step::StoreShading(object, pointee(value), pointee(old));
                self.step(state, at, step, |next, me| {
                    next.content[object] = value;
                    me.edges |= targets(old);
                });
            }
        }
    }

    fn compound(&mut self, state: &State, at: usize, object: usize) {
        let me = state.mutators[at];
        let bit = one(object);
        if me.guards & bit != 0 {
            for value in self.values(me.held).filter(|&value| value != state.content[object]) {
                self.step(state, at, Step::Write(object, pointee(value)), |next, _| next.content[object] = value);
            }
            self.step(state, at, Step::Unlock(object), |_, me| me.guards &= !bit);
            return;
        }
        if state.closed_to(at) & bit != 0 {
            return;
        }
        let content = targets(state.content[object]);
        let early = self.protocol.is(Broken::EarlyClaim);
        match me.mode {
            Mode::Idle | Mode::Ended => self.step(state, at, Step::Lock(object), |_, me| me.guards |= bit),
            Mode::Sync | Mode::Rooted => self.step(state, at, Step::Lock(object), |next, me| {
                if state.scanned & bit == 0 {
                    me.edges |= content;
                }
                if early {
                    next.scanned |= bit;
                }
                me.guards |= bit;
            }),
            Mode::Trace if state.scanned & bit != 0 => {
                self.step(state, at, Step::Lock(object), |_, me| me.guards |= bit);
            }
            // Busy: it waits.
            Mode::Trace if state.busy & bit != 0 => {}
            Mode::Trace if self.protocol.is(Broken::BlindClaim) => {
                self.step(state, at, Step::Seen(object), |_, me| me.op = Op::Seen(object as u8));
            }
            Mode::Trace => self.step(state, at, Step::Claim(object), |next, me| {
                next.busy |= bit;
                me.op = Op::Snapshot(object as u8);
            }),
        }
    }

    fn upgrade(&mut self, state: &State, at: usize, object: usize) {
        let me = state.mutators[at];
        match me.mode {
            Mode::Idle | Mode::Sync | Mode::Ended => {
                self.step(state, at, Step::Upgrade(object), |_, me| me.held |= one(object));
            }
            Mode::Rooted => self.step(state, at, Step::UpgradeMarks(object), |next, me| {
                mark(next, me, object);
                me.held |= one(object);
            }),
            Mode::Trace => self.decide(state, at, object, Op::UpLook(object as u8)),
        }
    }

    /// An upgrade looks at the mark; if it is not set, it goes on with `unmarked`.
    fn decide(&mut self, state: &State, at: usize, object: usize, unmarked: Op) {
        let marked = state.marked & one(object) != 0;
        self.step(state, at, Step::UpgradeLooks(object, marked), |_, me| {
            me.op = if marked { Op::None } else { unmarked };
            if marked {
                me.held |= one(object);
            }
        });
    }

    /// Goes on with what is neither a shade nor at its beginning.
    fn go_on(&mut self, state: &State, at: usize, op: Op) {
        let p = self.protocol;
        match op {
            Op::Snapshot(object) => self.step(state, at, Step::Finish(object as usize), |next, me| {
                let bit = one(object as usize);
                me.edges |= targets(state.content[object as usize]);
                me.guards |= bit;
                me.op = Op::None;
                next.busy &= !bit;
                next.scanned |= bit;
            }),
            Op::Seen(object) => self.step(state, at, Step::Claim(object as usize), |next, me| {
                next.busy |= one(object as usize);
                me.op = Op::Snapshot(object);
            }),
            Op::Store(object, value) => {
                self.step(state, at, Step::StoreLate(object as usize, pointee(value)), |next, me| {
                    next.content[object as usize] = value;
                    me.op = Op::None;
                });
            }
            // Broken: marked already.
            Op::UpLook(object) if p.is(Broken::UpgradeMarksFirst) => {
                self.step(state, at, Step::UpgradeMarks(object as usize), |next, me| {
                    mark(next, me, object as usize);
                    me.op = Op::UpResume(object);
                });
            }
            Op::UpLook(object) => self.step(state, at, Step::UpgradeReads(object as usize, state.word), |_, me| {
                me.op = match state.word {
                    Word::Done if !p.is(Broken::UpgradeIgnoresDone) => Op::UpDecide(object),
                    Word::Done | Word::Tracing => Op::UpMark(object),
                    Word::Terminating => Op::UpResume(object),
                };
            }),
            Op::UpResume(object) => {
                let resumed = state.word == Word::Terminating;
                let minds = !p.is(Broken::UpgradeIgnoresDone) && !p.is(Broken::UpgradeAfterDone);
                let done = state.word == Word::Done && minds;
                self.step(state, at, Step::Resume(object as usize, resumed), |next, me| {
                    resume(next);
                    me.op = if done { Op::UpDecide(object) } else { Op::UpMark(object) };
                });
            }
            Op::UpDecide(object) => self.decide(state, at, object as usize, Op::None),
            Op::UpMark(object) => self.step(state, at, Step::UpgradeMarks(object as usize), |next, me| {
                mark(next, me, object as usize);
                me.held |= one(object as usize);
                me.op = Op::None;
            }),
            Op::None | Op::Resumed(_) => unreachable!("taken care of"),
        }
    }
}

/// Moves Terminating back to Tracing.
fn resume(state: &mut State) {
    if state.word == Word::Terminating {
        state.word = Word::Tracing;
    }
}

/// Sets a mark; who set it keeps the object for the next hand-in.
fn mark(state: &mut State, me: &mut Mutator, object: usize) {
    if state.marked & one(object) == 0 {
        state.marked |= one(object);
        me.shades |= one(object);
    }
}

/// Hands in what was shaded.
fn hand_in(state: &mut State, me: &mut Mutator, counted: bool) {
    if me.shades == 0 {
        return;
    }
    state.queued |= me.shades;
    me.shades = 0;
    // Before the queues are seen empty nobody counts.
    if counted && matches!(state.phase, Phase::Quiet | Phase::Clean | Phase::Asked(Handshake::Wave)) {
        state.handed_in = true;
    }
}

/// The states that a search begins with: no cycle is on; any graph, any roots.
pub(super) fn beginnings(protocol: &Protocol) -> Vec<State> {
    let n = protocol.objects;
    let mut all = vec![State::EMPTY];
    for mutator in 0..protocol.mutators {
        for state in &mut all {
            state.mutators[mutator].place = Place::Inside;
        }
    }
    for object in 0..n {
        let with = |content: Content| {
            move |state: &State| {
                let mut state = *state;
                state.content[object] = content;
                state
            }
        };
        let contents = [FREE, NULL].into_iter().chain((0..n).map(to));
        all = contents.flat_map(|content| all.iter().map(with(content)).collect::<Vec<_>>()).collect();
    }
    let dangles = |state: &State| (0..n).any(|object| targets(state.content[object]) & !state.allocated() != 0);
    all.retain(|state| !dangles(state));
    let subsets = |state: &State| {
        (0..=state.allocated()).filter({
            let allocated = state.allocated();
            move |set| set & !allocated == 0
        })
    };
    if protocol.roots {
        all = all.iter().flat_map(|state| subsets(state).map(|roots| State { roots, ..*state })).collect();
    }
    for mutator in 0..protocol.mutators {
        let with = |state: &State| {
            let state = *state;
            subsets(&state)
                .map(move |locals| {
                    let mut state = state;
                    state.mutators[mutator].held = locals;
                    state
                })
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    for state in &mut all {
        state.load();
    }
    all
}
