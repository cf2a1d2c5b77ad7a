//! A segment of a hash table: one object with open addressing inside. Its places are a power of two; groups of sixteen are probed
//! one after the other, from the one that the hash names.
//!
//! ```text
//!   | claim · items · growth · shape: 16 | control bytes: 16 per group | (padding) E, E, E .. |
//! ```
//!
//! S1. The control byte of a place is below `ABSENT` if and only if an initialised element is there; it is written after the
//!     element, and cleared before the element goes.
//! S2. `growth` is how many `EMPTY` places may still be used: at least one in sixteen stays, so every probe ends.
//! S3. All but the claim is read by who holds the container's lock, or the claim; and written by who holds the lock
//!     exclusively, after the barrier (`container` B2, B3).

use std::marker::PhantomData;
use std::mem::{align_of, needs_drop, size_of};
use std::ptr::NonNull;

use allocator::AllocError;

use super::edge::NODE_BITS;
use super::group::{ABSENT, DELETED, EMPTY, GROUP, Group, Mask};
use super::table::LEVELS;
use crate::cell::snapshot;
use crate::claim::Claim;
use crate::kind::Kind;
use crate::mode::Mode;
use crate::mutator::Mutation;
use crate::trace::Trace;
use crate::tracer::Tracer;
use crate::type_info::{LEAF, MAX_ALIGN, PageBits, TypeInfo, for_each_slot};

/// What a full-grown segment takes at most, unless eight of its elements take more: between half of it and all, for its places
/// are a power of two.
const BYTES: usize = 8192;

#[repr(C, align(16))]
struct Header {
    claim: Claim,
    items: u32,
    growth: u32,
    /// Places, and above bit 28 the depth: how many bits of the node's index all its elements agree in.
    shape: u32,
}

/// Bits of a hash below it are the trie's, from bit 57 on the control byte's.
const GROUP_SHIFT: u32 = 40;
const _: () = assert!(LEVELS * NODE_BITS < GROUP_SHIFT);

const PLACES: u32 = (1 << 28) - 1;

/// See the module documentation.
pub(super) struct Segment<'gc, E> {
    header: NonNull<Header>,
    _content: PhantomData<(&'gc (), *mut E)>,
}

impl<E> Clone for Segment<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Segment<'_, E> {}

impl<E> PartialEq for Segment<'_, E> {
    fn eq(&self, other: &Self) -> bool {
        self.header == other.header
    }
}

/// Elements that so many places may hold.
const fn capacity(places: usize) -> usize {
    if places < GROUP { places - 1 } else { places / 16 * 15 }
}

/// Seven bits of the hash, never `ABSENT`.
#[inline(always)]
fn byte_of(hash: u64) -> u8 {
    ((hash >> 57) as u8).min(ABSENT - 1)
}

impl<'gc, E> Segment<'gc, E> {
    /// Places of a full-grown segment: then it splits.
    pub(super) const MAX_PLACES: usize = if cfg!(loom) {
        4
    } else {
        let fit = (BYTES - size_of::<Header>()) / (size_of::<E>() + 1);
        if fit < 8 { 8 } else { 1 << fit.ilog2() }
    };

    /// The segment that an edge leads to.
    ///
    /// # Safety
    /// A segment of `E` made by `new`, alive for the region.
    #[inline(always)]
    pub(super) unsafe fn of(slot: NonNull<u8>) -> Self {
        Segment { header: slot.cast(), _content: PhantomData }
    }

    pub(super) fn slot(self) -> NonNull<u8> {
        self.header.cast()
    }

    #[inline(always)]
    fn field<T: Copy>(self, offset: usize) -> *mut T {
        self.header.as_ptr().cast::<u8>().wrapping_add(offset).cast()
    }

    #[inline(always)]
    fn get(self, offset: usize) -> u32 {
        // SAFETY: S3: inside the header, initialised in `new`.
        unsafe { self.field::<u32>(offset).read() }
    }

    #[inline(always)]
    fn put(self, offset: usize, value: u32) {
        // SAFETY: S3: as above.
        unsafe { self.field::<u32>(offset).write(value) }
    }

    #[inline(always)]
    pub(super) fn items(self) -> usize {
        self.get(std::mem::offset_of!(Header, items)) as usize
    }

