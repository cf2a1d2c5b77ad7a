//@ error: E0277
//! A scoped thread writes a cell through the region of its parent: two threads fill one buffer of shades.

use gc_core::{GcCell, Heap};

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let cell = mc.alloc(GcCell::new(Some(mc.alloc(1))));
        std::thread::scope(|threads| {
            threads.spawn(|| cell.set(mc, None));
        });
    });
}
