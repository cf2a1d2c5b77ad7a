//@ error: E0277, E0133
//! The macro lends its `unsafe` to an expression in the type.

use gc_core::{LocalHeap, unsize};

const unsafe fn danger() -> usize {
    3
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| drop(unsize!(mc.alloc([1, 2, 3]) => [i32; danger()])));
}
