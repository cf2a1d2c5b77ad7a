//@ error: E0499
//! A safepoint inside of a region, through the mutator that has the region open.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let text = mc.alloc(String::from("freed"));
        mutator.collect();
        println!("{}", *text);
    });
}
