//@ error: no code
//! An attribute macro behind the derive adds a field that the derive has not seen: it would not be traced.

use gc_core::{Gc, Trace};

#[derive(Trace)]
#[attack_macros::add_gc_field]
struct Node<'gc> {
    seen: Option<Gc<'gc, i32>>,
}

fn main() {
    let _ = |node: Node<'_>| node.seen.is_some();
}
