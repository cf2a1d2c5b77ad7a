//@ error: E0277
//! A local is read on another thread, where its stack is not.

use gc_core::Heap;

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.scope(|scope| {
        let local = scope.mutate(|mc| mc.local(mc.alloc(1)));
        std::thread::scope(|threads| {
            threads.spawn(move || drop(local));
        });
    });
}
