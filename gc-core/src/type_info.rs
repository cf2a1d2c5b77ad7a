//! What the collector knows of a type: how to scan and drop the objects of a span, once per span instead of a header per
//! object. The address of a `TypeInfo` is the owner word of its spans.
//!
//! Slot layouts (the first granule holds what names the object, see `gc` I2):
//!
//! ```text
//!   sized T                       | T ................ |
//!   [E], str, align_of E <= 8     | len: 8 | E, E, E ... |
//!   [E], align_of E > 8           | E, E, E ....... | len: the slot's last 8 bytes |
//! ```
//!
//! I1. A slot that was handed out holds, before the next safepoint, an initialised object; a slice's length is written as 0
//!     first and raised to what is initialised, so a slot whose construction panicked drops and traces nothing.
//! I2. Types with nothing to trace and nothing to drop (leaves) share the spans of owner word 0.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::{align_of, needs_drop, size_of};
use std::ptr::NonNull;

use allocator::{GRANULE, Owner, SizeClass};

use crate::fat::{Fat, to_fat};
use crate::trace::{DynFrom, Pointee, Rebrand, Trace};
use crate::tracer::Tracer;

/// Attribute of spans whose objects hold no `Gc`: never queued, never scanned.
pub(crate) const SILENT: u8 = 0x1;

/// The largest alignment an object may have, in bytes.
///
/// ```
/// # use gc_core::{LocalHeap, Trace};
/// #[derive(Trace)]
/// #[repr(align(4096))]
/// struct Wide(u8);
/// LocalHeap::new().mutator().unwrap().mutate(|mc| assert_eq!(mc.alloc(Wide(1)).0, 1));
/// ```
/// More is refused when the program is compiled:
/// ```compile_fail
/// # use gc_core::{LocalHeap, Trace};
/// #[derive(Trace)]
/// #[repr(align(8192))]
/// struct Wide(u8);
/// LocalHeap::new().mutator().unwrap().mutate(|mc| assert_eq!(mc.alloc(Wide(1)).0, 1));
/// ```
pub(crate) const MAX_ALIGN: usize = 4096;

/// Bytes of a long slice that are scanned at a time, in whole elements: some ten microseconds if all are pointers to what is
/// in no cache. (Go's oblets, of 128 KiB, serve the same end.)
pub(crate) const PART: usize = if cfg!(loom) { 16 } else { 8 << 10 };

/// The words of a page's bits, one bit per granule.
pub(crate) type PageBits = [u64; 8];

/// Scans the objects whose start bits are set in `bits`.
type Scan = unsafe fn(page: *const u8, bits: &PageBits, slot_size: usize, tracer: &mut Tracer<'_>);
/// Scans a part of the object in a slot, from the `from`th element on; the element to go on with, if any is left.
type ScanPart = unsafe fn(slot: *const u8, slot_size: usize, from: usize, tracer: &mut Tracer<'_>) -> Option<usize>;
/// Drops the object in a slot.
type DropSlot = unsafe fn(slot: NonNull<u8>, slot_size: usize);

/// See the module documentation. Aligned so that its address hashes well.
#[repr(align(64))]
pub(crate) struct TypeInfo {
    /// The type's name, for reports.
    pub(crate) name: fn() -> &'static str,
    pub(crate) scan: Option<Scan>,
    /// For objects that may be scanned in parts: slices.
    pub(crate) scan_part: Option<ScanPart>,
    pub(crate) drop: Option<DropSlot>,
    /// Of objects that were allocated behind a `dyn Trait`.
    pub(crate) dynamic: Option<Dynamic>,
}

/// A `T` behind a `dyn Trait`, `D`: what makes a fat pointer of its address, and what it can be cast back to.
#[derive(Clone, Copy)]
pub(crate) struct Dynamic {
    /// The bits of a `*const D` to the `T` at this address.
    pub(crate) fatten: fn(*const ()) -> Fat,
    /// `D` under the brand `'static`.
    pub(crate) interface: fn() -> TypeId,
    /// `T` under the brand `'static`.
    pub(crate) object: fn() -> TypeId,
}

impl TypeInfo {
    /// The owner of this type's spans.
    #[inline(always)]
    pub(crate) const fn attributes(&self) -> u8 {
        let silent = if self.scan.is_none() { SILENT } else { 0 };
        let visit = if self.drop.is_some() { Owner::VISIT } else { 0 };
        silent | visit
    }

    /// The owner of this type's spans.
    #[inline(always)]
    pub(crate) fn owner(&'static self) -> Owner {
        Owner { word: std::ptr::from_ref(self).addr(), attributes: self.attributes() }
    }

    /// The info behind an owner word; `None` for leaves (I2).
    ///
    /// # Safety
    /// `word` is the owner word of a span of a heap of this crate.
    #[inline(always)]
    pub(crate) unsafe fn of_owner(word: usize) -> Option<&'static TypeInfo> {
        let info = std::ptr::with_exposed_provenance::<TypeInfo>(word);
        // SAFETY: by contract 0 or the address of a `TypeInfo` constant.
        unsafe { info.as_ref() }
    }
}

/// The owner of leaves.
pub(crate) const LEAF: Owner = Owner { word: 0, attributes: SILENT };

/// Compile-time facts of a sized `T`.
pub(crate) struct Sized_<'gc, T>(PhantomData<(&'gc (), T)>);

