//@ error: E0277
//! A root of a local heap is dropped, and read, on another thread.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| mc.root(mc.alloc(1)));
    std::thread::spawn(move || drop(root));
}
