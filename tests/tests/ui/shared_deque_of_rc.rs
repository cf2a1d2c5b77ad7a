//@ error: E0599
//! A deque of a shared heap takes what another thread may not drop.

use std::rc::Rc;

use gc_core::{GcDeque, Heap};

fn main() {
    Heap::new().mutator().unwrap().mutate(|mc| {
        let deque = GcDeque::<Rc<i32>>::new();
        deque.push_back(mc, Rc::new(1));
    });
}
