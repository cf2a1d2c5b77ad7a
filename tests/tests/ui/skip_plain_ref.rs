//@ error: E0521
//! A skipped field that borrows from the stack: the object outlives what it points to.

use gc_core::Trace;

#[derive(Trace)]
struct Skips<'gc> {
    #[trace(skip)]
    borrowed: &'gc str,
}

fn main() {
    let _ = |skips: Skips<'_>| skips.borrowed.len();
}
