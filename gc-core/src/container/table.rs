//! A hash table in segments: extendible hashing (R. Fagin and others, "Extendible Hashing - A Fast Access Method for Dynamic
//! Files", 1979) whose directory is a trie.
//!
//! ```text
//!   root -> segment                                   up to MAX_PLACES places
//!   root -> node of 2^b slots, b <= 13 -> segments     slot: the low b bits of the hash
//!                                      -> nodes ..     slot: the next bits
//! ```
//!
//! T1. A segment of depth d stands in all slots of its node whose numbers agree in the low d bits, and holds the elements whose
//!     hashes agree in them. A node stands in one slot.
//! T2. A segment that is full splits by its next bit: half of its elements move to a new one. If its depth is the node's bits,
//!     the node is doubled first, or, if that has its full size, a node of two slots takes the slot.
//! T3. After `LEVELS` levels nothing splits, so a segment grows: hashes that agree in so many bits are no hashes.
//! T4. Whatever the size of the table, an insertion moves the elements of one segment and copies one node at most.
//! T5. All hashes that a step needs are computed, and all its memory is allocated, before it changes anything.

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use allocator::AllocError;

use super::edge::{Edge, NODE_BITS, Slot};
use super::segment::Segment;
use crate::cell::GcCell;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::trace::Trace;
use crate::tracer::Tracer;

/// Levels of nodes.
pub(super) const LEVELS: u32 = 3;

/// Spreads what a hasher left in a few bits over all of them: the trie takes the lowest, a segment the highest.
#[inline(always)]
pub(super) fn spread(hash: u64) -> u64 {
    let product = u128::from(hash) * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}

/// See the module documentation. All methods but `new` and `trace` want the container's lock.
pub(super) struct Table<'gc, E> {
    root: Slot<'gc>,
    len: Cell<usize>,
    _content: PhantomData<Cell<E>>,
}

/// An element of a table.
pub(super) struct Place<'gc, E> {
    pub(super) segment: Segment<'gc, E>,
    pub(super) place: usize,
}

impl<E> Clone for Place<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Place<'_, E> {}

/// A segment and the way to it.
struct Path<'t, 'gc, E> {
    segment: Segment<'gc, E>,
    /// Where the edge to the segment's node stands, if it has one; else where its own does.
    holder: &'t Slot<'gc>,
    level: u32,
    /// What of the hash its node looks at, and its parents have not.
    bits: u64,
}

impl<'gc, E> Table<'gc, E> {
    pub(super) fn new() -> Self {
        Table { root: GcCell::new(Edge::NONE), len: Cell::new(0), _content: PhantomData }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len.get()
    }

    /// The element with this hash that `eq` finds equal.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, eq: impl FnMut(&E) -> bool) -> Option<Place<'gc, E>> {
        let segment = self.segment(hash)?;
        let place = segment.find(hash, eq)?;
        Some(Place { segment, place })
    }

    /// The segment for a hash; `None` in a table without any.
    #[inline(always)]
    fn segment(&self, hash: u64) -> Option<Segment<'gc, E>> {
        let mut edge = self.root.get();
        let mut bits = hash;
        while edge.bits() != 0 {
            let slots = edge.slots();
            edge = slots[bits as usize & (slots.len() - 1)].get();
            bits >>= NODE_BITS;
        }
        // SAFETY: `edge` E2: segments of this table.
        Some(unsafe { Segment::of(edge.to_segment()?) })
    }

    /// All that it has, in a table of its own.
    pub(super) fn take<S: Kind>(&self, mc: &Mutation<'gc, S>) -> Table<'gc, E> {
        let root = self.root.swap(mc, Edge::NONE);
        Table { root: GcCell::new(root), len: Cell::new(self.len.replace(0)), _content: PhantomData }
    }

    pub(super) fn elements(&self) -> Elements<'gc, E> {
        Elements {
            level: 0,
            way: [(&[], 0); LEVELS as usize],
            next: self.root.get(),
            segment: None,
            place: 0,
            _content: PhantomData,
        }
    }
}

