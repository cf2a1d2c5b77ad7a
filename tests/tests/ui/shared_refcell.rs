//@ error: E0277
//! Two threads borrow one `GcRefCell` of a shared heap.

use gc_core::{GcRefCell, Heap};

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| drop(mc.alloc(GcRefCell::new(1))));
}