    #[inline(always)]
    fn set_items(self, items: usize) {
        self.put(std::mem::offset_of!(Header, items), items as u32);
    }

    #[inline(always)]
    fn growth(self) -> u32 {
        self.get(std::mem::offset_of!(Header, growth))
    }

    #[inline(always)]
    fn set_growth(self, growth: u32) {
        self.put(std::mem::offset_of!(Header, growth), growth);
    }

    #[inline(always)]
    pub(super) fn places(self) -> usize {
        (self.get(std::mem::offset_of!(Header, shape)) & PLACES) as usize
    }

    pub(super) fn depth(self) -> u32 {
        self.get(std::mem::offset_of!(Header, shape)) >> 28
    }

    /// Whether it holds as many elements as it may, as against having been emptied.
    pub(super) fn is_crowded(self) -> bool {
        self.items() > capacity(self.places()) / 2
    }

    pub(super) fn set_depth(self, depth: u32) {
        self.put(std::mem::offset_of!(Header, shape), self.places() as u32 | depth << 28);
    }

    #[inline(always)]
    fn groups(places: usize) -> usize {
        places.div_ceil(GROUP)
    }

    #[inline(always)]
    fn control(self, place: usize) -> *mut u8 {
        self.field(size_of::<Header>() + place)
    }

    #[inline(always)]
    fn group(self, group: usize) -> Group {
        // SAFETY: S3: below the number of groups; aligned as the header is.
        unsafe { self.control(group * GROUP).cast::<Group>().read() }
    }

    /// Where the elements begin.
    #[inline(always)]
    const fn data(places: usize) -> usize {
        let end = size_of::<Header>() + places.div_ceil(GROUP) * GROUP;
        (end + align_of::<E>() - 1) & !(align_of::<E>() - 1)
    }

    /// The element at a place.
    #[inline(always)]
    fn element(self, places: usize, place: usize) -> NonNull<E> {
        let at = self.field::<u8>(Self::data(places)).cast::<E>().wrapping_add(place);
        // SAFETY: inside an object.
        unsafe { NonNull::new_unchecked(at) }
    }

    /// The group that a probe begins with: bits of the hash that are neither the trie's nor the control byte's.
    #[inline(always)]
    fn first_group(hash: u64, groups: usize) -> usize {
        (hash >> GROUP_SHIFT) as usize & (groups - 1)
    }

    /// The place of the element that `eq` finds equal.
    #[inline(always)]
    pub(super) fn find(self, hash: u64, mut eq: impl FnMut(&E) -> bool) -> Option<usize> {
        let places = self.places();
        let groups = Self::groups(places);
        let byte = byte_of(hash);
        let mut group = Self::first_group(hash, groups);
        loop {
            let bytes = self.group(group);
            if let Some(place) = self.find_in(places, group, bytes.matches(byte), &mut eq) {
                return Some(place);
            }
            if bytes.empty() != 0 {
                return None; // S2: there is one
            }
            group = (group + 1) & (groups - 1);
        }
    }

    /// As `find`, or else a place for such an element, unless the segment must grow first.
    #[inline(always)]
    pub(super) fn find_or_free(self, hash: u64, mut eq: impl FnMut(&E) -> bool) -> Result<usize, Option<usize>> {
        let places = self.places();
        let groups = Self::groups(places);
        let byte = byte_of(hash);
        let mut group = Self::first_group(hash, groups);
        let mut first_free = None;
        loop {
            let bytes = self.group(group);
            if let Some(place) = self.find_in(places, group, bytes.matches(byte), &mut eq) {
                return Ok(place);
            }
            let free = bytes.free();
            if free != 0 && first_free.is_none() {
                first_free = Some(group * GROUP + free.trailing_zeros() as usize);
            }
            if bytes.empty() != 0 {
                return Err(first_free.filter(|&place| self.may_fill(place)));
            }
            group = (group + 1) & (groups - 1);
        }
    }

    /// Which of the places `left` of a group has the element that `eq` finds equal.
    #[inline(always)]
    fn find_in(self, places: usize, group: usize, mut left: Mask, eq: &mut impl FnMut(&E) -> bool) -> Option<usize> {
        while left != 0 {
            let place = group * GROUP + left.trailing_zeros() as usize;
            // SAFETY: S1, S3.
            if eq(unsafe { self.element(places, place).as_ref() }) {
                return Some(place);
            }
            left &= left - 1;
        }
        None
    }

