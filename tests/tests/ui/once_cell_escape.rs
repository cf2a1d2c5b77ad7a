//@ error: no code
//! The content of a once cell, an object of its own, outlives the region.

use gc_core::{GcOnceCell, LocalHeap};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let escaped: &String = mutator.mutate(|mc| GcOnceCell::new().get_or_init(mc, || String::from("freed")));
    mutator.collect();
    println!("{escaped}");
}
