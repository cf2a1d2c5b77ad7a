//! Several mutators of one heap that could get in each other's way: `threads` come and go while the collector marks, and a
//! `slow_mutator` stays in its region for a second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use benches::{Clock, HeapSeries, Histogram, Line, Paced, Regions, Watch, empty_requests};
use gc_core::{Gc, GcCell, Heap, Mutator, Root, Shared, Trace};

use crate::options::Options;

const PERIOD_NS: u64 = 100_000;
/// Objects that live all along: some milliseconds of marking.
const LIVE: usize = 1 << 20;
const RING: usize = 1024;

#[derive(Trace)]
struct Item<'gc> {
    other: Option<Gc<'gc, Item<'gc>>>,
    number: u64,
}

type Items = Root<[GcCell<'static, Option<Gc<'static, Item<'static>>>>], Shared>;

/// Live objects behind a slice.
fn build(mutator: &mut Mutator<Shared>, count: usize) -> Items {
    let items: Items =
        mutator.mutate(|mc| mc.root(mc.alloc_slice((0..count).map(|_| GcCell::new(None::<Gc<'_, Item<'_>>>)))));
    for from in (0..count).step_by(RING) {
        mutator.mutate(|mc| {
            let items = items.get(mc);
            let mut other = None;
            for (number, slot) in items[from..count.min(from + RING)].iter().enumerate() {
                let item = mc.alloc(Item { other, number: number as u64 });
                other = Some(item);
                slot.set(mc, other);
            }
        });
    }
    items
}

/// A visitor's work: a look at some live objects, and some garbage.
fn visit(mutator: &mut Mutator<Shared>, items: &Items, i: u64) -> u64 {
    mutator.mutate(|mc| {
        let items = items.get(mc);
        let at = i as usize * 7919 % items.len();
        let found = items[at].get();
        for number in 0..64 {
            std::hint::black_box(mc.alloc(Item { other: found, number }));
        }
        found.map_or(0, |item| item.number + item.other.map_or(0, |other| other.number))
    })
}

/// A thousand threads a second, each a mutator for one visit; all the time a cycle is on.
pub(crate) fn threads(options: &Options, seconds: u64) -> Line {
    const VISITS_PER_SECOND: u64 = 1000;
    let heap = Heap::with_config(options.config());
    let mut mutator = heap.mutator().expect("one mutator per thread");
    let items = build(&mut mutator, LIVE);
    let watch = Watch::start::<Shared>(&heap);
    let mut visit_times = Histogram::new();
    let mut spawn_times = Histogram::new();
    let (mut sum, mut regions) = (0u64, Regions::new());
    let clock = Clock::new();
    let visits = seconds * VISITS_PER_SECOND;
    for i in 0..visits {
        let due = Duration::from_micros(i * 1_000_000 / VISITS_PER_SECOND);
        let now = Duration::from_nanos(clock.ns());
        if now < due {
            std::thread::sleep(due - now);
        }
        heap.start_collection();
        let began = clock.ns();
        let visitor = || {
            let began = clock.ns();
            let mut mutator = heap.mutator().expect("one mutator per thread");
            let answer = visit(&mut mutator, &items, i);
            drop(mutator);
            (answer, clock.ns() - began)
        };
        let (answer, took) = std::thread::scope(|spawner| spawner.spawn(visitor).join().expect("a visitor ends"));
        spawn_times.add(clock.ns() - began);
        visit_times.add(took);
        regions.note(took);
        sum = sum.wrapping_add(answer);
    }
    let seconds = clock.seconds();
    Line::new("threads", seconds, visits, sum, watch.finish::<Shared>(&heap, &regions))
        .with_latencies(&visit_times)
        .with("with_spawn_p999_us", spawn_times.quantile_us(0.999))
}

/// One thread opens a region and stays in it for a second, again and again, deaf to `should_yield`; another serves requests.
pub(crate) fn slow_mutator(options: &Options, seconds: u64) -> Line {
    const SLOW: Duration = Duration::from_secs(1);
    let heap = Heap::with_config(options.config());
    let born = Clock::new();
    let mut mutator = heap.mutator().expect("one mutator per thread");
    let items = build(&mut mutator, LIVE);
    let control = empty_requests(1);
    let watch = Watch::start::<Shared>(&heap);
    let mut paced = Paced::default();
    let (mut sum, mut regions) = (0u64, Regions::new());
    let requests = seconds * 1_000_000_000 / PERIOD_NS;
    let stop = AtomicBool::new(false);
    let wall = std::thread::scope(|spawner| {
        spawner.spawn(|| {
            let mut mutator = heap.mutator().expect("one mutator per thread");
            // Relaxed: nothing else travels with it.
            while !stop.load(Ordering::Relaxed) {
                mutator.mutate(|_| std::thread::sleep(SLOW));
            }
        });
        let wall = paced.run(requests, PERIOD_NS, &mut regions, HeapSeries::new::<Shared>(&heap, born), |i| {
            sum = sum.wrapping_add(visit(&mut mutator, &items, i));
        });
        stop.store(true, Ordering::Relaxed);
        wall
    });
    Line::new("slow_mutator", wall as f64 / 1e9, requests, sum, watch.finish::<Shared>(&heap, &regions))
        .with_paced(&paced)
        .with("control", control)
}
