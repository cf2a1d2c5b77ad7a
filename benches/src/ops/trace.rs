//! A whole collection per live object: the derive's `trace` beside one written by hand, and other collectors on the same
//! list.

#![allow(unsafe_code)]

use std::time::Instant;

use gc_core::{Gc, LocalHeap, Rebrand, Trace, Tracer};

use super::{Group, Run, group};

/// Objects of the list.
const OBJECTS: u64 = 100_000;

#[derive(Trace)]
struct Derived<'gc> {
    next: Option<Gc<'gc, Derived<'gc>>>,
    other: Option<Gc<'gc, Derived<'gc>>>,
    number: u64,
}

struct ByHand<'gc> {
    next: Option<Gc<'gc, ByHand<'gc>>>,
    other: Option<Gc<'gc, ByHand<'gc>>>,
    number: u64,
}

// SAFETY: passes both pointers on; the number is plain.
unsafe impl<'gc> Trace<'gc> for ByHand<'gc> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        if let Some(next) = &self.next {
            tracer.field(next);
        }
        if let Some(other) = &self.other {
            tracer.field(other);
        }
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl Rebrand for ByHand<'_> {
    type With<'a> = ByHand<'a>;
}

/// Collections of a list of `OBJECTS`, timed per object.
macro_rules! collections {
    ($name:ident, $node:ident) => {
        fn $name() -> Run {
            let heap = LocalHeap::new();
            let mut mutator = heap.mutator().expect("the only one");
            let root = mutator.mutate(|mc| {
                let mut list = mc.alloc($node { next: None, other: None, number: 0 });
                for number in 1..OBJECTS {
                    list = mc.alloc($node { next: Some(list), other: list.next, number });
                }
                assert_eq!(list.number, OBJECTS - 1);
                mc.root(list)
            });
            mutator.collect();
            Box::new(move |n| {
                let _alive = (&heap, &root);
                let rounds = n.div_ceil(OBJECTS);
                let since = Instant::now();
                for _ in 0..rounds {
                    mutator.collect();
                }
                let elapsed = since.elapsed();
                elapsed.mul_f64(n as f64 / (rounds * OBJECTS) as f64)
            })
        }
    };
}

collections!(derived, Derived);
collections!(by_hand, ByHand);

#[derive(gc_arena::Collect)]
#[collect(no_drop)]
struct ArenaNode<'gc> {
    next: Option<gc_arena::Gc<'gc, ArenaNode<'gc>>>,
    other: Option<gc_arena::Gc<'gc, ArenaNode<'gc>>>,
    number: u64,
}

fn arena() -> Run {
    type Arena = gc_arena::Arena<gc_arena::Rootable![Option<gc_arena::Gc<'_, ArenaNode<'_>>>]>;
    let mut arena = Arena::new(|mc| {
        let mut list: Option<gc_arena::Gc<'_, ArenaNode<'_>>> = None;
        for number in 0..OBJECTS {
            let other = list.and_then(|list| list.next);
            list = Some(gc_arena::Gc::new(mc, ArenaNode { next: list, other, number }));
        }
        assert_eq!(list.map(|list| list.number), Some(OBJECTS - 1));
        list
    });
    arena.finish_cycle();
    Box::new(move |n| {
        let rounds = n.div_ceil(OBJECTS);
        let since = Instant::now();
        for _ in 0..rounds {
            arena.finish_cycle();
        }
        let elapsed = since.elapsed();
        elapsed.mul_f64(n as f64 / (rounds * OBJECTS) as f64)
    })
}

pub(super) fn groups() -> Vec<Group> {
    vec![group("collect_per_object", OBJECTS, vec![("derived", derived), ("gc-arena", arena), ("by hand", by_hand)])]
}