impl<'gc, E: Trace<'gc>> Table<'gc, E> {
    /// The segment for a hash and the way to it; `None` in a table without any.
    fn path(&self, hash: u64) -> Option<Path<'_, 'gc, E>> {
        let mut holder = &self.root;
        let mut edge = holder.get();
        let (mut bits, mut level) = (hash, 0);
        loop {
            let slots = edge.slots();
            let next = match slots.len() {
                0 => edge,
                len => slots[bits as usize & (len - 1)].get(),
            };
            if next.bits() == 0 {
                // SAFETY: `edge` E2.
                let segment = unsafe { Segment::of(next.to_segment()?) };
                return Some(Path { segment, holder, level, bits });
            }
            holder = &slots[bits as usize & (slots.len() - 1)];
            edge = next;
            bits >>= NODE_BITS;
            level += 1;
        }
    }

    /// As `find`, or else where such an element may be put, unless there must be made room.
    #[inline(always)]
    pub(super) fn look(&self, hash: u64, eq: impl FnMut(&E) -> bool) -> Result<Place<'gc, E>, Option<Place<'gc, E>>> {
        let Some(segment) = self.segment(hash) else { return Err(None) };
        match segment.find_or_free(hash, eq) {
            Ok(place) => Ok(Place { segment, place }),
            Err(free) => Err(free.map(|place| Place { segment, place })),
        }
    }

    /// Adds an element that is not there yet. `free` is what `look` said, and nothing has changed since. `rehash` may run the user's
    /// code; if it panics, nothing has changed.
    #[inline]
    pub(super) fn insert<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        hash: u64,
        free: Option<Place<'gc, E>>,
        element: E,
        rehash: impl Fn(&E) -> u64,
    ) -> Result<Place<'gc, E>, AllocError> {
        let at = match free {
            Some(at) => at,
            None => self.free_place(mc, hash, &rehash)?,
        };
        at.segment.before_write(mc, None);
        // SAFETY: a free place; the caller holds the lock, and the barrier was run.
        unsafe { at.segment.fill(at.place, hash, element) };
        self.len.set(self.len.get() + 1);
        Ok(at)
    }

    /// Makes room for an element that is not there.
    #[cold]
    #[inline(never)]
    fn free_place<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        hash: u64,
        rehash: &impl Fn(&E) -> u64,
    ) -> Result<Place<'gc, E>, AllocError> {
        loop {
            self.make_room(mc, hash, rehash)?;
            if let Err(Some(at)) = self.look(hash, |_| false) {
                return Ok(at);
            }
        }
    }

    /// Takes an element out.
    ///
    /// # Safety
    /// It is in this table.
    pub(super) unsafe fn remove<S: Kind>(&self, mc: &Mutation<'gc, S>, at: Place<'gc, E>) -> E {
        at.segment.before_write(mc, Some(at.place));
        self.len.set(self.len.get() - 1);
        // SAFETY: by contract, and the barrier was run.
        unsafe { at.segment.take(at.place) }
    }

    /// Lets the segment for a hash have a free place, or comes a step nearer to it.
    fn make_room<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        hash: u64,
        rehash: &impl Fn(&E) -> u64,
    ) -> Result<(), AllocError> {
        let Some(path) = self.path(hash) else {
            let first = Segment::<E>::new(mc, Segment::<E>::next_size(0), 0)?;
            self.root.set(mc, Edge::segment(first.slot()));
            return Ok(());
        };
        let places = path.segment.places();
        let mut hashes = Hashes::new();
        let hashes = hashes.of(path.segment, rehash); // T5: the user's code ends here
        if !path.segment.is_crowded() {
            return self.replace(mc, &path, places, hashes);
        }
        if places < Segment::<E>::MAX_PLACES {
            return self.replace(mc, &path, Segment::<E>::next_size(places), hashes);
        }
        self.split(mc, &path, hashes)
    }

    /// Puts a segment with so many places where one stands.
    fn replace<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        path: &Path<'_, 'gc, E>,
        places: usize,
        hashes: &mut [u64],
    ) -> Result<(), AllocError> {
        let old = path.segment;
        let new = Segment::new(mc, places, old.depth())?;
        old.before_move(mc);
        new.before_write(mc, None);
        // SAFETY: both had their barrier, and the lock is held.
        unsafe { new.take_all(old, hashes) };
        let edge = Edge::segment(new.slot());
        for slot in slots_of(path, old.depth()) {
            slot.set(mc, edge);
        }
        Ok(())
    }

    /// T2.
    fn split<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        path: &Path<'_, 'gc, E>,
        hashes: &mut [u64],
    ) -> Result<(), AllocError> {
        let old = path.segment;
        let node = path.holder.get();
        if node.bits() == 0 {
            // The only segment: a node takes its place.
            let node = Edge::node(mc, 1, |_| Edge::segment(old.slot()))?;
            path.holder.set(mc, node);
            return Ok(());
        }
        let depth = old.depth();
        if depth == node.bits() {
            if depth < NODE_BITS {
                let slots = node.slots();
                let double = Edge::node(mc, depth + 1, |index| slots[index & (slots.len() - 1)].get())?;
                path.holder.set(mc, double);
                return Ok(());
            }
            if path.level + 1 == LEVELS {
                return self.replace(mc, path, Segment::<E>::next_size(old.places()), hashes); // T3
            }
            let below = Edge::node(mc, 1, |_| Edge::segment(old.slot()))?;
            old.before_move(mc);
            old.set_depth(0);
            let slots = node.slots();
            slots[path.bits as usize & (slots.len() - 1)].set(mc, below);
            return Ok(());
        }
        let new = Segment::new(mc, old.places(), depth + 1)?;
        old.before_move(mc);
        new.before_write(mc, None);
        let shift = path.level * NODE_BITS + depth;
        // SAFETY: both had their barrier, and the lock is held; a segment splits at its full size.
        unsafe { new.take_some(old, hashes, |hash| hash >> shift & 1 == 1) };
        old.set_depth(depth + 1);
        let edge = Edge::segment(new.slot());
        for (_, slot) in slots_of(path, depth).enumerate().filter(|(index, _)| index % 2 == 1) {
            slot.set(mc, edge);
        }
        Ok(())
    }
}

