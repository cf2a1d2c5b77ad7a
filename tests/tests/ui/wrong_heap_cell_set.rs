//@ error: E0521
//! The barrier of heap B runs over what a cell of heap A held.

use gc_core::{GcCell, LocalHeap};

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.mutate(|in_a| {
        let cell = in_a.alloc(GcCell::new(None));
        let target = in_a.alloc(1);
        b.mutate(|in_b| cell.set(in_b, Some(target)));
    });
}
