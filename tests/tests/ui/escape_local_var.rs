//@ error: E0521
//! A pointer assigned to a variable outside is read after the collector freed its target.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let mut escaped = None;
    mutator.mutate(|mc| escaped = Some(mc.alloc(String::from("freed"))));
    mutator.collect();
    println!("{}", *escaped.unwrap());
}
