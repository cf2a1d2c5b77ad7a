//@ error: no code
//! A branded object, its type erased by `Any`, comes back under another brand.

use std::any::Any;

use gc_core::{DynTrace, Gc, GcCell, Trace, gc_dyn};

trait Object<'gc>: DynTrace<'gc> {
    fn as_any(&self) -> &dyn Any;
}
gc_dyn!(Object);

#[derive(Trace)]
struct Node<'gc> {
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

impl<'gc> Object<'gc> for Node<'gc> {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn launder<'a, 'b>(object: Gc<'a, dyn Object<'a>>) -> Option<Gc<'b, Node<'b>>> {
    Gc::as_ref(object).as_any().downcast_ref::<Node<'static>>()?.next.get()
}

fn main() {
    let _ = launder;
}
