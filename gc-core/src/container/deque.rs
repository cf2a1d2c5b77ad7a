//! [`GcDeque`]: a double-ended queue inside an object.
//!
//! D1. [`SeqView`] is a `GcDeque` whose lock is held: only the guards give one. `&mut DequeMut` is the exclusive half.
//! D2. References to elements borrow the guard, so nothing moves an element while there is one.
//! D3. `&mut T` is handed out after the barrier for its element: what it overwrites was shaded, or its segment claimed.

mod iter;
mod queue;
mod ring;

pub use iter::{SeqDrain, SeqIter, SeqIterMut};

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, Deref, Index, IndexMut, Range, RangeBounds};

use queue::{End, Queue};

use super::lock::ContainerLock;
use crate::alloc::out_of_memory;
use crate::cell::{BorrowError, BorrowMutError};
use crate::kind::{Kind, Shared};
use crate::mutator::Mutation;
use crate::trace::{Rebrand, Storable, Trace};
use crate::tracer::Tracer;

/// A double-ended queue for a field of an object, with the feel of [`VecDeque`](std::collections::VecDeque). It grows, is
/// shaded and is dropped in segments of some 4 KiB, so that no operation takes longer because the deque is large, while a cycle
/// is on either.
///
/// [`borrow`](GcDeque::borrow) and [`borrow_mut`](GcDeque::borrow_mut) give guards with the deque's methods. In a
/// [`LocalHeap`](crate::LocalHeap) (`S` = [`Owned`](crate::Owned)) they follow the rules of `RefCell`; in a
/// [`Heap`](crate::Heap) (`S` = [`Shared`], the default) each locks the deque for its thread alone, and waits for others. A thread
/// that holds a guard of a deque is refused another of the same deque instead of waiting for itself.
///
/// A deque that is filled at one end and emptied at the other uses its segments again: it allocates for its largest length,
/// and a node of 1 KiB for some hundred segments that pass. There is no `insert` or `remove` in the middle: they would move half
/// of all.
///
/// What is left when the deque is cleared or becomes unreachable is dropped by the collector, segment by segment.
///
/// ```
/// use gc_core::{Gc, GcDeque, LocalHeap, Owned, Trace};
///
/// /// A language's microtasks, to be run in order.
/// #[derive(Trace)]
/// struct Jobs<'gc> {
///     queue: GcDeque<'gc, Gc<'gc, str>, Owned>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let jobs = mc.alloc(Jobs { queue: GcDeque::new() });
///     jobs.queue.push_back(mc, mc.alloc_str("first"));
///     jobs.queue.push_back(mc, mc.alloc_str("second"));
///     while let Some(job) = jobs.queue.pop_front(mc) {
///         if &*job == "first" {
///             jobs.queue.push_back(mc, mc.alloc_str("third"));
///         }
///     }
///     assert!(jobs.queue.borrow().is_empty());
/// });
/// ```
pub struct GcDeque<'gc, T, S: Kind = Shared> {
    queue: Queue<'gc, T>,
    lock: S::Lock,
}

// SAFETY: the lock gives one thread at a time access to the queue, and elements of a shared deque are `Send + Sync`
// (`Storable`).
unsafe impl<T: Send + Sync> Sync for GcDeque<'_, T, Shared> {}

impl<'gc, T, S: Kind> GcDeque<'gc, T, S> {
    /// An empty deque, which has no memory of its own yet.
    pub fn new() -> Self {
        GcDeque { queue: Queue::new(), lock: S::Lock::new() }
    }

    /// Locks the deque for reading.
    ///
    /// # Panics
    /// While this thread has a guard for writing (or, of a shared deque, any guard).
    #[inline]
    #[track_caller]
    pub fn borrow(&self) -> SeqRef<'_, 'gc, T, S> {
        if !self.lock.share(true) {
            refused();
        }
        SeqRef { deque: self, _not_send: PhantomData }
    }

    /// Locks the deque for reading, if that is possible at once.
    ///
    /// # Errors
    /// While it is locked for writing (or, a shared deque, at all).
    #[inline]
    pub fn try_borrow(&self) -> Result<SeqRef<'_, 'gc, T, S>, BorrowError> {
        if self.lock.share(false) { Ok(SeqRef { deque: self, _not_send: PhantomData }) } else { Err(BorrowError(())) }
    }

