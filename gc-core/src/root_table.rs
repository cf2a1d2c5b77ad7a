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
const SEGMENT: usize = if cfg!(loom) { 2 } else { 128 };
/// Entries the walk copies under one hold of the lock: some microseconds.
const STRIDE: usize = if cfg!(loom) { 1 } else { 1024 };

/// One global root.
#[derive(Debug)]
pub(crate) struct RootEntry {
    /// Handles of this root. Written by whoever clones (Relaxed) or drops (Release, then an Acquire fence at zero).
    handles: AtomicUsize,
    index: usize,
}

/// What stands at an index: the target of a root, and the next index in the list that the entry is in, if it is in one.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// `None`: free.
    target: Option<NonNull<()>>,
    next: usize,
}

/// No index.
const END: usize = usize::MAX;

/// No operation takes longer the more roots there are, but for the growth of two vectors by segments: lists are linked, not
/// moved.
#[derive(Debug)]
struct Entries {
    segments: Vec<Box<[RootEntry]>>,
    /// Parallel to the entries.
    places: Vec<Box<[Place]>>,
    /// Indices that were ever used.
    used: usize,
    /// The first free index.
    free: usize,
    /// The first entry without handles that the walk has yet to see (I2).
    zombie: usize,
    /// How many roots there are.
    live: usize,
    /// Between the request of H1 and the end of the walk.
    pinned: bool,
}

// SAFETY: addresses; what they name is read by the collector's rules.
unsafe impl Send for Entries {}

impl Entries {
    fn place(&mut self, index: usize) -> &mut Place {
        &mut self.places[index / SEGMENT][index % SEGMENT]
    }

    /// A free index.
    fn take(&mut self) -> usize {
        let index = self.free;
        if index != END {
            self.free = self.place(index).next;
            return index;
        }
        let index = self.used;
        if index == self.segments.len() * SEGMENT {
            let entry = |index| RootEntry { handles: AtomicUsize::new(0), index };
            self.segments.push((index..index + SEGMENT).map(entry).collect());
            self.places.push(vec![Place { target: None, next: END }; SEGMENT].into());
        }
        self.used += 1;
        index
    }

    fn let_go(&mut self, index: usize) {
        let next = std::mem::replace(&mut self.free, index);
        *self.place(index) = Place { target: None, next };
    }

    /// Lets go of a zombie; false if there is none.
    fn let_zombie_go(&mut self) -> bool {
        let index = self.zombie;
        if index == END {
            return false;
        }
        self.zombie = self.place(index).next;
        self.let_go(index);
        true
    }
}

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
                places: Vec::new(),
                used: 0,
                free: END,
                zombie: END,
                live: 0,
                pinned: false,
            }),
        }
    }

    /// Makes a root of `target` with one handle.
    pub(crate) fn create(&self, target: NonNull<()>) -> NonNull<RootEntry> {
        let mut entries = self.entries.lock();
        let index = entries.take();
        entries.place(index).target = Some(target);
        entries.live += 1;
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
        // MUTATION(root-drop-unfenced) skip
        fence(Ordering::Acquire); // pairs with the Release above, in the other handles' drops
        let index = entry.index;
        let mut entries = self.entries.lock();
        entries.live -= 1;
        if entries.pinned {
            // I2: it keeps its target.
            let next = std::mem::replace(&mut entries.zombie, index);
            // MUTATION(zombie-let-go) entries.place(index).next = next ==> { let _ = next; entries.zombie = END; entries.let_go(index) }
            entries.place(index).next = next;
        } else {
            entries.let_go(index);
        }
    }

    /// From now on dropped roots stay until the walk is over (called before H1 is requested).
    pub(crate) fn pin(&self) {
        self.entries.lock().pinned = true;
    }

    /// Shows the next entries to `visit`, outside the lock, when `seen` were shown before: how many are now, or `None` if that
    /// was all. Then the dropped ones are let go.
    pub(crate) fn walk_stride(&self, seen: usize, visit: impl FnMut(NonNull<()>)) -> Option<usize> {
        let mut entries = self.entries.lock();
        let end = entries.used.min(seen + STRIDE);
        if entries.pinned && seen != end {
            let targets: Vec<_> = (seen..end).filter_map(|index| entries.place(index).target).collect();
            drop(entries);
            targets.into_iter().for_each(visit);
            return Some(end);
        }
        // What is dropped from now on is let go at once, so the rest comes to an end.
        entries.pinned = false;
        (0..STRIDE).all(|_| entries.let_zombie_go()).then_some(seen)
    }

    /// The number of roots.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().live
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn target(n: usize) -> NonNull<()> {
        NonNull::new(std::ptr::without_provenance_mut(n * 16)).unwrap()
    }

    fn walked(table: &RootTable) -> Vec<usize> {
        let mut seen = Vec::new();
        let mut at = Some(0);
        table.pin();
        while let Some(from) = at {
            at = table.walk_stride(from, |target| seen.push(target.addr().get() / 16));
        }
        seen.sort_unstable();
        seen
    }

    #[test]
    fn a_root_that_is_dropped_while_pinned_is_walked_once_more() {
        let table = RootTable::new();
        // SAFETY, of each `as_ref` here: entries stay put as long as the table.
        let entries: Vec<_> = (1..=3000).map(|n| table.create(target(n))).collect();
        table.pin();
        for entry in &entries[..2000] {
            // SAFETY: see above.
            table.drop_handle(unsafe { entry.as_ref() });
        }
        assert_eq!(table.len(), 1000);
        let late = table.create(target(5000));
        assert_eq!(walked(&table), (1..=3000).chain([5000]).collect::<Vec<_>>());
        assert_eq!(walked(&table), (2001..=3000).chain([5000]).collect::<Vec<_>>());
        // SAFETY: see above.
        table.drop_handle(unsafe { late.as_ref() });
        let again: Vec<_> = (1..=2000).map(|n| table.create(target(n))).collect();
        assert_eq!(table.len(), 3000);
        assert_eq!(walked(&table), (1..=3000).collect::<Vec<_>>());
        drop(again);
    }

    #[test]
    fn a_clone_keeps_the_entry() {
        let table = RootTable::new();
        let entry = table.create(target(1));
        // SAFETY: entries stay put as long as the table.
        let entry = unsafe { entry.as_ref() };
        RootTable::clone_handle(entry);
        table.drop_handle(entry);
        assert_eq!(walked(&table), [1]);
        table.drop_handle(entry);
        assert!(walked(&table).is_empty() && table.len() == 0);
    }
}
