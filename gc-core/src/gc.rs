//! [`Gc`]: a pointer to an object of a collected heap, valid for one region.
//!
//! I1. A `Gc<'gc, T>` exists only while the region of the brand `'gc` is open (`'gc` is generative and invariant), and no
//!     safepoint lies inside a region: so the object it names was reachable or newborn at some moment of this region, and
//!     the collector frees nothing that was.
//! I2. It names the data of a slot: the slot's start, or, for slices and strings with elements aligned to at most 8, the
//!     8 bytes behind it, where the length stands. Both lie in the first granule of the slot, so a bit in the side tables
//!     is found by arithmetic from any `Gc`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::trace::{Pointee, Trace};
use crate::tracer::Tracer;

/// The alignment that every `Gc` to a sized type has at least, in bytes: four low bits are free for tags.
///
/// [`Gc<str>`](Gc) and slices are aligned to 8 only (the length stands in the first half of the granule).
pub const GC_ALIGN: usize = allocator::GRANULE;

/// A pointer to a `T` in the heap whose region has the brand `'gc`.
///
/// It is [`Copy`], one word for a sized `T` (and so is `Option<Gc<T>>`), and costs nothing to copy or drop. It
/// dereferences to `T`; what is inside changes only through the cells of this crate. It can't leave its region: to keep
/// an object alive across safepoints make a [`Root`](crate::Root) or a [`Local`](crate::Local) of it.
///
/// Comparison, ordering, hashing and formatting go through the target, as [`Rc`](std::rc::Rc) has them;
/// [`Gc::ptr_eq`] and [`ByPtr`] compare identities.
///
/// ```
/// use gc_core::{Gc, LocalHeap};
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let a = mc.alloc(17);
///     let b = a; // a copy of the pointer
///     assert!(Gc::ptr_eq(a, b));
///     assert_eq!(*b, 17);
/// });
/// ```
#[repr(transparent)]
pub struct Gc<'gc, T: ?Sized + 'gc> {
    ptr: NonNull<T>,
    /// Invariant in `'gc`.
    _brand: PhantomData<fn(&'gc ()) -> &'gc ()>,
}

// SAFETY: a `Gc` gives shared access to `T` and nothing else, as `&T` and `Arc<T>` do; dropping it does nothing.
unsafe impl<T: ?Sized + Send + Sync> Send for Gc<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for Gc<'_, T> {}

impl<T: ?Sized> Clone for Gc<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Gc<'_, T> {}

impl<'gc, T: ?Sized> Gc<'gc, T> {
    /// The pointer `ptr` as a `Gc`.
    ///
    /// # Safety
    /// `ptr` names a live, initialised object of type `T` of the heap that the region `'gc` belongs to (I1, I2).
    #[inline(always)]
    pub(crate) unsafe fn from_ptr(ptr: NonNull<T>) -> Self {
        Gc { ptr, _brand: PhantomData }
    }

    /// The target, for as long as the region lasts.
    #[inline(always)]
    #[expect(clippy::should_implement_trait, reason = "associated, so that it never hides a method of the target")]
    pub fn as_ref(this: Self) -> &'gc T {
        // SAFETY: I1, and no `&mut` to an object in the heap exists but through the cells, which are `UnsafeCell`s.
        unsafe { this.ptr.as_ref() }
    }

    /// Whether `a` and `b` name the same object. The length or vtable is not compared.
    #[inline(always)]
    pub fn ptr_eq(a: Self, b: Self) -> bool {
        a.ptr.addr() == b.ptr.addr()
    }

    /// The address of the target: stable as long as the object lives, for hashing by identity.
    #[inline(always)]
    pub fn addr(this: Self) -> usize {
        this.ptr.addr().get()
    }

    /// The raw pointer to the target.
    #[inline(always)]
    pub fn as_ptr(this: Self) -> *const T {
        this.ptr.as_ptr()
    }

    /// The pointer as the collector keeps it.
    #[inline(always)]
    pub(crate) fn erased(this: Self) -> NonNull<()> {
        this.ptr.cast()
    }

