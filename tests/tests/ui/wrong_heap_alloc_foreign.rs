//@ error: no code, E0521
//! An object of heap B is born with a pointer into heap A.

use gc_core::LocalHeap;

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.mutate(|in_a| {
        let target = in_a.alloc(1);
        b.mutate(|in_b| drop(in_b.alloc(Some(target))));
    });
}
