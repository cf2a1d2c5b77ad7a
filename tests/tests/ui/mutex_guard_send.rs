//@ error: E0277
//! A guard is unlocked by another thread than the one that locked.

use gc_core::{GcMutex, Heap};

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let mutex = mc.alloc(GcMutex::new(1));
        let guard = mutex.lock(mc);
        std::thread::scope(|threads| {
            threads.spawn(move || drop(guard));
        });
    });
}
