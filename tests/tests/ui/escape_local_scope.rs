//@ error: no code
//! A local outlives its scope: it names an entry of the stack that was popped.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let escaped = mutator.scope(|scope| scope.mutate(|mc| mc.local(mc.alloc(1))));
    mutator.mutate(|mc| println!("{}", *escaped.get(mc)));
}
