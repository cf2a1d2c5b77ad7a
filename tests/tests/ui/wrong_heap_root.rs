//@ error: E0521
//! Heap B keeps a root of an object of heap A: A frees it.

use gc_core::LocalHeap;

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    let root = a.mutate(|in_a| {
        let target = in_a.alloc(Some(in_a.alloc(1)));
        b.mutate(|in_b| in_b.root(target))
    });
    b.mutate(|in_b| drop(root.get(in_b)));
}
