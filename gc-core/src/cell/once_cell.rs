//! [`GcOnceCell`]: something set once.
//!
//! I1. The content is an object of its own, published by one compare-and-swap: racing initialisers each build theirs, one
//!     wins, nobody waits, and a loser's object is garbage.
//! I2. Nothing is ever deleted, so there is nothing to shade; publication is Release.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::gc::Gc;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::sync::{AtomicPtr, Ordering};
use crate::trace::{Rebrand, Storable, Trace};
use crate::tracer::Tracer;

/// A place inside an object that is set once, for either kind of heap. One word; the content is an object of its own.
///
/// ```
/// use gc_core::{GcOnceCell, LocalHeap};
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let cell = mc.alloc(GcOnceCell::new());
///     assert_eq!(cell.get(), None);
///     assert_eq!(*cell.get_or_init(mc, || 7), 7);
///     assert_eq!(*cell.get_or_init(mc, || 8), 7);
///     assert!(cell.set(mc, 9).is_err());
/// });
/// ```
pub struct GcOnceCell<'gc, T> {
    /// Written once by a mutator (AcqRel), read by mutators and markers (Acquire).
    content: AtomicPtr<T>,
    /// Invariant in the content and in the brand; `Sync` as below.
    _content: PhantomData<(std::cell::Cell<T>, fn(&'gc ()) -> &'gc ())>,
}

// SAFETY: threads share `&T`, and any of them may put a `T` in.
unsafe impl<T: Send + Sync> Sync for GcOnceCell<'_, T> {}
// SAFETY: what it points to is shared as `&T`, and may have been put in by any thread.
unsafe impl<T: Send + Sync> Send for GcOnceCell<'_, T> {}

impl<'gc, T: Trace<'gc> + 'gc> GcOnceCell<'gc, T> {
    /// An empty cell.
    pub fn new() -> Self {
        GcOnceCell { content: AtomicPtr::new(std::ptr::null_mut()), _content: PhantomData }
    }

    fn content(&self) -> Option<Gc<'gc, T>> {
        // Acquire: pairs with the publication in `set`.
        // MUTATION(once-get-relaxed) Ordering::Acquire ==> Ordering::Relaxed
        let content = NonNull::new(self.content.load(Ordering::Acquire))?;
        // SAFETY: put there by `set` under the same brand, and reported by `trace` ever since.
        Some(unsafe { Gc::from_ptr(content) })
    }

    /// The content, if it is set.
    pub fn get(&self) -> Option<&'gc T> {
        self.content().map(Gc::as_ref)
    }

    /// Sets the content, and returns it.
    ///
    /// # Errors
    /// When it was set already, by whomever: with the content it has. `value` is dropped then, at once or by the collector.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn set<S: Kind>(&self, mc: &Mutation<'gc, S>, value: T) -> Result<&'gc T, &'gc T>
    where
        T: Storable<S>,
    {
        if let Some(content) = self.get() {
            return Err(content);
        }
        let mine = mc.alloc(value);
        let raw = Gc::as_ptr(mine).cast_mut();
        // AcqRel: Release publishes the object (I2); on failure Acquire, to read the winner's.
        // MUTATION(once-relaxed) Ordering::AcqRel ==> Ordering::Relaxed
        match self.content.compare_exchange(std::ptr::null_mut(), raw, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(Gc::as_ref(mine)),
            Err(_) => Err(self.get().expect("a once cell that was set stays set")),
        }
    }

    /// The content; if there is none, `init`'s result becomes it, unless another thread was faster. `init` may use the cell.
    ///
    /// # Panics
    /// When `init` does, and when there is no memory; the cell stays empty then.
    pub fn get_or_init<S: Kind>(&self, mc: &Mutation<'gc, S>, init: impl FnOnce() -> T) -> &'gc T
    where
        T: Storable<S>,
    {
        match self.get() {
            Some(content) => content,
            None => match self.set(mc, init()) {
                Ok(content) | Err(content) => content,
            },
        }
    }
}

// SAFETY: reports the one pointer it holds, read atomically.
unsafe impl<'gc, T: Trace<'gc> + 'gc> Trace<'gc> for GcOnceCell<'gc, T> {
    const HOLDS_GC: bool = true;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        if let Some(content) = self.content() {
            tracer.field(&content);
        }
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, T: Rebrand> Rebrand for GcOnceCell<'gc, T> {
    type With<'a> = GcOnceCell<'a, T::With<'a>>;
}

impl<'gc, T: Trace<'gc> + 'gc> Default for GcOnceCell<'gc, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'gc, T: Trace<'gc> + fmt::Debug + 'gc> fmt::Debug for GcOnceCell<'gc, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GcOnceCell").field(&self.get()).finish()
    }
}