impl<'gc, T: Trace<'gc>> Sized_<'gc, T> {
    pub(crate) const INFO: &'static TypeInfo = &TypeInfo {
        name: std::any::type_name::<T>,
        scan: if T::HOLDS_GC { Some(scan_sized::<T>) } else { None },
        scan_part: None,
        drop: if needs_drop::<T>() { Some(drop_sized::<T>) } else { None },
        dynamic: None,
    };
    pub(crate) const IS_LEAF: bool = !T::HOLDS_GC && !needs_drop::<T>();
    /// The class of its slots; `None`: large.
    pub(crate) const CLASS: Option<SizeClass> = {
        assert!(align_of::<T>() <= MAX_ALIGN, "an object's alignment may be at most 4096 bytes");
        SizeClass::of(if size_of::<T>() == 0 { 1 } else { size_of::<T>() }, align_of::<T>())
    };
}

/// Compile-time facts of a sized `T` behind a `dyn Trait`, `D`. Its spans are its own, of leaves too: they say what it is.
pub(crate) struct Behind<'gc, T, D: ?Sized>(PhantomData<(&'gc (), T, *const D)>);

impl<'gc, T, D> Behind<'gc, T, D>
where
    T: Trace<'gc> + Rebrand,
    D: ?Sized + DynFrom<T> + Pointee,
{
    pub(crate) const INFO: &'static TypeInfo = &TypeInfo {
        dynamic: Some(Dynamic {
            fatten: |object| to_fat(D::unsize(object.cast::<T>())),
            interface: TypeId::of::<<D as Pointee>::With<'static>>,
            object: TypeId::of::<<T as Rebrand>::With<'static>>,
        }),
        ..*Sized_::<'gc, T>::INFO
    };
}

/// Calls `f` with each slot start whose bit is set.
#[inline(always)]
pub(crate) fn for_each_slot(page: *const u8, bits: &PageBits, mut f: impl FnMut(*const u8)) {
    for (index, &word) in bits.iter().enumerate() {
        let mut left = word;
        while left != 0 {
            let granule = index * 64 + left.trailing_zeros() as usize;
            left &= left - 1;
            f(page.wrapping_add(granule * GRANULE));
        }
    }
}

/// # Safety
/// The bits name initialised objects of type `T` on `page`, and what the tracer traces belongs to their heap.
unsafe fn scan_sized<'gc, T: Trace<'gc>>(page: *const u8, bits: &PageBits, _: usize, tracer: &mut Tracer<'_>) {
    // SAFETY: by contract.
    let tracer: &mut Tracer<'gc> = unsafe { tracer.rebrand() };
    for_each_slot(page, bits, |slot| {
        // SAFETY: by contract an initialised `T`; shared access, as `Trace` demands of its implementers.
        let object = unsafe { &*slot.cast::<T>() };
        object.trace(tracer);
    });
}

/// # Safety
/// `slot` holds an initialised `T` that nothing can reach any more.
unsafe fn drop_sized<T>(slot: NonNull<u8>, _: usize) {
    // SAFETY: by contract.
    unsafe { slot.cast::<T>().drop_in_place() }
}

/// Compile-time facts of slices of `E`.
pub(crate) struct Slice<'gc, E>(PhantomData<(&'gc (), E)>);

impl<'gc, E: Trace<'gc>> Slice<'gc, E> {
    pub(crate) const INFO: &'static TypeInfo = &TypeInfo {
        name: std::any::type_name::<[E]>,
        scan: if E::HOLDS_GC { Some(scan_slice::<E>) } else { None },
        scan_part: if E::HOLDS_GC { Some(scan_slice_part::<E>) } else { None },
        drop: if needs_drop::<E>() { Some(drop_slice::<E>) } else { None },
        dynamic: None,
    };
    pub(crate) const IS_LEAF: bool = !E::HOLDS_GC && !needs_drop::<E>();
}

