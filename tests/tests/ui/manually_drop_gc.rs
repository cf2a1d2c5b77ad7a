//@ error: E0521
//! `ManuallyDrop` may hold a value that was dropped: tracing it reads freed memory.

use std::mem::ManuallyDrop;

use gc_core::{Gc, Trace};

#[derive(Trace)]
struct Object<'gc> {
    hidden: ManuallyDrop<Gc<'gc, i32>>,
}

fn main() {
    let _ = |object: Object<'_>| drop(object.hidden);
}
