//@ error: E0277
//! A closure that captured a pointer: nobody can trace it.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let target = mc.alloc(1);
        mc.alloc(move || *target);
    });
}
