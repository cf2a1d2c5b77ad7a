//@ error: E0119
//! A user says that a shared heap may hold a type that is not `Sync`.

use std::cell::Cell;

use gc_core::{Shared, Storable, Trace};

#[derive(Trace)]
struct NotSync(Cell<i32>);

impl Storable<Shared> for NotSync {}

fn main() {
    let _ = |not_sync: NotSync| not_sync.0;
}
