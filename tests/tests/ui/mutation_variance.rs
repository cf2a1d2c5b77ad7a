//@ error: no code
//! The token of one region passes for that of another, and its barrier gets pointers of the other heap.

use gc_core::{Mutation, Owned};

fn shorten<'mc, 'long: 'short, 'short>(mc: &'mc Mutation<'long, Owned>) -> &'mc Mutation<'short, Owned> {
    mc
}

fn main() {
    let _ = shorten;
}