    /// Unsizes a pointer; used by [`unsize!`](crate::unsize), which lets the compiler check the coercion.
    ///
    /// # Safety
    /// `coerce` returns its argument, unsized: the same address, with the metadata of `T`.
    #[doc(hidden)]
    #[inline(always)]
    pub unsafe fn __coerce<U: ?Sized + 'gc, F>(this: Self, coerce: F) -> Gc<'gc, U>
    where
        F: FnOnce(*mut T) -> *mut U,
    {
        let ptr = coerce(this.ptr.as_ptr());
        // SAFETY: by contract the same, non-null address.
        let ptr = unsafe { NonNull::new_unchecked(ptr) };
        Gc { ptr, _brand: PhantomData }
    }
}

impl<'gc, T> Gc<'gc, T> {
    /// The pointer as one word for NaN boxes and tagged words: at least [`GC_ALIGN`]-aligned, never null, below 2^47 on
    /// the targets that have 47-bit user addresses.
    #[inline(always)]
    pub fn into_raw(this: Self) -> *const () {
        this.ptr.as_ptr().cast_const().cast()
    }

    /// The pointer back from [`into_raw`](Gc::into_raw).
    ///
    /// # Safety
    /// `raw` came from `into_raw` of a `Gc<'_, T>` (up to the brand's name) of the same heap, and the object has been
    /// kept alive since: the word stood where the collector saw it (in a field whose [`Trace`] reports it, in a cell
    /// through [`Word`](crate::Word)), or both calls lie in one region.
    #[inline(always)]
    pub unsafe fn from_raw(raw: *const ()) -> Self {
        // SAFETY: by contract not null.
        let ptr = unsafe { NonNull::new_unchecked(raw.cast_mut().cast()) };
        Gc { ptr, _brand: PhantomData }
    }
}

// SAFETY: reports the one pointer it holds, and only for its own brand.
unsafe impl<'gc, T: ?Sized + 'gc> Trace<'gc> for Gc<'gc, T> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.edge(self.ptr.cast());
    }
}

// SAFETY: substitutes the brand and nothing else; idempotent because `T::With` is.
unsafe impl<'gc, T: ?Sized + Pointee + 'gc> crate::trace::Rebrand for Gc<'gc, T> {
    type With<'a> = Gc<'a, T::With<'a>>;
}

impl<T: ?Sized> Deref for Gc<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        Gc::as_ref(*self)
    }
}

impl<T: ?Sized> AsRef<T> for Gc<'_, T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: ?Sized> std::borrow::Borrow<T> for Gc<'_, T> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Gc<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Gc<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized> fmt::Pointer for Gc<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.ptr, f)
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Gc<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Eq> Eq for Gc<'_, T> {}

impl<T: ?Sized + PartialOrd> PartialOrd for Gc<'_, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: ?Sized + Ord> Ord for Gc<'_, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: ?Sized + Hash> Hash for Gc<'_, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// A [`Gc`] that compares and hashes by identity: two are equal if they name the same object.
///
/// ```
/// use gc_core::{ByPtr, LocalHeap};
/// use std::collections::HashSet;
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let (a, b) = (mc.alloc(1), mc.alloc(1));
///     let seen = HashSet::from([ByPtr(a), ByPtr(b), ByPtr(a)]);
///     assert_eq!(seen.len(), 2);
/// });
/// ```
pub struct ByPtr<'gc, T: ?Sized + 'gc>(pub Gc<'gc, T>);

impl<T: ?Sized> Clone for ByPtr<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for ByPtr<'_, T> {}

impl<T: ?Sized> PartialEq for ByPtr<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        Gc::ptr_eq(self.0, other.0)
    }
}

impl<T: ?Sized> Eq for ByPtr<'_, T> {}

impl<T: ?Sized> PartialOrd for ByPtr<'_, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: ?Sized> Ord for ByPtr<'_, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        Gc::addr(self.0).cmp(&Gc::addr(other.0))
    }
}

impl<T: ?Sized> Hash for ByPtr<'_, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Gc::addr(self.0).hash(state);
    }
}

impl<T: ?Sized> fmt::Debug for ByPtr<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.0, f)
    }
}

// SAFETY: as `Gc`.
unsafe impl<'gc, T: ?Sized + 'gc> Trace<'gc> for ByPtr<'gc, T> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        self.0.trace(tracer);
    }
}

// SAFETY: as `Gc`.
unsafe impl<'gc, T: ?Sized + Pointee + 'gc> crate::trace::Rebrand for ByPtr<'gc, T> {
    type With<'a> = ByPtr<'a, T::With<'a>>;
}
