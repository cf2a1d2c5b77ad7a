//@ error: E0521
//! A cleanup that holds a pointer would see its object, or another, after its end.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let object = mc.alloc(1);
        let _ = mc.add_cleanup(object, object, |object| println!("{object}"));
    });
}
