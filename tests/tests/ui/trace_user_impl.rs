//@ error: E0200
//! `Trace` written by hand without `unsafe`: it would show the collector what it likes.

use gc_core::{Gc, Trace, Tracer};

struct Liar<'gc>(Gc<'gc, i32>);

impl<'gc> Trace<'gc> for Liar<'gc> {
    const HOLDS_GC: bool = false;

    fn trace(&self, _: &mut Tracer<'gc>) {}
}

fn main() {
    let _ = |liar: Liar<'_>| *liar.0;
}
