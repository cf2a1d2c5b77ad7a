//! A weak reference read beside a strong one.

use std::hint::black_box;

use gc_core::{Gc, Owned, Shared, Weak};

use super::{Group, Run, group, timed_sum};
use crate::flavour::Flavour;

/// Objects, a power of two: they and their slots are in cache.
const OBJECTS: usize = 512;

fn upgrade<S: Flavour>() -> Run {
    let heap = S::heap(gc_core::Config::new());
    let mut mutator = S::mutator(&heap);
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| {
            let strong: Vec<Gc<'_, u64>> = (0..OBJECTS as u64).map(|number| S::alloc(mc, number)).collect();
            let weak: Vec<Weak<'_, u64>> = strong.iter().map(|&object| S::downgrade(mc, object)).collect();
            let weak = &black_box(&weak)[..OBJECTS];
            timed_sum(n, |i| weak[i % OBJECTS].upgrade(mc).map_or(0, |object| *object))
        })
    })
}

macro_rules! counted {
    ($name:ident, $pointer:path, $downgrade:path) => {
        fn $name() -> Run {
            let strong: Vec<_> = (0..OBJECTS as u64).map(<$pointer>::new).collect();
            let weak: Vec<_> = strong.iter().map($downgrade).collect();
            Box::new(move |n| {
                let _alive = &strong;
                let weak = &black_box(&weak)[..OBJECTS];
                timed_sum(n, |i| weak[i % OBJECTS].upgrade().map_or(0, |object| *object))
            })
        }
    };
}

counted!(upgrade_rc, std::rc::Rc<u64>, std::rc::Rc::downgrade);
counted!(upgrade_arc, std::sync::Arc<u64>, std::sync::Arc::downgrade);

fn strong<S: Flavour>() -> Run {
    let heap = S::heap(gc_core::Config::new());
    let mut mutator = S::mutator(&heap);
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| {
            let strong: Vec<Gc<'_, u64>> = (0..OBJECTS as u64).map(|number| S::alloc(mc, number)).collect();
            let strong = &black_box(&strong)[..OBJECTS];
            timed_sum(n, |i| *strong[i % OBJECTS])
        })
    })
}

pub(super) fn groups() -> Vec<Group> {
    let ops: Vec<(&'static str, fn() -> Run)> = vec![
        ("local", upgrade::<Owned>),
        ("shared", upgrade::<Shared>),
        ("std::rc::Weak", upgrade_rc),
        ("std::sync::Weak", upgrade_arc),
        ("a strong read", strong::<Owned>),
    ];
    vec![group("weak_upgrade", 500_000, ops)]
}
