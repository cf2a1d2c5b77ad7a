//! A state, packed into 128 bits, the same for all namings of mutators and objects.

use super::protocol::{Handshake, Mode, Protocol};

/// Objects at most.
pub const OBJECTS: usize = 4;
/// Mutators at most.
pub const MUTATORS: usize = 3;

/// A set of objects, a bit each.
pub type Set = u8;

/// The set of one object.
#[inline]
pub const fn one(object: usize) -> Set {
    1 << object
}

/// The set of the first `n` objects.
pub const fn set_of_all(n: usize) -> Set {
    ((1_u16 << n) - 1) as Set
}

/// The objects of a set.
#[inline]
pub fn each(set: Set) -> impl Iterator<Item = usize> {
    (0..OBJECTS).filter(move |&object| set & one(object) != 0)
}

/// What an object's cell holds.
pub type Content = u8;
/// Nothing.
pub const NULL: Content = 0;
/// The slot is free.
pub const FREE: Content = 7;

/// A pointer to `object`.
#[inline]
pub const fn to(object: usize) -> Content {
    object as Content + 1
}

/// The set of what a content points to.
#[inline]
pub fn targets(content: Content) -> Set {
    if content == NULL || content == FREE { 0 } else { one(content as usize - 1) }
}

/// Where a mutator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Not registered.
    Absent,
    /// A request is being answered, by the mutator or by the collector.
    Answering,
    /// Leaving for good, under the registry's lock.
    Retiring,
    /// In a region, or about to be.
    Inside,
}

/// What a mutator is in the middle of. The argument is the object it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// Nothing.
    None,
    /// A shade in Trace: the word was looked at (or, if broken, the mark was set); the other step is left.
    Resumed(u8),
    /// A claim: taken, the content is not read yet.
    Snapshot(u8),
    /// A broken claim: found unscanned, not taken yet.
    Seen(u8),
    /// An upgrade: not marked; the word is to be read.
    UpLook(u8),
    /// An upgrade: the word was Terminating.
    UpResume(u8),
    /// An upgrade: the mark decides.
    UpDecide(u8),
    /// An upgrade: the mark is to be set.
    UpMark(u8),
    /// A broken store of the second into the cell of the first: the load is done.
    Store(u8, Content),
}

/// A mutator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mutator {
    /// Its mode.
    pub mode: Mode,
    /// Where it is.
    pub place: Place,
    /// What it is in the middle of.
    pub op: Op,
    /// A request waits for its answer.
    pub pending: bool,
    /// What it holds pointers to: in its region's variables, or as local roots between regions.
    pub held: Set,
    /// Its edge buffer.
    pub edges: Set,
    /// Its shade buffer.
    pub shades: Set,
    /// The compound cells that it holds exclusively and may write to.
    pub guards: Set,
}

impl Mutator {
    /// One that is not there.
    pub const ABSENT: Mutator = Mutator {
        mode: Mode::Idle,
        place: Place::Absent,
        op: Op::None,
        pending: false,
        held: 0,
        edges: 0,
        shades: 0,
        guards: 0,
    };
}

/// Where the cycle is; as `gc_core`'s `cycle::Phase`, with the steps between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// None is on.
    Rest,
    /// A handshake was requested.
    Asked(Handshake),
    /// The global roots are being walked.
    Walk,
    /// Markers mark.
    Mark,
    /// The queues were seen empty.
    Quiet,
    /// A wave was clean so far: the word decides.
    Clean,
    /// Marking is over; weak references are to be settled.
    Settle,
}

/// The termination word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in gc_core's termination")]
pub enum Word {
    Tracing,
    Terminating,
    Done,
}

