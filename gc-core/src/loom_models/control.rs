//! Who runs the cycles of a heap, and its end.
//!
//! Shown: a request is never lost between a runner that stops and one that asks; `collect` comes back after a full cycle that
//! began after it was called; the last owner waits for the runner, on whatever thread it goes, and the heap is dropped once;
//! the pool's threads end with the last heap.
//! Threads: the main one, a thread of the pool, and in one model a second that asks.
//!
//! Fails if: a runner that stops does not wake who waits for it; the pool's `leave` does not wake.
//!
//! covers: gc-core::heap::HeapCore::owners
//! covers: allocator::arena::Arena::caches
//! numbers: allocator::arena::Arena::allocated_at_flip
//! numbers: gc-core::pacing::Pacing::born_black
//! numbers: gc-core::pacing::Pacing::goal
//! numbers: gc-core::pacing::Pacing::not_before
//! numbers: gc-core::pacing::Pacing::offset
//! numbers: gc-core::pacing::Pacing::trigger
//! numbers: gc-core::event::Observer::panics
//! numbers: gc-core::drops::Drops::panics
//! numbers: gc-core::drops::Drops::run

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::thread;

use super::{Node, explore, explore_play, heap};
use crate::{Heap, Trace};

/// `collect`, and the end of the heap.
#[test]
fn collect_and_end() {
    explore_play(|| {
        let heap = heap();
        let mut mutator = heap.mutator().unwrap();
        mutator.mutate(|mc| {
            mc.alloc(Node::new(None));
        });
        loom::explore();
        mutator.collect();
        loom::stop_exploring();
        assert_eq!(heap.statistics().live_objects, 0);
    });
}

/// Counts its drop.
#[derive(Trace)]
struct Counted(#[trace(skip)] Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        // Relaxed: of the test.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A cycle is asked for, and the heap's last owner goes at once: what is dead is dropped by the one or the other.
#[test]
fn request_and_end() {
    explore_play(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let heap = heap();
        let mut mutator = heap.mutator().unwrap();
        mutator.mutate(|mc| {
            mc.alloc(Counted(drops.clone()));
        });
        drop(mutator);
        loom::explore();
        heap.start_collection();
        drop(heap);
        loom::stop_exploring();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// Two threads ask for a cycle and own the heap; either may be the last.
#[test]
fn two_owners_ask_and_end() {
    explore(|| {
        let heap = heap();
        let other = thread::spawn({
            let heap = heap.clone();
            move || heap.start_collection()
        });
        drop(heap);
        other.join().unwrap();
    });
}

/// An object that owns its heap and counts its drop.
#[derive(Trace)]
struct Owning(#[trace(skip)] Heap, Counted);

/// The last owner of a heap is an object in it, dropped by the runner of its cycle.
#[test]
fn last_handle_inside_own_object() {
    explore_play(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let heap = heap();
        let mut mutator = heap.mutator().unwrap();
        mutator.mutate(|mc| {
            mc.alloc(Owning(heap.clone(), Counted(drops.clone())));
        });
        drop(mutator);
        let core = Arc::downgrade(heap.core());
        loom::explore();
        heap.start_collection();
        drop(heap);
        while core.strong_count() != 0 {
            thread::yield_now();
        }
        loom::stop_exploring();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}
