//@ error: E0521
//! A cell on the stack with a brand of heap B holds pointers of heap A, and the barrier of B shades them.

use gc_core::{GcRefCell, LocalHeap};

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.mutate(|in_a| {
        let target = in_a.alloc(1);
        b.mutate(|in_b| {
            let cell = GcRefCell::new(vec![target]);
            cell.borrow_mut(in_b).clear();
        });
    });
}
