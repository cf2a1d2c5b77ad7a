//@ error: E0277
//! A shared heap's cleanups run on any thread.

use gc_core::Heap;
use std::rc::Rc;

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let _ = mc.add_cleanup(mc.alloc(1), Rc::new(1), drop);
    });
}
