//@ error: no code
//! A reference to the target outlives the region.

use gc_core::{Gc, LocalHeap};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let escaped: &String = mutator.mutate(|mc| Gc::as_ref(mc.alloc(String::from("freed"))));
    mutator.collect();
    println!("{escaped}");
}
