//! Allocation: `mc.alloc`, slices, strings.
//!
//! The fast path bumps a pointer inside a run of free slots of a span of this very type (or, for leaves, of this size); the
//! run's bits were set when it was opened, so nothing else is written but the object. Everything else is in `slot_slow`.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, align_of, size_of};
use std::ptr::NonNull;
use std::time::Instant;

use allocator::{AllocError, Owner, SizeClass};

use crate::gc::Gc;
use crate::kind::Kind;
use crate::mode::Mode;
use crate::mutator::Mutation;
use crate::record::Record;
use crate::stats::Cause;
use crate::sync::yield_now;
use crate::trace::{Storable, Trace};
use crate::type_info::{LEAF, Sized_, Slice, SliceLayout, TypeInfo};

impl<'gc, S: Kind> Mutation<'gc, S> {
    /// Allocates `value`. 16-byte slots and up; no header.
    ///
    /// Cost: a pointer bump, some nanoseconds; now and then a new span (some microseconds at most).
    ///
    /// # Panics
    /// When there is no memory; see [`try_alloc`](Mutation::try_alloc).
    #[inline(always)]
    pub fn alloc<T: Trace<'gc> + Storable<S> + 'gc>(&self, value: T) -> Gc<'gc, T> {
        match self.sized_slot::<T>() {
            Ok(slot) => self.place(slot, value),
            Err(error) => out_of_memory(error),
        }
    }

    /// Allocates `value`, or says why there is no memory; `value` is dropped then.
    ///
    /// # Errors
    /// When a memory limit is reached ([`Config::hard_limit`](crate::Config::hard_limit)), or the address space is full.
    #[inline]
    pub fn try_alloc<T: Trace<'gc> + Storable<S> + 'gc>(&self, value: T) -> Result<Gc<'gc, T>, AllocError> {
        let slot = self.sized_slot::<T>()?;
        Ok(self.place(slot, value))
    }

    #[inline(always)]
    fn place<T>(&self, slot: NonNull<u8>, value: T) -> Gc<'gc, T> {
        let slot = slot.cast::<T>();
        // SAFETY: a free slot for a `T`, which nobody else has.
        unsafe { slot.write(value) };
        // SAFETY: initialised, and kept until the region ends: a newborn is white at most while no cycle may free it.
        unsafe { Gc::from_ptr(slot) }
    }

    /// A slot for a `T`.
    #[inline(always)]
    fn sized_slot<T: Trace<'gc>>(&self) -> Result<NonNull<u8>, AllocError> {
        let record = self.record();
        if let Some(class) = Sized_::<T>::CLASS {
            // SAFETY: inside a region; no other reference to the cache lives.
            let cache = unsafe { record.cache() };
            let slot = if Sized_::<T>::IS_LEAF {
                cache.bump_plain(class)
            } else {
                cache.bump(std::ptr::from_ref(Sized_::<T>::INFO).expose_provenance(), class)
            };
            if let Some(slot) = NonNull::new(slot) {
                return Ok(slot);
            }
        }
        let owner = if Sized_::<T>::IS_LEAF { LEAF } else { Sized_::<T>::INFO.owner() };
        record.slot_slow(owner, Sized_::<T>::CLASS, size_of::<T>(), align_of::<T>())
    }

    /// Allocates `value` in spans of `info`, which is one of `T`s.
    #[inline]
    pub(crate) fn alloc_as<T: Trace<'gc>>(&self, info: &'static TypeInfo, value: T) -> Gc<'gc, T> {
        self.try_alloc_as(info, value).unwrap_or_else(|error| out_of_memory(error))
    }

    /// As [`alloc_as`](Mutation::alloc_as).
    ///
    /// # Errors
    /// When there is no memory; `value` is dropped then.
    #[inline]
    pub(crate) fn try_alloc_as<T: Trace<'gc>>(
        &self,
        info: &'static TypeInfo,
        value: T,
    ) -> Result<Gc<'gc, T>, AllocError> {
        let record = self.record();
        let slot = Sized_::<T>::CLASS.and_then(|class| {
            // SAFETY: inside a region; no other reference to the cache lives.
            let cache = unsafe { record.cache() };
            NonNull::new(cache.bump(std::ptr::from_ref(info).expose_provenance(), class))
        });
        let slot = match slot {
            Some(slot) => slot,
            None => record.slot_slow(info.owner(), Sized_::<T>::CLASS, size_of::<T>(), align_of::<T>())?,
        };
        Ok(self.place(slot, value))
    }

    /// Allocates a slice of the items of an iterator that knows its length. If the iterator ends early, the slice is
    /// shorter; if it has more, they stay in it. If it panics, what was built is dropped.
    ///
    /// # Panics
    /// As [`alloc`](Mutation::alloc), and when the iterator does.
    pub fn alloc_slice<T, I>(&self, items: I) -> Gc<'gc, [T]>
    where
        T: Trace<'gc> + Storable<S> + 'gc,
        I: IntoIterator<Item = T>,
        I::IntoIter: ExactSizeIterator,
    {
        self.try_alloc_slice(items).unwrap_or_else(|error| out_of_memory(error))
    }

    /// As [`alloc_slice`](Mutation::alloc_slice).
    ///
    /// # Errors
    /// When there is no memory, or the slice would be larger than `isize::MAX` bytes; no item was taken then.
    pub fn try_alloc_slice<T, I>(&self, items: I) -> Result<Gc<'gc, [T]>, AllocError>
    where
        T: Trace<'gc> + Storable<S> + 'gc,
        I: IntoIterator<Item = T>,
        I::IntoIter: ExactSizeIterator,
    {
        let items = items.into_iter();
        let capacity = items.len();
        let mut building = self.slice_slot::<T>(capacity)?;
        for item in items.take(capacity) {
            building.push(item);
        }
        Ok(building.finish())
    }

    /// Allocates a copy of a slice.
    ///
    /// # Panics
    /// As [`alloc`](Mutation::alloc).
    pub fn alloc_slice_copy<T>(&self, items: &[T]) -> Gc<'gc, [T]>
    where
        T: Trace<'gc> + Storable<S> + Copy + 'gc,
    {
        let mut building = self.slice_slot::<T>(items.len()).unwrap_or_else(|error| out_of_memory(error));
        building.extend_from_slice(items);
        building.finish()
    }

    /// Allocates a string.
    ///
    /// # Panics
    /// As [`alloc`](Mutation::alloc).
    pub fn alloc_str(&self, text: &str) -> Gc<'gc, str> {
        self.try_alloc_str(text).unwrap_or_else(|error| out_of_memory(error))
    }

    /// As [`alloc_str`](Mutation::alloc_str).
    ///
    /// # Errors
    /// As [`try_alloc`](Mutation::try_alloc).
    ///
    /// ```
    /// use gc_core::LocalHeap;
    ///
    /// let heap = LocalHeap::new();
    /// let mut mutator = heap.mutator().unwrap();
    /// mutator.mutate(|mc| {
    ///     assert_eq!(&*mc.try_alloc_str("text")?, "text");
    ///     Ok::<(), gc_core::AllocError>(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn try_alloc_str(&self, text: &str) -> Result<Gc<'gc, str>, AllocError> {
        let mut building = self.slice_slot::<u8>(text.len())?;
        building.extend_from_slice(text.as_bytes());
        let bytes: Gc<'gc, [u8]> = building.finish();
        // SAFETY: the bytes of a `str`, which has the layout of `[u8]`.
        Ok(unsafe { Gc::__coerce(bytes, |bytes| bytes as *mut str) })
    }

    /// A slice of up to `capacity` items, to be built one by one.
    ///
    /// # Errors
    /// As [`try_alloc_slice`](Mutation::try_alloc_slice).
    pub fn slice_builder<T>(&self, capacity: usize) -> Result<SliceBuilder<'gc, T>, AllocError>
    where
        T: Trace<'gc> + Storable<S> + 'gc,
    {
        self.slice_slot(capacity)
    }

    /// A slot of `size` bytes for an object of `owner`, which the caller initialises before anything else (`type_info` I1).
    #[inline]
    pub(crate) fn raw_slot(&self, owner: Owner, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        let class = SizeClass::of(size, align);
        let bumped = class.and_then(|class| {
            // SAFETY: inside a region; no other reference to the cache lives.
            let cache = unsafe { self.record().cache() };
            NonNull::new(if owner.word == LEAF.word { cache.bump_plain(class) } else { cache.bump(owner.word, class) })
        });
        bumped.map_or_else(|| self.record().slot_slow(owner, class, size, align), Ok)
    }

    pub(crate) fn slice_slot<T: Trace<'gc>>(&self, capacity: usize) -> Result<SliceBuilder<'gc, T>, AllocError> {
        let record = self.record();
        let align = SliceLayout::<T>::ALIGN;
        let Some(size) = SliceLayout::<T>::size(capacity) else {
            return Err(AllocError { size: usize::MAX, cause: allocator::Cause::TooLarge });
        };
        let owner = if Slice::<T>::IS_LEAF { LEAF } else { Slice::<T>::INFO.owner() };
        let class = SizeClass::of(size, align);
        let bumped = class.and_then(|class| {
            // SAFETY: inside a region; no other reference to the cache lives.
            let cache = unsafe { record.cache() };
            let slot = if Slice::<T>::IS_LEAF { cache.bump_plain(class) } else { cache.bump(owner.word, class) };
            NonNull::new(slot)
        });
        let slot = match bumped {
            Some(slot) => slot,
            None => record.slot_slow(owner, class, size, align)?,
        };
        let slot_size = match class {
            Some(class) => class.slot_size(),
            // The length of an over-aligned slice stands at the slot's end.
            None => record.heap.space.span_of(slot.addr().get()).map_or(size, |span| span.slot_size()),
        };
        Ok(SliceBuilder::new(slot, slot_size, capacity))
    }
}

