//@ error: E0277
//! A value of two words in a cell of one is read half old, half new.

use gc_core::{GcCell, LocalHeap};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let cell = GcCell::new(mc.alloc_str("fat"));
        mc.alloc(cell);
    });
}
