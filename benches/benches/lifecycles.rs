//! Weak tables and ephemerons beside their baselines. Each group's baseline comes last.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use gc_core::{Gc, GcRefCell, Interner, LocalHeap, Trace};
use hashbrown::{DefaultHashBuilder, HashSet};

/// Strings of 16 bytes, in an order that is none.
fn texts(count: usize) -> Vec<String> {
    (0..count as u64).map(|n| format!("{:016x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect()
}

#[derive(Trace)]
struct Names<'gc> {
    names: Interner<'gc, str, DefaultHashBuilder>,
    kept: GcRefCell<'gc, Vec<Gc<'gc, str>>>,
}

/// Lookups of what is there, by a key that is not the object found.
fn interner(group: &mut BenchmarkGroup<'_, WallTime>, count: usize) {
    let keys = texts(count);
    let hasher = DefaultHashBuilder::default();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let names = mutator.mutate(|mc| {
        let names: Interner<'_, str, _> = Interner::with_hasher(mc, hasher.clone());
        mc.root(mc.alloc(Names { names, kept: GcRefCell::new(Vec::new()) }))
    });
    for some in keys.chunks(1000) {
        mutator.mutate(|mc| {
            let names = names.get(mc);
            let mut kept = names.kept.borrow_mut(mc);
            kept.extend(some.iter().map(|key| names.names.intern(mc, key)));
        });
    }
    mutator.collect();
    group.bench_function(format!("Interner, {count}"), |bencher| {
        bencher.iter_custom(|times| {
            let mut left = times as usize;
            let mut taken = Duration::ZERO;
            while left != 0 {
                let now = left.min(keys.len());
                taken += mutator.mutate(|mc| {
                    let names = names.get(mc).names;
                    let since = Instant::now();
                    for key in &keys[..now] {
                        black_box(names.intern(mc, key));
                    }
                    since.elapsed()
                });
                left -= now;
            }
            taken
        });
    });
    let mut set: HashSet<Rc<str>> = HashSet::with_hasher(hasher);
    set.extend(keys.iter().map(|key| Rc::from(key.as_str())));
    group.bench_function(format!("hashbrown set of Rc<str>, {count}"), |bencher| {
        bencher.iter_custom(|times| {
            let mut left = times as usize;
            let mut taken = Duration::ZERO;
            while left != 0 {
                let now = left.min(keys.len());
                let since = Instant::now();
                for key in &keys[..now] {
                    black_box(set.get(key.as_str()).cloned());
                }
                taken += since.elapsed();
                left -= now;
            }
            taken
        });
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("intern");
    for count in [100, 10_000, 1_000_000] {
        interner(&mut group, count);
    }
    group.finish();
    criterion.final_summary();
}
