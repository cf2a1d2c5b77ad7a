//@ error: E0277
//! Two threads allocate from one cache.

use gc_core::Heap;

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        std::thread::scope(|threads| {
            threads.spawn(|| drop(mc.alloc(1)));
        });
    });
}
