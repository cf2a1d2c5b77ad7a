//@ error: no code
//! A `GcCell` passes for one of a shorter content: what is written is read as the longer one.

use gc_core::{Gc, GcCell};

fn shorten<'gc, 'cell, 'long: 'short, 'short>(
    cell: &'cell GcCell<'gc, Gc<'gc, &'long str>>,
) -> &'cell GcCell<'gc, Gc<'gc, &'short str>> {
    cell
}

fn main() {
    let _ = shorten;
}
