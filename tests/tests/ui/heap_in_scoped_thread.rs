//@ error: E0277
//! A region of a local heap on two threads: the mutator is borrowed by a scoped thread.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    std::thread::scope(|threads| {
        threads.spawn(|| mutator.mutate(|mc| drop(mc.alloc(1))));
    });
}
