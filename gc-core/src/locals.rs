//! The stack of local roots of one mutator: memory that stays put, with an atomic length.
//!
//! I1. Entries are written only inside a region (state word INSIDE), so never while the collector reads them (ACTING).
//! I2. Leaving a scope only lowers the length, from outside a region, at any moment. A collector that acts meanwhile may
//!     have read the old length: it then shades entries that were roots until just now, which is floating garbage at most;
//!     their memory is kept, and no entry is overwritten before the next region (I1), so none is torn.
//! I3. Indices below the length name live objects.

use std::cell::Cell;
use std::ptr::NonNull;

use crate::fat::Fat;
use crate::sync::{AtomicUsize, Ordering, Witness};

/// Entries of a segment.
const SEGMENT: usize = if cfg!(loom) { 2 } else { 512 };

/// One local root.
#[derive(Debug)]
pub(crate) struct Entry {
    target: Cell<Option<NonNull<()>>>,
    fat: Cell<Fat>,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct LocalStack {
    /// Written by the mutator: Release when it pops, outside a region; read by the collector (Acquire) while it acts.
    len: AtomicUsize,
    /// Grown by the mutator inside a region only.
    segments: std::cell::UnsafeCell<Vec<Box<[Entry; SEGMENT]>>>,
    /// Of the segments and the entries (I1), for the models.
    data: Witness,
}

impl LocalStack {
    pub(crate) fn new() -> Self {
        LocalStack { len: AtomicUsize::new(0), segments: std::cell::UnsafeCell::new(Vec::new()), data: Witness::new() }
    }

    /// The number of locals.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Relaxed: the mutator reads what it wrote itself.
        self.len.load(Ordering::Relaxed)
    }

    /// Pushes a root; returns its index.
    ///
    /// # Safety
    /// The caller is the mutator, inside a region (I1).
    #[inline]
    pub(crate) unsafe fn push(&self, target: NonNull<()>, fat: Fat) -> usize {
        self.data.write();
        let index = self.len.load(Ordering::Relaxed);
        // SAFETY: I1: nobody else looks at the segments now.
        let segments = unsafe { &mut *self.segments.get() };
        if index == segments.len() * SEGMENT {
            segments.push(Box::new(std::array::from_fn(|_| Entry {
                target: Cell::new(None),
                fat: Cell::new([std::ptr::null(); 2]),
            })));
        }
        let entry = &segments[index / SEGMENT][index % SEGMENT];
        entry.target.set(Some(target));
        entry.fat.set(fat);
        // Relaxed: the collector reads it after it took the state word that this region's end releases.
        self.len.store(index + 1, Ordering::Relaxed);
        index
    }

    /// Lowers the length to `len` (I2).
    #[inline]
    pub(crate) fn truncate(&self, len: usize) {
        // Release: what this thread did with the dropped locals happened before the collector sees them gone.
        // MUTATION(locals-truncated-relaxed) Ordering::Release ==> Ordering::Relaxed
        self.len.store(len, Ordering::Release);
    }

    /// The root at `index`.
    ///
    /// # Safety
    /// The caller is the mutator, inside a region; `index` is below the length.
    #[inline]
    pub(crate) unsafe fn get(&self, index: usize) -> Fat {
        self.data.read();
        // SAFETY: I1.
        let segments = unsafe { &*self.segments.get() };
        segments[index / SEGMENT][index % SEGMENT].fat.get()
    }

    /// What stands at `index`.
    ///
    /// # Safety
    /// As [`get`](Self::get).
    pub(crate) unsafe fn entry(&self, index: usize) -> (NonNull<()>, Fat) {
        self.data.read();
        // SAFETY: I1.
        let segments = unsafe { &*self.segments.get() };
        let entry = &segments[index / SEGMENT][index % SEGMENT];
        (entry.target.get().expect("an entry below the length names an object"), entry.fat.get())
    }

    /// Points the root at `index` elsewhere.
    ///
    /// # Safety
    /// As [`get`](Self::get).
    #[inline]
    pub(crate) unsafe fn set(&self, index: usize, target: NonNull<()>, fat: Fat) {
        self.data.write();
        // SAFETY: I1.
        let segments = unsafe { &*self.segments.get() };
        let entry = &segments[index / SEGMENT][index % SEGMENT];
        entry.target.set(Some(target));
        entry.fat.set(fat);
    }

    /// Calls `f` with each root's target.
    ///
    /// # Safety
    /// The caller has exclusive access to the record: the mutator inside, or the collector acting.
    pub(crate) unsafe fn for_each(&self, mut f: impl FnMut(NonNull<()>)) {
        self.data.read();
        // Acquire: pairs with `truncate`.
        let len = self.len.load(Ordering::Acquire);
        // SAFETY: I1.
        let segments = unsafe { &*self.segments.get() };
        for index in 0..len {
            if let Some(target) = segments[index / SEGMENT][index % SEGMENT].target.get() {
                f(target);
            }
        }
    }
}
