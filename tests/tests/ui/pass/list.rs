//! A list that grows, shrinks and survives collections.

#![forbid(unsafe_code)]

use gc_core::{Gc, GcCell, LocalHeap, Owned, Root, Trace};

#[derive(Trace)]
struct List<'gc> {
    head: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

#[derive(Trace)]
struct Node<'gc> {
    value: u64,
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let list: Root<List<'static>, Owned> = mutator.mutate(|mc| mc.root(mc.alloc(List { head: GcCell::new(None) })));
    for value in 0..100 {
        mutator.mutate(|mc| {
            let list = list.get(mc);
            let node = mc.alloc(Node { value, next: GcCell::new(list.head.get()) });
            list.head.set(mc, Some(node));
        });
        if value % 10 == 0 {
            mutator.collect();
        }
    }
    mutator.mutate(|mc| {
        let list = list.get(mc);
        // Every second one goes.
        let mut at = list.head.get();
        while let Some(node) = at {
            let next = node.next.get().and_then(|next| next.next.get());
            node.next.set(mc, next);
            at = next;
        }
    });
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 51);
    mutator.mutate(|mc| {
        let mut sum = 0;
        let mut at = list.get(mc).head.get();
        while let Some(node) = at {
            sum += node.value;
            at = node.next.get();
        }
        assert_eq!(sum, (1..100).step_by(2).sum());
    });
}
