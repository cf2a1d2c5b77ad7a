//@ error: E0521
//! A guard in an `Rc` in an object is held across safepoints.

use std::rc::Rc;

use gc_core::{Gc, GcRefCell, LocalHeap};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let cell = mc.alloc(GcRefCell::new(1));
        mc.alloc(Rc::new(Gc::as_ref(cell).borrow_mut(mc)));
    });
}
