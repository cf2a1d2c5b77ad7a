//! A weak reference read beside a strong one.

use std::hint::black_box;
use std::time::Instant;

use gc_core::{Gc, Owned, Shared, Weak};

use super::{Group, Run, group};
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
            let since = Instant::now();
            let mut sum = 0u64;
            for i in 0..n as usize {
                sum = sum.wrapping_add(weak[i % OBJECTS].upgrade(mc).map_or(0, |object| *object));
            }
            let elapsed = since.elapsed();
            black_box((sum, &strong));
            elapsed
        })
    })
}

fn upgrade_arc() -> Run {
    let strong: Vec<_> = (0..OBJECTS as u64).map(std::sync::Arc::new).collect();
    let weak: Vec<_> = strong.iter().map(std::sync::Arc::downgrade).collect();
    Box::new(move |n| {
        let _alive = &strong;
        let weak = &black_box(&weak)[..OBJECTS];
        let since = Instant::now();
        let mut sum = 0u64;
        for i in 0..n as usize {
            sum = sum.wrapping_add(weak[i % OBJECTS].upgrade().map_or(0, |object| *object));
        }
        let elapsed = since.elapsed();
        black_box(sum);
        elapsed
    })
}

fn strong<S: Flavour>() -> Run {
    let heap = S::heap(gc_core::Config::new());
    let mut mutator = S::mutator(&heap);
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| {
            let strong: Vec<Gc<'_, u64>> = (0..OBJECTS as u64).map(|number| S::alloc(mc, number)).collect();
            let strong = &black_box(&strong)[..OBJECTS];
            let since = Instant::now();
            let mut sum = 0u64;
            for i in 0..n as usize {
                sum = sum.wrapping_add(*strong[i % OBJECTS]);
            }
            let elapsed = since.elapsed();
            black_box(sum);
            elapsed
        })
    })
}

pub(super) fn groups() -> Vec<Group> {
    let ops: Vec<(&'static str, fn() -> Run)> = vec![
        ("local", upgrade::<Owned>),
        ("shared", upgrade::<Shared>),
        ("std::sync::Weak", upgrade_arc),
        ("a strong read", strong::<Owned>),
    ];
    vec![group("weak_upgrade", 500_000, ops)]
}
