//@ error: E0793
//! A packed struct: `trace` would make references that are not aligned.

use gc_core::{Gc, Trace};

#[derive(Trace)]
#[repr(C, packed)]
struct Packed<'gc> {
    byte: u8,
    pointer: Gc<'gc, i32>,
}

fn main() {
    let _ = |packed: Packed<'_>| (packed.byte, *{ packed.pointer });
}
