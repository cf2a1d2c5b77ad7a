//@ error: no code, E0521
//! A pointer to an object of heap A stands in an object of heap B, whose collector does not know it.

use gc_core::{GcCell, LocalHeap};

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.mutate(|in_a| {
        let target = in_a.alloc(1);
        b.mutate(|in_b| {
            let cell = in_b.alloc(GcCell::new(None));
            cell.set(in_b, Some(target));
        });
    });
}
