//! [`Thin`]: a pointer to a slice, a string or a `dyn Trait` in one word. What is missing to the fat pointer stands in the
//! heap: the length in the object's slot, the vtable with the object's span.
//!
//! I1. A `Thin` is made of a `Gc` whose object was allocated as what it is: every `Gc<str>` and `Gc<[T]>` was (their length
//!     stands where `type_info` says); of a `dyn` object its span tells.

use std::any::TypeId;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

use allocator::Space;

use crate::cell::Word;
use crate::fat::from_fat;
use crate::gc::Gc;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::trace::{BrandedBy, DynFrom, GcDyn, Pointee, Rebrand, Storable, Trace};
use crate::tracer::Tracer;
use crate::type_info::{Behind, Dynamic, SliceLayout, TypeInfo};

/// What a [`Thin`] can point to: slices, `str`, `dyn Trait` after [`gc_dyn!`](crate::gc_dyn), and what is sized.
///
/// # Safety
///
/// `fatten` returns the pointer to the whole object of which the argument is the address.
#[diagnostic::on_unimplemented(
    message = "there is no thin pointer to `{Self}`",
    note = "for a `dyn Trait` of your own: `gc_dyn!(Trait)`"
)]
pub unsafe trait ThinTarget {
    /// The fat pointer.
    ///
    /// # Safety
    /// `object` is the address of a live object of this type, as a [`Thin`] keeps it.
    #[doc(hidden)]
    unsafe fn fatten(object: NonNull<()>) -> NonNull<Self>;
}

// SAFETY: the address is all there is to the pointer.
unsafe impl<T> ThinTarget for T {
    #[inline(always)]
    unsafe fn fatten(object: NonNull<()>) -> NonNull<Self> {
        object.cast()
    }
}

// SAFETY: finds the length where `type_info` has put it.
unsafe impl<T> ThinTarget for [T] {
    #[inline]
    unsafe fn fatten(object: NonNull<()>) -> NonNull<Self> {
        let data = object.as_ptr().cast_const().cast::<u8>();
        let slot = data.wrapping_sub(SliceLayout::<T>::DATA);
        // A length at the slot's end is found by the slot's size, which the span knows.
        let slot_size = if SliceLayout::<T>::LEN_FIRST { 0 } else { span_of(object).slot_size() };
        // SAFETY: by contract a slice of the heap.
        unsafe { SliceLayout::<T>::elements(slot, slot_size) }
    }
}

// SAFETY: as `[u8]`, of which a `str` has the layout.
unsafe impl ThinTarget for str {
    #[inline]
    unsafe fn fatten(object: NonNull<()>) -> NonNull<Self> {
        // SAFETY: by contract a string of the heap.
        let bytes = unsafe { <[u8]>::fatten(object) };
        // SAFETY: not null.
        unsafe { NonNull::new_unchecked(bytes.as_ptr() as *mut str) }
    }
}

/// The fat pointer of a `dyn` object, for [`gc_dyn!`](crate::gc_dyn).
///
/// # Safety
/// As [`ThinTarget::fatten`], and `D` is a `dyn` type.
#[doc(hidden)]
#[inline]
pub unsafe fn fatten_dyn<D: ?Sized + GcDyn>(object: NonNull<()>) -> NonNull<D> {
    let dynamic = dynamic_of(object).expect("a thin pointer to a `dyn` object is to one allocated as such");
    let fat = (dynamic.fatten)(object.as_ptr());
    // SAFETY: the object's own address.
    unsafe { NonNull::new_unchecked(from_fat::<D>(fat).cast_mut()) }
}

fn span_of(object: NonNull<()>) -> &'static allocator::Span {
    let space = Space::global().expect("an object lies in the space");
    space.span_of(object.addr().get()).expect("an object lies in a span")
}

/// What the object's span knows of it, if it was allocated behind a `dyn Trait`.
fn dynamic_of(object: NonNull<()>) -> Option<Dynamic> {
    // SAFETY: the object is of a heap of this crate, whose owner words are `TypeInfo`s.
    unsafe { TypeInfo::of_owner(span_of(object).owner().word) }?.dynamic
}

