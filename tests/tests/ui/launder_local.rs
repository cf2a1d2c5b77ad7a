//@ error: E0521
//! As `launder_root`, through a local.

use gc_core::{Gc, GcCell, LocalHeap, Trace};

#[derive(Trace)]
struct Node<'gc> {
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let outside = Node::<'static> { next: GcCell::new(None) };
    mutator.scope(|scope| {
        scope.mutate(|mc| {
            let stored = mc.alloc(outside);
            let back = mc.local(stored).get(mc);
            back.next.set(mc, Some(back));
        });
    });
}
