//! A cycle in the heap, found and collected.

#![forbid(unsafe_code)]

use gc_core::{Gc, GcCell, LocalHeap, Trace};

#[derive(Trace)]
struct Person<'gc> {
    name: String,
    friend: GcCell<'gc, Option<Gc<'gc, Person<'gc>>>>,
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().expect("the first mutator of this heap");

    // Inside a region pointers are plain values. Only a root leaves it.
    let root = mutator.mutate(|mc| {
        let alice = mc.alloc(Person { name: "Alice".into(), friend: GcCell::new(None) });
        let bob = mc.alloc(Person { name: "Bob".into(), friend: GcCell::new(Some(alice)) });
        alice.friend.set(mc, Some(bob));
        mc.root(alice)
    });

    mutator.collect();
    println!("rooted: {} objects live", heap.statistics().live_objects);
    mutator.mutate(|mc| {
        let mut at = root.get(mc);
        for _ in 0..4 {
            let friend = at.friend.get().expect("everybody here has a friend");
            println!("  {} is a friend of {}", friend.name, at.name);
            at = friend;
        }
    });

    drop(root);
    mutator.collect();
    let statistics = heap.statistics();
    println!("root dropped: {} objects live, {} dropped", statistics.live_objects, statistics.drops);
}
