//@ error: E0277
//! Two threads count in one `Rc` of a shared heap.

use std::rc::Rc;

use gc_core::Heap;

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| drop(mc.alloc(Rc::new(1))));
}
