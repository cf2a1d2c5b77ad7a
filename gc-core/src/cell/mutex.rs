//! [`GcMutex`]: anything, behind a lock, in either kind of heap.
//!
//! I1. Markers look at the claim only, never at the lock: they read the content while a mutator holds the lock only if it
//!     has not begun to write, that is, never after the claim was scanned, and no mutator writes before.
//! I2. A guard is `!Send` and can't outlive its region; a leaked one leaves the lock held for ever, nothing worse.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use parking_lot::lock_api::RawMutex as _;

use super::before_write;
use crate::claim::Claim;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::sync::RawMutex;
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

/// A lock inside an object, with the feel of [`parking_lot::Mutex`]: one byte, no poisoning.
///
/// The first lock in a cycle shades the content, in time proportional to the pointers in it. A thread that waits for the
/// lock inside its region delays the collector's cycle; keep what is done under a lock short.
///
/// ```
/// use gc_core::{GcMutex, Heap};
///
/// let heap = Heap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let names = mc.alloc(GcMutex::new(vec![mc.alloc_str("a")]));
///     names.lock(mc).push(mc.alloc_str("b"));
///     assert_eq!(names.lock(mc).len(), 2);
/// });
/// ```
pub struct GcMutex<'gc, T: ?Sized> {
    claim: Claim,
    lock: RawMutex,
    _brand: PhantomData<fn(&'gc ()) -> &'gc ()>,
    value: UnsafeCell<T>,
}

// SAFETY: as std's: the lock gives one thread at a time access to the content; markers only read it, under the claim.
unsafe impl<T: ?Sized + Send> Sync for GcMutex<'_, T> {}

impl<'gc, T: Trace<'gc>> GcMutex<'gc, T> {
    /// An unlocked mutex with this content.
    pub fn new(value: T) -> Self {
        GcMutex { claim: Claim::new(), lock: RawMutex::INIT, _brand: PhantomData, value: UnsafeCell::new(value) }
    }

    /// The content, out of a mutex that is not (or no longer) in an object.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<'gc, T: Trace<'gc> + ?Sized> GcMutex<'gc, T> {
    /// Locks, waiting for other threads if it must. Locking twice on one thread waits for ever.
    #[inline]
    pub fn lock<S: Kind>(&self, mc: &Mutation<'gc, S>) -> GcMutexGuard<'_, 'gc, T> {
        self.lock.lock();
        self.guard(mc)
    }

    /// Locks if that is possible at once.
    #[inline]
    pub fn try_lock<S: Kind>(&self, mc: &Mutation<'gc, S>) -> Option<GcMutexGuard<'_, 'gc, T>> {
        self.lock.try_lock().then(|| self.guard(mc))
    }

    #[inline]
    fn guard<S: Kind>(&self, mc: &Mutation<'gc, S>) -> GcMutexGuard<'_, 'gc, T> {
        let guard = GcMutexGuard { mutex: self, _not_send: PhantomData };
        before_write(mc, &self.claim, self.value.get());
        guard
    }

    /// The claim, for models.
    #[cfg(all(test, loom))]
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The content of a mutex that the caller owns.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

// SAFETY: the content is read under the claim (I1).
unsafe impl<'gc, T: Trace<'gc> + ?Sized> Trace<'gc> for GcMutex<'gc, T> {
    const HOLDS_GC: bool = T::HOLDS_GC;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.compound(&self.claim, |tracer| {
            // SAFETY: I1: claimed, or held exclusively by the mutator that traces.
            tracer.field(unsafe { &*self.value.get() });
        });
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, T: Rebrand> Rebrand for GcMutex<'gc, T> {
    type With<'a> = GcMutex<'a, T::With<'a>>;
}

impl<'gc, T: Trace<'gc> + Default> Default for GcMutex<'gc, T> {
    fn default() -> Self {
        GcMutex::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for GcMutex<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcMutex").field("locked", &self.lock.is_locked()).finish_non_exhaustive()
    }
}

/// The content of a locked [`GcMutex`]; unlocks when dropped.
pub struct GcMutexGuard<'m, 'gc, T: ?Sized> {
    mutex: &'m GcMutex<'gc, T>,
    _not_send: PhantomData<*const ()>,
}

// SAFETY: as std's: a shared guard gives `&T`.
unsafe impl<T: ?Sized + Sync> Sync for GcMutexGuard<'_, '_, T> {}

impl<T: ?Sized> Deref for GcMutexGuard<'_, '_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for GcMutexGuard<'_, '_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and the content was shaded or scanned if a cycle is on.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for GcMutexGuard<'_, '_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.mutex.claim.content.write();
        // SAFETY: this guard holds the lock.
        unsafe { self.mutex.lock.unlock() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for GcMutexGuard<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for GcMutexGuard<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
