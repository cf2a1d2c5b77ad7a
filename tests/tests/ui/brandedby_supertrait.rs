//@ error: E0038
//! A trait object has its supertraits, whatever their implementations demand: any `dyn` would be rebranded.

use std::cell::Cell;

use gc_core::{BrandedBy, DynTrace, Gc, LocalHeap, Trace, gc_dyn, unsize};

trait Keeper<'b>: DynTrace<'b> {
    fn keep(&self, text: Gc<'b, String>);
}
gc_dyn!(Keeper);

trait Rebranded<'b>: Keeper<'b> + for<'a> BrandedBy<'a> {}
gc_dyn!(Rebranded);

#[derive(Trace)]
struct Kept(Cell<Option<Gc<'static, String>>>);

impl Keeper<'static> for Kept {
    fn keep(&self, text: Gc<'static, String>) {
        self.0.set(Some(text));
    }
}

impl Rebranded<'static> for Kept {}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let (kept, rebranded) = mutator.mutate(|mc| {
        let kept = mc.alloc(Kept(Cell::new(None)));
        (mc.root(kept), mc.root(unsize!(kept => dyn Rebranded<'static>)))
    });
    mutator.mutate(|mc| unsize!(rebranded.get(mc) => dyn Keeper<'_>).keep(mc.alloc(String::from("freed"))));
    mutator.collect();
    mutator.mutate(|mc| println!("{}", *kept.get(mc).0.get().unwrap()));
}
