//@ error: no code
//! A scope passed for one with a shorter lifetime makes locals that can be stored in the outer one.

use gc_core::{Owned, Scope};

fn shorten<'long: 'short, 'short>(scope: Scope<'long, Owned>) -> Scope<'short, Owned> {
    scope
}

fn main() {
    let _ = shorten;
}
