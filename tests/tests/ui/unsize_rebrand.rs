//@ error: no code
//! The conversion to a `dyn` changes the brand.

use gc_core::{DynTrace, Gc, Trace, gc_dyn, unsize};

trait Object<'gc>: DynTrace<'gc> {
    fn text(&self) -> Gc<'gc, String>;
}
gc_dyn!(Object);

#[derive(Trace)]
struct Holder<'gc>(Gc<'gc, String>);

impl<'gc> Object<'gc> for Holder<'gc> {
    fn text(&self) -> Gc<'gc, String> {
        self.0
    }
}

fn rebrand<'a, 'b>(holder: Gc<'a, Holder<'a>>) -> Gc<'b, String> {
    unsize!(holder => dyn Object<'b>).text()
}

fn main() {
    let _ = rebrand;
}
