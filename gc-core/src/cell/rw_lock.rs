//! [`GcRwLock`]: anything, behind a reader-writer lock, in either kind of heap.
//!
//! As `GcMutex`, but that readers share; only writers shade, for only they delete.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use parking_lot::lock_api::RawRwLock as _;

use super::before_write;
use crate::claim::Claim;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::sync::RawRwLock;
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

/// A reader-writer lock inside an object, with the feel of [`parking_lot::RwLock`].
///
/// ```
/// use gc_core::{GcRwLock, Heap};
///
/// let heap = Heap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let names = mc.alloc(GcRwLock::new(vec![mc.alloc_str("a")]));
///     names.write(mc).push(mc.alloc_str("b"));
///     assert_eq!(names.read().len(), 2);
/// });
/// ```
pub struct GcRwLock<'gc, T: ?Sized> {
    claim: Claim,
    lock: RawRwLock,
    _brand: PhantomData<fn(&'gc ()) -> &'gc ()>,
    value: UnsafeCell<T>,
}

// SAFETY: as std's: readers share `&T`, a writer has it alone; markers only read it, under the claim.
unsafe impl<T: ?Sized + Send + Sync> Sync for GcRwLock<'_, T> {}

impl<'gc, T: Trace<'gc>> GcRwLock<'gc, T> {
    /// An unlocked lock with this content.
    pub fn new(value: T) -> Self {
        GcRwLock { claim: Claim::new(), lock: RawRwLock::INIT, _brand: PhantomData, value: UnsafeCell::new(value) }
    }

    /// The content, out of a lock that is not (or no longer) in an object.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<'gc, T: Trace<'gc> + ?Sized> GcRwLock<'gc, T> {
    /// Locks for reading, waiting for a writer if it must.
    #[inline]
    pub fn read(&self) -> GcRwLockReadGuard<'_, 'gc, T> {
        self.lock.lock_shared();
        GcRwLockReadGuard { lock: self, _not_send: PhantomData }
    }

    /// Locks for reading if that is possible at once.
    #[inline]
    pub fn try_read(&self) -> Option<GcRwLockReadGuard<'_, 'gc, T>> {
        self.lock.try_lock_shared().then(|| GcRwLockReadGuard { lock: self, _not_send: PhantomData })
    }

    /// Locks for writing, waiting for others if it must.
    #[inline]
    pub fn write<S: Kind>(&self, mc: &Mutation<'gc, S>) -> GcRwLockWriteGuard<'_, 'gc, T> {
        self.lock.lock_exclusive();
        self.guard(mc)
    }

    /// Locks for writing if that is possible at once.
    #[inline]
    pub fn try_write<S: Kind>(&self, mc: &Mutation<'gc, S>) -> Option<GcRwLockWriteGuard<'_, 'gc, T>> {
        self.lock.try_lock_exclusive().then(|| self.guard(mc))
    }

    #[inline]
    fn guard<S: Kind>(&self, mc: &Mutation<'gc, S>) -> GcRwLockWriteGuard<'_, 'gc, T> {
        let guard = GcRwLockWriteGuard { lock: self, _not_send: PhantomData };
        before_write(mc, &self.claim, self.value.get());
        guard
    }

    /// The content of a lock that the caller owns.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

// SAFETY: the content is read under the claim.
unsafe impl<'gc, T: Trace<'gc> + ?Sized> Trace<'gc> for GcRwLock<'gc, T> {
    const HOLDS_GC: bool = T::HOLDS_GC;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.compound(&self.claim, |tracer| {
            // SAFETY: claimed, or held exclusively by the mutator that traces.
            tracer.field(unsafe { &*self.value.get() });
        });
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, T: Rebrand> Rebrand for GcRwLock<'gc, T> {
    type With<'a> = GcRwLock<'a, T::With<'a>>;
}

impl<'gc, T: Trace<'gc> + Default> Default for GcRwLock<'gc, T> {
    fn default() -> Self {
        GcRwLock::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for GcRwLock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcRwLock").field("locked", &self.lock.is_locked()).finish_non_exhaustive()
    }
}

/// The content of a [`GcRwLock`] locked for reading; unlocks when dropped.
pub struct GcRwLockReadGuard<'m, 'gc, T: ?Sized> {
    lock: &'m GcRwLock<'gc, T>,
    _not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives `&T`.
unsafe impl<T: ?Sized + Sync> Sync for GcRwLockReadGuard<'_, '_, T> {}

impl<T: ?Sized> Deref for GcRwLockReadGuard<'_, '_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        self.lock.claim.content.read();
        // SAFETY: the lock is held for reading.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for GcRwLockReadGuard<'_, '_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: this guard holds the lock for reading.
        unsafe { self.lock.lock.unlock_shared() }
    }
}

/// The content of a [`GcRwLock`] locked for writing; unlocks when dropped.
pub struct GcRwLockWriteGuard<'m, 'gc, T: ?Sized> {
    lock: &'m GcRwLock<'gc, T>,
    _not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives `&T`.
unsafe impl<T: ?Sized + Sync> Sync for GcRwLockWriteGuard<'_, '_, T> {}

impl<T: ?Sized> Deref for GcRwLockWriteGuard<'_, '_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for GcRwLockWriteGuard<'_, '_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and the content was shaded or scanned if a cycle is on.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for GcRwLockWriteGuard<'_, '_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.claim.content.write();
        // SAFETY: this guard holds the lock.
        unsafe { self.lock.lock.unlock_exclusive() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for GcRwLockReadGuard<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for GcRwLockWriteGuard<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
