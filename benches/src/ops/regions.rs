//! Regions, safepoints, and polling for them.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use gc_core::{LocalHeap, Owned};
use parking_lot::Mutex;

use super::{Group, Run, group, timed, timed_sum};
use crate::flavour::Flavour;

fn region<S: Flavour>() -> Run {
    let heap = S::heap(gc_core::Config::new());
    let mut mutator = S::mutator(&heap);
    Box::new(move |n| {
        let _alive = &heap;
        timed(n, || {
            mutator.mutate(|_| ());
        })
    })
}

fn safepoint() -> Run {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().expect("the only one");
    Box::new(move |n| {
        let _alive = &heap;
        timed(n, || {
            mutator.safepoint();
        })
    })
}

/// An uncontended lock and unlock: two atomic operations as well.
fn plain_mutex() -> Run {
    let mutex = Mutex::new(());
    Box::new(move |n| {
        timed(n, || {
            drop(mutex.lock());
        })
    })
}

fn should_yield() -> Run {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().expect("the only one");
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| timed_sum(n, |_| u64::from(mc.should_yield())))
    })
}

fn flag() -> Run {
    let flag = AtomicU32::new(black_box(0));
    Box::new(move |n| timed_sum(n, |_| u64::from(flag.load(Ordering::Relaxed) & 12 != 0)))
}

/// Locals per scope.
const LOCALS: u64 = 64;

fn local_push() -> Run {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().expect("the only one");
    let root = mutator.mutate(|mc| mc.root(mc.alloc(1_u64)));
    Box::new(move |n| {
        let _alive = &heap;
        timed(n.div_ceil(LOCALS), || {
            mutator.scope(|scope| {
                scope.mutate(|mc| {
                    let object = root.get(mc);
                    for _ in 0..LOCALS {
                        black_box(mc.local(object));
                    }
                });
            });
        })
    })
}

/// A stack of what `Local`s are: two words each, behind a `RefCell`.
fn vec_push() -> Run {
    let stack: RefCell<Vec<[usize; 2]>> = RefCell::new(Vec::new());
    Box::new(move |n| {
        timed(n.div_ceil(LOCALS), || {
            for i in 0..LOCALS {
                stack.borrow_mut().push(black_box([i as usize, 0]));
            }
            stack.borrow_mut().clear();
        })
    })
}

fn local_get() -> Run {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().expect("the only one");
    Box::new(move |n| {
        let _alive = &heap;
        mutator.scope(|scope| {
            let local = scope.mutate(|mc| mc.local(mc.alloc(1_u64)));
            scope.mutate(|mc| timed_sum(n, |_| *black_box(local).get(mc)))
        })
    })
}

fn reference_get() -> Run {
    let value = Box::new(1_u64);
    Box::new(move |n| timed_sum(n, |_| **black_box(&value)))
}

/// A scope with one local, one region in it: what a call of a recursive evaluator costs.
fn scope() -> Run {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().expect("the only one");
    let root = mutator.mutate(|mc| mc.root(mc.alloc(1_u64)));
    Box::new(move |n| {
        let _alive = &heap;
        timed(n, || {
            mutator.scope(|scope| {
                scope.mutate(|mc| {
                    black_box(mc.local(root.get(mc)));
                });
            });
        })
    })
}

pub(super) fn groups() -> Vec<Group> {
    vec![
        group(
            "region",
            200_000,
            vec![
                ("enter and leave", region::<Owned>),
                ("enter and leave, shared", region::<gc_core::Shared>),
                ("safepoint", safepoint),
                ("scope, region, local", scope),
                ("parking_lot lock and unlock", plain_mutex),
            ],
        ),
        group("should_yield", 1_000_000, vec![("should_yield", should_yield), ("a flag", flag)]),
        group("local_push", 500_000, vec![("Local", local_push), ("Vec::push", vec_push)]),
        group("local_get", 500_000, vec![("Local", local_get), ("Box", reference_get)]),
    ]
}
