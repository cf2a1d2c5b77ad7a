//@ error: E0521
//! A function that demands a `Mutation` for ever gets pointers that live for ever (I0).

use gc_core::{Gc, LocalHeap, Mutation, Owned};

fn for_ever(mc: &'static Mutation<'static, Owned>) -> Gc<'static, String> {
    mc.alloc(String::from("freed"))
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let mut escaped = None;
    mutator.mutate(|mc| escaped = Some(for_ever(mc)));
    mutator.collect();
    println!("{}", *escaped.unwrap());
}
