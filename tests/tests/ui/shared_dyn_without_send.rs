//@ error: E0277
//! A `dyn` that does not say `Send + Sync` hides an object that is neither.

use gc_core::{DynTrace, Heap, gc_dyn};

trait Object<'gc>: DynTrace<'gc> {}
gc_dyn!(Object);

fn store<'gc>(mc: &gc_core::Mutation<'gc>, object: Box<dyn Object<'gc> + 'gc>) {
    mc.alloc(object);
}

fn main() {
    let _ = (Heap::new(), store);
}
