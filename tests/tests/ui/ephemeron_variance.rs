//@ error: no code
//! `set` writes: a value of a shorter lifetime must not get in.

use gc_core::{Ephemeron, Gc};

fn shorten<'gc, 'a>(pair: Ephemeron<'gc, u32, Gc<'gc, &'static str>>) -> Ephemeron<'gc, u32, Gc<'gc, &'a str>> {
    pair
}

fn main() {
    let _ = shorten;
}
