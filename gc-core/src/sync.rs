//! The one place where atomics, locks and threads come from: std and parking_lot in what ships, loom under `cfg(loom)`.
//!
//! Everything in this crate that two threads touch goes through here, so that the models check the shipped types.

#[cfg(not(loom))]
mod imp {
    pub(crate) use parking_lot::{Condvar, Mutex};
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use std::thread::yield_now;

    /// The lock inside `GcMutex`.
    pub(crate) type RawMutex = parking_lot::RawMutex;
    /// The lock inside `GcRwLock`.
    pub(crate) type RawRwLock = parking_lot::RawRwLock;
}

#[cfg(loom)]
mod imp {
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use loom::thread::yield_now;
    type MutexGuard<'a, T> = loom::sync::MutexGuard<'a, T>;

    /// parking_lot's interface (no poisoning) over loom's mutex.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("loom's mutex is never poisoned: a panic ends the model")
        }
    }

    /// parking_lot's interface over loom's condition variable. Loom has no clock: a timed wait is a yield.
    #[derive(Debug)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Condvar(loom::sync::Condvar::new())
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            // SAFETY: the guard is taken out, handed to `wait`, which gives one of the same mutex back, and put in
            // its place again; nothing can observe the moment between, for a panic ends the model.
            unsafe {
                let taken = std::ptr::read(guard);
                let back = self.0.wait(taken).expect("never poisoned");
                std::ptr::write(guard, back);
            }
        }
    }

    pub(crate) type RawMutex = parking_lot::RawMutex;
    pub(crate) type RawRwLock = parking_lot::RawRwLock;
}

pub(crate) use imp::*;

/// A full fence directly after an atomic read-modify-write on another word, for store-then-load races.
///
/// On x86-64 a locked instruction is itself a full barrier for the processor (Intel SDM vol. 3A, 8.2.3.9; AMD APM vol. 2,
/// 7.4.2), so only the compiler has to be kept from moving accesses; elsewhere, and under loom, it is `fence(SeqCst)`.
/// The partner of every use is a `fence(SeqCst)` or another use of this function.
#[inline(always)]
pub(crate) fn fence_after_rmw() {
    #[cfg(all(target_arch = "x86_64", not(loom)))]
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
    #[cfg(not(all(target_arch = "x86_64", not(loom))))]
    fence(Ordering::SeqCst);
}
