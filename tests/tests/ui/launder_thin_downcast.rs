//@ error: no code
//! A downcast to a type of another brand: the object comes back under it.

use gc_core::{DynTrace, Gc, GcCell, LocalHeap, Thin, Trace, gc_dyn};

trait Object<'gc>: DynTrace<'gc> {}
gc_dyn!(Object);

#[derive(Trace)]
struct Node<'gc> {
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

impl<'gc> Object<'gc> for Node<'gc> {}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let object = mc.alloc_dyn::<dyn Object<'_>, _>(Node { next: GcCell::new(None) });
        let node: Gc<'_, Node<'static>> = Thin::downcast(object).unwrap();
        drop(node);
    });
}
