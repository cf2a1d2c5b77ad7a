//@ error: no code
//! A `GcMutex` passes for one of another brand, and is locked with the token of the other heap.

use gc_core::GcMutex;

fn shorten<'cell, 'long: 'short, 'short>(cell: &'cell GcMutex<'long, i32>) -> &'cell GcMutex<'short, i32> {
    cell
}

fn main() {
    let _ = shorten;
}
