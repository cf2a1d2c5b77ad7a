//! Roots: made and dropped, cloned and dropped, read.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use gc_core::{Owned, Shared};

use super::{Group, Run, group, timed, timed_sum};
use crate::flavour::Flavour;

fn create<S: Flavour>() -> Run {
    let heap = S::heap(gc_core::Config::new());
    let mut mutator = S::mutator(&heap);
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| {
            let object = S::alloc(mc, 1_u64);
            timed(n, || {
                black_box(mc.root(object));
            })
        })
    })
}

fn clone<S: Flavour>() -> Run {
    let heap = S::heap(gc_core::Config::new());
    let mut mutator = S::mutator(&heap);
    let root = mutator.mutate(|mc| mc.root(S::alloc(mc, 1_u64)));
    Box::new(move |n| {
        let _alive = (&heap, &mutator);
        timed(n, || {
            drop(black_box(root.clone()));
        })
    })
}

fn get<S: Flavour>() -> Run {
    let heap = S::heap(gc_core::Config::new());
    let mut mutator = S::mutator(&heap);
    let root = mutator.mutate(|mc| mc.root(S::alloc(mc, 1_u64)));
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| timed_sum(n, |_| *black_box(&root).get(mc)))
    })
}

macro_rules! counted {
    ($create:ident, $clone:ident, $get:ident, $pointer:ident) => {
        fn $create() -> Run {
            Box::new(move |n| {
                let since = Instant::now();
                for i in 0..n {
                    black_box($pointer::new(i));
                }
                since.elapsed()
            })
        }

        fn $clone() -> Run {
            let owner = $pointer::new(1_u64);
            Box::new(move |n| {
                timed(n, || {
                    drop(black_box($pointer::clone(&owner)));
                })
            })
        }

        fn $get() -> Run {
            let owner = $pointer::new(1_u64);
            Box::new(move |n| timed_sum(n, |_| **black_box(&owner)))
        }
    };
}

counted!(create_arc, clone_arc, get_arc, Arc);
counted!(create_rc, clone_rc, get_rc, Rc);

fn clone_dumpster() -> Run {
    let owner = dumpster::unsync::Gc::new(1_u64);
    Box::new(move |n| {
        timed(n, || {
            drop(black_box(owner.clone()));
        })
    })
}

pub(super) fn groups() -> Vec<Group> {
    vec![
        group(
            "root_create",
            100_000,
            vec![("local", create::<Owned>), ("shared", create::<Shared>), ("Rc", create_rc), ("Arc", create_arc)],
        ),
        group(
            "root_clone",
            100_000,
            vec![
                ("local", clone::<Owned>),
                ("shared", clone::<Shared>),
                ("dumpster", clone_dumpster),
                ("Rc", clone_rc),
                ("Arc", clone_arc),
            ],
        ),
        group(
            "root_get",
            500_000,
            vec![("local", get::<Owned>), ("shared", get::<Shared>), ("Rc", get_rc), ("Arc", get_arc)],
        ),
    ]
}
