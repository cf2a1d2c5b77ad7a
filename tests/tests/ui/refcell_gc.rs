//@ error: E0521
//! A pointer overwritten in a std cell escapes the barrier, and is read while it is written.

use std::cell::RefCell;

use gc_core::{Gc, Trace};

#[derive(Trace)]
struct Object<'gc> {
    hidden: RefCell<Gc<'gc, i32>>,
}

fn main() {
    let _ = |object: Object<'_>| drop(object.hidden);
}
