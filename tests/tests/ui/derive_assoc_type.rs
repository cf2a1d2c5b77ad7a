//@ error: E0277
//! A leaf as a parameter whose associated type holds a pointer: the type would count as a leaf.

use std::marker::PhantomData;

use gc_core::{Gc, LocalHeap, Trace};

trait Carrier {
    type Carried;
}

impl<T> Carrier for PhantomData<T> {
    type Carried = T;
}

#[derive(Trace)]
struct Smuggler<C: Carrier> {
    carrier: C,
    carried: C::Carried,
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let carried = mc.alloc(1);
        mc.alloc(Smuggler { carrier: PhantomData::<Gc<'_, i32>>, carried });
    });
}
