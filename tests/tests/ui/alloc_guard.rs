//@ error: E0277
//! A guard in an object is held across safepoints.

use gc_core::{GcMutex, LocalHeap};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let mutex = mc.alloc(GcMutex::new(1));
        let guard = mutex.lock(mc);
        mc.alloc(Box::new(guard));
    });
}