    /// Locks the deque for writing.
    ///
    /// # Panics
    /// While this thread has a guard.
    #[inline]
    #[track_caller]
    pub fn borrow_mut<'d>(&'d self, mc: &'d Mutation<'gc, S>) -> DequeMut<'d, 'gc, T, S> {
        if !self.lock.exclude(true) {
            refused();
        }
        DequeMut { deque: self, mc }
    }

    /// Locks the deque for writing, if that is possible at once.
    ///
    /// # Errors
    /// While it is locked.
    #[inline]
    pub fn try_borrow_mut<'d>(&'d self, mc: &'d Mutation<'gc, S>) -> Result<DequeMut<'d, 'gc, T, S>, BorrowMutError> {
        if self.lock.exclude(false) { Ok(DequeMut { deque: self, mc }) } else { Err(BorrowMutError(())) }
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refused() -> ! {
    panic!("container already borrowed by this thread")
}

/// One operation under a guard of its own. They panic where [`borrow`](GcDeque::borrow) and
/// [`borrow_mut`](GcDeque::borrow_mut) do, and pushes when there is no memory.
impl<'gc, T: Trace<'gc> + Storable<S> + 'gc, S: Kind> GcDeque<'gc, T, S> {
    /// A copy of the element at an index.
    #[inline]
    pub fn get(&self, index: usize) -> Option<T>
    where
        T: Copy,
    {
        self.borrow().get(index).copied()
    }

    /// Adds an element at the end.
    #[inline]
    pub fn push_back(&self, mc: &Mutation<'gc, S>, value: T) {
        self.borrow_mut(mc).push_back(value);
    }

    /// Adds an element at the front.
    #[inline]
    pub fn push_front(&self, mc: &Mutation<'gc, S>, value: T) {
        self.borrow_mut(mc).push_front(value);
    }

    /// Takes the last element out.
    #[inline]
    pub fn pop_back(&self, mc: &Mutation<'gc, S>) -> Option<T> {
        self.borrow_mut(mc).pop_back()
    }

    /// Takes the first element out.
    #[inline]
    pub fn pop_front(&self, mc: &Mutation<'gc, S>) -> Option<T> {
        self.borrow_mut(mc).pop_front()
    }
}

// SAFETY: passes the queue on; the elements are in its segments.
unsafe impl<'gc, T: Trace<'gc>, S: Kind> Trace<'gc> for GcDeque<'gc, T, S> {
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.queue);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<T: Rebrand, S: Kind> Rebrand for GcDeque<'_, T, S> {
    type With<'a> = GcDeque<'a, T::With<'a>, S>;
}

impl<T, S: Kind> Default for GcDeque<'_, T, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug, S: Kind> fmt::Debug for GcDeque<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_borrow() {
            Ok(deque) => deque.fmt(f),
            Err(_) => f.write_str("[<borrowed>]"),
        }
    }
}

/// A [`GcDeque`] or [`GcVec`](crate::GcVec) that may be read: what their guards are.
#[repr(transparent)]
pub struct SeqView<'gc, T, S: Kind = Shared>(GcDeque<'gc, T, S>);

impl<'gc, T, S: Kind> SeqView<'gc, T, S> {
    /// The view of a deque whose lock the caller holds (D1).
    #[inline(always)]
    fn of<'d>(deque: &'d GcDeque<'gc, T, S>) -> &'d Self {
        // SAFETY: transparent.
        unsafe { &*std::ptr::from_ref(deque).cast() }
    }

