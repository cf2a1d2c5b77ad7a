//! Weak tables and ephemerons beside their baselines. Each group's baseline comes last.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use gc_core::{Config, Ephemeron, Gc, GcCell, GcRefCell, Interner, LocalHeap, Mutation, Owned, Trace};
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

/// Links of a chain.
const LINKS: usize = 1_000_000;

#[derive(Trace)]
struct Node<'gc>(u64, GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>);

#[derive(Trace)]
struct Table<'gc, L> {
    links: Vec<L>,
    first: Gc<'gc, Node<'gc>>,
}

/// A strong stand-in for an ephemeron.
#[derive(Trace)]
struct Strong<'gc>(Gc<'gc, Node<'gc>>, Gc<'gc, Node<'gc>>, [u64; 2]);

fn nodes<'gc>(mc: &Mutation<'gc, Owned>) -> Vec<Gc<'gc, Node<'gc>>> {
    (0..=LINKS as u64).map(|n| mc.alloc(Node(n, GcCell::new(None)))).collect()
}

/// Full collections of what `make` makes.
fn collections(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    make: impl for<'gc> FnOnce(&'gc Mutation<'gc, Owned>) -> Box<dyn std::any::Any>,
) {
    let heap = LocalHeap::with_config(Config::new().automatic(false));
    let mut mutator = heap.mutator().unwrap();
    let _root = mutator.mutate(|mc| make(mc));
    mutator.collect();
    group.bench_function(name, |bencher| bencher.iter(|| mutator.collect()));
}

/// Chains of ephemerons, the value of each being the key of the next, in a table in some order; and as many strong objects.
fn ephemerons(group: &mut BenchmarkGroup<'_, WallTime>) {
    type Order = fn(usize) -> usize;
    let orders: [(&str, Order); 3] = [
        ("forward", |n| n),
        ("reverse", |n| LINKS - 1 - n),
        ("random", |n| n * 618_033 % LINKS), // coprime to it
    ];
    for (name, order) in orders {
        collections(group, &format!("a chain of ephemerons, {name}"), |mc| {
            let nodes = nodes(mc);
            let link = |at: usize| Ephemeron::new(mc, nodes[at], nodes[at + 1]);
            let links: Vec<Ephemeron<'_, Node<'_>, Gc<'_, Node<'_>>>> = (0..LINKS).map(order).map(link).collect();
            Box::new(mc.root(mc.alloc(Table { links, first: nodes[0] })))
        });
        collections(group, &format!("as many strong pairs, {name}"), |mc| {
            let nodes = nodes(mc);
            let link = |at: usize| mc.alloc(Strong(nodes[at], nodes[at + 1], [0; 2]));
            let links: Vec<Gc<'_, Strong<'_>>> = (0..LINKS).map(order).map(link).collect();
            Box::new(mc.root(mc.alloc(Table { links, first: nodes[0] })))
        });
    }
    collections(group, "a list of as many objects", |mc| {
        let nodes = nodes(mc);
        nodes.windows(2).for_each(|pair| pair[0].1.set(mc, Some(pair[1])));
        Box::new(mc.root(nodes[0]))
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("intern");
    for count in [100, 10_000, 1_000_000] {
        interner(&mut group, count);
    }
    group.finish();
    let mut group = criterion.benchmark_group("ephemerons");
    group.sample_size(10);
    ephemerons(&mut group);
    group.finish();
    criterion.final_summary();
}
