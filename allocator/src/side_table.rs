//! Arrays beside the heap: contiguous, indexed by arithmetic from an address, zero until first touched.
//!
//! - I1. A table covers memory that nobody else uses and that lives as long as the [`Space`](crate::Space) that owns
//!   the table.
//! - I2. All zero bytes are a valid value of every element type ([`ZeroValid`]), so a fresh mapping needs no
//!   initialisation: planning for 1 TiB of heap touches nothing.
//!
//! Under loom a table is an ordinary boxed slice of loom's atomics; the callers cannot tell.

use std::ops::{Deref, DerefMut};

use crate::sync::{AtomicU8, AtomicU32, AtomicU64};

/// Types whose default value is all zero bytes.
///
/// # Safety
/// Outside loom, zeroed memory is a valid value of the type, equal to its `Default`, and the type has no drop glue.
pub(crate) unsafe trait ZeroValid: Default {}

// SAFETY: an integer; zero is its default.
unsafe impl ZeroValid for u64 {}
// SAFETY: an integer; zero is its default.
unsafe impl ZeroValid for u32 {}
// SAFETY: outside loom it has the layout of its integer; zero is its default.
unsafe impl ZeroValid for AtomicU64 {}
// SAFETY: outside loom it has the layout of its integer; zero is its default.
unsafe impl ZeroValid for AtomicU32 {}
// SAFETY: outside loom it has the layout of its integer; zero is its default.
unsafe impl ZeroValid for AtomicU8 {}

/// A fixed array in memory of its own.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Table<T> {
    elements: std::ptr::NonNull<[T]>,
}

// SAFETY: a table is the only way to its memory (I1), as a boxed slice would be.
#[cfg(not(loom))]
unsafe impl<T: Send> Send for Table<T> {}
// SAFETY: as above; shared access gives out shared references only.
#[cfg(not(loom))]
unsafe impl<T: Sync> Sync for Table<T> {}

#[cfg(not(loom))]
impl<T: ZeroValid> Table<T> {
    /// Makes the table of `len` elements that begins at `base`.
    ///
    /// # Safety
    /// `base` is aligned for `T`, and the memory for `len` elements is zero and fulfils I1.
    pub(crate) unsafe fn at(base: *mut u8, len: usize) -> Self {
        let first = std::ptr::NonNull::new(base.cast::<T>()).expect("a mapping is never at zero");
        Table { elements: std::ptr::NonNull::slice_from_raw_parts(first, len) }
    }
}

#[cfg(not(loom))]
impl<T> Deref for Table<T> {
    type Target = [T];
    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: I1 and I2: the memory is ours, alive and holds valid elements; `&mut` needs `&mut self`.
        unsafe { self.elements.as_ref() }
    }
}

#[cfg(not(loom))]
impl<T> DerefMut for Table<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `&mut self` excludes every other access.
        unsafe { self.elements.as_mut() }
    }
}

/// A fixed array in memory of its own.
#[cfg(loom)]
#[derive(Debug)]
pub(crate) struct Table<T>(Box<[T]>);

#[cfg(loom)]
impl<T: ZeroValid> Table<T> {
    /// Makes a table of `len` elements. The memory at `base` is not used.
    ///
    /// # Safety
    /// None under loom; the signature is that of what ships.
    pub(crate) unsafe fn at(_base: *mut u8, len: usize) -> Self {
        Table((0..len).map(|_| T::default()).collect())
    }
}

#[cfg(loom)]
impl<T> Deref for Table<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

#[cfg(loom)]
impl<T> DerefMut for Table<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}
