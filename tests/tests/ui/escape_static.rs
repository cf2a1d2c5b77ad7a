//@ error: E0521
//! A pointer kept in a static is read by anyone, after the collector freed its target.

use std::sync::Mutex;

use gc_core::{Gc, Heap};

static ESCAPED: Mutex<Option<Gc<'static, String>>> = Mutex::new(None);

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| *ESCAPED.lock().unwrap() = Some(mc.alloc(String::from("freed"))));
    mutator.collect();
    println!("{}", *ESCAPED.lock().unwrap().unwrap());
}
