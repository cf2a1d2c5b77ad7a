//@ error: E0521
//! A pointer of heap A goes into a map of heap B.

use gc_core::{Gc, GcMap, LocalHeap, Owned};

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.mutate(|in_a| {
        let target = in_a.alloc(1);
        b.mutate(|in_b| {
            let map = in_b.alloc(GcMap::<i32, Gc<'_, i32>, Owned>::new());
            map.insert(in_b, 1, target);
        });
    });
}
