//@ error: E0521
//! `MaybeUninit` may hold no value: tracing it reads uninitialised memory.

use std::mem::MaybeUninit;

use gc_core::{Gc, Trace};

#[derive(Trace)]
struct Object<'gc> {
    hidden: MaybeUninit<Gc<'gc, i32>>,
}

fn main() {
    let _ = |object: Object<'_>| drop(object.hidden);
}
