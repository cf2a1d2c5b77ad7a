//! The elements of a deque, by numbers that go on for ever: those from `head` to `head + len` are there.
//!
//! ```text
//!   height 0   root -> ring of 4, 8 .. PLACES places     element i at i mod capacity
//!   height h   root -> node -> .. -> node -> segments    element i in segment i / PLACES, at i mod PLACES
//! ```
//!
//! Q1. At height h > 0 there are elements, and the nodes lead to a segment for each number `i / PLACES` that one has. The digits
//!     of that number, of `DIGIT` bits each, say the way; above the h-th they are the same for all.
//! Q2. A segment whose last element is taken leaves the trie; the nodes that nothing else can come to leave with it, and the
//!     root goes down as far as all elements lie under one of its slots. So the height is that of the length, but for a length
//!     that reaches over the border of two large numbers.
//! Q3. Whatever the length, an operation moves the elements of one segment, and makes a node per level, at most. Moves are paid
//!     by the operations since the ring was last whole: it is divided where it wraps, and the smaller part moves.
//! Q4. All memory that a step needs is allocated before an element moves, and no code of the user's runs.

use std::cell::Cell;
use std::marker::PhantomData;

use allocator::AllocError;

use super::ring::Ring;
use crate::cell::GcCell;
use crate::container::edge::{Edge, NODE_BITS, Slot};
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::trace::Trace;
use crate::tracer::Tracer;

/// Bits of a node's index: nodes of 1 KiB.
const DIGIT: u32 = if cfg!(loom) { NODE_BITS } else { 7 };
const MASK: usize = (1 << DIGIT) - 1;

/// Which end of a deque.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Front,
    Back,
}

/// See the module documentation. All methods but `new` and `trace` want the container's lock.
pub(super) struct Queue<'gc, E> {
    root: Slot<'gc>,
    /// A segment that was emptied, for the next that is needed.
    spare: Slot<'gc>,
    head: Cell<u64>,
    len: Cell<usize>,
    height: Cell<u32>,
    _content: PhantomData<Cell<E>>,
}

impl<'gc, E> Queue<'gc, E> {
    /// The first element's number when a ring is divided: in the middle of each of its digits, of as many as fit, so that both
    /// ends can go on before the height rises, and for decades before the numbers end. So a ring is divided with one node.
    const MIDDLE: u64 = {
        let mut segment = 0_u64;
        let mut shift = DIGIT - 1;
        while shift + DIGIT + Ring::<E>::LOG < 62 {
            segment |= 1 << shift;
            shift += DIGIT;
        }
        segment << Ring::<E>::LOG
    };

    pub(super) fn new() -> Self {
        Self::with(Edge::NONE, 0, 0, 0)
    }

    fn with(root: Edge<'gc>, head: u64, len: usize, height: u32) -> Self {
        Queue {
            root: GcCell::new(root),
            spare: GcCell::new(Edge::NONE),
            head: Cell::new(head),
            len: Cell::new(len),
            height: Cell::new(height),
            _content: PhantomData,
        }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len.get()
    }

    /// All that it has, in a queue of its own.
    pub(super) fn take<S: Kind>(&self, mc: &Mutation<'gc, S>) -> Queue<'gc, E> {
        let root = self.root.swap(mc, Edge::NONE);
        Self::with(root, self.head.replace(0), self.len.replace(0), self.height.replace(0))
    }

    /// The slot that leads to what lies under `level` on the way to a segment.
    #[inline(always)]
    fn slot(&self, level: u32, segment: u64) -> &Slot<'gc> {
        let mut slot = &self.root;
        for level in (level..self.height.get()).rev() {
            slot = &slot.get().slots()[(segment >> (level * DIGIT)) as usize & MASK];
        }
        slot
    }

