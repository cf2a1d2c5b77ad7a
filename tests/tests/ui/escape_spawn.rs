//@ error: E0521
//! A thread that is not scoped reads the target after the region.

use gc_core::Heap;

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    let thread = mutator.mutate(|mc| {
        let text = mc.alloc(String::from("freed"));
        std::thread::spawn(move || text.len())
    });
    mutator.collect();
    thread.join().unwrap();
}