/// All of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Of each object.
    pub content: [Content; OBJECTS],
    /// Marked.
    pub marked: Set,
    /// In the grey queue, or in a batch that was handed in.
    pub queued: Set,
    /// Allocated for the next epoch: not swept in this cycle.
    pub fresh: Set,
    /// Compound cells whose claim is held.
    pub busy: Set,
    /// Compound cells scanned in this cycle.
    pub scanned: Set,
    /// Compound cells whose content a marker is reading.
    pub reading: Set,
    /// In the markers' edge buffers.
    pub found: Set,
    /// Global roots.
    pub roots: Set,
    /// Global roots that were dropped while pinned.
    pub zombies: Set,
    /// Entries the walk has yet to visit.
    pub unwalked: Set,
    /// Targets of weak references.
    pub weak: Set,
    /// The mutators.
    pub mutators: [Mutator; MUTATORS],
    /// Where the cycle is.
    pub phase: Phase,
    /// The termination word.
    pub word: Word,
    /// Something was handed in since the queues were seen empty.
    pub handed_in: bool,
}

impl State {
    /// An empty heap.
    pub const EMPTY: State = State {
        content: [FREE; OBJECTS],
        marked: 0,
        queued: 0,
        fresh: 0,
        busy: 0,
        scanned: 0,
        reading: 0,
        found: 0,
        roots: 0,
        zombies: 0,
        unwalked: 0,
        weak: 0,
        mutators: [Mutator::ABSENT; MUTATORS],
        phase: Phase::Rest,
        word: Word::Done,
        handed_in: false,
    };

    /// The objects that are allocated.
    pub fn allocated(&self) -> Set {
        (0..OBJECTS).filter(|&object| self.content[object] != FREE).fold(0, |set, object| set | one(object))
    }

    /// What mutators can reach.
    pub fn reachable(&self) -> Set {
        let mut reached = self.mutators.iter().fold(self.roots, |set, mutator| set | mutator.held);
        loop {
            let more = each(reached).fold(reached, |set, object| set | targets(self.content[object]));
            if more == reached {
                return reached;
            }
            reached = more;
        }
    }

    /// Whoever is in a region holds at once whatever it can load: more in hand never makes a step impossible.
    pub fn load(&mut self) {
        for at in 0..MUTATORS {
            let me = &self.mutators[at];
            if me.place != Place::Inside {
                continue;
            }
            let closed = self.closed_to(at);
            let mut held = me.held | self.roots;
            loop {
                let more = each(held & !closed).fold(held, |set, object| set | targets(self.content[object]));
                if more == held {
                    break;
                }
                held = more;
            }
            self.mutators[at].held = held;
        }
    }

    /// Compound cells that another mutator has exclusively.
    pub fn closed_to(&self, at: usize) -> Set {
        let others = self.mutators.iter().enumerate().filter(|(other, _)| *other != at);
        others.fold(0, |set, (_, other)| {
            let claiming = match other.op {
                Op::Snapshot(claimed) | Op::Seen(claimed) => one(claimed as usize),
                _ => 0,
            };
            set | other.guards | claiming
        })
    }

    /// Forgets what no later step can tell from its absence: a shade or a mark of what is marked does nothing.
    pub fn forget(&mut self, marks_last: bool) {
        let white = !self.marked;
        self.found &= white;
        for mutator in &mut self.mutators {
            mutator.edges &= white;
            if let Op::Resumed(object) = mutator.op
                && marks_last
                && self.marked & one(object as usize) != 0
            {
                mutator.op = Op::None;
            }
        }
    }
}

// ---- packing

/// The sets of a state that are not a mutator's.
fn sets(state: &mut State) -> [&mut Set; 11] {
    let State { marked, queued, fresh, busy, scanned, reading, found, roots, zombies, unwalked, weak, .. } = state;
    [marked, queued, fresh, busy, scanned, reading, found, roots, zombies, unwalked, weak]
}

/// The sets of a mutator.
fn mutator_sets(mutator: &mut Mutator) -> [&mut Set; 4] {
    let Mutator { held, edges, shades, guards, .. } = mutator;
    [held, edges, shades, guards]
}

/// Kinds of [`Op`] with one argument.
const KINDS: usize = 7;
/// Of those, how many are met while a request is answered.
const SHADING: usize = 1;

