//! The registry of a heap's global roots.
//!
//! I1. An entry's memory stays put until the heap's core is freed, which every root handle keeps.
//! I2. A dropped root counts as a deletion: from the request of H1 until the collector's walk has visited all entries, an
//!     entry whose last handle is dropped stays as it is and is not reused (a clone of it may have been made, and dropped,
//!     on either side of the walk; clones share the entry, so the walk sees the object whichever handle lives).
//! I3. A root made after the walk names an object that was marked, or will be: its maker holds it from the snapshot or from
//!     a grey or black birth, for the walk begins after all mutators have answered H2.

use std::ptr::NonNull;

use crate::sync::{AtomicUsize, Mutex, Ordering, fence};

/// Entries of a segment.
const SEGMENT: usize = if cfg!(loom) { 2 } else { 64 };
/// Entries the walk copies under one hold of the lock: some microseconds.
const STRIDE: usize = if cfg!(loom) { 1 } else { 1024 };

/// One global root.
#[derive(Debug)]
pub(crate) struct RootEntry {
    /// Handles of this root. Written by whoever clones (Relaxed) or drops (Release, then an Acquire fence at zero).
    handles: AtomicUsize,
    index: usize,
}

#[derive(Debug)]
struct Entries {
    segments: Vec<Box<[RootEntry]>>,
    /// Parallel to the entries: what each names; `None` if it is free.
    targets: Vec<Option<NonNull<()>>>,
    free: Vec<usize>,
    /// Entries without handles that the walk has yet to see (I2).
    zombies: Vec<usize>,
    /// Between the request of H1 and the end of the walk.
    pinned: bool,
}

// SAFETY: addresses; what they name is read by the collector's rules.
unsafe impl Send for Entries {}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct RootTable {
    entries: Mutex<Entries>,
}

impl RootTable {
    pub(crate) fn new() -> Self {
        RootTable {
            entries: Mutex::new(Entries {
                segments: Vec::new(),
                targets: Vec::new(),
                free: Vec::new(),
                zombies: Vec::new(),
                pinned: false,
            }),
        }
    }

    /// Makes a root of `target` with one handle.
    pub(crate) fn create(&self, target: NonNull<()>) -> NonNull<RootEntry> {
        let mut entries = self.entries.lock();
        let index = match entries.free.pop() {
            Some(index) => index,
            None => {
                let index = entries.targets.len();
                if index == entries.segments.len() * SEGMENT {
                    let segment = (index..index + SEGMENT)
                        .map(|index| RootEntry { handles: AtomicUsize::new(0), index })
                        .collect();
                    entries.segments.push(segment);
                }
                entries.targets.push(None);
                index
            }
        };
        entries.targets[index] = Some(target);
        let entry = &entries.segments[index / SEGMENT][index % SEGMENT];
        // Relaxed: the handle is handed out by this thread, and what carries it elsewhere synchronises.
        entry.handles.store(1, Ordering::Relaxed);
        NonNull::from(entry)
    }

    /// One more handle.
    pub(crate) fn clone_handle(entry: &RootEntry) {
        // Relaxed: the caller has a handle, so the entry can't go away.
        let before = entry.handles.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            // Leaked handles (`mem::forget`) in a loop: as `Arc`, rather die than wrap.
            std::process::abort();
        }
    }

    /// One handle less.
    pub(crate) fn drop_handle(&self, entry: &RootEntry) {
        // Release: what was done through this handle happened before the entry is freed by the last one.
        if entry.handles.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire); // pairs with the Release above, in the other handles' drops
        let index = entry.index;
        let mut entries = self.entries.lock();
        if entries.pinned {
            entries.zombies.push(index); // I2
        } else {
            entries.targets[index] = None;
            entries.free.push(index);
        }
    }

    /// From now on dropped roots stay until the walk is over (called before H1 is requested).
    pub(crate) fn pin(&self) {
        self.entries.lock().pinned = true;
    }

    /// Shows all entries to `visit`, in strides outside the lock, and lets go of the dropped ones.
    pub(crate) fn walk(&self, mut visit: impl FnMut(NonNull<()>)) {
        let mut seen = 0;
        let mut stride: Vec<NonNull<()>> = Vec::with_capacity(STRIDE);
        loop {
            {
                let mut entries = self.entries.lock();
                if seen >= entries.targets.len() {
                    entries.pinned = false;
                    while let Some(index) = entries.zombies.pop() {
                        entries.targets[index] = None;
                        entries.free.push(index);
                    }
                    return;
                }
                let end = entries.targets.len().min(seen + STRIDE);
                stride.extend(entries.targets[seen..end].iter().flatten());
                seen = end;
            }
            stride.drain(..).for_each(&mut visit);
        }
    }

    /// The number of roots.
    pub(crate) fn len(&self) -> usize {
        let entries = self.entries.lock();
        entries.targets.len() - entries.free.len() - entries.zombies.len()
    }
}
