//! Mutators and regions: [`Mutator`] is a thread's registration, [`Mutation`] the token of an open region.
//!
//! I1. A `Mutation<'gc, S>` is only ever seen behind `&'gc`, with a `'gc` chosen by `for<'gc>`: no value of type
//!     `Mutation<'static, _>` exists (`gc` I1 rests on it).
//! I2. While a region is open its record's state word is INSIDE, and it is the innermost borrow of its `Mutator`, so there
//!     is one region per mutator at most.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use allocator::AllocError;

use crate::control::Control;
use crate::heap::Owner;
use crate::kind::{Kind, Shared};
use crate::record::Record;
use crate::scope::Scope;

/// A thread's registration with a heap. Not `Send`; dropping it, in whatever phase of a cycle, unregisters the thread.
pub struct Mutator<S: Kind = Shared> {
    record: Arc<Record>,
    /// Keeps the heap alive; dropped after the registration has ended.
    owner: Owner,
    _kind: PhantomData<(S, *const ())>,
}

/// Leaves the region when dropped, by return or by panic.
struct Region<'a>(&'a Arc<Record>);

impl Drop for Region<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.0.leave() {
            self.0.heap.attend(self.0);
        }
    }
}

/// Runs `f` in a region of `record`.
#[inline(always)]
pub(crate) fn region<R>(record: &Arc<Record>, f: impl FnOnce() -> R) -> R {
    record.enter();
    let guard = Region(record);
    let result = f();
    drop(guard);
    result
}

impl<S: Kind> Mutator<S> {
    pub(crate) fn new(record: Arc<Record>, owner: Owner) -> Self {
        Mutator { record, owner, _kind: PhantomData }
    }

    pub(crate) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Opens a region: inside, pointers into the heap are plain values, and nothing is collected from under them. Its two
    /// ends are safepoints. Keep regions short (some ten microseconds to some milliseconds): a long one delays the cycle,
    /// though never another thread. Inside a loop, ask [`Mutation::should_yield`].
    ///
    /// Cost: two uncontended compare-and-swaps.
    ///
    /// # Panics
    /// When `f` does; the region is left then too.
    #[inline]
    pub fn mutate<R>(&mut self, f: impl for<'gc> FnOnce(&'gc Mutation<'gc, S>) -> R) -> R {
        self.zeal();
        region(&self.record, || {
            // SAFETY: I1 of this module: the record is INSIDE, and `f` takes any `'gc`.
            f(unsafe { Mutation::of(&self.record) })
        })
    }

    /// Opens a scope of stack roots ([`Local`](crate::Local)) that survive safepoints.
    pub fn scope<R>(&mut self, f: impl for<'s> FnOnce(&mut Scope<'s, S>) -> R) -> R {
        Scope::open(&self.record, f)
    }

    /// A safepoint: answers what the collector asks, and looks after dead objects of a local heap for a moment.
    #[inline]
    pub fn safepoint(&mut self) {
        self.zeal();
        region(&self.record, || {});
    }

    /// Collects, and waits until a full cycle that began after this call is over: everything unreachable at the call is
    /// dropped and its memory free.
    ///
    /// While its thread unwinds, a local heap only asks for the cycle: its dead could not be dropped.
    ///
    /// # Panics
    /// When the system can start no thread for it; in a `Drop` that the collector runs, which would wait for itself.
    pub fn collect(&mut self) {
        Control::collect(&self.record);
    }

    /// Collects, and gives all memory that is free then back to the system: free pages (of all heaps of the process), and the
    /// system's pages inside this heap's spans that no object lies on. How many bytes went. As Go's `debug.FreeOSMemory`.
    ///
    /// Cost: a cycle, and a system call for each run of free pages of up to 1 MiB, about a quarter of a millisecond each. What
    /// the program allocates next has to be backed anew.
    ///
    /// # Errors
    /// When the system refuses to take pages; what went until then is gone, and all of it stays usable.
    ///
    /// # Panics
    /// As [`collect`](Mutator::collect).
    ///
    /// ```
    /// use gc_core::LocalHeap;
    ///
    /// let heap = LocalHeap::new();
    /// let mut mutator = heap.mutator().unwrap();
    /// mutator.mutate(|mc| mc.alloc_slice(0..2_000_000_u32).len());
    /// let returned = mutator.release_memory()?;
    /// assert!(returned > 1_000_000);
    /// # Ok::<(), gc_core::AllocError>(())
    /// ```
    pub fn release_memory(&mut self) -> Result<usize, AllocError> {
        self.collect();
        let heap = &self.record.heap;
        let inside = heap.arena.release_free_pages()?;
        Ok(inside + heap.space.release_free(usize::MAX)?)
    }

    /// Asks for a cycle and does not wait for it.
    pub fn start_collection(&self) {
        Control::start(self.owner.core());
    }

    #[inline(always)]
    fn zeal(&self) {
        if self.record.heap.config.zeal.is_some() && self.record.zeal_strikes() {
            Control::collect(&self.record);
        }
    }
}

impl<S: Kind> Drop for Mutator<S> {
    fn drop(&mut self) {
        self.owner.core().unregister(&self.record);
    }
}

impl<S: Kind> fmt::Debug for Mutator<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutator").field("id", &self.record.id).finish_non_exhaustive()
    }
}

/// The token of an open region with the brand `'gc`: whoever has it may allocate and write.
#[repr(transparent)]
pub struct Mutation<'gc, S: Kind = Shared> {
    record: Record,
    /// Invariant in `'gc`; neither `Send` nor `Sync`.
    _brand: PhantomData<(fn(&'gc ()) -> &'gc (), S, *const ())>,
}

impl<'gc, S: Kind> Mutation<'gc, S> {
    /// The token of `record`'s region.
    ///
    /// # Safety
    /// The record is INSIDE for all of `'gc`, its heap is of kind `S`, and `'gc` is generative.
    #[inline(always)]
    pub(crate) unsafe fn of(record: &'gc Record) -> &'gc Mutation<'gc, S> {
        // SAFETY: transparent over `Record`.
        unsafe { &*std::ptr::from_ref(record).cast::<Mutation<'gc, S>>() }
    }

    #[inline(always)]
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Whether the collector waits for this thread: a loop that sees true should leave its region soon. One load.
    #[inline(always)]
    pub fn should_yield(&self) -> bool {
        self.record.state.should_yield()
    }
}

impl<S: Kind> fmt::Debug for Mutation<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutation").field("mutator", &self.record.id).finish_non_exhaustive()
    }
}