    /// The segment of an element, or of a free place beside one (Q1).
    #[inline(always)]
    fn ring(&self, number: u64) -> Ring<'gc, E> {
        let edge = self.slot(0, number >> Ring::<E>::LOG).get();
        let slot = edge.to_segment().expect("a segment for each element");
        // SAFETY: `edge` E2: the leaves of this trie are segments of `E`.
        unsafe { Ring::of(slot) }
    }

    /// The element at an index below `len`: its segment and its place.
    #[inline(always)]
    pub(super) fn at(&self, index: usize) -> (Ring<'gc, E>, usize) {
        debug_assert!(index < self.len(), "an index below the length");
        let number = self.head.get().wrapping_add(index as u64);
        let ring = self.ring(number);
        (ring, ring.place(number))
    }

    /// A segment with a free place for a new element at this end, if there is one.
    #[inline(always)]
    fn room(&self, end: End) -> Option<Ring<'gc, E>> {
        if self.height.get() == 0 {
            let slot = self.root.get().to_segment()?;
            // SAFETY: as in `ring`.
            let ring = unsafe { Ring::<E>::of(slot) };
            return (ring.len() < ring.capacity()).then_some(ring);
        }
        let last = Ring::<E>::PLACES as u64 - 1;
        let number = self.next(end);
        let border = if end == End::Back { 0 } else { last };
        (number & last != border).then(|| self.ring(number))
    }

    /// The number of a new element at this end.
    #[inline(always)]
    fn next(&self, end: End) -> u64 {
        match end {
            End::Front => self.head.get().wrapping_sub(1),
            End::Back => self.head.get().wrapping_add(self.len() as u64),
        }
    }
}

