//! The facade under loom: std's and parking_lot's interfaces over loom's types.
//!
//! `std::sync::Arc` stays what it is: the models check this crate's protocols, not the reference count of std.

pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use loom::thread::yield_now;

use std::cell::OnceCell;

use parking_lot::lock_api;

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

/// parking_lot's interface over loom's condition variable.
#[derive(Debug)]
pub(crate) struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Condvar(loom::sync::Condvar::new())
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Models have no clock: the time is never over.
    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: std::time::Duration) {
        self.wait(guard);
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        // SAFETY: the guard is taken out, handed to `wait`, which gives one of the same mutex back, and put in its place
        // again; nothing can observe the moment between, for a panic ends the model.
        let taken = unsafe { std::ptr::read(guard) };
        let back = self.0.wait(taken).expect("never poisoned");
        // SAFETY: as above.
        unsafe { std::ptr::write(guard, back) };
    }
}

/// Threads of a model.
pub(crate) mod thread {
    pub(crate) use loom::thread::{Builder, JoinHandle, ThreadId, current};
    pub(crate) use std::thread::panicking;
}

loom::thread_local! {
    static HERE: Box<u8> = Box::new(0);
}

/// A number that no other thread of the model has; not 0.
pub(crate) fn thread_token() -> usize {
    HERE.with(|here| std::ptr::from_ref(&**here).addr())
}

/// Plain data that a protocol protects: see the shipped one.
#[derive(Debug)]
pub(crate) struct Witness(loom::cell::UnsafeCell<()>);

// SAFETY: shared so that a race is loom's to find; there is no data in it.
unsafe impl Sync for Witness {}

impl Witness {
    pub(crate) fn new() -> Self {
        Witness(loom::cell::UnsafeCell::new(()))
    }

    /// The data is read.
    pub(crate) fn read(&self) {
        self.0.with(|_| ());
    }

    /// The data is written, or an exclusive reference to it made.
    pub(crate) fn write(&self) {
        self.0.with_mut(|_| ());
    }
}

/// A lock of loom's parts: holders, and a place to wait for them to go. Made at its first use, as a constant can't make it;
/// loom runs all threads of a model on one thread of the system, so a plain `OnceCell` serves.
struct Holders(OnceCell<(loom::sync::Mutex<isize>, loom::sync::Condvar)>);

// SAFETY: see the type: one thread of the system.
unsafe impl Send for Holders {}
// SAFETY: as above.
unsafe impl Sync for Holders {}

/// As `Holders`' count.
const EXCLUSIVE: isize = -1;

impl Holders {
    const NONE: Holders = Holders(OnceCell::new());

    fn parts(&self) -> &(loom::sync::Mutex<isize>, loom::sync::Condvar) {
        self.0.get_or_init(|| (loom::sync::Mutex::new(0), loom::sync::Condvar::new()))
    }

    /// Moves the count by `change` once `free` says that it may; false if it must not wait and would have to.
    fn take(&self, change: isize, free: impl Fn(isize) -> bool, wait: bool) -> bool {
        let (count, freed) = self.parts();
        let mut count = count.lock().expect("never poisoned");
        while !free(*count) {
            if !wait {
                return false;
            }
            count = freed.wait(count).expect("never poisoned");
        }
        *count += change;
        true
    }

    fn give(&self, change: isize) {
        let (count, freed) = self.parts();
        *count.lock().expect("never poisoned") -= change;
        freed.notify_all();
    }

    fn count(&self) -> isize {
        *self.parts().0.lock().expect("never poisoned")
    }
}

/// The lock inside `GcMutex`.
pub(crate) struct RawMutex(Holders);

// SAFETY: one holder at a time: the count is `EXCLUSIVE` while there is one.
unsafe impl lock_api::RawMutex for RawMutex {
    #[expect(clippy::declare_interior_mutable_const, reason = "the trait's way of making a lock")]
    const INIT: RawMutex = RawMutex(Holders::NONE);
    type GuardMarker = lock_api::GuardNoSend;

    fn lock(&self) {
        self.0.take(EXCLUSIVE, |count| count == 0, true);
    }

