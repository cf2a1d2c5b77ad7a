//@ error: no code
//! An object behind a `dyn` of another brand is rooted, and comes back under the region's.

use std::cell::Cell;

use gc_core::{DynTrace, Gc, LocalHeap, Trace, gc_dyn, unsize};

trait Keeper<'b>: DynTrace<'b> {
    fn keep(&self, text: Gc<'b, String>);
}
gc_dyn!(Keeper);

#[derive(Trace)]
struct Kept(Cell<Option<Gc<'static, String>>>);

impl Keeper<'static> for Kept {
    fn keep(&self, text: Gc<'static, String>) {
        self.0.set(Some(text));
    }
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| {
        let keeper: Gc<'_, dyn Keeper<'static>> = unsize!(mc.alloc(Kept(Cell::new(None))) => dyn Keeper<'static>);
        mc.root(keeper)
    });
    mutator.mutate(|mc| root.get(mc).keep(mc.alloc(String::from("freed"))));
}
