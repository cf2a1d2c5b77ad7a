//@ error: E0502
//! A reference into a segment, kept over an insertion that may move it.

use gc_core::{GcMap, LocalHeap, Owned};

fn main() {
    LocalHeap::new().mutator().unwrap().mutate(|mc| {
        let map = mc.alloc(GcMap::<i32, String, Owned>::new());
        let mut map = map.borrow_mut(mc);
        map.insert(1, "one".into());
        let one = map.get(&1).unwrap();
        map.insert(2, "two".into());
        println!("{one}");
    });
}
