//@ error: E0277
//! A local heap's cleanups stay on its thread.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let queue = heap.cleanups();
    std::thread::spawn(move || queue.run());
}
