//! Cleanups: functions that run once after an object has died, where the embedder wants them.
//!
//! U1. What is registered is a list beside the heap, not in it: an address that keeps nothing alive, and a task that is `'static`, so
//!     holds no `Gc`. Between Done and H4 the collector walks the list; the tasks of white objects become due. An object that is
//!     registered meanwhile was held, so is not white.
//! U2. A task is run, cancelled or dropped by who has taken it out of the list or the queue under the lock, and after the lock:
//!     at most one does. A panic is caught and counted.
//! U3. Of a local heap tasks need not be `Send`: the collector only moves them from the list to the queue. They are run and
//!     dropped on the owner's thread, by handles that can't leave it, or leaked if the heap is abandoned there.
//! U4. When the heap ends all that is registered becomes due. What no queue's handle is left to run is dropped.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::gc::Gc;
use crate::heap::{Heap, HeapCore, LocalHeap};
use crate::kind::{Kind, Owned, Shared};
use crate::mutator::Mutation;
use crate::sync::{Condvar, Mutex, thread};

/// Entries looked at under one hold of the lock: some microseconds.
const STRIDE: usize = 512;

mod sealed {
    use crate::kind::{Owned, Shared};

    pub trait Sealed<S> {
        /// No `dyn` form, as `Storable`.
        const NOT_BY_SUPERTRAIT: () = ();
    }
    impl<T> Sealed<Owned> for T {}
    impl<T: Send> Sealed<Shared> for T {}
}

/// What a cleanup of a heap of the kind `S` may own: anything for a [`LocalHeap`], what is `Send` for a [`Heap`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be part of a cleanup of a heap of the kind `{S}`: those of a shared `Heap` run on any thread, so \
               must be `Send`",
    label = "not `Send`"
)]
pub trait Movable<S>: sealed::Sealed<S> {}

impl<T> Movable<Owned> for T {}
#[diagnostic::do_not_recommend]
impl<T: Send> Movable<Shared> for T {}

/// A cleanup with its value.
struct Task(Box<dyn FnOnce()>);

// SAFETY: U3: of a shared heap tasks are `Send` (`add_cleanup` demands it); of a local one they only pass through other threads.
unsafe impl Send for Task {}

enum Entry {
    /// The next free one.
    Free(Option<usize>),
    Taken {
        target: NonNull<()>,
        task: Task,
    },
}

// SAFETY: an address that is compared, and a task.
unsafe impl Send for Entry {}

#[derive(Default)]
struct State {
    entries: Vec<Slot>,
    free: Option<usize>,
    registered: usize,
    due: VecDeque<Task>,
    /// Handles of the queue.
    queues: usize,
    /// The heap has ended.
    ended: bool,
    run: u64,
    panics: u64,
}

struct Slot {
    /// Which registration it is; tells those apart that had the slot one after the other.
    number: u64,
    entry: Entry,
}

impl State {
    fn take(&mut self, index: usize) -> Option<Task> {
        let slot = &mut self.entries[index];
        match std::mem::replace(&mut slot.entry, Entry::Free(self.free)) {
            Entry::Taken { task, .. } => {
                slot.number += 1;
                self.free = Some(index);
                self.registered -= 1;
                Some(task)
            }
            free => {
                slot.entry = free;
                None
            }
        }
    }
}

/// The cleanups of one heap.
pub(crate) struct Cleanups {
    shared: bool,
    state: Mutex<State>,
    /// For who waits until some are due.
    due: Condvar,
}

impl Cleanups {
    pub(crate) fn new(shared: bool) -> Cleanups {
        Cleanups { shared, state: Mutex::new(State::default()), due: Condvar::new() }
    }

