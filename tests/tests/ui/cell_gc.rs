//@ error: E0521
//! A pointer overwritten in a std cell escapes the barrier.

use std::cell::Cell;

use gc_core::{Gc, Trace};

#[derive(Trace)]
struct Object<'gc> {
    hidden: Cell<Gc<'gc, i32>>,
}

fn main() {
    let _ = |object: Object<'_>| drop(object.hidden);
}
