//@ error: E0521
//! A pointer kept in a thread-local is read after the collector freed its target.

use std::cell::Cell;

use gc_core::{Gc, LocalHeap};

thread_local! {
    static ESCAPED: Cell<Option<Gc<'static, String>>> = const { Cell::new(None) };
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| ESCAPED.set(Some(mc.alloc(String::from("freed")))));
    mutator.collect();
    println!("{}", *ESCAPED.get().unwrap());
}