fn op_code(op: Op, n: usize) -> usize {
    let (kind, object) = match op {
        Op::None => return 0,
        Op::Resumed(object) => (0, object),
        Op::Snapshot(object) => (1, object),
        Op::Seen(object) => (2, object),
        Op::UpLook(object) => (3, object),
        Op::UpResume(object) => (4, object),
        Op::UpDecide(object) => (5, object),
        Op::UpMark(object) => (6, object),
        Op::Store(object, value) => return 1 + KINDS * n + object as usize * (n + 1) + value as usize,
    };
    1 + kind * n + object as usize
}

fn op_of(code: usize, n: usize) -> Op {
    if code == 0 {
        return Op::None;
    }
    let code = code - 1;
    if code >= KINDS * n {
        let code = code - KINDS * n;
        return Op::Store((code / (n + 1)) as u8, (code % (n + 1)) as u8);
    }
    let object = (code % n) as u8;
    match code / n {
        0 => Op::Resumed(object),
        1 => Op::Snapshot(object),
        2 => Op::Seen(object),
        3 => Op::UpLook(object),
        4 => Op::UpResume(object),
        5 => Op::UpDecide(object),
        _ => Op::UpMark(object),
    }
}

fn place_code(place: Place, op: Op, n: usize) -> usize {
    let shading = 1 + SHADING * n;
    let op = op_code(op, n);
    match place {
        Place::Absent => 0,
        Place::Answering => 1 + op,
        Place::Retiring => 1 + shading + op,
        Place::Inside => 1 + 2 * shading + op,
    }
}

fn place_of(code: usize, n: usize) -> (Place, Op) {
    let shading = 1 + SHADING * n;
    match code {
        0 => (Place::Absent, Op::None),
        code if code > 2 * shading => (Place::Inside, op_of(code - 1 - 2 * shading, n)),
        code => {
            let place = if code > shading { Place::Retiring } else { Place::Answering };
            (place, op_of((code - 1) % shading, n))
        }
    }
}

const PHASES: [Phase; 14] = [
    Phase::Rest,
    Phase::Asked(Handshake::Sync),
    Phase::Asked(Handshake::Rooted),
    Phase::Walk,
    Phase::Asked(Handshake::Trace),
    Phase::Mark,
    Phase::Quiet,
    Phase::Asked(Handshake::Wave),
    Phase::Clean,
    Phase::Settle,
    Phase::Asked(Handshake::Ended),
    Phase::Asked(Handshake::Idle),
    Phase::Asked(Handshake::Start),
    Phase::Asked(Handshake::Finish),
];

fn phase_code(phase: Phase) -> u8 {
    match phase {
        Phase::Rest => 0,
        Phase::Asked(Handshake::Sync) => 1,
        Phase::Asked(Handshake::Rooted) => 2,
        Phase::Walk => 3,
        Phase::Asked(Handshake::Trace) => 4,
        Phase::Mark => 5,
        Phase::Quiet => 6,
        Phase::Asked(Handshake::Wave) => 7,
        Phase::Clean => 8,
        Phase::Settle => 9,
        Phase::Asked(Handshake::Ended) => 10,
        Phase::Asked(Handshake::Idle) => 11,
        Phase::Asked(Handshake::Start) => 12,
        Phase::Asked(Handshake::Finish) => 13,
    }
}

const WORDS: [Word; 3] = [Word::Tracing, Word::Terminating, Word::Done];

/// A packed state.
pub type Key = u128;

struct Bits {
    key: Key,
    used: u32,
}

impl Bits {
    #[inline]
    fn put(&mut self, width: u32, value: u8) {
        debug_assert!(u32::from(value) < 1 << width);
        self.key |= Key::from(value) << self.used;
        self.used += width;
    }

    #[inline]
    fn take(&mut self, width: u32) -> u8 {
        let value = (self.key & ((1 << width) - 1)) as u8;
        self.key >>= width;
        self.used += width;
        value
    }
}

