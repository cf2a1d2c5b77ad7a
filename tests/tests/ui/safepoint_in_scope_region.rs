//@ error: E0501, E0500
//! A safepoint inside of a region of a scope.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.scope(|scope| {
        scope.mutate(|mc| {
            let text = mc.alloc(String::from("freed"));
            scope.safepoint();
            println!("{}", *text);
        });
    });
}
