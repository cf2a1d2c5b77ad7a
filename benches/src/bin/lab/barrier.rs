//! barrier: pointer stores at random into a million objects, with the collector idle and busy.

use benches::{Clock, Flavour, Line, Regions, Rng, Watch};
use gc_core::{Gc, GcCell, Mutation, Mutator, Root, Trace};

use crate::options::Options;

const OBJECTS: u64 = 1_000_000;
const ROLLING: usize = 64;
/// A piece of garbage every so many stores.
const EVERY: u64 = 16;
/// Stores between two looks at `should_yield`.
const BATCH: u64 = 256;
/// Stores after which a region ends, asked or not: below a millisecond.
const PER_REGION: u64 = 1 << 14;

#[derive(Trace)]
struct Object<'gc> {
    p: GcCell<'gc, Option<Gc<'gc, Object<'gc>>>>,
    v: u64,
}

#[derive(Trace)]
struct World<'gc> {
    objects: Gc<'gc, [GcCell<'gc, Gc<'gc, Object<'gc>>>]>,
    garbage: Gc<'gc, [GcCell<'gc, Option<Gc<'gc, [u8; 256]>>>]>,
}

/// A region's view of the world.
#[derive(Clone, Copy)]
struct View<'gc> {
    objects: &'gc [GcCell<'gc, Gc<'gc, Object<'gc>>>],
    garbage: &'gc [GcCell<'gc, Option<Gc<'gc, [u8; 256]>>>],
}

/// What a phase does to every k of `0..n`.
trait Step {
    fn step<'gc, S: Flavour>(&mut self, mc: &Mutation<'gc, S>, view: View<'gc>, k: u64);
}

struct Stores {
    rng: Rng,
}

impl Stores {
    #[inline(always)]
    fn store<'gc, S: Flavour>(&mut self, mc: &Mutation<'gc, S>, view: View<'gc>) {
        let x = self.rng.next();
        let i = ((x >> 32) * OBJECTS) >> 32;
        let j = ((x & 0xffff_ffff) * OBJECTS) >> 32;
        view.objects[i as usize].get().p.set(mc, Some(view.objects[j as usize].get()));
    }
}

#[derive(Default)]
struct Garbage {
    made: usize,
}

impl Garbage {
    #[inline(always)]
    fn make<'gc, S: Flavour>(&mut self, mc: &Mutation<'gc, S>, view: View<'gc>, k: u64) {
        let mut bytes = [0; 256];
        bytes[0] = k as u8;
        view.garbage[self.made % ROLLING].set(mc, Some(S::alloc(mc, bytes)));
        self.made += 1;
    }
}

impl Step for Stores {
    #[inline(always)]
    fn step<'gc, S: Flavour>(&mut self, mc: &Mutation<'gc, S>, view: View<'gc>, _: u64) {
        self.store(mc, view);
    }
}

impl Step for (&mut Stores, &mut Garbage) {
    #[inline(always)]
    fn step<'gc, S: Flavour>(&mut self, mc: &Mutation<'gc, S>, view: View<'gc>, k: u64) {
        self.0.store(mc, view);
        if k.is_multiple_of(EVERY) {
            self.1.make(mc, view, k);
        }
    }
}

impl Step for Garbage {
    #[inline(always)]
    fn step<'gc, S: Flavour>(&mut self, mc: &Mutation<'gc, S>, view: View<'gc>, k: u64) {
        self.make(mc, view, k);
    }
}

/// Nanoseconds that the steps `0, stride, .. < n` take.
fn phase<S: Flavour>(
    mutator: &mut Mutator<S>,
    regions: &mut Regions,
    world: &Root<World<'static>, S>,
    n: u64,
    stride: u64,
    step: &mut impl Step,
) -> f64 {
    let clock = Clock::new();
    let mut k = 0;
    while k < n {
        regions.time(|| {
            mutator.mutate(|mc| {
                let World { objects, garbage } = Gc::as_ref(world.get(mc));
                let view = View { objects: Gc::as_ref(*objects), garbage: Gc::as_ref(*garbage) };
                let end = n.min(k + PER_REGION * stride);
                while k < end && !mc.should_yield() {
                    let batch_end = end.min(k + BATCH * stride);
                    while k < batch_end {
                        step.step(mc, view, k);
                        k += stride;
                    }
                }
            });
        });
    }
    clock.ns() as f64
}

fn checksum<S: Flavour>(mutator: &mut Mutator<S>, world: &Root<World<'static>, S>, sum: u64) -> u64 {
    mutator.mutate(|mc| {
        world.get(mc).objects.iter().fold(sum, |sum, object| {
            let target = object.get().p.get().expect("every object points to one");
            sum.wrapping_mul(31).wrapping_add(target.v)
        })
    })
}

/// A million objects that point to themselves.
fn build<S: Flavour>(mutator: &mut Mutator<S>, regions: &mut Regions) -> Root<World<'static>, S> {
    let world = mutator.mutate(|mc| {
        let first = S::alloc(mc, Object { p: GcCell::new(None), v: 0 });
        let objects = S::alloc_slice(mc, (0..OBJECTS as usize).map(|_| GcCell::new(first)));
        let garbage = S::alloc_slice(mc, (0..ROLLING).map(|_| GcCell::new(None)));
        mc.root(S::alloc(mc, World { objects, garbage }))
    });
    let mut v = 0;
    while v < OBJECTS {
        regions.time(|| {
            mutator.mutate(|mc| {
                let objects = Gc::as_ref(world.get(mc).objects);
                for _ in 0..PER_REGION.min(OBJECTS - v) {
                    let object = S::alloc(mc, Object { p: GcCell::new(None), v });
                    object.p.set(mc, Some(object));
                    objects[v as usize].set(mc, object);
                    v += 1;
                }
            });
        });
    }
    world
}

pub(crate) fn run<S: Flavour>(options: &Options, n: u64) -> Line {
    let heap = S::heap(options.config());
    let mut mutator = S::mutator(&heap);
    let mut regions = Regions::new();
    let world = build(&mut mutator, &mut regions);
    // The build's last cycle is over, so the first phase finds the collector idle.
    mutator.collect();

    let watch = Watch::start::<S>(&heap);
    let mut stores = Stores { rng: Rng::new() };
    let mut garbage = Garbage::default();
    let idle = phase(&mut mutator, &mut regions, &world, n, 1, &mut stores);
    let sum = checksum(&mut mutator, &world, 0);
    let busy = phase(&mut mutator, &mut regions, &world, n, 1, &mut (&mut stores, &mut garbage));
    let sum = checksum(&mut mutator, &world, sum);
    let alone = phase(&mut mutator, &mut regions, &world, n, EVERY, &mut garbage);
    let ops = n as f64;
    Line::new("barrier", idle / 1e9, n, sum, watch.finish::<S>(&heap, &regions))
        .with("busy_ns", (busy - alone) / ops)
        .with("busy_raw_ns", busy / ops)
        .with("garbage_only_ns", alone / ops)
}
