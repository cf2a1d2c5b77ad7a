//@ error: no code
//! A value branded for ever, made outside, is stored and rooted: the root gives it back under the region's brand.

use gc_core::{Gc, GcCell, LocalHeap, Trace};

#[derive(Trace)]
struct Node<'gc> {
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let outside = Node::<'static> { next: GcCell::new(None) };
    mutator.mutate(|mc| {
        let stored = mc.alloc(outside);
        let back = mc.root(stored).get(mc);
        back.next.set(mc, Some(back));
        let for_ever: Option<Gc<'static, Node<'static>>> = stored.next.get();
        drop(for_ever);
    });
}
