//! big_array: stores all over a large array, and changes of a large map, while both are marked. The pause must not grow with
//! either.
//!
//! The array is a `GcVec`, the map a `GcMap`: the first write of a cycle to a segment shades that segment.

use benches::{Clock, Flavour, HeapSeries, Line, Paced, Regions, Rng, Watch, empty_requests};
use gc_core::{Gc, GcMap, GcVec, Kind, Mutator, Root, Storable, Trace};

use crate::options::Options;

const PERIOD_NS: u64 = 100_000;
/// Stores into the array per request.
const STORES: u64 = 50;
/// Bytes of garbage per request, so that cycles come.
const GARBAGE: usize = 8192;
/// Slots or entries made in one region.
const PER_REGION: u64 = 1024;

#[derive(Trace)]
pub(crate) struct Item {
    number: u64,
}

#[derive(Trace)]
pub(crate) struct World<'gc, S: Kind + 'static> {
    array: GcVec<'gc, Gc<'gc, Item>, S>,
    map: GcMap<'gc, u64, Gc<'gc, Item>, S>,
}

fn build<S: Flavour>(
    mutator: &mut Mutator<S>,
    regions: &mut Regions,
    slots: u64,
    entries: u64,
) -> Root<World<'static, S>, S>
where
    u64: Storable<S>,
    for<'a> Gc<'a, Item>: Storable<S>,
    for<'a> World<'a, S>: Storable<S>,
{
    let world: Root<World<'static, S>, S> =
        mutator.mutate(|mc| mc.root(mc.alloc(World { array: GcVec::new(), map: GcMap::new() })));
    let mut number = 0;
    while number < slots.max(entries) {
        regions.time(|| {
            mutator.mutate(|mc| {
                let world = world.get(mc);
                for number in number..number + PER_REGION {
                    if number < slots {
                        world.array.push(mc, S::alloc(mc, Item { number }));
                    }
                    if number < entries {
                        world.map.insert(mc, number, S::alloc(mc, Item { number }));
                    }
                }
            });
        });
        number += PER_REGION;
    }
    world
}

pub(crate) fn run<S: Flavour>(options: &Options, seconds: u64, slots: u64, entries: u64) -> Result<Line, String>
where
    u64: Storable<S>,
    for<'a> Gc<'a, Item>: Storable<S>,
    for<'a> World<'a, S>: Storable<S>,
{
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
                let old = world.array.set(mc, rng.below(slots) as usize, S::alloc(mc, Item { number }));
                sum = sum.wrapping_add(old.number);
            }
            if entries != 0 {
                let old = world.map.insert(mc, rng.below(entries), S::alloc(mc, Item { number }));
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
