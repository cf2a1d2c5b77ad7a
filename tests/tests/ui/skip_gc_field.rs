//@ error: E0521
//! A pointer in a skipped field is not traced: its target is freed.

use gc_core::{Gc, Trace};

#[derive(Trace)]
struct Skips<'gc> {
    #[trace(skip)]
    hidden: Gc<'gc, i32>,
}

fn main() {
    let _ = |skips: Skips<'_>| *skips.hidden;
}
