//@ error: no code
//! The conversion to a `dyn` extends a lifetime.

use gc_core::{DynTrace, Gc, gc_dyn, unsize};

trait Object<'gc>: DynTrace<'gc> {}
gc_dyn!(Object);

fn extend<'gc>(object: Gc<'gc, dyn Object<'gc> + 'gc>) -> Gc<'gc, dyn Object<'gc> + 'static> {
    unsize!(object => dyn Object<'gc> + 'static)
}

fn main() {
    let _ = extend;
}
