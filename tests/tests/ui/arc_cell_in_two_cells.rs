//@ error: E0521
//! A cell in an `Arc` is reached through two outer cells: the exclusive hold on one does not cover it.

use std::sync::Arc;

use gc_core::{GcMutex, Heap};

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let inner = Arc::new(GcMutex::new(vec![mc.alloc(1)]));
        mc.alloc(GcMutex::new(inner.clone()));
        mc.alloc(GcMutex::new(inner));
    });
}
