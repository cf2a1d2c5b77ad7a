//@ error: E0521
//! A slice is built from pointers of another heap.

use gc_core::LocalHeap;

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.mutate(|in_a| {
        let target = in_a.alloc(1);
        b.mutate(|in_b| drop(in_b.alloc_slice([target, target])));
    });
}
