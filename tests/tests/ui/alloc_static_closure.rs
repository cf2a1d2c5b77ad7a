//@ error: no code
//! A closure that captured a pointer, wrapped as something `'static`.

use gc_core::{LocalHeap, Static};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let target = mc.alloc(1);
        mc.alloc(Static(move || *target));
    });
}
