//@ error: E0308
//! A root of a local heap passes for one of a shared heap, and is sent to another thread.

use gc_core::{LocalHeap, Root, Shared};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root: Root<i32, Shared> = mutator.mutate(|mc| mc.root(mc.alloc(1)));
    std::thread::spawn(move || drop(root));
}
