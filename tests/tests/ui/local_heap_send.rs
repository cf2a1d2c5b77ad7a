//@ error: E0277
//! A local heap with objects that are not `Send` moves to another thread.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    std::thread::spawn(move || drop(heap));
}