/// Where the parts of a slice of `E` stand in its slot.
pub(crate) struct SliceLayout<E>(PhantomData<E>);

/// Bytes of the length.
const LEN: usize = size_of::<usize>();

impl<E> SliceLayout<E> {
    /// Whether the length stands in front (see the module documentation).
    pub(crate) const LEN_FIRST: bool = align_of::<E>() <= LEN;
    pub(crate) const ALIGN: usize = {
        assert!(align_of::<E>() <= MAX_ALIGN, "an element's alignment may be at most 4096 bytes");
        if Self::LEN_FIRST { LEN } else { align_of::<E>() }
    };
    /// Bytes from the slot's start to the first element.
    pub(crate) const DATA: usize = if Self::LEN_FIRST { LEN } else { 0 };

    /// Bytes of a slot for `len` elements; `None` above `isize::MAX`.
    pub(crate) fn size(len: usize) -> Option<usize> {
        let size = len.checked_mul(size_of::<E>())?.checked_add(2 * LEN - 1)? & !(LEN - 1);
        (size <= isize::MAX as usize).then_some(size)
    }

    /// The place of the length.
    #[inline(always)]
    pub(crate) fn len_at(slot: *const u8, slot_size: usize) -> *const usize {
        if Self::LEN_FIRST { slot.cast() } else { slot.wrapping_add(slot_size - LEN).cast() }
    }

    /// The initialised elements of a slot.
    ///
    /// # Safety
    /// `slot` is a slice's slot of `slot_size` bytes with its length written.
    pub(crate) unsafe fn elements(slot: *const u8, slot_size: usize) -> NonNull<[E]> {
        let at = Self::len_at(slot, slot_size);
        // SAFETY: by contract written.
        let len = unsafe { at.read() };
        let data = slot.wrapping_add(Self::DATA).cast_mut().cast::<E>();
        // SAFETY: inside a slot, so not null.
        let data = unsafe { NonNull::new_unchecked(data) };
        NonNull::slice_from_raw_parts(data, len)
    }
}

/// # Safety
/// As [`scan_sized`], for slots of slices of `E`.
unsafe fn scan_slice<'gc, E: Trace<'gc>>(page: *const u8, bits: &PageBits, slot_size: usize, tracer: &mut Tracer<'_>) {
    // SAFETY: by contract.
    let tracer: &mut Tracer<'gc> = unsafe { tracer.rebrand() };
    for_each_slot(page, bits, |slot| {
        // SAFETY: by contract a slice's slot.
        let elements = unsafe { SliceLayout::<E>::elements(slot, slot_size) };
        // SAFETY: I1: initialised up to its length.
        for element in unsafe { elements.as_ref() } {
            element.trace(tracer);
        }
    });
}

/// # Safety
/// As [`scan_slice`], for the one slice in `slot`.
unsafe fn scan_slice_part<'gc, E: Trace<'gc>>(
    slot: *const u8,
    slot_size: usize,
    from: usize,
    tracer: &mut Tracer<'_>,
) -> Option<usize> {
    // SAFETY: by contract.
    let tracer: &mut Tracer<'gc> = unsafe { tracer.rebrand() };
    // SAFETY: by contract a slice's slot.
    let elements = unsafe { SliceLayout::<E>::elements(slot, slot_size) };
    // SAFETY: I1: initialised up to its length.
    let left = unsafe { elements.as_ref() }.get(from..)?;
    let part = left.len().min((PART / size_of::<E>().max(1)).max(1));
    for element in &left[..part] {
        element.trace(tracer);
    }
    (part < left.len()).then_some(from + part)
}

/// # Safety
/// As [`drop_sized`], for slots of slices of `E`.
unsafe fn drop_slice<E>(slot: NonNull<u8>, slot_size: usize) {
    // SAFETY: by contract a slice's slot.
    let elements = unsafe { SliceLayout::<E>::elements(slot.as_ptr(), slot_size) };
    // SAFETY: by contract nothing reaches it any more.
    unsafe { elements.drop_in_place() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_stands_in_the_first_granule() {
        const { assert!(SliceLayout::<u64>::DATA < GRANULE && SliceLayout::<u8>::DATA < GRANULE) };
        assert_eq!(SliceLayout::<u128>::DATA, 0);
        assert_eq!(SliceLayout::<u8>::size(0), Some(8));
        assert_eq!(SliceLayout::<u8>::size(8), Some(16));
        assert_eq!(SliceLayout::<u8>::size(9), Some(24));
        assert_eq!(SliceLayout::<u64>::size(usize::MAX / 8), None);
    }
}
