//@ error: E0133
//! The macro lends its `unsafe` to the expression of the pointer.

use gc_core::{DynTrace, Gc, LocalHeap, Trace, gc_dyn, unsize};

trait Object<'gc>: DynTrace<'gc> {}
gc_dyn!(Object);

#[derive(Trace)]
struct Leaf;

impl<'gc> Object<'gc> for Leaf {}

unsafe fn danger<'gc>(gc: Gc<'gc, Leaf>) -> Gc<'gc, Leaf> {
    gc
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| drop(unsize!(danger(mc.alloc(Leaf)) => dyn Object<'_>)));
}
