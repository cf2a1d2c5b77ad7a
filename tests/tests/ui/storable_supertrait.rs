//@ error: E0038
//! As `brandedby_supertrait`, for the kind of the heap.

use gc_core::{DynTrace, Shared, Storable, gc_dyn};

trait Object<'gc>: DynTrace<'gc> + Storable<Shared> {}
gc_dyn!(Object);

fn main() {}
