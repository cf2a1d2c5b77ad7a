//@ error: no code
//! A pointer returned from its region is read after the collector freed its target.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let escaped = mutator.mutate(|mc| mc.alloc(String::from("freed")));
    mutator.collect();
    println!("{}", *escaped);
}