/// The slots of the path's node in which its segment stands, in order: they agree in `depth` bits (T1).
fn slots_of<'t, 'gc, E>(path: &Path<'t, 'gc, E>, depth: u32) -> impl Iterator<Item = &'t Slot<'gc>> {
    let slots: &'t [Slot<'gc>] = match path.holder.get().slots() {
        [] => std::slice::from_ref(path.holder),
        slots => slots,
    };
    let step = 1_usize << depth;
    slots.iter().skip(path.bits as usize & (step - 1)).step_by(step)
}

/// Room for the hashes of the elements of a segment.
struct Hashes {
    few: [MaybeUninit<u64>; 512],
    many: Vec<u64>,
}

impl Hashes {
    fn new() -> Hashes {
        Hashes { few: [const { MaybeUninit::uninit() }; 512], many: Vec::new() }
    }

    /// The hashes, in the order of the elements' places.
    fn of<E>(&mut self, segment: Segment<'_, E>, hash: impl Fn(&E) -> u64) -> &mut [u64] {
        let items = segment.items();
        if items > self.few.len() {
            self.many.resize(items, 0);
            each(segment, self.many.iter_mut(), |into, element| *into = hash(element));
            return &mut self.many;
        }
        let few = &mut self.few[..items];
        each(segment, few.iter_mut(), |into, element| {
            into.write(hash(element));
        });
        // SAFETY: all written just now.
        unsafe { &mut *(std::ptr::from_mut(few) as *mut [u64]) }
    }
}

/// Calls `f` with each element and one of as many others.
fn each<'h, E, T>(segment: Segment<'_, E>, others: impl Iterator<Item = T>, mut f: impl FnMut(T, &'h E))
where
    E: 'h,
{
    let mut next = segment.next_full(0);
    for other in others {
        let place = next.expect("a segment has as many full places as items");
        // SAFETY: `segment` S1; the lock is held.
        f(other, unsafe { segment.at(place).as_ref() });
        next = segment.next_full(place + 1);
    }
}

/// All elements of a table, segment by segment. Those of the current segment may be taken out meanwhile; else nothing changes.
pub(super) struct Elements<'gc, E> {
    /// Nodes that are open, and in each the slot to look at next.
    way: [(&'gc [Slot<'gc>], usize); LEVELS as usize],
    level: usize,
    /// An edge to follow before the way goes on.
    next: Edge<'gc>,
    segment: Option<Segment<'gc, E>>,
    place: usize,
    _content: PhantomData<*const E>,
}

impl<'gc, E> Iterator for Elements<'gc, E> {
    type Item = Place<'gc, E>;

    #[inline]
    fn next(&mut self) -> Option<Place<'gc, E>> {
        loop {
            if let Some(segment) = self.segment {
                if let Some(place) = segment.next_full(self.place) {
                    self.place = place + 1;
                    return Some(Place { segment, place });
                }
                self.segment = None;
            }
            let edge = std::mem::replace(&mut self.next, Edge::NONE);
            if edge.bits() != 0 {
                self.way[self.level] = (edge.slots(), 0);
                self.level += 1;
            } else if let Some(slot) = edge.to_segment() {
                // SAFETY: `edge` E2.
                let segment = unsafe { Segment::of(slot) };
                // In several slots: seen in the first (T1).
                let first = match self.level {
                    0 => true,
                    level => (self.way[level - 1].1 - 1) >> segment.depth() == 0,
                };
                if first {
                    (self.segment, self.place) = (Some(segment), 0);
                }
            } else {
                let (slots, index) = self.way.get_mut(self.level.checked_sub(1)?)?;
                match slots.get(*index) {
                    Some(slot) => {
                        self.next = slot.get();
                        *index += 1;
                    }
                    None => self.level -= 1,
                }
            }
        }
    }
}

// SAFETY: reports the root, a word cell (`container` B1); the rest is numbers.
unsafe impl<'gc, E: Trace<'gc>> Trace<'gc> for Table<'gc, E> {
    const HOLDS_GC: bool = true;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.root);
    }
}
