//! The one door to atomics, locks and cells: std and parking_lot in what ships, loom in the models.
//!
//! Every file of the crate takes its shared state from here and from nowhere else, so that a model that is run
//! under `--cfg loom` checks the shipped types themselves. The surface is parking_lot's (no poisoning, `wait` takes
//! the guard by reference); the loom side is wrapped to look the same.

use std::sync::atomic::AtomicU64 as PlainU64;

/// A number that is read for its own sake: no other memory is reached through it, so every access is Relaxed and no
/// protocol may rest on it. loom does not model it, which keeps the models to what matters.
#[derive(Debug, Default)]
pub(crate) struct Statistic(PlainU64);

impl Statistic {
    /// Adds, modulo 2^64: with `wrapping_neg`, subtracts.
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, std::sync::atomic::Ordering::Relaxed);
    }

    /// Overwrites.
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, std::sync::atomic::Ordering::Relaxed);
    }

    /// The value at some moment.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[cfg(not(loom))]
mod real {
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use std::sync::{Arc, OnceLock};
}

#[cfg(loom)]
mod model {
    use std::fmt;
    use std::ops::{Deref, DerefMut};

    // std's own: what is modelled is this crate's protocols, and gc-core shares `Arc<Arena>` with it.
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use loom::{hint, thread};
    pub(crate) use std::sync::Arc;

    /// loom's mutex with parking_lot's surface.
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    /// The guard of [`Mutex`]. It is empty only inside [`Condvar::wait`].
    pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

    impl<T> Mutex<T> {
        /// A new, unlocked mutex.
        pub(crate) fn new(value: T) -> Self {
            Mutex(loom::sync::Mutex::new(value))
        }

        /// Blocks until the lock is held.
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().expect("loom models do not unwind while locked")))
        }

        /// Takes the lock if nobody holds it.
        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok().map(|guard| MutexGuard(Some(guard)))
        }

        /// The value, by exclusive access.
        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().expect("loom models do not unwind while locked")
        }

        /// The value, out of the mutex.
        pub(crate) fn into_inner(self) -> T {
            self.0.into_inner().expect("loom models do not unwind while locked")
        }
    }

    impl<T> fmt::Debug for Mutex<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Mutex")
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0.as_ref().expect("a guard is empty only while it waits")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("a guard is empty only while it waits")
        }
    }

    /// loom's condition variable with parking_lot's surface.
    #[derive(Debug)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        /// A condition variable with nobody waiting.
        pub(crate) fn new() -> Self {
            Condvar(loom::sync::Condvar::new())
        }

        /// Gives the lock back, waits for a notification, takes the lock again.
        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let inner = guard.0.take().expect("a guard is empty only while it waits");
            guard.0 = Some(self.0.wait(inner).expect("loom models do not unwind while locked"));
        }

        /// Wakes one waiter.
        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        /// Wakes every waiter.
        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

#[cfg(not(loom))]
#[allow(unused_imports, reason = "the facade is the same for every file; no build uses all of it")]
pub(crate) use real::*;

#[cfg(loom)]
#[allow(unused_imports, reason = "the facade is the same for every file; no build uses all of it")]
pub(crate) use model::*;
