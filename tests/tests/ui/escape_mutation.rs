//@ error: no code
//! The token of a region, kept, allocates and writes while the collector acts for the mutator.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let escaped = mutator.mutate(|mc| mc);
    escaped.alloc(1);
}
