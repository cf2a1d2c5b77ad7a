//! The table of global roots beside the collector's walk.
//!
//! Shown: what had a handle when H1 was requested is seen by the walk, though handles are cloned and dropped by two threads
//! before, during and after it; the last of two handles dropped at once frees the entry, once; an entry is not reused while
//! it is pinned; after all are dropped every place is free.
//! Threads: the collector (main) and two that hold handles.
//!
//! Fails if: a dropped entry is let go although pinned; the pin ends before the walk does; a drop is a load and a store.
//!
//! covers: gc-core::root_table::RootEntry::handles

use std::ptr::NonNull;
use std::sync::Arc;

use loom::thread;

use super::explore;
use crate::root_table::{RootEntry, RootTable};

/// A handle, by hand.
struct Handle(Arc<RootTable>, NonNull<RootEntry>);

// SAFETY: as `Root`: the entry is handled atomically.
unsafe impl Send for Handle {}

impl Handle {
    fn new(table: &Arc<RootTable>, target: usize) -> Handle {
        let target = NonNull::new(std::ptr::without_provenance_mut(target)).expect("not null");
        Handle(table.clone(), table.create(target))
    }

    fn entry(&self) -> &RootEntry {
        // SAFETY: entries stay put as long as the table.
        unsafe { self.1.as_ref() }
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        RootTable::clone_handle(self.entry());
        Handle(self.0.clone(), self.1)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.drop_handle(self.entry());
    }
}

/// A whole walk of a table that is pinned, or was not dropped from since.
fn walk(table: &RootTable) -> Vec<usize> {
    table.pin();
    let mut seen = Vec::new();
    let mut at = Some(0);
    while let Some(from) = at {
        at = table.walk_stride(from, |target| seen.push(target.addr().get()));
    }
    seen
}

/// Every place is free, and in the list once.
fn assert_all_free(table: &Arc<RootTable>, places: usize) {
    assert_eq!(table.len(), 0);
    assert!(walk(table).is_empty());
    let handles: Vec<_> = (1..=places).map(|target| Handle::new(table, target * 16)).collect();
    let mut seen = walk(table);
    seen.sort_unstable();
    assert_eq!(seen, (1..=places).map(|target| target * 16).collect::<Vec<_>>());
    drop(handles);
}

/// A root is cloned and its original dropped, another is dropped and a third made, beside the walk.
#[test]
fn drops_beside_the_walk() {
    explore(|| {
        let table = Arc::new(RootTable::new());
        let (first, second) = (Handle::new(&table, 16), Handle::new(&table, 32));
        table.pin();
        let cloner = thread::spawn(move || {
            let clone = first.clone();
            drop(first);
            clone
        });
        let dropper = thread::spawn({
            let table = table.clone();
            move || {
                drop(second);
                Handle::new(&table, 48)
            }
        });
        let seen = walk(&table);
        assert!(seen.contains(&16) && seen.contains(&32), "rooted at H1, and not seen: {seen:?}");
        let made = dropper.join().unwrap();
        let clone = cloner.join().unwrap();
        let mut left = walk(&table);
        left.sort_unstable();
        assert_eq!(left, [16, 48]);
        drop((made, clone));
        assert_all_free(&table, 3);
    });
}

/// Two threads drop the two handles of one root; a third one's root must not get the entry twice.
#[test]
fn the_last_two_handles() {
    explore(|| {
        let table = Arc::new(RootTable::new());
        let handle = Handle::new(&table, 16);
        let clone = handle.clone();
        let other = thread::spawn(move || drop(clone));
        drop(handle);
        other.join().unwrap();
        assert_all_free(&table, 2);
    });
}

/// Two threads make roots at once.
#[test]
fn two_roots_at_once() {
    explore(|| {
        let table = Arc::new(RootTable::new());
        let other = thread::spawn({
            let table = table.clone();
            move || Handle::new(&table, 32)
        });
        let mine = Handle::new(&table, 16);
        let other = other.join().unwrap();
        let mut seen = walk(&table);
        seen.sort_unstable();
        assert_eq!(seen, [16, 32]);
        drop((mine, other));
        assert_all_free(&table, 2);
    });
}
