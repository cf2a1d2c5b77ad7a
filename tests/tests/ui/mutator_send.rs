//@ error: E0277
//! A mutator moves to another thread: two of one heap on one thread, or drops on a foreign one.

use gc_core::Heap;

fn main() {
    let heap = Heap::new();
    let mutator = heap.mutator().unwrap();
    std::thread::spawn(move || drop(mutator));
}
