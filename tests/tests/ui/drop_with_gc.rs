//@ error: E0119
//! A `Drop` that reads through a pointer, after the target was swept with it.

use gc_core::{Gc, Trace};

#[derive(Trace)]
struct Node<'gc> {
    text: Gc<'gc, String>,
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        println!("{}", *self.text);
    }
}

fn main() {}
