//! Pointers of any width as two words.

/// A fat pointer's bits, or a thin one's in the first word. Kept as pointers for their provenance.
pub(crate) type Fat = [*const (); 2];

/// A pointer's bits: one word, or two with metadata.
#[inline(always)]
pub(crate) fn to_fat<T: ?Sized>(pointer: *const T) -> Fat {
    const { assert!(size_of::<*const T>() <= size_of::<Fat>(), "pointers are one or two words") };
    let mut fat: Fat = [std::ptr::null(); 2];
    // SAFETY: the pointer fits, and both sides are plain bits with provenance.
    unsafe {
        std::ptr::copy_nonoverlapping(
            (&raw const pointer).cast::<u8>(),
            (&raw mut fat).cast::<u8>(),
            size_of::<*const T>(),
        )
    };
    fat
}

/// The pointer back from `to_fat` of a type that is the same up to its brand.
#[inline(always)]
pub(crate) fn from_fat<T: ?Sized>(fat: Fat) -> *const T {
    if size_of::<*const T>() == size_of::<*const ()>() {
        transmute_thin(fat[0])
    } else {
        // SAFETY: a fat pointer of this type's kind was stored.
        unsafe { std::mem::transmute_copy(&fat) }
    }
}

#[inline(always)]
fn transmute_thin<T: ?Sized>(pointer: *const ()) -> *const T {
    debug_assert_eq!(size_of::<*const T>(), size_of::<*const ()>());
    // SAFETY: `*const T` is thin here, as the caller has seen.
    unsafe { std::mem::transmute_copy(&pointer) }
}
