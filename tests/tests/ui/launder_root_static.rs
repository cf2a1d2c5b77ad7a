//@ error: E0521
//! As `launder_root`, with the brand in a std cell, which is `Trace` for every brand.

use std::cell::Cell;

use gc_core::{Gc, LocalHeap, Owned, Root};

type Slot<'a> = Cell<Option<Gc<'a, String>>>;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root: Root<Slot<'static>, Owned> = mutator.mutate(|mc| mc.root(mc.alloc(Slot::new(None))));
    mutator.mutate(|mc| root.get(mc).set(Some(mc.alloc(String::from("freed")))));
    mutator.collect();
    mutator.mutate(|mc| println!("{}", *root.get(mc).get().unwrap()));
}