/// Packs states of one size, and finds the naming that stands for all of a state's.
pub struct Packer {
    n: usize,
    mutators: usize,
    place_width: u32,
    /// Permutations of the objects that keep kinds of cells: of each object its new name; and of each set.
    permutations: Vec<([u8; OBJECTS], [Set; 1 << OBJECTS])>,
    /// Permutations of the mutators: who stands at each place.
    orders: Vec<[usize; MUTATORS]>,
    compound: Set,
}

fn permutations_of(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for next in 0..n {
        all = all
            .into_iter()
            .flat_map(|shorter: Vec<usize>| {
                (0..=shorter.len()).map(move |at| {
                    let mut longer = shorter.clone();
                    longer.insert(at, next);
                    longer
                })
            })
            .collect();
    }
    all
}

impl Packer {
    /// For states of this protocol.
    pub fn new(protocol: &Protocol) -> Packer {
        let (n, mutators) = (protocol.objects, protocol.mutators);
        assert!(n <= OBJECTS && mutators <= MUTATORS, "sizes are bounded");
        let places = place_code(Place::Inside, Op::Store(n as u8 - 1, n as u8), n) + 1;
        let place_width = usize::BITS - (places - 1).leading_zeros();
        let bits = n as u32 * 14 + mutators as u32 * (4 + place_width + 4 * n as u32) + 7;
        assert!(bits <= Key::BITS, "a state takes {bits} bits");
        let permutations = permutations_of(n)
            .into_iter()
            .map(|order| {
                let mut names = [0, 1, 2, 3];
                for (object, &name) in order.iter().enumerate() {
                    names[object] = name as u8;
                }
                let sets = std::array::from_fn(|set| {
                    each(set as Set).fold(0, |mapped, object| mapped | one(names[object] as usize))
                });
                (names, sets)
            })
            .filter(|(_, sets): &([u8; OBJECTS], [Set; 1 << OBJECTS])| {
                sets[protocol.compound as usize] == protocol.compound
            })
            .collect();
        let orders = permutations_of(mutators)
            .into_iter()
            .map(|order| std::array::from_fn(|place| order.get(place).copied().unwrap_or(place)))
            .collect();
        Packer { n, mutators, place_width, permutations, orders, compound: protocol.compound }
    }

    /// The key of a state's representative.
    pub fn key(&self, state: &State) -> Key {
        let mut own = [0_u64; MUTATORS];
        for (at, mutator) in state.mutators[..self.mutators].iter().enumerate() {
            own[at] = self.looks(mutator);
        }
        let mut least = Key::MAX;
        for order in &self.orders {
            if (1..self.mutators).any(|at| own[order[at - 1]] > own[order[at]]) {
                continue;
            }
            let mut looks = [0_u32; OBJECTS];
            for (object, look) in looks[..self.n].iter_mut().enumerate() {
                *look = self.object_looks(state, order, object);
            }
            for (names, sets) in &self.permutations {
                let mut sorted = [0_u32; OBJECTS];
                for object in 0..self.n {
                    sorted[names[object] as usize] = looks[object];
                }
                let same_kind = |at: usize| (self.compound >> at ^ self.compound >> (at - 1)) & 1 == 0;
                if (1..self.n).all(|at| !same_kind(at) || sorted[at - 1] <= sorted[at]) {
                    least = least.min(self.pack(state, order, names, sets));
                }
            }
        }
        least
    }

    /// What of a mutator does not depend on names.
    fn looks(&self, mutator: &Mutator) -> u64 {
        let Mutator { mode, place, op, pending, held, edges, shades, guards } = mutator;
        let kind = match op {
            Op::None => 0,
            op => 1 + (op_code(*op, self.n) - 1) / self.n,
        };
        let mut looks = (*mode as u64) << 8 | (*place as u64) << 4 | u64::from(*pending);
        looks = looks << 8 | kind.min(KINDS + 1) as u64;
        for set in [held, edges, shades, guards] {
            looks = looks << 3 | u64::from(set.count_ones());
        }
        looks
    }

