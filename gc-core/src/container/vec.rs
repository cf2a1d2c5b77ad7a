//! [`GcVec`]: a vector inside an object: a deque (`deque`) of which one end moves.

use std::fmt;
use std::ops::{Deref, Index, IndexMut, RangeBounds};

use super::deque::{DequeMut, GcDeque, SeqDrain, SeqIterMut, SeqRef, SeqView, indices};
use crate::cell::{BorrowError, BorrowMutError};
use crate::kind::{Kind, Shared};
use crate::mutator::Mutation;
use crate::trace::{Rebrand, Storable, Trace};
use crate::tracer::Tracer;

/// A growable vector for a field of an object, with the feel of [`Vec`](std::vec::Vec). It grows, is shaded and is dropped in
/// segments of some 4 KiB, so that no operation takes longer because the vector is large, while a cycle is on either: but for
/// [`insert`](VecMut::insert) and [`remove`](VecMut::remove), which move what lies behind.
///
/// [`borrow`](GcVec::borrow) and [`borrow_mut`](GcVec::borrow_mut) give guards with the vector's methods. In a
/// [`LocalHeap`](crate::LocalHeap) (`S` = [`Owned`](crate::Owned)) they follow the rules of `RefCell`; in a
/// [`Heap`](crate::Heap) (`S` = [`Shared`], the default) each locks the vector for its thread alone, and waits for others. A thread
/// that holds a guard of a vector is refused another of the same vector instead of waiting for itself.
///
/// Iterators go from segment to segment and are as fast as a slice's within one; an index is looked up in a trie, which takes a load
/// for each level: none up to some hundred elements, one up to some 60 thousand pointers, two up to 8 million.
///
/// What is left when the vector is cleared or becomes unreachable is dropped by the collector, segment by segment.
///
/// ```
/// use gc_core::{Gc, GcVec, LocalHeap, Owned, Trace};
///
/// /// A list of a language.
/// #[derive(Trace)]
/// struct List<'gc> {
///     items: GcVec<'gc, Gc<'gc, str>, Owned>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let list = mc.alloc(List { items: GcVec::new() });
///     let mut items = list.items.borrow_mut(mc);
///     items.extend(["one", "three"].map(|text| mc.alloc_str(text)));
///     items.insert(1, mc.alloc_str("two"));
///     items[0] = mc.alloc_str("zero");
///     assert_eq!(items.iter().map(|item| &**item).collect::<Vec<_>>(), ["zero", "two", "three"]);
///     assert_eq!(items.pop().as_deref(), Some("three"));
/// });
/// ```
pub struct GcVec<'gc, T, S: Kind = Shared>(GcDeque<'gc, T, S>);

impl<'gc, T, S: Kind> GcVec<'gc, T, S> {
    /// An empty vector, which has no memory of its own yet.
    pub fn new() -> Self {
        GcVec(GcDeque::new())
    }

    /// Locks the vector for reading.
    ///
    /// # Panics
    /// While this thread has a guard for writing (or, of a shared vector, any guard).
    #[inline]
    #[track_caller]
    pub fn borrow(&self) -> SeqRef<'_, 'gc, T, S> {
        self.0.borrow()
    }

    /// Locks the vector for reading, if that is possible at once.
    ///
    /// # Errors
    /// While it is locked for writing (or, a shared vector, at all).
    #[inline]
    pub fn try_borrow(&self) -> Result<SeqRef<'_, 'gc, T, S>, BorrowError> {
        self.0.try_borrow()
    }

    /// Locks the vector for writing.
    ///
    /// # Panics
    /// While this thread has a guard.
    #[inline]
    #[track_caller]
    pub fn borrow_mut<'v>(&'v self, mc: &'v Mutation<'gc, S>) -> VecMut<'v, 'gc, T, S> {
        VecMut(self.0.borrow_mut(mc))
    }

    /// Locks the vector for writing, if that is possible at once.
    ///
    /// # Errors
    /// While it is locked.
    #[inline]
    pub fn try_borrow_mut<'v>(&'v self, mc: &'v Mutation<'gc, S>) -> Result<VecMut<'v, 'gc, T, S>, BorrowMutError> {
        self.0.try_borrow_mut(mc).map(VecMut)
    }
}

/// One operation under a guard of its own. They panic where [`borrow`](GcVec::borrow) and [`borrow_mut`](GcVec::borrow_mut) do,
/// and `push` when there is no memory.
impl<'gc, T: Trace<'gc> + Storable<S> + 'gc, S: Kind> GcVec<'gc, T, S> {
    /// A copy of the element at an index.
    #[inline]
    pub fn get(&self, index: usize) -> Option<T>
    where
        T: Copy,
    {
        self.0.get(index)
    }

    /// Replaces the element at an index; the one that was there.
    ///
    /// # Panics
    /// Also when the index is not below the length.
    #[inline]
    #[track_caller]
    pub fn set(&self, mc: &Mutation<'gc, S>, index: usize, value: T) -> T {
        std::mem::replace(&mut self.borrow_mut(mc)[index], value)
    }

