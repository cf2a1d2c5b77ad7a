//@ error: no code
//! A second lifetime borrows from the stack: the object outlives what it points to.

use gc_core::{Gc, Trace};

#[derive(Trace)]
struct Borrows<'gc, 'short> {
    target: Gc<'gc, i32>,
    text: &'short str,
}

fn main() {
    let _ = |borrows: Borrows<'_, '_>| (*borrows.target, borrows.text.len());
}