    /// Whether a free place may be used: one that was used before, or one of those that S2 leaves.
    #[inline(always)]
    fn may_fill(self, place: usize) -> bool {
        // SAFETY: S3.
        self.growth() > 0 || unsafe { self.control(place).read() } == DELETED
    }

    /// The element at a place that has one.
    #[inline(always)]
    pub(super) fn at(self, place: usize) -> NonNull<E> {
        self.element(self.places(), place)
    }

    /// Puts an element where none is.
    ///
    /// # Safety
    /// The place came from `find_or_free` for this hash; S3.
    #[inline]
    pub(super) unsafe fn fill(self, place: usize, hash: u64, element: E) -> NonNull<E> {
        let at = self.at(place);
        // SAFETY: by contract a free place, exclusively held.
        unsafe { at.write(element) };
        // SAFETY: S3.
        if unsafe { self.control(place).read() } == EMPTY {
            self.set_growth(self.growth() - 1);
        }
        // SAFETY: S3.
        unsafe { self.control(place).write(byte_of(hash)) };
        self.set_items(self.items() + 1);
        at
    }

    /// Takes an element out.
    ///
    /// # Safety
    /// There is one at the place, and it was shaded (`container` B3); S3.
    #[inline]
    pub(super) unsafe fn take(self, place: usize) -> E {
        // A group with an empty place ends every probe that comes to it, so the place may be empty again.
        let ends = self.group(place / GROUP).empty() != 0;
        if ends {
            self.set_growth(self.growth() + 1);
        }
        // SAFETY: S3.
        unsafe { self.control(place).write(if ends { EMPTY } else { DELETED }) };
        self.set_items(self.items() - 1);
        // SAFETY: S1: it was initialised, and is not any more.
        unsafe { self.at(place).read() }
    }

    #[inline(always)]
    fn set_control(self, place: usize, byte: u8) {
        // SAFETY: S3.
        unsafe { self.control(place).write(byte) }
    }

    /// Copies an element from somewhere else to a free place of its probe. The caller counts it, and forgets it where it was.
    ///
    /// # Safety
    /// `from` is an element, and there is a free place; S3.
    #[inline(always)]
    unsafe fn receive(self, from: NonNull<E>, hash: u64) {
        let places = self.places();
        let groups = Self::groups(places);
        let mut group = Self::first_group(hash, groups);
        let free = loop {
            let free = self.group(group).free();
            if free != 0 {
                break free;
            }
            group = (group + 1) & (groups - 1);
        };
        let place = group * GROUP + free.trailing_zeros() as usize;
        // SAFETY: by contract; different objects.
        unsafe { self.element(places, place).copy_from_nonoverlapping(from, 1) };
        self.set_control(place, byte_of(hash));
    }

    /// Takes all elements of `from`, whose hashes are `hashes` in the order of its places, and leaves it empty.
    ///
    /// # Safety
    /// This segment is empty and has room. Both had the barrier of a move; S3.
    pub(super) unsafe fn take_all(self, from: Self, hashes: &[u64]) {
        let mut next = from.next_full(0);
        for &hash in hashes {
            let place = next.expect("a segment has as many full places as items");
            next = from.next_full(place + 1);
            // SAFETY: S1; `from` forgets it below.
            unsafe { self.receive(from.at(place), hash) };
        }
        self.count(hashes.len());
        // SAFETY: S3.
        unsafe { from.control(0).write_bytes(EMPTY, from.places()) };
        from.count(0);
    }

