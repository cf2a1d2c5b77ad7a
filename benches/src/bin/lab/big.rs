//! big_array: stores all over a large array, and changes of a large map, while both are marked. The pause must not grow with
//! either.
//!
//! The array is a slice of cells, each with a barrier of its own. The map is a `HashMap` behind a lock: its first lock in a
//! cycle shades all of it. `--heap` chooses nothing here: `GcMutex` serves both kinds.

use benches::{Clock, Flavour, HeapSeries, Line, Paced, Regions, Rng, Watch, empty_requests};
use gc_core::{Gc, GcCell, GcMutex, Mutator, Root, Trace};

use std::collections::HashMap;

use crate::options::Options;

const PERIOD_NS: u64 = 100_000;
/// Stores into the array per request.
const STORES: u64 = 50;
/// Bytes of garbage per request, so that cycles come.
const GARBAGE: usize = 8192;
/// Slots or entries made in one region.
const PER_REGION: u64 = 1024;

#[derive(Trace)]
struct Item {
    number: u64,
}

#[derive(Trace)]
struct World<'gc> {
    array: Gc<'gc, [GcCell<'gc, Option<Gc<'gc, Item>>>]>,
    map: GcMutex<'gc, HashMap<u64, Gc<'gc, Item>>>,
}

fn build<S: Flavour>(
    mutator: &mut Mutator<S>,
    regions: &mut Regions,
    slots: u64,
    entries: u64,
) -> Root<World<'static>, S> {
    let world: Root<World<'static>, S> = mutator.mutate(|mc| {
        let array = S::alloc_slice(mc, (0..slots as usize).map(|_| GcCell::new(None)));
        let map = GcMutex::new(HashMap::with_capacity(entries as usize));
        mc.root(S::alloc(mc, World { array, map }))
    });
    let mut number = 0;
    while number < slots.max(entries) {
        regions.time(|| {
            mutator.mutate(|mc| {
                let world = world.get(mc);
                for number in number..number + PER_REGION {
                    if number < slots {
                        world.array[number as usize].set(mc, Some(S::alloc(mc, Item { number })));
                    }
                    if number < entries {
                        world.map.lock(mc).insert(number, S::alloc(mc, Item { number }));
                    }
                }
            });
        });
        number += PER_REGION;
    }
    world
}

pub(crate) fn run<S: Flavour>(options: &Options, seconds: u64, slots: u64, entries: u64) -> Result<Line, String> {
    if slots == 0 {
        return Err("the array must have a slot".into());
    }
    let heap = S::heap(options.config());
    let born = Clock::new();
    let mut mutator = S::mutator(&heap);
    let mut regions = Regions::new();
    let since = Clock::new();
    let world = build(&mut mutator, &mut regions, slots, entries);
    let build_s = since.seconds();
    let control = empty_requests(1);

    let mut rng = Rng::new();
    let mut paced = Paced::default();
    let mut sum = 0u64;
    let requests = seconds * 1_000_000_000 / PERIOD_NS;
    let mut regions = Regions::new();
    let watch = Watch::start::<S>(&heap);
    let wall = paced.run(requests, PERIOD_NS, &mut regions, HeapSeries::new::<S>(&heap, born), |number| {
        mutator.mutate(|mc| {
            let world = world.get(mc);
            for _ in 0..STORES {
                let slot = &world.array[rng.below(slots) as usize];
                sum = sum.wrapping_add(slot.get().map_or(0, |item| item.number));
                slot.set(mc, Some(S::alloc(mc, Item { number })));
            }
            if entries != 0 {
                let old = world.map.lock(mc).insert(rng.below(entries), S::alloc(mc, Item { number }));
                sum = sum.wrapping_add(old.map_or(0, |item| item.number));
            }
            std::hint::black_box(S::alloc(mc, [0_u8; GARBAGE]));
        });
    });
    let extra = watch.finish::<S>(&heap, &regions);
    Ok(Line::new("big_array", wall as f64 / 1e9, requests, sum, extra)
        .with_paced(&paced)
        .with("build_s", build_s)
        .with("slots", slots)
        .with("entries", entries)
        .with("control", control))
}
