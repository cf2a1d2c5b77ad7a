//! A box in mimalloc: explicit allocation and release at their best, beside the process's own allocator.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::ops::Deref;
use std::ptr::NonNull;

use mimalloc::MiMalloc;

/// As [`Box`], in mimalloc. Of sized types that take memory.
pub(super) struct MiBox<T>(NonNull<T>);

impl<T> MiBox<T> {
    #[inline(always)]
    pub(super) fn new(value: T) -> Self {
        const { assert!(size_of::<T>() != 0) };
        // SAFETY: the size is not zero.
        let memory = unsafe { MiMalloc.alloc(Layout::new::<T>()) };
        let memory = NonNull::new(memory.cast::<T>()).expect("memory for a bench");
        // SAFETY: fresh memory for a `T`.
        unsafe { memory.write(value) };
        MiBox(memory)
    }
}

impl<T> Deref for MiBox<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: initialised in `new`, and owned.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for MiBox<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: initialised, and never used again.
        unsafe { self.0.drop_in_place() };
        // SAFETY: allocated with this layout.
        unsafe { MiMalloc.dealloc(self.0.as_ptr().cast(), Layout::new::<T>()) };
    }
}
