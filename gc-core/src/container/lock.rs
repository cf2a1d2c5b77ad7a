//! The lock of a container, by the kind of its heap: a borrow flag ([`Owned`](crate::Owned)), or a lock that refuses who holds
//! it already ([`Shared`](crate::Shared)).
//!
//! L1. A container's elements are read only under it, and written only under its exclusive half. Markers never look at it.
//! L2. Code of the user's (`Hash`, `Eq`) that runs under it may come upon the same container again: it is refused, on its own
//!     thread, instead of waiting for itself.

use std::cell::Cell;

use parking_lot::lock_api::RawMutex as _;

use crate::sync::{AtomicUsize, Ordering, RawMutex, thread_token};

/// The lock of a container. Known to this crate alone.
#[doc(hidden)]
pub trait ContainerLock {
    /// An open lock.
    fn new() -> Self;
    /// Locks for reading; false if this thread holds it in a way that forbids it, or if it would have to wait and may not.
    fn share(&self, wait: bool) -> bool;
    /// Locks for writing; false as in `share`.
    fn exclude(&self, wait: bool) -> bool;
    /// The end of `share`. The caller holds it so.
    fn end_share(&self);
    /// The end of `exclude`. The caller holds it so.
    fn end_exclude(&self);
}

/// As `RefCell`'s: 0 free, positive: readers, -1: a writer.
#[derive(Debug)]
pub struct BorrowFlag(Cell<i32>);

impl ContainerLock for BorrowFlag {
    fn new() -> Self {
        BorrowFlag(Cell::new(0))
    }

    #[inline(always)]
    fn share(&self, _: bool) -> bool {
        let flag = self.0.get();
        let free = (0..i32::MAX).contains(&flag);
        if free {
            self.0.set(flag + 1);
        }
        free
    }

    #[inline(always)]
    fn exclude(&self, _: bool) -> bool {
        let free = self.0.get() == 0;
        if free {
            self.0.set(-1);
        }
        free
    }

    #[inline(always)]
    fn end_share(&self) {
        self.0.set(self.0.get() - 1);
    }

    #[inline(always)]
    fn end_exclude(&self) {
        self.0.set(0);
    }
}

/// A lock that knows its holder. Reading excludes too: of readers that are only counted none could be told from oneself (L2).
pub struct ThreadLock {
    lock: RawMutex,
    /// The token of the thread that holds it, or 0. Written by the holder, read by all (all Relaxed): a thread's own token is
    /// there if and only if this thread put it there and has not taken it away; any other value says the same to it.
    holder: AtomicUsize,
}

impl std::fmt::Debug for ThreadLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadLock").field("locked", &self.lock.is_locked()).finish_non_exhaustive()
    }
}

impl ContainerLock for ThreadLock {
    fn new() -> Self {
        ThreadLock { lock: RawMutex::INIT, holder: AtomicUsize::new(0) }
    }

    #[inline]
    fn share(&self, wait: bool) -> bool {
        self.exclude(wait)
    }

    #[inline]
    fn exclude(&self, wait: bool) -> bool {
        let me = thread_token();
        if !self.lock.try_lock() {
            // Relaxed: see the field.
            if !wait || self.holder.load(Ordering::Relaxed) == me {
                return false;
            }
            self.lock.lock();
        }
        // Relaxed: see the field.
        self.holder.store(me, Ordering::Relaxed);
        true
    }

    #[inline]
    fn end_share(&self) {
        self.end_exclude();
    }

    #[inline]
    fn end_exclude(&self) {
        // Relaxed: see the field.
        self.holder.store(0, Ordering::Relaxed);
        // SAFETY: by contract the caller holds it.
        unsafe { self.lock.unlock() }
    }
}
