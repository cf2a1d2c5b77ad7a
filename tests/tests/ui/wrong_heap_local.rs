//@ error: E0521
//! A scope of heap B keeps a local of an object of heap A: A frees it.

use gc_core::LocalHeap;

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    b.scope(|b| {
        a.mutate(|in_a| {
            let target = in_a.alloc(Some(in_a.alloc(1)));
            b.mutate(|in_b| drop(in_b.local(target)));
        });
    });
}
