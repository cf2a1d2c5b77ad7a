//@ error: no code
//! `Send` for the brand `'static` alone makes the root `Send`, though no value of the region is.

use std::cell::Cell;
use std::marker::PhantomData;

use gc_core::{Root, Trace};

#[derive(Trace)]
struct Object<'gc> {
    cell: Cell<i32>,
    not_send: PhantomData<*const ()>,
    brand: PhantomData<gc_core::Gc<'gc, i32>>,
}

// SAFETY: no value of this type exists.
unsafe impl Send for Object<'static> {}
// SAFETY: as above.
unsafe impl Sync for Object<'static> {}

fn demand_send<T: Send>() {}

fn main() {
    demand_send::<Root<Object<'static>>>();
}
