//! latency_graph: 10,000 requests a second on 10 million live objects. A request's latency counts from when it was due, not
//! from when the program came round to it: no coordinated omission.

use benches::{Clock, Flavour, HeapSeries, Line, Paced, Regions, Rng, Watch, empty_requests};
use gc_core::{Gc, GcCell, Mutation, Mutator, Root, Trace};

use crate::options::{ControlKind, Options};

const SLOTS: u64 = 200_000;
const NODES: u64 = 50;
const ROLLING: usize = 64;
const PERIOD_NS: u64 = 100_000;
/// Slots linked in one region of the build: below 100 microseconds.
const PER_REGION: u64 = 256;
/// Seconds of control before the run.
const CONTROL_SECONDS: u64 = 1;

#[derive(Trace)]
struct Node<'gc> {
    a: Option<Gc<'gc, Node<'gc>>>,
    b: Option<Gc<'gc, Node<'gc>>>,
    v: u64,
    w: u64,
}

type Buffer = [u8; 2048];

#[derive(Trace)]
struct World<'gc> {
    slots: Gc<'gc, [GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>]>,
    garbage: Gc<'gc, [GcCell<'gc, Option<Gc<'gc, Buffer>>>]>,
}

/// A node in front of the structure `current`.
#[inline(always)]
fn link<'gc, S: Flavour>(
    mc: &Mutation<'gc, S>,
    rng: &mut Rng,
    current: Option<Gc<'gc, Node<'gc>>>,
    k: u64,
) -> Option<Gc<'gc, Node<'gc>>> {
    let v = rng.next();
    let b = match current {
        Some(node) if v & 1 == 1 && node.b.is_some() => node.b,
        _ => current,
    };
    Some(S::alloc(mc, Node { a: current, b, v, w: k }))
}

/// 200,000 structures of 50 nodes, neighbours of one structure far apart in memory.
fn build<S: Flavour>(mutator: &mut Mutator<S>, regions: &mut Regions, rng: &mut Rng) -> Root<World<'static>, S> {
    let world: Root<World<'static>, S> = mutator.mutate(|mc| {
        let slots = S::alloc_slice(mc, (0..SLOTS as usize).map(|_| GcCell::new(None)));
        let garbage = S::alloc_slice(mc, (0..ROLLING).map(|_| GcCell::new(None)));
        mc.root(S::alloc(mc, World { slots, garbage }))
    });
    for k in 0..NODES {
        let mut j = 0;
        while j < SLOTS {
            regions.time(|| {
                mutator.mutate(|mc| {
                    let slots = Gc::as_ref(world.get(mc).slots);
                    for _ in 0..PER_REGION.min(SLOTS - j) {
                        let slot = &slots[((j * 100_003 + k * 31_337) % SLOTS) as usize];
                        slot.set(mc, link(mc, rng, slot.get(), k));
                        j += 1;
                    }
                });
            });
        }
    }
    world
}

/// A request: a new structure takes the place of an old one, some garbage is made, and 50 structures are read.
#[inline]
fn request<'gc, S: Flavour>(
    mc: &Mutation<'gc, S>,
    world: &World<'gc>,
    rng: &mut Rng,
    i: u64,
    garbage: std::ops::Range<usize>,
) -> u64 {
    let slots = Gc::as_ref(world.slots);
    let slot = rng.below(SLOTS) as usize;
    let mut current = None;
    for k in 0..NODES {
        current = link(mc, rng, current, k);
    }
    slots[slot].set(mc, current);
    for piece in garbage {
        let mut buffer = [0; size_of::<Buffer>()];
        buffer[0] = i as u8;
        buffer[size_of::<Buffer>() - 1] = i as u8;
        world.garbage[piece % ROLLING].set(mc, Some(S::alloc(mc, buffer)));
    }
    let mut sum = 0u64;
    for _ in 0..NODES {
        let node = slots[rng.below(SLOTS) as usize].get().expect("every slot holds a structure");
        sum = sum.wrapping_add(node.b.expect("a structure has more than one node").v);
    }
    sum
}

pub(crate) fn run<S: Flavour>(options: &Options, seconds: u64, garbage_bytes: u64) -> Line {
    let heap = S::heap(options.config());
    let born = Clock::new();
    let mut mutator = S::mutator(&heap);
    let mut regions = Regions::new();
    let mut rng = Rng::new();
    let since = Clock::new();
    let world = build(&mut mutator, &mut regions, &mut rng);
    let build_s = since.seconds();
    let control = empty_requests(CONTROL_SECONDS);
    let spinner = (options.control == Some(ControlKind::Spin)).then(benches::Spinner::start);

    let pieces = (garbage_bytes / size_of::<Buffer>() as u64) as usize;
    let requests = seconds * 1_000_000_000 / PERIOD_NS;
    let mut paced = Paced::default();
    let (mut sum, mut made) = (0u64, 0);
    let watch = Watch::start::<S>(&heap);
    let wall = paced.run(requests, PERIOD_NS, &mut regions, HeapSeries::new::<S>(&heap, born), |i| {
        let answer = mutator.mutate(|mc| request(mc, Gc::as_ref(world.get(mc)), &mut rng, i, made..made + pieces));
        sum = sum.wrapping_add(answer);
        made += pieces;
    });
    let extra = watch.finish::<S>(&heap, &regions);
    let beside = spinner.map(benches::Spinner::finish);
    mutator.mutate(|mc| std::hint::black_box(world.get(mc).slots[0].get().map(|node| node.w)));
    Line::new("latency_graph", wall as f64 / 1e9, requests, sum, extra)
        .with_paced(&paced)
        .with("build_s", build_s)
        .with("service_p999_us", paced.service.quantile_us(0.999))
        .with("service_max_us", paced.service.max_us())
        .with("control", control)
        .with("control_spin", beside)
}