    /// How many were run, and how many of those panicked.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.run, state.panics)
    }

    fn add(&self, target: NonNull<()>, task: Task) -> (usize, u64) {
        let mut state = self.state.lock();
        state.registered += 1;
        let entry = Entry::Taken { target, task };
        if let Some(index) = state.free {
            let slot = &mut state.entries[index];
            let Entry::Free(next) = std::mem::replace(&mut slot.entry, entry) else {
                unreachable!("a slot in the list of free ones is free")
            };
            let number = slot.number;
            state.free = next;
            return (index, number);
        }
        state.entries.push(Slot { number: 0, entry });
        (state.entries.len() - 1, 0)
    }

    /// Makes the tasks of dead objects among the next entries due, when `seen` were looked at before: how many are now, or `None`
    /// if that was all. Called by the collector at Done (U1).
    pub(crate) fn settle_stride(&self, seen: usize, is_marked: impl Fn(usize) -> bool) -> Option<usize> {
        let mut state = self.state.lock();
        let end = state.entries.len().min(seen + STRIDE);
        if seen >= end || state.registered == 0 {
            return None;
        }
        let before = state.due.len();
        for index in seen..end {
            if let Entry::Taken { target, .. } = state.entries[index].entry
                && !is_marked(target.addr().get())
            {
                let task = state.take(index);
                state.due.extend(task);
            }
        }
        if state.due.len() != before {
            self.due.notify_all();
        }
        Some(end)
    }

    /// The heap has ended (U4). On the owner's thread of a local heap.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        for index in 0..state.entries.len() {
            let task = state.take(index);
            state.due.extend(task);
        }
        self.due.notify_all();
        if state.queues == 0 {
            let due = std::mem::take(&mut state.due);
            drop(state);
            drop_all(due);
        }
    }

    /// The heap is abandoned by a thread that unwinds: what is registered is leaked, or dropped with the core of a shared heap.
    pub(crate) fn abandon(&self) {
        self.state.lock().ended = true;
        self.due.notify_all();
    }

    /// Runs up to `most` of those that are due; how many.
    fn run(&self, most: usize) -> usize {
        let mut run = 0;
        while run < most {
            let Some(task) = self.state.lock().due.pop_front() else { break };
            let outcome = catch_unwind(AssertUnwindSafe(task.0)); // U2
            let mut state = self.state.lock();
            state.run += 1;
            state.panics += u64::from(outcome.is_err());
            drop(state);
            // A payload may panic when dropped; it is not worth the process.
            std::mem::forget(outcome);
            run += 1;
        }
        run
    }
}

/// Drops tasks that nobody will run; leaks them while the thread unwinds. A value's drop that panics is caught.
fn drop_all(tasks: VecDeque<Task>) {
    if thread::panicking() {
        return std::mem::forget(tasks);
    }
    for task in tasks {
        std::mem::forget(catch_unwind(AssertUnwindSafe(|| drop(task))));
    }
}

impl Drop for Cleanups {
    fn drop(&mut self) {
        if !self.shared {
            // U3: what is left was not dropped on the owner's thread, and this may be another.
            std::mem::forget(std::mem::take(&mut *self.state.lock()));
        }
    }
}

impl<'gc, S: Kind> Mutation<'gc, S> {
    /// Has `cleanup(value)` run once after `object` has died, when and where the embedder runs what is due: see
    /// [`CleanupQueue`]. An object may have any number of cleanups; they become due in no particular order.
    ///
    /// Neither sees the object, which is gone for good when it runs: they are `'static`, so hold no [`Gc`]. (A
    /// [`Root`](crate::Root) of the object among them keeps it alive for ever.) As Go's `runtime.AddCleanup`, JavaScript's
    /// `FinalizationRegistry`, Python's `weakref.finalize`.
    ///
    /// Cost: a lock, and a box; in each cycle a look at the object's mark.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    /// use gc_core::{LocalHeap, Trace};
    ///
    /// /// A file of a language: its descriptor is to be closed when the program has lost it.
    /// #[derive(Trace)]
    /// struct File(u32);
    ///
    /// let heap = LocalHeap::new();
    /// let cleanups = heap.cleanups();
    /// let mut mutator = heap.mutator().unwrap();
    /// let closed = Rc::new(RefCell::new(Vec::new()));
    /// mutator.mutate(|mc| {
    ///     let file = mc.alloc(File(7));
    ///     let closed = closed.clone();
    ///     mc.add_cleanup(file, file.0, move |descriptor| closed.borrow_mut().push(descriptor));
    /// });
    /// mutator.collect();
    /// assert!(closed.borrow().is_empty(), "due, and run when the program says so");
    /// assert_eq!(cleanups.run(), 1);
    /// assert_eq!(*closed.borrow(), [7]);
    /// ```
    pub fn add_cleanup<T, V, F>(&self, object: Gc<'gc, T>, value: V, cleanup: F) -> Cleanup<S>
    where
        T: ?Sized,
        V: Movable<S> + 'static,
        F: FnOnce(V) + Movable<S> + 'static,
    {
        let heap = self.record().heap.clone();
        let task = Task(Box::new(move || cleanup(value)));
        let (index, number) = heap.cleanups.add(Gc::erased(object), task);
        Cleanup { heap, index, number, _kind: PhantomData }
    }
}

/// A registered cleanup ([`Mutation::add_cleanup`]): may be cancelled; dropping the handle does nothing.
///
/// It keeps neither the object nor the heap alive.
#[must_use = "to let the cleanup run, `let _ =` or drop the handle"]
pub struct Cleanup<S: Kind = Shared> {
    heap: Arc<HeapCore>,
    index: usize,
    number: u64,
    /// Of a local heap, it stays on its thread: it drops the value there (U3).
    _kind: PhantomData<(S, *const ())>,
}

// SAFETY: what it drops of a shared heap is `Send`.
unsafe impl Send for Cleanup<Shared> {}
// SAFETY: nothing goes through a shared reference to it.
unsafe impl Sync for Cleanup<Shared> {}

impl<S: Kind> Cleanup<S> {
    /// Takes the cleanup back, with its value; true if that came in time: it was not due yet, and will never run.
    pub fn cancel(self) -> bool {
        let mut state = self.heap.cleanups.state.lock();
        let task = match state.entries.get(self.index) {
            Some(slot) if slot.number == self.number => state.take(self.index),
            _ => None,
        };
        drop(state); // U2
        task.is_some()
    }
}

impl<S: Kind> fmt::Debug for Cleanup<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleanup").finish_non_exhaustive()
    }
}

