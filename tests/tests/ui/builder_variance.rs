//@ error: no code
//! A slice builder passes for one of a shorter content, which was never asked for `Trace`: its drop reads what was swept
//! with it.

use std::fmt::Display;
use std::rc::Rc;

use gc_core::{Gc, LocalHeap, SliceBuilder};

struct Prints<T: Display>(T);

impl<T: Display> Drop for Prints<T> {
    fn drop(&mut self) {
        println!("{}", self.0);
    }
}

fn shorten<'gc, 'short: 'gc>(
    builder: SliceBuilder<'gc, Rc<Prints<&'static String>>>,
) -> SliceBuilder<'gc, Rc<Prints<&'short String>>> {
    builder
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let mut builder = shorten(mc.slice_builder(1).unwrap());
        builder.push(Rc::new(Prints(Gc::as_ref(mc.alloc(String::from("swept"))))));
        builder.finish();
    });
    mutator.collect();
}