/// A slice being built, item by item ([`Mutation::slice_builder`]). If it is dropped unfinished, so is what was pushed.
///
/// ```
/// use gc_core::LocalHeap;
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let mut builder = mc.slice_builder(3)?;
///     for word in "the quick fox".split(' ') {
///         builder.push(mc.alloc_str(word));
///     }
///     let words = builder.finish();
///     assert_eq!(&*words[1], "quick");
///     Ok::<(), gc_core::AllocError>(())
/// })
/// # .unwrap();
/// ```
pub struct SliceBuilder<'gc, T: 'gc> {
    data: NonNull<T>,
    len_at: *mut usize,
    capacity: usize,
    len: usize,
    /// Invariant in `T`: what is pushed is of the type that was asked for `Trace`, not of one with a shorter lifetime, which
    /// its drop would read after the region.
    _brand: PhantomData<(Gc<'gc, T>, Cell<T>)>,
}

impl<'gc, T: 'gc> SliceBuilder<'gc, T> {
    fn new(slot: NonNull<u8>, slot_size: usize, capacity: usize) -> Self {
        let len_at = SliceLayout::<T>::len_at(slot.as_ptr(), slot_size).cast_mut();
        // SAFETY: inside the slot, aligned to 8. Until `finish` the slot is an empty slice (`type_info` I1).
        unsafe { len_at.write(0) };
        // SAFETY: inside the slot.
        let data = unsafe { slot.add(SliceLayout::<T>::DATA) };
        SliceBuilder { data: data.cast(), len_at, capacity, len: 0, _brand: PhantomData }
    }