    /// Takes those elements of `from` whose hash `moves`, and lets the others lie as if no other had ever been there: without
    /// `DELETED`, which would lengthen every probe from now on. `hashes` as in `take_all`; it is used up.
    ///
    /// # Safety
    /// As `take_all`, and this segment is as large as the other.
    pub(super) unsafe fn take_some(self, from: Self, hashes: &mut [u64], moves: impl Fn(u64) -> bool) {
        let groups = Self::groups(from.places());
        let mut stay = 0;
        let mut next = from.next_full(0);
        for index in 0..hashes.len() {
            let place = next.expect("a segment has as many full places as items");
            next = from.next_full(place + 1);
            let hash = hashes[index];
            if moves(hash) {
                // SAFETY: S1; forgotten in the next line.
                unsafe { self.receive(from.at(place), hash) };
                from.set_control(place, EMPTY);
            } else {
                hashes[stay] = hash;
                stay += 1;
            }
        }
        self.count(hashes.len() - stay);
        // What is not in the first group of its probe is put aside, in free places of this segment: what left may have ended
        // its probe. There are enough of them: all that came fit in one segment.
        let mut aside = 0;
        let (mut next, mut free) = (from.next_full(0), self.next_free(0));
        for index in 0..stay {
            let place = next.expect("those that stay");
            next = from.next_full(place + 1);
            let hash = hashes[index];
            if Self::first_group(hash, groups) != place / GROUP {
                // SAFETY: a free place and, S1, an element, forgotten below; different objects.
                unsafe { self.at(free).copy_from_nonoverlapping(from.at(place), 1) };
                free = self.next_free(free + 1);
                from.set_control(place, EMPTY);
                hashes[aside] = hash;
                aside += 1;
            }
        }
        for place in 0..from.places() {
            // SAFETY: S3.
            if unsafe { from.control(place).read() } == DELETED {
                from.set_control(place, EMPTY);
            }
        }
        let mut free = self.next_free(0);
        for &hash in &hashes[..aside] {
            // SAFETY: put aside there, in this order; `from` has room for what it had.
            unsafe { from.receive(self.at(free), hash) };
            free = self.next_free(free + 1);
        }
        from.count(stay);
    }

    /// So many items, and no place that was used before.
    fn count(self, items: usize) {
        self.set_items(items);
        self.set_growth((capacity(self.places()) - items) as u32);
    }

    /// The next free place, from `place` on; the number of places if there is none.
    fn next_free(self, place: usize) -> usize {
        let places = self.places();
        // SAFETY: S3.
        (place..places).find(|&place| unsafe { self.control(place).read() } >= DELETED).unwrap_or(places)
    }

    /// The next place with an element, from `place` on.
    #[inline]
    pub(super) fn next_full(self, place: usize) -> Option<usize> {
        let groups = Self::groups(self.places());
        let mut group = place / GROUP;
        let mut skip = place % GROUP;
        while group < groups {
            let full = self.group(group).full() >> skip << skip;
            if full != 0 {
                return Some(group * GROUP + full.trailing_zeros() as usize);
            }
            group += 1;
            skip = 0;
        }
        None
    }
}

