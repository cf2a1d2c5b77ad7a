//! drops: a million objects with destructors die at once, under requests. In a local heap their owner drops them, a little at
//! every safepoint; in a shared one the collector does.

use benches::{Clock, Flavour, HeapSeries, Line, Paced, Regions, Watch, empty_requests};
use gc_core::{Gc, GcCell, Root, Trace};

use crate::options::Options;

const PERIOD_NS: u64 = 100_000;
/// Objects made in one region.
const PER_REGION: u64 = 1024;

#[derive(Trace)]
struct Named {
    name: String,
}

#[derive(Trace)]
struct World<'gc> {
    all: GcCell<'gc, Option<Gc<'gc, Slice<'gc>>>>,
}

/// A slice behind a pointer of one word.
#[derive(Trace)]
struct Slice<'gc> {
    slots: Gc<'gc, [GcCell<'gc, Option<Gc<'gc, Named>>>]>,
}

pub(crate) fn run<S: Flavour>(options: &Options, n: u64, seconds: u64) -> Line {
    let heap = S::heap(options.config());
    let born = Clock::new();
    let mut mutator = S::mutator(&heap);
    let mut regions = Regions::new();
    let world: Root<World<'static>, S> = mutator.mutate(|mc| {
        let slots = S::alloc_slice(mc, (0..n as usize).map(|_| GcCell::new(None)));
        let all = S::alloc(mc, Slice { slots });
        mc.root(S::alloc(mc, World { all: GcCell::new(Some(all)) }))
    });
    let (mut made, mut sum) = (0, 0u64);
    while made < n {
        regions.time(|| {
            mutator.mutate(|mc| {
                let all = world.get(mc).all.get().expect("built here");
                for number in made..n.min(made + PER_REGION) {
                    let named = S::alloc(mc, Named { name: format!("number {number}") });
                    sum = sum.wrapping_add(named.name.len() as u64);
                    all.slots[number as usize].set(mc, Some(named));
                }
            });
        });
        made += PER_REGION;
    }
    mutator.collect();
    let control = empty_requests(1);

    let watch = Watch::start::<S>(&heap);
    let mut paced = Paced::default();
    let mut regions = Regions::new();
    mutator.mutate(|mc| world.get(mc).all.set(mc, None));
    let dropped_before = S::statistics(&heap).drops;
    mutator.start_collection();
    let requests = seconds * 1_000_000_000 / PERIOD_NS;
    let wall = paced.run(requests, PERIOD_NS, &mut regions, HeapSeries::new::<S>(&heap, born), |number| {
        mutator.mutate(|mc| {
            for _ in 0..16 {
                std::hint::black_box(S::alloc(mc, number));
            }
        });
    });
    let dropped = S::statistics(&heap).drops - dropped_before;
    let extra = watch.finish::<S>(&heap, &regions);
    // All of them, whether the requests gave them time or not.
    mutator.collect();
    let in_all = S::statistics(&heap).drops - dropped_before;
    Line::new("drops", wall as f64 / 1e9, requests, sum, extra)
        .with_paced(&paced)
        .with("dropped", dropped)
        .with("dropped_after_collect", in_all)
        .with("control", control)
}