    /// How many elements it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.queue.len()
    }

    /// Whether it has none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at an index; the first is at 0.
    ///
    /// Cost: a load per level of the trie, one up to some 60 thousand pointers, two up to 8 million.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        if index >= self.len() {
            return None;
        }
        let (ring, place) = self.0.queue.at(index);
        // SAFETY: an element, which nobody writes while `self` is borrowed (D2).
        Some(unsafe { ring.at(place).as_ref() })
    }

    /// The first element.
    #[inline]
    pub fn front(&self) -> Option<&T> {
        self.get(0)
    }

    /// The last element.
    #[inline]
    pub fn back(&self) -> Option<&T> {
        self.get(self.len().checked_sub(1)?)
    }

    /// All elements from the first to the last.
    pub fn iter(&self) -> SeqIter<'_, 'gc, T> {
        self.range(..)
    }

    /// The elements at the indices of a range.
    ///
    /// # Panics
    /// When the range ends before it begins, or after the last element.
    #[track_caller]
    pub fn range(&self, range: impl RangeBounds<usize>) -> SeqIter<'_, 'gc, T> {
        SeqIter::new(&self.0.queue, indices(range, self.len()))
    }
}

/// The indices of a range over `len` elements.
#[track_caller]
pub(super) fn indices(range: impl RangeBounds<usize>, len: usize) -> Range<usize> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => before.checked_add(1).expect("a range begins after usize::MAX"),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&last) => last.checked_add(1).expect("a range ends after usize::MAX"),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => len,
    };
    assert!(start <= end && end <= len, "range {start}..{end} of {len} elements");
    start..end
}

impl<T, S: Kind> Index<usize> for SeqView<'_, T, S> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn index(&self, index: usize) -> &T {
        let len = self.len();
        self.get(index).unwrap_or_else(|| panic!("index {index} of {len} elements"))
    }
}

impl<T: fmt::Debug, S: Kind> fmt::Debug for SeqView<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A [`GcDeque`] or [`GcVec`](crate::GcVec), borrowed.
pub struct SeqRef<'d, 'gc, T, S: Kind = Shared> {
    deque: &'d GcDeque<'gc, T, S>,
    _not_send: PhantomData<*const ()>,
}

impl<'gc, T, S: Kind> Deref for SeqRef<'_, 'gc, T, S> {
    type Target = SeqView<'gc, T, S>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        SeqView::of(self.deque)
    }
}

impl<T, S: Kind> Drop for SeqRef<'_, '_, T, S> {
    #[inline(always)]
    fn drop(&mut self) {
        self.deque.lock.end_share();
    }
}

impl<T: fmt::Debug, S: Kind> fmt::Debug for SeqRef<'_, '_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A [`GcDeque`], borrowed exclusively.
pub struct DequeMut<'d, 'gc, T, S: Kind = Shared> {
    deque: &'d GcDeque<'gc, T, S>,
    /// Not `Send`, so neither is the guard.
    mc: &'d Mutation<'gc, S>,
}

impl<'gc, T: Trace<'gc> + Storable<S> + 'gc, S: Kind> DequeMut<'_, 'gc, T, S> {
    /// Adds an element at the end.
    ///
    /// # Panics
    /// When there is no memory; see [`try_push_back`](DequeMut::try_push_back).
    #[inline]
    pub fn push_back(&mut self, value: T) {
        self.try_push_back(value).unwrap_or_else(|error| out_of_memory(error));
    }

    /// As [`push_back`](DequeMut::push_back).
    ///
    /// # Errors
    /// When there is no memory; the deque is as it was, and the value is dropped.
    #[inline]
    pub fn try_push_back(&mut self, value: T) -> Result<(), crate::AllocError> {
        self.deque.queue.push(self.mc, End::Back, value)
    }

    /// Adds an element at the front.
    ///
    /// # Panics
    /// When there is no memory; see [`try_push_front`](DequeMut::try_push_front).
    #[inline]
    pub fn push_front(&mut self, value: T) {
        self.try_push_front(value).unwrap_or_else(|error| out_of_memory(error));
    }

    /// As [`push_front`](DequeMut::push_front).
    ///
    /// # Errors
    /// As [`try_push_back`](DequeMut::try_push_back).
    #[inline]
    pub fn try_push_front(&mut self, value: T) -> Result<(), crate::AllocError> {
        self.deque.queue.push(self.mc, End::Front, value)
    }
}

impl<'gc, T: Trace<'gc>, S: Kind> DequeMut<'_, 'gc, T, S> {
    /// Takes the last element out.
    #[inline]
    pub fn pop_back(&mut self) -> Option<T> {
        self.deque.queue.pop(self.mc, End::Back)
    }

