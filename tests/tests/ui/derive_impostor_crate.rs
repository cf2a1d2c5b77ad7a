//@ error: E0053
//! The derive is pointed at a crate with a `Tracer` of the user's own, which drops what it is shown.

use gc_core::{Gc, Trace};

mod impostor {
    use std::marker::PhantomData;

    pub use gc_core::{Rebrand, Trace};

    pub struct Tracer<'gc>(PhantomData<&'gc ()>);

    impl<'gc> Tracer<'gc> {
        pub fn field<T: ?Sized>(&mut self, _: &T) {}
    }
}

#[derive(Trace)]
#[trace(crate = "impostor")]
struct Node<'gc> {
    next: Gc<'gc, i32>,
}

fn main() {
    let _ = |node: Node<'_>| *node.next;
}
