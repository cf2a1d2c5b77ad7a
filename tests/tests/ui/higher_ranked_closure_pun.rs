//@ error: E0521, no code
//! A callback that names one lifetime gets the pointers of a region, whose brand is another, and could store them.

use gc_core::{Gc, LocalHeap, Mutation, Owned};

fn with<'a>(heap: &LocalHeap, mut callback: impl FnMut(Gc<'a, String>)) {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc: &Mutation<'_, Owned>| callback(mc.alloc(String::from("freed"))));
}

fn main() {
    let heap = LocalHeap::new();
    with(&heap, |text| println!("{}", *text));
}