    /// Takes the first element out.
    #[inline]
    pub fn pop_front(&mut self) -> Option<T> {
        self.deque.queue.pop(self.mc, End::Front)
    }

    /// The element at an index, to be changed.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.len() {
            return None;
        }
        let (ring, place) = self.deque.queue.at(index);
        ring.before_write(self.mc, place..place + 1); // D3
        // SAFETY: an element, exclusively borrowed with `self`.
        Some(unsafe { ring.at(place).as_mut() })
    }

    /// The first element, to be changed.
    #[inline]
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.get_mut(0)
    }

    /// The last element, to be changed.
    #[inline]
    pub fn back_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.len().checked_sub(1)?)
    }

    /// Exchanges two elements.
    ///
    /// # Panics
    /// When an index is not below the length.
    #[track_caller]
    pub fn swap(&mut self, a: usize, b: usize) {
        let [first, second] = [a, b].map(|index| {
            let len = self.len();
            let at = self.get_mut(index).unwrap_or_else(|| panic!("index {index} of {len} elements"));
            std::ptr::from_mut(at)
        });
        // SAFETY: two elements, or one twice, exclusively borrowed with `self`, after their barriers.
        unsafe { std::ptr::swap(first, second) };
    }

    /// Drops the elements behind the first `len`, one by one, under the guard.
    pub fn truncate(&mut self, len: usize) {
        while self.len() > len {
            self.pop_back();
        }
    }

    /// Keeps the elements for which `keep` is true, in their order, and drops the others under the guard. If `keep` panics, all
    /// are still there, in some order.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        let mut kept = 0;
        for index in 0..self.len() {
            if keep(&mut self[index]) {
                if kept != index {
                    self.swap(kept, index);
                }
                kept += 1;
            }
        }
        self.truncate(kept);
    }

    /// Removes everything, in a step: what was there is dropped by the collector.
    pub fn clear(&mut self) {
        let _ = self.deque.queue.take(self.mc);
    }

    /// Removes everything and hands it out one by one, from either end. What is not taken is dropped by the collector.
    pub fn drain(&mut self) -> SeqDrain<'_, 'gc, T, S> {
        SeqDrain::new(self.deque.queue.take(self.mc), self.mc)
    }

    /// All elements from the first to the last, which may be changed.
    pub fn iter_mut(&mut self) -> SeqIterMut<'_, 'gc, T, S> {
        self.range_mut(..)
    }

    /// The elements at the indices of a range, which may be changed.
    ///
    /// # Panics
    /// As [`range`](SeqView::range).
    #[track_caller]
    pub fn range_mut(&mut self, range: impl RangeBounds<usize>) -> SeqIterMut<'_, 'gc, T, S> {
        SeqIterMut::new(&self.deque.queue, self.mc, indices(range, self.len()))
    }
}

impl<'gc, T: Trace<'gc> + Storable<S> + 'gc, S: Kind> Extend<T> for DequeMut<'_, 'gc, T, S> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        for value in values {
            self.push_back(value);
        }
    }
}

impl<'gc, T, S: Kind> Deref for DequeMut<'_, 'gc, T, S> {
    type Target = SeqView<'gc, T, S>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        SeqView::of(self.deque)
    }
}

impl<T, S: Kind> Index<usize> for DequeMut<'_, '_, T, S> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn index(&self, index: usize) -> &T {
        &(**self)[index]
    }
}

impl<'gc, T: Trace<'gc>, S: Kind> IndexMut<usize> for DequeMut<'_, 'gc, T, S> {
    #[inline]
    #[track_caller]
    fn index_mut(&mut self, index: usize) -> &mut T {
        let len = self.len();
        self.get_mut(index).unwrap_or_else(|| panic!("index {index} of {len} elements"))
    }
}

impl<T, S: Kind> Drop for DequeMut<'_, '_, T, S> {
    #[inline(always)]
    fn drop(&mut self) {
        self.deque.lock.end_exclude();
    }
}

impl<T: fmt::Debug, S: Kind> fmt::Debug for DequeMut<'_, '_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
