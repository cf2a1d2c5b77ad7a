//@ error: E0119
//! Names chosen so that the guard against `Drop` binds something else.

use gc_core::{Gc, Trace};

#[allow(dead_code)]
trait ATypeThatHoldsGcMustNotImplementDrop {}

#[derive(Trace)]
struct Node<'gc, Drop> {
    text: Gc<'gc, Drop>,
}

impl<'gc, T> ::core::ops::Drop for Node<'gc, T> {
    fn drop(&mut self) {
        println!("{:p}", self.text);
    }
}

fn main() {}
