//@ error: E0277
//! A kind of heap of the user's own, which holds anything and is shared.

use gc_core::Kind;

enum Mine {}

impl Kind for Mine {
    const SHARED: bool = true;
}

fn main() {}