impl<'gc, E: Trace<'gc>> Queue<'gc, E> {
    /// Adds an element.
    #[inline]
    pub(super) fn push<S: Kind>(&self, mc: &Mutation<'gc, S>, end: End, element: E) -> Result<(), AllocError> {
        let ring = match self.room(end) {
            Some(ring) => ring,
            None => self.make_room(mc, end)?,
        };
        ring.before_write(mc, 0..0);
        match end {
            // SAFETY: there is room; the caller holds the lock, and the barrier was run.
            End::Back => unsafe { ring.push_back(element) },
            End::Front => {
                // SAFETY: as above.
                unsafe { ring.push_front(element) };
                self.head.set(self.head.get().wrapping_sub(1));
            }
        }
        self.len.set(self.len() + 1);
        Ok(())
    }

    /// Takes the element at an end out.
    #[inline]
    pub(super) fn pop<S: Kind>(&self, mc: &Mutation<'gc, S>, end: End) -> Option<E> {
        let len = self.len().checked_sub(1)?;
        let index = if end == End::Back { len } else { 0 };
        let number = self.head.get().wrapping_add(index as u64);
        let (ring, place) = self.at(index);
        ring.before_write(mc, place..place + 1);
        let element = match end {
            // SAFETY: an element, which the barrier was run for.
            End::Back => unsafe { ring.pop_back() },
            End::Front => {
                self.head.set(number.wrapping_add(1));
                // SAFETY: as above.
                unsafe { ring.pop_front() }
            }
        };
        self.len.set(len);
        if ring.len() == 0 && self.height.get() != 0 {
            self.emptied(mc, ring, number >> Ring::<E>::LOG, end);
        }
        Some(element)
    }

    /// Q2: `ring` was emptied from this end.
    #[cold]
    #[inline(never)]
    fn emptied<S: Kind>(&self, mc: &Mutation<'gc, S>, ring: Ring<'gc, E>, segment: u64, end: End) {
        let edge = Edge::segment(ring.slot());
        if self.len() == 0 {
            // Its start is where the head is, so it goes on as a ring.
            self.root.set(mc, edge);
            self.height.set(0);
            return;
        }
        self.spare.set(mc, edge);
        let passed = if end == End::Front { MASK } else { 0 };
        let mut level = 0;
        while level + 1 < self.height.get() && (segment >> (level * DIGIT)) as usize & MASK == passed {
            level += 1;
        }
        self.slot(level, segment).set(mc, Edge::NONE);

        let first = self.head.get() >> Ring::<E>::LOG;
        let last = self.next(End::Back).wrapping_sub(1) >> Ring::<E>::LOG;
        while let Some(level) = self.height.get().checked_sub(1) {
            // The last step only when it is well worth it: the way back takes a node.
            let worth = level > 0 || self.len() <= Ring::<E>::PLACES / 2;
            if !worth || first >> (level * DIGIT) != last >> (level * DIGIT) {
                break;
            }
            let below = self.slot(level, first).get();
            self.root.set(mc, below);
            self.height.set(level);
        }
    }

    /// Makes a free place for a new element at this end.
    #[cold]
    #[inline(never)]
    fn make_room<S: Kind>(&self, mc: &Mutation<'gc, S>, end: End) -> Result<Ring<'gc, E>, AllocError> {
        if self.height.get() == 0 {
            let Some(slot) = self.root.get().to_segment() else {
                let first = Ring::new(mc, Ring::<E>::next_size(0), self.head.get() as usize)?;
                self.root.set(mc, Edge::segment(first.slot()));
                return Ok(first);
            };
            // SAFETY: as in `ring`.
            let ring = unsafe { Ring::<E>::of(slot) };
            if ring.capacity() < Ring::<E>::PLACES {
                return self.grow(mc, ring);
            }
            self.head.set(Self::MIDDLE + ring.place(self.head.get()) as u64);
            if ring.place(self.head.get()) != 0 {
                self.divide(mc, ring)?;
                return Ok(self.room(end).expect("both parts of a ring have room"));
            }
        }
        let ring = match self.spare.swap(mc, Edge::NONE).to_segment() {
            // SAFETY: as in `ring`.
            Some(slot) => unsafe { Ring::of(slot) },
            None => Ring::new(mc, Ring::<E>::PLACES, 0)?,
        };
        let known = self.head.get() >> Ring::<E>::LOG;
        self.link(mc, known, self.next(end) >> Ring::<E>::LOG, ring)?;
        ring.before_write(mc, 0..0);
        ring.restart(0); // the front end's first place is the one before, around the end
        Ok(ring)
    }

    /// A ring of twice as many places in place of this one.
    fn grow<S: Kind>(&self, mc: &Mutation<'gc, S>, old: Ring<'gc, E>) -> Result<Ring<'gc, E>, AllocError> {
        let new = Ring::new(mc, Ring::<E>::next_size(old.capacity()), self.head.get() as usize)?;
        old.before_move(mc);
        new.before_write(mc, 0..0);
        while old.len() != 0 {
            // SAFETY: an element, which the barrier was run for.
            let element = unsafe { old.pop_front() };
            // SAFETY: it has more places than the old one.
            unsafe { new.push_back(element) };
        }
        self.root.set(mc, Edge::segment(new.slot()));
        Ok(new)
    }

    /// Two segments in place of a full ring that wraps (Q3).
    fn divide<S: Kind>(&self, mc: &Mutation<'gc, S>, ring: Ring<'gc, E>) -> Result<(), AllocError> {
        let first = self.head.get() >> Ring::<E>::LOG;
        let wrapped = ring.place(self.head.get());
        let unwrapped = Ring::<E>::PLACES - wrapped;
        if wrapped <= unwrapped {
            let new = Ring::new(mc, Ring::<E>::PLACES, wrapped)?;
            self.link(mc, first, first + 1, new)?;
            ring.before_move(mc);
            new.before_write(mc, 0..0);
            for _ in 0..wrapped {
                // SAFETY: an element, which the barrier was run for.
                let element = unsafe { ring.pop_back() };
                // SAFETY: it has as many places as the old one.
                unsafe { new.push_front(element) };
            }
        } else {
            let new = Ring::new(mc, Ring::<E>::PLACES, wrapped)?;
            self.link(mc, first + 1, first, new)?;
            ring.before_move(mc);
            new.before_write(mc, 0..0);
            for _ in 0..unwrapped {
                // SAFETY: as above.
                let element = unsafe { ring.pop_front() };
                // SAFETY: as above.
                unsafe { new.push_back(element) };
            }
        }
        Ok(())
    }

    /// Puts a segment into the trie, in which `known` is.
    fn link<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        known: u64,
        segment: u64,
        ring: Ring<'gc, E>,
    ) -> Result<(), AllocError> {
        while segment >> (self.height.get() * DIGIT) != known >> (self.height.get() * DIGIT) {
            let below = self.root.get();
            let at = (known >> (self.height.get() * DIGIT)) as usize & MASK;
            let node = Edge::node(mc, DIGIT, |index| if index == at { below } else { Edge::NONE })?;
            self.root.set(mc, node);
            self.height.set(self.height.get() + 1);
        }
        let mut level = self.height.get();
        while level > 0 {
            let slot = self.slot(level, segment);
            if slot.get().bits() == 0 {
                slot.set(mc, Edge::node(mc, DIGIT, |_| Edge::NONE)?);
            }
            level -= 1;
        }
        self.slot(0, segment).set(mc, Edge::segment(ring.slot()));
        Ok(())
    }
}

// SAFETY: reports the root and the spare segment, word cells (`container` B1); the rest is numbers.
unsafe impl<'gc, E: Trace<'gc>> Trace<'gc> for Queue<'gc, E> {
    const HOLDS_GC: bool = true;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.root);
        tracer.field(&self.spare);
    }
}
