//@ error: no code
//! A pointer whose type is erased leaves its region in a `Box<dyn Any>`.

use std::any::Any;

use gc_core::{Gc, LocalHeap};

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let escaped: Box<dyn Any> = mutator.mutate(|mc| Box::new(mc.alloc(String::from("freed"))) as Box<dyn Any>);
    mutator.collect();
    println!("{}", **escaped.downcast_ref::<Gc<'static, String>>().unwrap());
}
