//@ error: E0521
//! A pointer sent through a channel is received after the region.

use std::sync::mpsc;

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let (sender, receiver) = mpsc::channel();
    mutator.mutate(|mc| sender.send(mc.alloc(String::from("freed"))).unwrap());
    mutator.collect();
    println!("{}", *receiver.recv().unwrap());
}
