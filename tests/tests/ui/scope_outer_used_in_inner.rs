//@ error: E0501, E0500
//! A local of the outer scope made while the inner one is open is popped with the inner one.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.scope(|outer| {
        let mut popped = None;
        outer.scope(|_inner| popped = Some(outer.mutate(|mc| mc.local(mc.alloc(1)))));
        outer.mutate(|mc| println!("{}", *popped.unwrap().get(mc)));
    });
}
