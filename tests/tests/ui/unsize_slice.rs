//@ error: E0277
//! An array becomes a slice without the length that slices of the heap have in front.

use gc_core::{LocalHeap, unsize};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| drop(unsize!(mc.alloc([1, 2, 3]) => [i32])));
}
