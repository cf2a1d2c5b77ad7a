//@ error: no code
//! A `GcRefCell` passes for one of a shorter content: what is written is read as the longer one.

use gc_core::{GcRefCell, Static};

fn shorten<'gc, 'cell, 'long: 'short, 'short>(
    cell: &'cell GcRefCell<'gc, Option<&'long str>>,
) -> &'cell GcRefCell<'gc, Option<&'short str>> {
    cell
}

fn main() {
    let _ = (shorten, Static(1));
}
