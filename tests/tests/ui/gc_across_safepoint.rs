//@ error: E0521
//! A pointer of one region is used in the next, with a safepoint between.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.scope(|scope| {
        let mut kept = None;
        scope.mutate(|mc| kept = Some(mc.alloc(String::from("freed"))));
        scope.safepoint();
        scope.mutate(|_| println!("{}", *kept.unwrap()));
    });
}
