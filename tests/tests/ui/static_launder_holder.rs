//@ error: E0521
//! A parameter that is declared `'static` is not rebranded: a holder for ever stores a node of the region.

use gc_core::{Gc, GcCell, LocalHeap, Trace};

#[derive(Trace)]
struct Node<'gc> {
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

#[derive(Trace)]
struct Holder<'gc, T: 'static> {
    node: GcCell<'gc, Option<Gc<'gc, T>>>,
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| {
        let holder = mc.alloc(Holder::<Node<'static>> { node: GcCell::new(None) });
        holder.node.set(mc, Some(mc.alloc(Node { next: GcCell::new(None) })));
        mc.root(holder)
    });
    mutator.mutate(|mc| drop(root.get(mc).node.get()));
}