    /// What of an object does not depend on names, given who is who among the mutators.
    #[inline]
    fn object_looks(&self, state: &State, order: &[usize; MUTATORS], object: usize) -> u32 {
        let content = match state.content[object] {
            NULL => 1,
            FREE => 0,
            content if content == to(object) => 2,
            _ => 3,
        };
        let mut looks = (u32::from(self.compound) >> object & 1) << 2 | content;
        let State { marked, queued, fresh, busy, scanned, reading, found, roots, zombies, unwalked, weak, .. } = state;
        for set in [marked, queued, fresh, busy, scanned, reading, found, roots, zombies, unwalked, weak] {
            looks = looks << 1 | u32::from(set >> object & 1);
        }
        for &who in &order[..self.mutators] {
            let Mutator { held, edges, shades, guards, .. } = &state.mutators[who];
            for set in [held, edges, shades, guards] {
                looks = looks << 1 | u32::from(set >> object & 1);
            }
        }
        looks
    }

    #[inline]
    fn pack(
        &self,
        state: &State,
        order: &[usize; MUTATORS],
        names: &[u8; OBJECTS],
        renamed: &[Set; 1 << OBJECTS],
    ) -> Key {
        let n = self.n as u32;
        let mut bits = Bits { key: 0, used: 0 };
        let rename = |content: Content| match content {
            NULL | FREE => content,
            content => to(names[content as usize - 1] as usize),
        };
        let mut content = [0; OBJECTS];
        for object in 0..self.n {
            content[names[object] as usize] = rename(state.content[object]);
        }
        for &content in &content[..self.n] {
            bits.put(3, content);
        }
        let mut copy = *state;
        for set in sets(&mut copy) {
            bits.put(n, renamed[*set as usize]);
        }
        for &who in &order[..self.mutators] {
            let mutator = &mut copy.mutators[who];
            bits.put(3, mutator.mode as u8);
            bits.put(1, u8::from(mutator.pending));
            let op = match mutator.op {
                Op::None => Op::None,
                Op::Resumed(object) => Op::Resumed(names[object as usize]),
                Op::Snapshot(object) => Op::Snapshot(names[object as usize]),
                Op::Seen(object) => Op::Seen(names[object as usize]),
                Op::UpLook(object) => Op::UpLook(names[object as usize]),
                Op::UpResume(object) => Op::UpResume(names[object as usize]),
                Op::UpDecide(object) => Op::UpDecide(names[object as usize]),
                Op::UpMark(object) => Op::UpMark(names[object as usize]),
                Op::Store(object, value) => Op::Store(names[object as usize], rename(value)),
            };
            bits.put(self.place_width, place_code(mutator.place, op, self.n) as u8);
            for set in mutator_sets(mutator) {
                bits.put(n, renamed[*set as usize]);
            }
        }
        bits.put(4, phase_code(state.phase));
        bits.put(2, state.word as u8);
        bits.put(1, u8::from(state.handed_in));
        bits.key
    }

    /// The representative with this key.
    pub fn state(&self, key: Key) -> State {
        let n = self.n as u32;
        let mut bits = Bits { key, used: 0 };
        let mut state = State::EMPTY;
        for content in &mut state.content[..self.n] {
            *content = bits.take(3);
        }
        for set in sets(&mut state) {
            *set = bits.take(n);
        }
        for mutator in &mut state.mutators[..self.mutators] {
            mutator.mode = Mode::ALL[bits.take(3) as usize];
            mutator.pending = bits.take(1) == 1;
            (mutator.place, mutator.op) = place_of(bits.take(self.place_width) as usize, self.n);
            for set in mutator_sets(mutator) {
                *set = bits.take(n);
            }
        }
        state.phase = PHASES[bits.take(4) as usize];
        state.word = WORDS[bits.take(2) as usize];
        state.handed_in = bits.take(1) == 1;
        state
    }
}
