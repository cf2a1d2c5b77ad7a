//@ error: no code
//! A future that holds a pointer is polled after the region.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let escaped = mutator.mutate(|mc| {
        let text = mc.alloc(String::from("freed"));
        async move { text.len() }
    });
    mutator.collect();
    drop(escaped);
}
