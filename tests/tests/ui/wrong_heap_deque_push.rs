//@ error: E0521
//! A pointer of heap A goes into a deque of heap B.

use gc_core::{Gc, GcDeque, LocalHeap, Owned};

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.mutate(|in_a| {
        let target = in_a.alloc(1);
        b.mutate(|in_b| {
            let deque = in_b.alloc(GcDeque::<Gc<'_, i32>, Owned>::new());
            deque.push_back(in_b, target);
        });
    });
}