/// A [`Gc`] to a slice, a string or a `dyn Trait` in one word, for the value words of a VM and for
/// [`GcCell`](crate::GcCell)s.
///
/// [`Thin::gc`] gives the `Gc` back. That reads the length in front of the elements, which are about to be read anyway; for a
/// `dyn Trait`, and for elements aligned to 16 and more, it looks the object's span up: some nanoseconds.
///
/// ```
/// use gc_core::{GcCell, LocalHeap, Thin};
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let name: Thin<'_, str> = mc.alloc_str("thin").into();
///     assert_eq!(size_of_val(&name), size_of::<usize>());
///     let cell = mc.alloc(GcCell::new(Some(name)));
///     assert_eq!(&*cell.get().unwrap(), "thin");
/// });
/// ```
#[repr(transparent)]
pub struct Thin<'gc, T: ?Sized + 'gc> {
    object: NonNull<()>,
    /// Invariant in `'gc`; covariant in `T`, as `Gc`: nothing is written through it.
    _target: PhantomData<(fn(&'gc ()) -> &'gc (), Gc<'gc, T>)>,
}

// SAFETY: as `Gc`, which it stands for.
unsafe impl<T: ?Sized + Send + Sync> Send for Thin<'_, T> {}
// SAFETY: as `Gc`.
unsafe impl<T: ?Sized + Send + Sync> Sync for Thin<'_, T> {}

impl<T: ?Sized> Clone for Thin<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Thin<'_, T> {}

impl<'gc, T: ?Sized> Thin<'gc, T> {
    #[inline(always)]
    fn new(object: NonNull<()>) -> Self {
        Thin { object, _target: PhantomData }
    }

    /// Whether `a` and `b` name the same object.
    #[inline(always)]
    pub fn ptr_eq(a: Self, b: Self) -> bool {
        a.object.addr() == b.object.addr()
    }

    /// The pointer as one word for NaN boxes and tagged words: aligned to 8 at least, never null.
    #[inline(always)]
    pub fn into_raw(this: Self) -> *const () {
        this.object.as_ptr()
    }

    /// The pointer back from [`into_raw`](Thin::into_raw).
    ///
    /// # Safety
    /// As [`Gc::from_raw`].
    #[inline(always)]
    pub unsafe fn from_raw(raw: *const ()) -> Self {
        // SAFETY: by contract not null.
        Thin::new(unsafe { NonNull::new_unchecked(raw.cast_mut()) })
    }
}

impl<'gc, T: ?Sized + ThinTarget> Thin<'gc, T> {
    /// The pointer with its length or vtable.
    #[inline]
    pub fn gc(this: Self) -> Gc<'gc, T> {
        // SAFETY: I1.
        let fat = unsafe { T::fatten(this.object) };
        // SAFETY: the object that this pointer names, under its brand.
        unsafe { Gc::from_ptr(fat) }
    }

    /// The target, for as long as the region lasts.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "associated, so that it never hides a method of the target")]
    pub fn as_ref(this: Self) -> &'gc T {
        Gc::as_ref(Thin::gc(this))
    }
}

impl<'gc, D: ?Sized + GcDyn + Pointee> Thin<'gc, D> {
    /// The thin pointer to an object behind a `dyn Trait`, if it was allocated by
    /// [`alloc_dyn`](Mutation::alloc_dyn) for this very trait.
    pub fn try_from_gc(object: Gc<'gc, D>) -> Option<Self> {
        let object = Gc::erased(object);
        let interface = dynamic_of(object)?.interface;
        (interface() == TypeId::of::<D::With<'static>>()).then(|| Thin::new(object))
    }

    /// The object as what it was allocated as, if that is a `T`.
    ///
    /// ```
    /// use gc_core::{gc_dyn, DynTrace, LocalHeap, Thin, Trace};
    ///
    /// trait Object<'gc>: DynTrace<'gc> {
    ///     fn name(&self) -> &'static str;
    /// }
    /// gc_dyn!(Object);
    ///
    /// #[derive(Trace)]
    /// struct Point(i32, i32);
    ///
    /// impl<'gc> Object<'gc> for Point {
    ///     fn name(&self) -> &'static str {
    ///         "point"
    ///     }
    /// }
    ///
    /// let heap = LocalHeap::new();
    /// let mut mutator = heap.mutator().unwrap();
    /// mutator.mutate(|mc| {
    ///     let object: Thin<'_, dyn Object> = mc.alloc_dyn(Point(3, 4));
    ///     assert_eq!(object.name(), "point");
    ///     assert_eq!(Thin::downcast::<Point>(object).unwrap().1, 4);
    ///     assert!(Thin::downcast::<u32>(object).is_none());
    /// });
    /// ```
    pub fn downcast<T: Rebrand + BrandedBy<'gc>>(this: Self) -> Option<Gc<'gc, T>> {
        let object = dynamic_of(this.object)?.object;
        // The brand stands in neither id: `BrandedBy` says that `T` has it, and `alloc_dyn` that the object had its own.
        (object() == TypeId::of::<<T as Rebrand>::With<'static>>()).then(|| {
            // SAFETY: a `T`, by its id, alive as long as this pointer is.
            unsafe { Gc::from_ptr(this.object.cast()) }
        })
    }
}

