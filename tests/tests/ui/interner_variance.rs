//@ error: no code
//! Objects of a shorter lifetime must not get in.

use gc_core::Interner;

fn shorten<'gc, 'a>(all: Interner<'gc, &'static str>) -> Interner<'gc, &'a str> {
    all
}

fn main() {
    let _ = shorten;
}
