//! [`GcAlloc`] as an allocator of the crate `allocator-api2`, and `Trace` for that crate's `Vec` and `Box`.
//!
//! Memory is the global allocator's. It is counted before it is asked for, and until after it is given back, so at every moment
//! at least what is in use counts: of a buffer that moves as it grows, both places.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator, Global};
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;

use super::GcAlloc;
use crate::trace::{Pointee, Rebrand, Trace};
use crate::tracer::Tracer;

impl GcAlloc {
    /// Counts a buffer of `new`, has `f` make it, and stops counting the one of `old` that it replaces.
    #[inline]
    fn counted(
        &self,
        new: Layout,
        old: Option<Layout>,
        f: impl FnOnce() -> Result<NonNull<[u8]>, AllocError>,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let cost = GcAlloc::cost(new.size());
        self.0.add(cost).map_err(|_| AllocError)?;
        match f() {
            Ok(buffer) => {
                self.0.sub(old.map_or(0, |old| GcAlloc::cost(old.size())));
                Ok(buffer)
            }
            Err(error) => {
                self.0.sub(cost);
                Err(error)
            }
        }
    }
}

// SAFETY: everything is `Global`'s, which keeps the contract; clones share one `Global`. What is counted beside it has no
// influence but to refuse.
unsafe impl Allocator for GcAlloc {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.counted(layout, None, || Global.allocate(layout))
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.counted(layout, None, || Global.allocate_zeroed(layout))
    }

    #[inline]
    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on.
        unsafe { Global.deallocate(ptr, layout) };
        self.0.sub(GcAlloc::cost(layout.size()));
    }

    #[inline]
    unsafe fn grow(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: passed on.
        self.counted(new, Some(old), || unsafe { Global.grow(ptr, old, new) })
    }

    #[inline]
    unsafe fn grow_zeroed(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: passed on.
        self.counted(new, Some(old), || unsafe { Global.grow_zeroed(ptr, old, new) })
    }

    #[inline]
    unsafe fn shrink(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // What is smaller is never refused.
        // SAFETY: passed on.
        let buffer = unsafe { Global.shrink(ptr, old, new) }?;
        self.0.sub(GcAlloc::cost(old.size()) - GcAlloc::cost(new.size()));
        Ok(buffer)
    }
}

// SAFETY: passes every element on; the allocator is `'static`.
unsafe impl<'gc, T: Trace<'gc>, A: Allocator + 'static> Trace<'gc> for Vec<T, A> {
    const HOLDS_GC: bool = T::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(self.as_slice());
    }
}

// SAFETY: T3, by its element.
unsafe impl<T: Rebrand, A: Allocator + 'static> Rebrand for Vec<T, A> {
    type With<'a> = Vec<T::With<'a>, A>;
}

// SAFETY: passes its content on; a box has one owner and is as immutable behind `&self` as its content. The allocator is
// `'static`.
unsafe impl<'gc, T: ?Sized + Trace<'gc>, A: Allocator + 'static> Trace<'gc> for Box<T, A> {
    const HOLDS_GC: bool = T::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&**self);
    }
}

// SAFETY: T3, by its content.
unsafe impl<T: ?Sized + Pointee, A: Allocator + 'static> Rebrand for Box<T, A> {
    type With<'a> = Box<T::With<'a>, A>;
}
