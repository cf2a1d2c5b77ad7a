//! latency_ring: messages into a ring of 200,000, each timed.

use benches::{Clock, Flavour, HeapSeries, Histogram, Interruptions, Line, Regions, Series, Watch, empty_requests};
use gc_core::{Gc, GcCell, Root, Trace};

use crate::options::{ControlKind, Options};

const RING: usize = 200_000;
/// Seconds of control before the run.
const CONTROL_SECONDS: u64 = 1;

#[derive(Trace)]
struct Message<'gc> {
    seq: u64,
    buffer: Gc<'gc, [u8; 1024]>,
}

type Slot<'gc> = GcCell<'gc, Option<Gc<'gc, Message<'gc>>>>;

#[derive(Trace)]
struct Ring<'gc> {
    slots: Gc<'gc, [Slot<'gc>]>,
}

pub(crate) fn run<S: Flavour>(options: &Options, n: u64) -> Line {
    let heap = S::heap(options.config());
    let born = Clock::new();
    let mut mutator = S::mutator(&heap);
    let ring: Root<Ring<'static>, S> = mutator.mutate(|mc| {
        let slots = S::alloc_slice(mc, (0..RING).map(|_| GcCell::new(None)));
        mc.root(S::alloc(mc, Ring { slots }))
    });
    let control = empty_requests(CONTROL_SECONDS);
    let spinner = (options.control == Some(ControlKind::Spin)).then(benches::Spinner::start);

    let watch = Watch::start::<S>(&heap);
    let mut regions = Regions::new();
    let mut latency = Histogram::new();
    let mut slot = 0;
    let mut series = Series::start(HeapSeries::new::<S>(&heap, born));
    let clock = Clock::new();
    let mut interruptions = Interruptions::new(1 << 16, clock.ns());
    for i in 0..n {
        let began = clock.ns();
        mutator.mutate(|mc| {
            let mut buffer = [0; 1024];
            buffer[0] = i as u8;
            buffer[1023] = (i >> 8) as u8;
            let message = Message { seq: i, buffer: S::alloc(mc, buffer) };
            ring.get(mc).slots[slot].set(mc, Some(S::alloc(mc, message)));
        });
        slot = if slot + 1 == RING { 0 } else { slot + 1 };
        let ended = clock.ns();
        let took = ended - began;
        latency.add(took);
        interruptions.request(began, ended);
        regions.note(took);
        series.request(ended, took);
    }
    let end = clock.ns();
    let seconds = end as f64 / 1e9;
    let lost = interruptions.lost(0, end, &latency);
    let series = series.finish();
    let extra = watch.finish::<S>(&heap, &regions);
    let beside = spinner.map(benches::Spinner::finish);
    let checksum = mutator.mutate(|mc| {
        let ring = ring.get(mc);
        let filled = ring.slots.iter().filter_map(|slot| slot.get());
        filled.map(|m| m.seq + u64::from(m.buffer[0]) + u64::from(m.buffer[1023])).sum()
    });
    Line::new("latency_ring", seconds, n, checksum, extra)
        .with_latencies(&latency)
        .with_lost(&lost)
        .with("series", series)
        .with("control", control)
        .with("control_spin", beside)
}
