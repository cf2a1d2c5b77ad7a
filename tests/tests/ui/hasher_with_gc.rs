//@ error: E0521
//! The hasher of a map holds a pointer, and no map shows its hasher to the collector.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher};

use gc_core::{Gc, Trace};

#[derive(Clone, Trace)]
struct Smuggler<'gc>(Gc<'gc, i32>);

impl BuildHasher for Smuggler<'_> {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        DefaultHasher::new()
    }
}

#[derive(Trace)]
struct Table<'gc> {
    map: HashMap<i32, Gc<'gc, i32>, Smuggler<'gc>>,
}

fn main() {
    let _ = |table: Table<'_>| *table.map.hasher().0;
}
