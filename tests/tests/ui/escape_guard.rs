//@ error: no code
//! A guard outlives the region: an exclusive borrow is held while a marker reads.

use gc_core::{Gc, GcRefCell, LocalHeap};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let mut escaped = mutator.mutate(|mc| Gc::as_ref(mc.alloc(GcRefCell::new(vec![1]))).borrow_mut(mc));
    mutator.collect();
    escaped.push(2);
}
