//@ error: E0521
//! The hasher of a `GcMap` holds a pointer, and no map shows its hasher to the collector.

use std::hash::{BuildHasher, DefaultHasher};

use gc_core::{Gc, GcMap, Owned, Trace};

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
    map: GcMap<'gc, i32, i32, Owned, Smuggler<'gc>>,
}

fn main() {
    let _ = |table: Table<'_>| *table.map.hasher().0;
}
