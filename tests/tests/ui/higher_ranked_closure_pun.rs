//@ error: E0521
//! A callback that is generic in its lifetimes, in name, stores what it gets under one lifetime.

use gc_core::{Gc, LocalHeap, Mutation, Owned};

fn with<'a>(heap: &LocalHeap, mut callback: impl FnMut(Gc<'a, String>)) {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc: &Mutation<'_, Owned>| callback(mc.alloc(String::from("freed"))));
}

fn main() {
    let heap = LocalHeap::new();
    let mut escaped = None;
    with(&heap, |text| escaped = Some(text));
    println!("{}", *escaped.unwrap());
}
