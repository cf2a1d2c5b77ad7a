//@ error: E0308
//! A local of a general function passes for one of a special function, which `set` then puts where the general one is
//! expected: it keeps a borrow for ever.

use gc_core::{Local, LocalHeap, Owned, Static};
use std::cell::Cell;

thread_local! {
    static KEPT: Cell<&'static u64> = const { Cell::new(&0) };
}

fn keep(x: &'static u64) {
    KEPT.set(x);
}

fn nothing(_: &u64) {}

type Any = for<'a> fn(&'a u64);
type Only = fn(&'static u64);

fn weaken<'s>(local: Local<'s, Static<Any>>) -> Local<'s, Static<Only>> {
    local
}

fn main() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.scope(|scope| {
        scope.mutate(|mc| {
            let strong = mc.local(mc.alloc(Static(nothing as Any)));
            weaken(strong).set::<Owned>(mc, mc.alloc(Static(keep as Only)));
            let short = Box::new(42);
            (**strong.get(mc))(&short);
        });
    });
    println!("{}", KEPT.get());
}
