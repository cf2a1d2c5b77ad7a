//! A segment of a deque: one object with a ring of places inside.
//!
//! ```text
//!   | claim · start · len · capacity: 16 | (padding) E, E, E .. |
//! ```
//!
//! R1. The initialised elements are the `len` places from `start` on, around the end; `len` covers an element after it was
//!     written, and no longer when it is taken out.
//! R2. All but the claim is read by who holds the container's lock, or the claim; and written by who holds the lock
//!     exclusively, after the barrier (`container` B2, B3).

use std::marker::PhantomData;
use std::mem::{align_of, needs_drop, offset_of, size_of};
use std::ops::Range;
use std::ptr::NonNull;

use allocator::AllocError;

use crate::cell::snapshot;
use crate::claim::Claim;
use crate::kind::Kind;
use crate::mode::Mode;
use crate::mutator::Mutation;
use crate::trace::Trace;
use crate::tracer::Tracer;
use crate::type_info::{LEAF, MAX_ALIGN, PageBits, TypeInfo, for_each_slot};

/// Bytes of the elements of a full-grown segment, unless one alone is larger.
const BYTES: usize = 4096;

#[repr(C, align(16))]
struct Header {
    claim: Claim,
    start: u32,
    len: u32,
    /// A power of two.
    capacity: u32,
}

/// See the module documentation.
pub(super) struct Ring<'gc, E> {
    header: NonNull<Header>,
    _content: PhantomData<(&'gc (), *mut E)>,
}

impl<E> Clone for Ring<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Ring<'_, E> {}

impl<'gc, E> Ring<'gc, E> {
    /// Places of a full-grown segment, as a power of two.
    pub(super) const LOG: u32 = if cfg!(loom) {
        1
    } else if size_of::<E>() == 0 {
        BYTES.ilog2()
    } else if size_of::<E>() > BYTES {
        0
    } else {
        (BYTES / size_of::<E>()).ilog2()
    };
    pub(super) const PLACES: usize = 1 << Self::LOG;

    /// Where the elements begin.
    const DATA: usize = size_of::<Header>().next_multiple_of(align_of::<E>());

    /// The segment that an edge leads to.
    ///
    /// # Safety
    /// A segment of `E` made by `new`, alive for the region.
    #[inline(always)]
    pub(super) unsafe fn of(slot: NonNull<u8>) -> Self {
        Ring { header: slot.cast(), _content: PhantomData }
    }

    #[inline(always)]
    pub(super) fn slot(self) -> NonNull<u8> {
        self.header.cast()
    }

    #[inline(always)]
    fn field<T>(self, offset: usize) -> *mut T {
        self.header.as_ptr().cast::<u8>().wrapping_add(offset).cast()
    }

    #[inline(always)]
    fn get(self, offset: usize) -> usize {
        // SAFETY: R2: inside the header, initialised in `new`.
        unsafe { self.field::<u32>(offset).read() as usize }
    }

    #[inline(always)]
    fn put(self, offset: usize, value: usize) {
        // SAFETY: R2: as above.
        unsafe { self.field::<u32>(offset).write(value as u32) }
    }

    #[inline(always)]
    fn start(self) -> usize {
        self.get(offset_of!(Header, start))
    }

    #[inline(always)]
    fn set_start(self, start: usize) {
        self.put(offset_of!(Header, start), start);
    }

    #[inline(always)]
    pub(super) fn len(self) -> usize {
        self.get(offset_of!(Header, len))
    }

    #[inline(always)]
    fn set_len(self, len: usize) {
        self.put(offset_of!(Header, len), len);
    }

    #[inline(always)]
    pub(super) fn capacity(self) -> usize {
        self.get(offset_of!(Header, capacity))
    }

    /// The place of the element with this number.
    #[inline(always)]
    pub(super) fn place(self, index: u64) -> usize {
        index as usize & (self.capacity() - 1)
    }

    #[inline(always)]
    pub(super) fn at(self, place: usize) -> NonNull<E> {
        let at = self.field::<u8>(Self::DATA).cast::<E>().wrapping_add(place);
        // SAFETY: inside an object.
        unsafe { NonNull::new_unchecked(at) }
    }

    /// An empty segment begins at this place from now on. The caller ran the barrier.
    pub(super) fn restart(self, place: usize) {
        debug_assert_eq!(self.len(), 0, "only an empty segment begins anew");
        self.set_start(place & (self.capacity() - 1));
    }

    /// Adds an element at the end.
    ///
    /// # Safety
    /// There is room; R2.
    #[inline(always)]
    pub(super) unsafe fn push_back(self, element: E) {
        let place = (self.start() + self.len()) & (self.capacity() - 1);
        // SAFETY: R1: a free place, by contract.
        unsafe { self.at(place).write(element) };
        self.set_len(self.len() + 1);
    }

    /// Adds an element at the front.
    ///
    /// # Safety
    /// There is room; R2.
    #[inline(always)]
    pub(super) unsafe fn push_front(self, element: E) {
        let place = self.start().wrapping_sub(1) & (self.capacity() - 1);
        // SAFETY: R1: a free place, by contract.
        unsafe { self.at(place).write(element) };
        self.set_start(place);
        self.set_len(self.len() + 1);
    }

