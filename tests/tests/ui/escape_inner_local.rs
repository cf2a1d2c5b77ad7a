//@ error: no code
//! A local of an inner scope is used in the outer one, after its entry was popped.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.scope(|outer| {
        let escaped = outer.scope(|inner| inner.mutate(|mc| mc.local(mc.alloc(1))));
        outer.mutate(|mc| println!("{}", *escaped.get(mc)));
    });
}
