//! weak_cache: a cache of weak values, kept alive by owners that come and go, under requests. Every upgrade is timed.
//!
//! The program knows which keys have an owner: an upgrade of those must succeed at any time, and after a last collection
//! the cache holds those and no others. A value without an owner that is not collected yet may be found: it is taken.

use std::hint::black_box;

use benches::{Clock, Flavour, HeapSeries, Histogram, Line, Paced, Regions, Rng, Watch, empty_requests};
use gc_core::{Gc, GcCell, Mutation, Mutator, Root, Trace, Weak};
use serde_json::{Value, json};

use crate::options::Options;

const PERIOD_NS: u64 = 100_000;
/// Owners that a request changes.
const CHANGES: u64 = 16;
/// Bytes of garbage per request, so that cycles come.
const GARBAGE: usize = 8192;
/// Entries made in one region.
const PER_REGION: u64 = 256;

#[derive(Trace)]
struct Cached {
    key: u64,
    payload: [u64; 15],
}

#[derive(Trace)]
struct World<'gc> {
    /// By key.
    cache: Gc<'gc, [GcCell<'gc, Option<Weak<'gc, Cached>>>]>,
    owners: Gc<'gc, [GcCell<'gc, Option<Gc<'gc, Cached>>>]>,
}

/// Who owns what, kept outside the heap.
struct Model {
    /// The key that each owner holds.
    held: Vec<u32>,
    /// The owners of each key.
    owners: Vec<u32>,
}

#[derive(Default)]
struct Counts {
    hits: u64,
    /// Hits of values that nobody owned any more.
    unowned_hits: u64,
    misses: u64,
}

/// A new value of a key, in the cache.
fn insert<'gc, S: Flavour>(mc: &Mutation<'gc, S>, world: &World<'gc>, key: u64) -> Gc<'gc, Cached> {
    let value = S::alloc(mc, Cached { key, payload: [key; 15] });
    world.cache[key as usize].set(mc, Some(S::downgrade(mc, value)));
    value
}

fn build<S: Flavour>(mutator: &mut Mutator<S>, n: u64) -> Root<World<'static>, S> {
    let world: Root<World<'static>, S> = mutator.mutate(|mc| {
        let cache = S::alloc_slice(mc, (0..n as usize).map(|_| GcCell::new(None)));
        let owners = S::alloc_slice(mc, (0..n as usize).map(|_| GcCell::new(None)));
        mc.root(S::alloc(mc, World { cache, owners }))
    });
    for from in (0..n).step_by(PER_REGION as usize) {
        mutator.mutate(|mc| {
            let world = Gc::as_ref(world.get(mc));
            for key in from..n.min(from + PER_REGION) {
                world.owners[key as usize].set(mc, Some(insert(mc, world, key)));
            }
        });
    }
    world
}

fn distribution(times: &Histogram) -> Value {
    json!({
        "count": times.count(),
        "p50_us": times.quantile_us(0.5),
        "p99_us": times.quantile_us(0.99),
        "p999_us": times.quantile_us(0.999),
        "max_us": times.max_us(),
    })
}

/// What two readings of the clock cost: it is in the time of every upgrade.
fn clock_alone() -> Value {
    let (clock, mut times) = (Clock::new(), Histogram::new());
    for _ in 0..100_000 {
        let began = clock.ns();
        times.add(clock.ns() - began);
    }
    distribution(&times)
}

pub(crate) fn run<S: Flavour>(options: &Options, n: u64, seconds: u64) -> Result<Line, String> {
    if n == 0 || n >= 1 << 31 {
        return Err("from 1 to 2^31 - 1 values".into());
    }
    let heap = S::heap(options.config());
    let born = Clock::new();
    let mut mutator = S::mutator(&heap);
    let world = build(&mut mutator, n);
    let mut model = Model { held: (0..n as u32).collect(), owners: vec![1; n as usize] };
    let control = empty_requests(1);
    let clock_alone = clock_alone();

    let (mut rng, mut counts) = (Rng::new(), Counts::default());
    let (mut paced, mut regions, mut upgrades) = (Paced::default(), Regions::new(), Histogram::new());
    let requests = seconds * 1_000_000_000 / PERIOD_NS;
    let clock = Clock::new();
    let watch = Watch::start::<S>(&heap);
    let wall = paced.run(requests, PERIOD_NS, &mut regions, HeapSeries::new::<S>(&heap, born), |_| {
        mutator.mutate(|mc| {
            let world = Gc::as_ref(world.get(mc));
            for _ in 0..CHANGES {
                let (key, owner) = (rng.below(n) as usize, rng.below(n) as usize);
                let weak = world.cache[key].get().expect("an entry once made stays");
                let began = clock.ns();
                let found = black_box(weak.upgrade(mc));
                upgrades.add(clock.ns() - began);
                let is_owned = model.owners[key] != 0;
                let value = match found {
                    Some(value) => {
                        assert!(value.key == key as u64 && value.payload[14] == value.key, "another key's value");
                        counts.hits += 1;
                        counts.unowned_hits += u64::from(!is_owned);
                        value
                    }
                    None => {
                        assert!(!is_owned, "a value that has an owner was lost");
                        counts.misses += 1;
                        insert(mc, world, key as u64)
                    }
                };
                world.owners[owner].set(mc, Some(value));
                let before = std::mem::replace(&mut model.held[owner], key as u32);
                model.owners[before as usize] -= 1;
                model.owners[key] += 1;
            }
            black_box(S::alloc(mc, [0_u8; GARBAGE]));
        });
    });
    let extra = watch.finish::<S>(&heap, &regions);

    mutator.collect();
    let mut sum = 0u64;
    for from in (0..n).step_by(PER_REGION as usize) {
        mutator.mutate(|mc| {
            let world = world.get(mc);
            for key in from..n.min(from + PER_REGION) {
                let value = world.cache[key as usize].get().and_then(|weak| weak.upgrade(mc));
                assert_eq!(value.is_some(), model.owners[key as usize] != 0, "key {key} at rest");
                sum = value.map_or(sum, |value| sum.wrapping_mul(31).wrapping_add(value.key));
            }
        });
    }
    let owned = model.owners.iter().filter(|&&owners| owners != 0).count();
    Ok(Line::new("weak_cache", wall as f64 / 1e9, requests, sum, extra)
        .with_paced(&paced)
        .with("upgrade", distribution(&upgrades))
        .with("clock_alone", clock_alone)
        .with("hits", counts.hits)
        .with("unowned_hits", counts.unowned_hits)
        .with("misses", counts.misses)
        .with("owned_at_rest", owned)
        .with("control", control))
}