    fn try_lock(&self) -> bool {
        self.0.take(EXCLUSIVE, |count| count == 0, false)
    }

    unsafe fn unlock(&self) {
        self.0.give(EXCLUSIVE);
    }

    fn is_locked(&self) -> bool {
        self.0.count() != 0
    }
}

/// The lock inside `GcRwLock`.
pub(crate) struct RawRwLock(Holders);

// SAFETY: one writer, or any number of readers: see `Holders`.
unsafe impl lock_api::RawRwLock for RawRwLock {
    #[expect(clippy::declare_interior_mutable_const, reason = "the trait's way of making a lock")]
    const INIT: RawRwLock = RawRwLock(Holders::NONE);
    type GuardMarker = lock_api::GuardNoSend;

    fn lock_shared(&self) {
        self.0.take(1, |count| count >= 0, true);
    }

    fn try_lock_shared(&self) -> bool {
        self.0.take(1, |count| count >= 0, false)
    }

    unsafe fn unlock_shared(&self) {
        self.0.give(1);
    }

    fn lock_exclusive(&self) {
        self.0.take(EXCLUSIVE, |count| count == 0, true);
    }

    fn try_lock_exclusive(&self) -> bool {
        self.0.take(EXCLUSIVE, |count| count == 0, false)
    }

    unsafe fn unlock_exclusive(&self) {
        self.0.give(EXCLUSIVE);
    }

    fn is_locked(&self) -> bool {
        self.0.count() != 0
    }
}

/// crossbeam-deque's interface, which has no loom wiring, over a lock: a queue whose every operation is one step. What is
/// modelled is how this crate uses a deque, not the deque.
pub(crate) mod deque {
    use std::collections::VecDeque;
    use std::sync::Arc;

    use super::Mutex;

    /// The outcome of a steal.
    pub(crate) enum Steal<T> {
        /// Nothing there.
        Empty,
        /// Got one.
        Success(T),
        /// Lost a race; never said by this stand-in.
        #[expect(dead_code, reason = "part of the interface")]
        Retry,
    }

    /// The owner's end.
    #[derive(Debug)]
    pub(crate) struct Worker<T>(Arc<Mutex<VecDeque<T>>>);

    /// The thieves' end.
    #[derive(Debug)]
    pub(crate) struct Stealer<T>(Arc<Mutex<VecDeque<T>>>);

    impl<T> Worker<T> {
        pub(crate) fn new_fifo() -> Self {
            Worker(Arc::new(Mutex::new(VecDeque::new())))
        }

        pub(crate) fn stealer(&self) -> Stealer<T> {
            Stealer(self.0.clone())
        }

        pub(crate) fn push(&self, item: T) {
            self.0.lock().push_back(item);
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.0.lock().pop_front()
        }

        pub(crate) fn len(&self) -> usize {
            self.0.lock().len()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.lock().is_empty()
        }
    }

    impl<T> Stealer<T> {
        pub(crate) fn is_empty(&self) -> bool {
            self.0.lock().is_empty()
        }

        /// Half of what is there, as the shipped one: the first is returned, the others land in `into`.
        pub(crate) fn steal_batch_and_pop(&self, into: &Worker<T>) -> Steal<T> {
            let mut batch: VecDeque<T> = {
                let mut queue = self.0.lock();
                let half = queue.len().div_ceil(2);
                queue.drain(..half).collect()
            };
            let Some(first) = batch.pop_front() else { return Steal::Empty };
            into.0.lock().extend(batch);
            Steal::Success(first)
        }
    }

    /// A queue without an owner.
    #[derive(Debug)]
    pub(crate) struct Injector<T>(Mutex<VecDeque<T>>);

    impl<T> Injector<T> {
        pub(crate) fn new() -> Self {
            Injector(Mutex::new(VecDeque::new()))
        }

        pub(crate) fn push(&self, item: T) {
            self.0.lock().push_back(item);
        }

        pub(crate) fn steal(&self) -> Steal<T> {
            self.0.lock().pop_front().map_or(Steal::Empty, Steal::Success)
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.lock().is_empty()
        }
    }
}
