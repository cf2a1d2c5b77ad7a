//@ error: E0277
//! A scoped thread borrows a `GcRefCell`: its flag is not atomic.

use gc_core::{GcRefCell, LocalHeap};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let cell = mc.alloc(GcRefCell::new(1));
        std::thread::scope(|threads| {
            threads.spawn(|| drop(cell.borrow()));
        });
    });
}
