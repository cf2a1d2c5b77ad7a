//@ error: E0521
//! A reference to a target in an object: it keeps nothing alive, and the target is freed.

use gc_core::Trace;

#[derive(Trace)]
struct Borrows<'gc> {
    target: &'gc String,
}

fn main() {
    let _ = |borrows: Borrows<'_>| borrows.target.len();
}
