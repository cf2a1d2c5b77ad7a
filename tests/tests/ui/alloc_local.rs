//@ error: E0277
//! A local in an object outlives its scope.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.scope(|scope| {
        scope.mutate(|mc| {
            let local = mc.local(mc.alloc(1));
            mc.alloc(Some(local));
        });
    });
}
