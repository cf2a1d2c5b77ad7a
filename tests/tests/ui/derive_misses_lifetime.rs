//@ error: E0726, E0106
//! An attribute macro behind the derive puts a brand on a type that the derive took for a leaf.

use gc_core::Trace;

#[derive(Trace)]
#[attack_macros::add_gc_field_and_brand]
struct Leaf {
    seen: i32,
}

fn main() {
    let _ = |leaf: Leaf<'_>| leaf.seen;
}