    /// Adds an element at the end.
    #[inline]
    pub fn push(&self, mc: &Mutation<'gc, S>, value: T) {
        self.0.push_back(mc, value);
    }

    /// Takes the last element out.
    #[inline]
    pub fn pop(&self, mc: &Mutation<'gc, S>) -> Option<T> {
        self.0.pop_back(mc)
    }
}

// SAFETY: passes the deque on.
unsafe impl<'gc, T: Trace<'gc>, S: Kind> Trace<'gc> for GcVec<'gc, T, S> {
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.0);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<T: Rebrand, S: Kind> Rebrand for GcVec<'_, T, S> {
    type With<'a> = GcVec<'a, T::With<'a>, S>;
}

impl<T, S: Kind> Default for GcVec<'_, T, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug, S: Kind> fmt::Debug for GcVec<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A [`GcVec`], borrowed exclusively.
pub struct VecMut<'v, 'gc, T, S: Kind = Shared>(DequeMut<'v, 'gc, T, S>);

impl<'gc, T: Trace<'gc> + Storable<S> + 'gc, S: Kind> VecMut<'_, 'gc, T, S> {
    /// Adds an element at the end.
    ///
    /// # Panics
    /// When there is no memory; see [`try_push`](VecMut::try_push).
    #[inline]
    pub fn push(&mut self, value: T) {
        self.0.push_back(value);
    }

    /// As [`push`](VecMut::push).
    ///
    /// # Errors
    /// When there is no memory; the vector is as it was, and the value is dropped.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), crate::AllocError> {
        self.0.try_push_back(value)
    }

    /// Puts an element before the one at `index`, or at the end. Moves all behind it by one: linear in their number.
    ///
    /// # Panics
    /// When the index is above the length, and when there is no memory.
    #[track_caller]
    pub fn insert(&mut self, index: usize, value: T) {
        let len = self.len();
        assert!(index <= len, "index {index} of {len} elements");
        self.push(value);
        for at in (index..len).rev() {
            self.swap(at, at + 1);
        }
    }
}

impl<'gc, T: Trace<'gc>, S: Kind> VecMut<'_, 'gc, T, S> {
    /// Takes the last element out.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop_back()
    }

    /// Takes the element at an index out. Moves all behind it by one: linear in their number;
    /// [`swap_remove`](VecMut::swap_remove) is not.
    ///
    /// # Panics
    /// When the index is not below the length.
    #[track_caller]
    pub fn remove(&mut self, index: usize) -> T {
        let len = self.len();
        assert!(index < len, "index {index} of {len} elements");
        for at in index + 1..len {
            self.swap(at - 1, at);
        }
        self.pop().expect("there is one")
    }

    /// Takes the element at an index out, and puts the last one in its place.
    ///
    /// # Panics
    /// When the index is not below the length.
    #[track_caller]
    pub fn swap_remove(&mut self, index: usize) -> T {
        let len = self.len();
        assert!(index < len, "index {index} of {len} elements");
        self.swap(index, len - 1);
        self.pop().expect("there is one")
    }

    /// The element at an index, to be changed.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index)
    }

    /// Exchanges two elements.
    ///
    /// # Panics
    /// When an index is not below the length.
    #[track_caller]
    pub fn swap(&mut self, a: usize, b: usize) {
        self.0.swap(a, b);
    }

    /// Drops the elements behind the first `len`, one by one, under the guard.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Keeps the elements for which `keep` is true, in their order, and drops the others under the guard. If `keep` panics, all
    /// are still there, in some order.
    pub fn retain(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.0.retain(keep);
    }

    /// Removes everything, in a step: what was there is dropped by the collector.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Removes everything and hands it out one by one, from either end. What is not taken is dropped by the collector.
    pub fn drain(&mut self) -> SeqDrain<'_, 'gc, T, S> {
        self.0.drain()
    }

    /// All elements from the first to the last, which may be changed.
    pub fn iter_mut(&mut self) -> SeqIterMut<'_, 'gc, T, S> {
        self.0.iter_mut()
    }

    /// The elements at the indices of a range, which may be changed.
    ///
    /// # Panics
    /// As [`range`](SeqView::range).
    #[track_caller]
    pub fn range_mut(&mut self, range: impl RangeBounds<usize>) -> SeqIterMut<'_, 'gc, T, S> {
        let range = indices(range, self.len());
        self.0.range_mut(range)
    }
}

impl<'gc, T: Trace<'gc> + Storable<S> + 'gc, S: Kind> Extend<T> for VecMut<'_, 'gc, T, S> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        self.0.extend(values);
    }
}

impl<'gc, T, S: Kind> Deref for VecMut<'_, 'gc, T, S> {
    type Target = SeqView<'gc, T, S>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T, S: Kind> Index<usize> for VecMut<'_, '_, T, S> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn index(&self, index: usize) -> &T {
        &self.0[index]
    }
}

impl<'gc, T: Trace<'gc>, S: Kind> IndexMut<usize> for VecMut<'_, 'gc, T, S> {
    #[inline]
    #[track_caller]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.0[index]
    }
}

impl<T: fmt::Debug, S: Kind> fmt::Debug for VecMut<'_, '_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
