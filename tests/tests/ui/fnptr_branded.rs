//@ error: E0521, no code
//! A function pointer of the object's own brand smuggles pointers between two brands of one object.

use gc_core::{Gc, Trace};

#[derive(Trace)]
struct Native<'gc> {
    call: fn(Gc<'gc, i32>) -> Gc<'gc, i32>,
}

fn main() {
    let _ = |native: Native<'_>| native.call;
}