    /// Takes the last element out.
    ///
    /// # Safety
    /// There is one, and it was shaded (`container` B3); R2.
    #[inline(always)]
    pub(super) unsafe fn pop_back(self) -> E {
        self.set_len(self.len() - 1);
        let place = (self.start() + self.len()) & (self.capacity() - 1);
        // SAFETY: R1: it was initialised, and is not any more.
        unsafe { self.at(place).read() }
    }

    /// Takes the first element out.
    ///
    /// # Safety
    /// As `pop_back`.
    #[inline(always)]
    pub(super) unsafe fn pop_front(self) -> E {
        let place = self.start();
        self.set_start((place + 1) & (self.capacity() - 1));
        self.set_len(self.len() - 1);
        // SAFETY: R1: it was initialised, and is not any more.
        unsafe { self.at(place).read() }
    }

    /// The places with elements: up to the end, and from the beginning on.
    fn full(self) -> [Range<usize>; 2] {
        let (start, len) = (self.start(), self.len());
        let first = len.min(self.capacity() - start);
        [start..start + first, 0..len - first]
    }
}

impl<'gc, E: Trace<'gc>> Ring<'gc, E> {
    const INFO: &'static TypeInfo = &TypeInfo {
        name: std::any::type_name::<E>,
        scan: if E::HOLDS_GC { Some(scan::<E>) } else { None },
        scan_part: None,
        drop: if needs_drop::<E>() { Some(drop_all::<E>) } else { None },
        dynamic: None,
    };

    /// The capacity after `capacity` (0: of the first segment).
    pub(super) fn next_size(capacity: usize) -> usize {
        (capacity * 2).max(4).min(Self::PLACES)
    }

    /// A new, empty segment that begins at this place.
    pub(super) fn new<S: Kind>(mc: &Mutation<'gc, S>, capacity: usize, start: usize) -> Result<Self, AllocError> {
        const { assert!(align_of::<E>() <= MAX_ALIGN, "an element's alignment may be at most 4096 bytes") };
        debug_assert!(capacity.is_power_of_two(), "a capacity is a power of two");
        let size = size_of::<E>().checked_mul(capacity).and_then(|bytes| bytes.checked_add(Self::DATA));
        let Some(size) = size.filter(|&size| size <= isize::MAX as usize) else {
            return Err(AllocError { size: usize::MAX, cause: allocator::Cause::TooLarge });
        };
        let owner = if !E::HOLDS_GC && !needs_drop::<E>() { LEAF } else { Self::INFO.owner() };
        let slot = mc.raw_slot(owner, size, align_of::<E>().max(align_of::<Header>()))?;
        let claim = Claim::new();
        if mc.record().mode() == Mode::Trace {
            claim.finish(mc.record().epoch()); // `container` B4
        }
        let start = (start & (capacity - 1)) as u32;
        let header_at = slot.cast::<Header>();
        // SAFETY: the slot is ours, and large enough.
        unsafe { header_at.write(Header { claim, start, len: 0, capacity: capacity as u32 }) };
        Ok(Ring { header: header_at, _content: PhantomData })
    }

    #[inline(always)]
    fn claim(self) -> &'gc Claim {
        let claim = self.field::<Claim>(offset_of!(Header, claim));
        // SAFETY: the header is initialised, and the claim is atomic.
        unsafe { &*claim }
    }

    /// The barrier of a write that may overwrite or take out the elements at `places`.
    #[inline(always)]
    pub(super) fn before_write<S: Kind>(self, mc: &Mutation<'gc, S>, places: Range<usize>) {
        if E::HOLDS_GC && mc.record().mode().shades() {
            self.before_write_shading(mc, places);
        }
        self.claim().content.write();
    }

    #[cold]
    #[inline(never)]
    fn before_write_shading<S: Kind>(self, mc: &Mutation<'gc, S>, places: Range<usize>) {
        let record = mc.record();
        if record.mode() == Mode::Trace {
            return snapshot(record, self.claim(), &All(self)); // B2
        }
        for place in places {
            // SAFETY: R1, R2: the caller names places with elements.
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
struct All<'gc, E>(Ring<'gc, E>);

// SAFETY: passes every element on. Its maker holds the lock or the claim (R2).
unsafe impl<'gc, E: Trace<'gc>> Trace<'gc> for All<'gc, E> {
    const HOLDS_GC: bool = E::HOLDS_GC;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        for place in self.0.full().into_iter().flatten() {
            // SAFETY: R1, R2.
            tracer.field(unsafe { self.0.at(place).as_ref() });
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
        let ring = unsafe { Ring::<'gc, E>::of(slot) };
        tracer.compound(ring.claim(), |tracer| All(ring).trace(tracer));
    });
}

/// Drops what a segment still has, also if one of them panics.
struct Rest<'gc, E>(Ring<'gc, E>);

impl<E> Rest<'_, E> {
    fn run(&mut self) {
        while self.0.len() != 0 {
            let place = self.0.start();
            self.0.set_start((place + 1) & (self.0.capacity() - 1));
            self.0.set_len(self.0.len() - 1);
            // SAFETY: R1; the object is dead, and the element no longer covered.
            unsafe { self.0.at(place).drop_in_place() };
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
    let ring = unsafe { Ring::<E>::of(slot) };
    Rest(ring).run();
}
