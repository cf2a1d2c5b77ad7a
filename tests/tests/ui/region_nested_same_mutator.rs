//@ error: E0499
//! Two regions of one mutator at once: the inner one ends the outer one.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|outer| {
        let text = outer.alloc(String::from("freed"));
        mutator.mutate(|inner| drop(inner.alloc(1)));
        println!("{}", *text);
    });
}
