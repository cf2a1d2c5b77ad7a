//@ error: no code
//! A union: nobody knows which field holds a value.

use gc_core::{Gc, Trace};

#[derive(Trace)]
union Either<'gc> {
    pointer: Gc<'gc, i32>,
    number: usize,
}

fn main() {
    let _ = |either: Either<'_>| drop(either);
}
