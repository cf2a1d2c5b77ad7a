//@ error: E0521
//! A closure that captured a pointer leaves the region behind a `dyn` whose lifetime is inferred.

use gc_core::LocalHeap;

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let mut escaped: Option<Box<dyn Fn() -> usize + '_>> = None;
    mutator.mutate(|mc| {
        let text = mc.alloc(String::from("freed"));
        escaped = Some(Box::new(move || text.len()));
    });
    mutator.collect();
    println!("{}", escaped.unwrap()());
}