impl<'gc, S: Kind> Mutation<'gc, S> {
    /// Allocates `value` behind a `dyn Trait`, so that one word suffices to name it, and it can be cast back:
    /// `let object: Thin<'_, dyn Object> = mc.alloc_dyn(value)`. Objects of each pair of type and trait have spans of
    /// their own.
    ///
    /// # Panics
    /// As [`alloc`](Mutation::alloc).
    #[inline]
    pub fn alloc_dyn<D, T>(&self, value: T) -> Thin<'gc, D>
    where
        D: ?Sized + DynFrom<T> + Pointee + Storable<S> + 'gc,
        T: Trace<'gc> + Rebrand + BrandedBy<'gc> + Storable<S> + 'gc,
    {
        let object = self.alloc_as(Behind::<'gc, T, D>::INFO, value);
        Thin::new(Gc::erased(object))
    }
}

impl<'gc, T> From<Gc<'gc, [T]>> for Thin<'gc, [T]> {
    #[inline(always)]
    fn from(slice: Gc<'gc, [T]>) -> Self {
        Thin::new(Gc::erased(slice))
    }
}

impl<'gc> From<Gc<'gc, str>> for Thin<'gc, str> {
    #[inline(always)]
    fn from(text: Gc<'gc, str>) -> Self {
        Thin::new(Gc::erased(text))
    }
}

impl<'gc, T: ?Sized + ThinTarget> From<Thin<'gc, T>> for Gc<'gc, T> {
    #[inline(always)]
    fn from(thin: Thin<'gc, T>) -> Self {
        Thin::gc(thin)
    }
}

// SAFETY: reports the one pointer it holds, and only for its own brand.
unsafe impl<'gc, T: ?Sized + 'gc> Trace<'gc> for Thin<'gc, T> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.edge(self.object);
    }
}

// SAFETY: substitutes the brand and nothing else; idempotent because `T::With` is.
unsafe impl<'gc, T: ?Sized + Pointee + 'gc> Rebrand for Thin<'gc, T> {
    type With<'a> = Thin<'a, T::With<'a>>;
}

// SAFETY: one word, which `Trace` reports.
unsafe impl<'gc, T: ?Sized + 'gc> Word<'gc> for Thin<'gc, T> {
    #[inline(always)]
    fn into_raw(self) -> *mut () {
        self.object.as_ptr()
    }

    #[inline(always)]
    unsafe fn from_raw(raw: *mut ()) -> Self {
        // SAFETY: by contract.
        unsafe { Thin::from_raw(raw) }
    }
}

// SAFETY: as above, null for `None`.
unsafe impl<'gc, T: ?Sized + 'gc> Word<'gc> for Option<Thin<'gc, T>> {
    #[inline(always)]
    fn into_raw(self) -> *mut () {
        self.map_or(std::ptr::null_mut(), |thin| thin.object.as_ptr())
    }

    #[inline(always)]
    unsafe fn from_raw(raw: *mut ()) -> Self {
        NonNull::new(raw).map(Thin::new)
    }
}

impl<T: ?Sized + ThinTarget> Deref for Thin<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        Thin::as_ref(*self)
    }
}

impl<T: ?Sized + ThinTarget + fmt::Debug> fmt::Debug for Thin<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + ThinTarget + fmt::Display> fmt::Display for Thin<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized> fmt::Pointer for Thin<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.object, f)
    }
}

impl<T: ?Sized + ThinTarget + PartialEq> PartialEq for Thin<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + ThinTarget + Eq> Eq for Thin<'_, T> {}

impl<T: ?Sized + ThinTarget + PartialOrd> PartialOrd for Thin<'_, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: ?Sized + ThinTarget + Ord> Ord for Thin<'_, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: ?Sized + ThinTarget + Hash> Hash for Thin<'_, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