    /// How many items it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an item.
    ///
    /// # Panics
    /// When it is full.
    #[inline]
    pub fn push(&mut self, item: T) {
        assert!(self.len < self.capacity, "a slice builder for {} items is full", self.capacity);
        // SAFETY: below the capacity.
        let place = unsafe { self.data.add(self.len) };
        // SAFETY: inside the slot, and not yet initialised.
        unsafe { place.write(item) };
        self.len += 1;
    }

    /// Adds copies of all of `items`.
    ///
    /// # Panics
    /// When they do not fit; none is added then.
    pub fn extend_from_slice(&mut self, items: &[T])
    where
        T: Copy,
    {
        let room = self.capacity - self.len;
        assert!(items.len() <= room, "a slice builder has room for {room} items, not for {}", items.len());
        // SAFETY: below the capacity, or at it if there are no items.
        let place = unsafe { self.data.add(self.len) };
        // SAFETY: inside the slot, which nobody else knows, so nothing overlaps.
        unsafe { std::ptr::copy_nonoverlapping(items.as_ptr(), place.as_ptr(), items.len()) };
        self.len += items.len();
    }

    /// The slice of what was pushed.
    pub fn finish(self) -> Gc<'gc, [T]> {
        let this = ManuallyDrop::new(self);
        // SAFETY: as in `new`; all of `len` is initialised now.
        unsafe { this.len_at.write(this.len) };
        // SAFETY: as in `Mutation::place`.
        unsafe { Gc::from_ptr(NonNull::slice_from_raw_parts(this.data, this.len)) }
    }
}