impl<'gc, E: Trace<'gc>> Segment<'gc, E> {
    const INFO: &'static TypeInfo = &TypeInfo {
        name: std::any::type_name::<E>,
        scan: if E::HOLDS_GC { Some(scan::<E>) } else { None },
        scan_part: None,
        drop: if needs_drop::<E>() { Some(drop_all::<E>) } else { None },
        dynamic: None,
    };

    /// The number of places after `places` (0: of the first segment).
    pub(super) fn next_size(places: usize) -> usize {
        (places * 2).max(4)
    }

    /// A new, empty segment.
    pub(super) fn new<S: Kind>(mc: &Mutation<'gc, S>, places: usize, depth: u32) -> Result<Self, AllocError> {
        const { assert!(align_of::<E>() <= MAX_ALIGN, "an element's alignment may be at most 4096 bytes") };
        assert!(places < PLACES as usize, "too many keys with one hash");
        let size = size_of::<E>().checked_mul(places).and_then(|bytes| bytes.checked_add(Self::data(places)));
        let Some(size) = size.filter(|&size| size <= isize::MAX as usize) else {
            return Err(AllocError { size: usize::MAX, cause: allocator::Cause::TooLarge });
        };
        let owner = if !E::HOLDS_GC && !needs_drop::<E>() { LEAF } else { Self::INFO.owner() };
        let slot = mc.raw_slot(owner, size, align_of::<E>().max(align_of::<Header>()))?;
        let claim = Claim::new();
        if mc.record().mode() == Mode::Trace {
            claim.finish(mc.record().epoch()); // `container` B4
        }
        let header = Header { claim, items: 0, growth: capacity(places) as u32, shape: places as u32 | depth << 28 };
        let header_at = slot.cast::<Header>();
        // SAFETY: the slot is ours, and large enough.
        unsafe { header_at.write(header) };
        let this = Segment { header: header_at, _content: PhantomData };
        // SAFETY: inside the slot.
        unsafe { this.control(0).write_bytes(EMPTY, Self::groups(places) * GROUP) };
        let absent = Self::groups(places) * GROUP - places;
        // SAFETY: inside the slot: the rest of the last group.
        unsafe { this.control(places).write_bytes(ABSENT, absent) };
        Ok(this)
    }

    #[inline(always)]
    fn claim(self) -> &'gc Claim {
        let claim = self.field::<u8>(std::mem::offset_of!(Header, claim)).cast::<Claim>();
        // SAFETY: the header is initialised, and the claim is atomic.
        unsafe { &*claim }
    }

    /// The barrier of a write that may overwrite or take out the element at `place`, or none.
    #[inline(always)]
    pub(super) fn before_write<S: Kind>(self, mc: &Mutation<'gc, S>, place: Option<usize>) {
        if E::HOLDS_GC && mc.record().mode().shades() {
            self.before_write_shading(mc, place);
        }
        self.claim().content.write();
    }

    #[cold]
    #[inline(never)]
    fn before_write_shading<S: Kind>(self, mc: &Mutation<'gc, S>, place: Option<usize>) {
        let record = mc.record();
        if record.mode() == Mode::Trace {
            snapshot(record, self.claim(), &All(self)); // B2
        } else if let Some(place) = place {
            // SAFETY: S1, S3.
            record.shade(unsafe { self.at(place).as_ref() }); // B3
        }
    }

    /// The barrier of a write that moves elements elsewhere.
    pub(super) fn before_move<S: Kind>(self, mc: &Mutation<'gc, S>) {
        if E::HOLDS_GC && mc.record().mode().shades() {
            // Before Trace all of it (B3), as `snapshot` does.
            snapshot(mc.record(), self.claim(), &All(self));
        }
        self.claim().content.write();
    }
}

/// The elements of a segment, for a tracer.
struct All<'gc, E>(Segment<'gc, E>);

// SAFETY: passes every element on. Its maker holds the lock or the claim (S3).
unsafe impl<'gc, E: Trace<'gc>> Trace<'gc> for All<'gc, E> {
    const HOLDS_GC: bool = E::HOLDS_GC;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        let mut next = self.0.next_full(0);
        while let Some(place) = next {
            // SAFETY: S1, S3.
            tracer.field(unsafe { self.0.at(place).as_ref() });
            next = self.0.next_full(place + 1);
        }
    }
}

/// # Safety
/// The bits name segments of `E` on `page`, and what the tracer traces belongs to their heap.
unsafe fn scan<'gc, E: Trace<'gc>>(page: *const u8, bits: &PageBits, _: usize, tracer: &mut Tracer<'_>) {
    // SAFETY: by contract.
    let tracer: &mut Tracer<'gc> = unsafe { tracer.rebrand() };
    for_each_slot(page, bits, |slot| {
        // SAFETY: inside an object.
        let slot = unsafe { NonNull::new_unchecked(slot.cast_mut()) };
        // SAFETY: by contract.
        let segment = unsafe { Segment::<'gc, E>::of(slot) };
        tracer.compound(segment.claim(), |tracer| All(segment).trace(tracer));
    });
}

/// Drops what a segment still has, also if one of them panics.
struct Rest<'gc, E> {
    segment: Segment<'gc, E>,
    next: usize,
}

impl<E> Rest<'_, E> {
    fn run(&mut self) {
        while let Some(place) = self.segment.next_full(self.next) {
            self.next = place + 1;
            // SAFETY: S1; the object is dead, and each element is come upon once.
            unsafe { self.segment.at(place).drop_in_place() };
        }
    }
}

impl<E> Drop for Rest<'_, E> {
    fn drop(&mut self) {
        self.run();
    }
}

/// # Safety
/// `slot` holds a segment of `E` that nothing can reach any more.
unsafe fn drop_all<E>(slot: NonNull<u8>, _: usize) {
    // SAFETY: by contract.
    let segment = unsafe { Segment::<E>::of(slot) };
    Rest { segment, next: 0 }.run();
}
