//@ error: E0502
//! A reference into a segment, kept over a push that may move it.

use gc_core::{GcDeque, LocalHeap, Owned};

fn main() {
    LocalHeap::new().mutator().unwrap().mutate(|mc| {
        let deque = mc.alloc(GcDeque::<String, Owned>::new());
        let mut deque = deque.borrow_mut(mc);
        deque.push_back("one".into());
        let one = &deque[0];
        deque.push_back("two".into());
        println!("{one}");
    });
}
