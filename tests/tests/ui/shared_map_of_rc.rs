//@ error: E0599
//! A map of a shared heap takes what another thread may not drop.

use std::rc::Rc;

use gc_core::{GcMap, Heap};

fn main() {
    Heap::new().mutator().unwrap().mutate(|mc| {
        let map = GcMap::<i32, Rc<i32>>::new();
        map.insert(mc, 1, Rc::new(1));
    });
}
