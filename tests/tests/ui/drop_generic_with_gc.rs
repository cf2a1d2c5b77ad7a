//@ error: E0119
//! A `Drop` of a generic type reads through the pointer that is its parameter.

use std::fmt::Display;

use gc_core::Trace;

#[derive(Trace)]
struct Prints<T: Display> {
    what: T,
}

impl<T: Display> Drop for Prints<T> {
    fn drop(&mut self) {
        println!("{}", self.what);
    }
}

fn main() {}
