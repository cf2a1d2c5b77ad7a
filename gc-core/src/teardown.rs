//! The end of a heap: its cycles end, everything in it is dropped once, its memory goes back.
//!
//! I1. A shared heap's objects are dropped on the thread of the last owner, or, if that is the thread that runs its cycle (an
//!     object held the last handle of its heap), there, after its sweep; a thread that unwinds lets another do it.
//! I2. A local heap's objects are dropped on its thread; if that unwinds they are leaked (their memory is not).

use std::sync::Arc;

use crate::heap::HeapCore;
use crate::pool::pool;
use crate::sync::thread;

/// The last owner is gone.
#[cold]
pub(crate) fn end(heap: &Arc<HeapCore>) {
    if !heap.control.shut_down() {
        return; // the runner of its cycles does the rest
    }
    if !thread::panicking() {
        finish(heap);
    } else if heap.shared {
        let core = heap.clone();
        let thread = thread::Builder::new().name("gc-teardown".into()).spawn(move || finish(&core));
        match thread {
            // `finish` catches what user code throws.
            Ok(thread) => drop(thread.join()),
            // Nobody can drop the objects now.
            Err(_) => abandon(heap),
        }
    } else {
        abandon(heap);
    }
}

/// The heap ends, and leaks what is in it.
fn abandon(heap: &HeapCore) {
    heap.cleanups.abandon();
    pool().change_goal(heap.pacing.end());
    pool().leave(heap.space);
}

/// Drops all objects and returns all memory; the process's last heap lets the collector's threads go.
pub(crate) fn finish(heap: &Arc<HeapCore>) {
    heap.arena.teardown(&mut |owner, slot| {
        let slot_size = heap.space.span_of(slot.addr().get()).map_or(0, |span| span.slot_size());
        // SAFETY: nobody is left who could reach an object of this heap, and the arena shows each slot once.
        unsafe { heap.drops.drop_slot(owner, slot, slot_size) };
    });
    heap.cleanups.end();
    pool().change_goal(heap.pacing.end());
    pool().leave(heap.space);
}
