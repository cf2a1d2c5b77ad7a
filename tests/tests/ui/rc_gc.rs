//@ error: E0521
//! A shared owner is reached from two objects: traced for each, and its cells not covered by a hold on either.

use std::rc::Rc;

use gc_core::{Gc, Trace};

#[derive(Trace)]
struct Object<'gc> {
    hidden: Rc<Gc<'gc, i32>>,
}

fn main() {
    let _ = |object: Object<'_>| drop(object.hidden);
}
