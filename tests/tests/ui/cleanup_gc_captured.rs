//@ error: E0521
//! As a value, so in the function itself.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let object = mc.alloc(1);
        let _ = mc.add_cleanup(object, (), move |()| println!("{object}"));
    });
}
