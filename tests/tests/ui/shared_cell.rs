//@ error: E0277
//! Two threads write one `Cell` of a shared heap.

use std::cell::Cell;

use gc_core::Heap;

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| drop(mc.alloc(Cell::new(1))));
}
