//@ error: E0521, E0501, E0500
//! Scopes that change places: the locals of the one that ends live on in the other.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.scope(|outer| {
        outer.scope(|inner| std::mem::swap(outer, inner));
    });
}
