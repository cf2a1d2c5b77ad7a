//! The one place where atomics, locks and threads come from: std and parking_lot in what ships, loom under `cfg(loom)`.
//!
//! Everything in this crate that two threads touch goes through here, so that the models check the shipped types.

#[cfg(not(loom))]
mod imp {
    pub(crate) use parking_lot::{Condvar, Mutex};
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use std::thread::{self, yield_now};

    pub(crate) use crossbeam_deque as deque;

    /// The lock inside `GcMutex`.
    pub(crate) type RawMutex = parking_lot::RawMutex;
    /// The lock inside `GcRwLock`.
    pub(crate) type RawRwLock = parking_lot::RawRwLock;

    /// A number that no other thread has while this one lives; not 0.
    #[inline(always)]
    pub(crate) fn thread_token() -> usize {
        std::thread_local! {
            static HERE: u8 = const { 0 };
        }
        HERE.with(|here| std::ptr::from_ref(here).addr())
    }

    /// Plain data that a protocol protects: nothing in what ships. Under loom each access to the data beside it is told to
    /// the model, which fails if two of them race.
    #[derive(Debug)]
    pub(crate) struct Witness;

    impl Witness {
        #[inline(always)]
        pub(crate) const fn new() -> Self {
            Witness
        }

        /// The data is read.
        #[inline(always)]
        pub(crate) fn read(&self) {}

        /// The data is written, or an exclusive reference to it made.
        #[inline(always)]
        pub(crate) fn write(&self) {}
    }
}

#[cfg(loom)]
mod model;

#[cfg(not(loom))]
pub(crate) use imp::*;
#[cfg(loom)]
pub(crate) use model::*;

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