/// The cleanups of a heap that are due. From [`LocalHeap::cleanups`] and [`Heap::cleanups`]; all handles are of one queue.
///
/// They run where [`run`](CleanupQueue::run) is called: between two turns of a program's loop, say, and of a local heap on its
/// thread only. A shared heap's may have a thread of their own:
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::sync::Arc;
/// use gc_core::Heap;
///
/// let heap = Heap::new();
/// let cleanups = heap.cleanups();
/// let thread = std::thread::spawn(move || {
///     while cleanups.wait() {
///         cleanups.run();
///     }
/// });
/// let ran = Arc::new(AtomicU32::new(0));
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let ran = ran.clone();
///     mc.add_cleanup(mc.alloc_str("lost"), 3, move |n| { ran.fetch_add(n, Ordering::Relaxed); });
/// });
/// mutator.collect();
/// drop(mutator);
/// drop(heap); // the thread ends with the heap
/// thread.join().unwrap();
/// assert_eq!(ran.load(Ordering::Relaxed), 3);
/// ```
///
/// A cleanup may do what a thread outside of regions may: use the heap through a mutator of its own, register cleanups, drop roots.
/// One that panics is caught and counted ([`Statistics::cleanup_panics`](crate::Statistics::cleanup_panics)).
///
/// When the heap ends all objects die, and what is registered becomes due; what is not run by then or later, by a queue that is
/// still there, is dropped. Whoever registers cleanups and never runs them has them in memory, due.
pub struct CleanupQueue<S: Kind = Shared> {
    heap: Arc<HeapCore>,
    /// As of `Cleanup`.
    _kind: PhantomData<(S, *const ())>,
}

// SAFETY: tasks of a shared heap are `Send`, and run by one thread each.
unsafe impl Send for CleanupQueue<Shared> {}
// SAFETY: as above.
unsafe impl Sync for CleanupQueue<Shared> {}

impl<S: Kind> CleanupQueue<S> {
    fn new(heap: &Arc<HeapCore>) -> Self {
        heap.cleanups.state.lock().queues += 1;
        CleanupQueue { heap: heap.clone(), _kind: PhantomData }
    }

    /// Runs all that are due, those that become due meanwhile included; how many.
    pub fn run(&self) -> usize {
        self.heap.cleanups.run(usize::MAX)
    }

    /// Runs up to `most` of those that are due; how many.
    pub fn run_some(&self, most: usize) -> usize {
        self.heap.cleanups.run(most)
    }

    /// How many are due.
    pub fn len(&self) -> usize {
        self.heap.cleanups.state.lock().due.len()
    }

    /// Whether none is due.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl CleanupQueue<Shared> {
    /// Waits until a cleanup is due; false if none ever will be: the heap has ended. Not for a region, whose thread keeps the
    /// heap from finding out what died.
    pub fn wait(&self) -> bool {
        let cleanups = &self.heap.cleanups;
        let mut state = cleanups.state.lock();
        while state.due.is_empty() && !state.ended {
            cleanups.due.wait(&mut state);
        }
        !state.due.is_empty()
    }
}

impl<S: Kind> Clone for CleanupQueue<S> {
    fn clone(&self) -> Self {
        CleanupQueue::new(&self.heap)
    }
}

impl<S: Kind> Drop for CleanupQueue<S> {
    fn drop(&mut self) {
        let mut state = self.heap.cleanups.state.lock();
        state.queues -= 1;
        if state.queues == 0 && state.ended {
            let due = std::mem::take(&mut state.due);
            drop(state);
            drop_all(due); // U4
        }
    }
}

impl<S: Kind> fmt::Debug for CleanupQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CleanupQueue").field("due", &self.len()).finish_non_exhaustive()
    }
}

impl Heap {
    /// The queue of cleanups that are due. It keeps the heap's core in memory, and not the heap alive.
    pub fn cleanups(&self) -> CleanupQueue<Shared> {
        CleanupQueue::new(self.core())
    }
}

impl LocalHeap {
    /// The queue of cleanups that are due. It keeps the heap's core in memory, and not the heap alive.
    pub fn cleanups(&self) -> CleanupQueue<Owned> {
        CleanupQueue::new(self.core())
    }
}
