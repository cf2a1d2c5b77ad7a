//@ error: E0521
//! A pointer overwritten under a std lock escapes the barrier, and the marker would have to lock.

use std::sync::Mutex;

use gc_core::{Gc, Trace};

#[derive(Trace)]
struct Object<'gc> {
    hidden: Mutex<Gc<'gc, i32>>,
}

fn main() {
    let _ = |object: Object<'_>| drop(object.hidden);
}