impl<T> Drop for SliceBuilder<'_, T> {
    fn drop(&mut self) {
        let built = NonNull::slice_from_raw_parts(self.data, self.len);
        // SAFETY: exactly these are initialised, and the slot says that none is.
        unsafe { built.drop_in_place() };
    }
}

impl<T: fmt::Debug> fmt::Debug for SliceBuilder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let built = NonNull::slice_from_raw_parts(self.data, self.len);
        // SAFETY: exactly these are initialised, and `&self` keeps them from being changed.
        unsafe { built.as_ref() }.fmt(f)
    }
}

impl Record {
    /// A slot off the fast path: the next run of free slots, another span, or a large object.
    #[cold]
    #[inline(never)]
    fn slot_slow(
        &self,
        owner: Owner,
        class: Option<SizeClass>,
        size: usize,
        align: usize,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: inside a region; no other reference to the cache lives.
        let cache = unsafe { self.cache() };
        if let Some(class) = class {
            // The next run in the span at hand is some nanoseconds, and not worth a look at the clock.
            if let Some(slot) = cache.next_run(owner, class) {
                // MUTATION(next-run-unremembered) skip
                self.opened_run(slot);
                return Ok(slot);
            }
        }
        self.poll_in_region();
        let since = Instant::now();
        let refill = || {
            // SAFETY: inside a region; no other reference to the cache lives.
            let cache = unsafe { self.cache() };
            match class {
                Some(class) => cache.refill(owner, class),
                None => cache.alloc_large(owner, size, align),
            }
        };
        let mut slot = refill();
        if is_limit(&slot) {
            // What is set aside for buffers may do (`external` X2).
            self.heap.external.settle();
            slot = refill();
        }
        if let Ok(slot) = slot {
            // MUTATION(refill-unremembered) skip
            self.opened_run(slot);
        }
        self.heap.has_grown();
        self.heap.release_if_near(1, 0);
        if is_limit(&slot) {
            self.heap.refused();
        }
        let in_trace = self.mode() == Mode::Trace;
        if !in_trace && self.heap.waits_for_its_runner() {
            // Far beyond the goal, and there is nothing to assist with: the collector's thread may wait for a processor.
            yield_now();
        }
        self.recorder.lock().interrupted(Cause::Refill, since.elapsed());
        if in_trace {
            self.assist(since);
        }
        slot
    }
}

/// Whether a memory limit is why there is no slot.
fn is_limit(slot: &Result<NonNull<u8>, AllocError>) -> bool {
    matches!(slot, Err(AllocError { cause: allocator::Cause::Limit, .. }))
}

#[cold]
#[inline(never)]
pub(crate) fn out_of_memory(error: AllocError) -> ! {
    panic!("{error}; `try_alloc` gives an error instead")
}
