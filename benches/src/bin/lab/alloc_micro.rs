//! alloc_micro: allocations of one size and shape into a ring of 1024 references.

use benches::{Clock, Flavour, Line, Regions, Watch};
use gc_core::{Gc, GcCell, Mutator, Root, Trace};

use crate::options::Options;

const RING: usize = 1024;
/// Allocations between two looks at `should_yield`.
const BATCH: u64 = 256;
/// Bytes after which a region ends, asked or not: some milliseconds at most.
const BYTES_PER_REGION: u64 = 1 << 20;

type Slots<'gc, T> = Gc<'gc, [GcCell<'gc, Option<Gc<'gc, T>>>]>;

/// No pointers: words.
#[derive(Trace)]
struct Words<const W: usize>([u64; W]);

#[derive(Trace)]
struct WordRing<'gc, const W: usize> {
    slots: Slots<'gc, Words<W>>,
}

/// Two pointers and words.
#[derive(Trace)]
struct Pair<'gc, const W: usize> {
    a: Gc<'gc, Words<4>>,
    b: Gc<'gc, Words<4>>,
    words: [u64; W],
}

#[derive(Trace)]
struct PairRing<'gc, const W: usize> {
    a: Gc<'gc, Words<4>>,
    b: Gc<'gc, Words<4>>,
    slots: Slots<'gc, Pair<'gc, W>>,
}

/// Runs `batch(mc, root, range)` over `0..n`, regions bounded by time and by `should_yield`.
macro_rules! in_batches {
    ($mutator:expr, $regions:expr, $n:expr, $slot:expr, |$mc:ident, $i:ident| { $($setup:tt)* } $body:block) => {{
        let per_region = (BYTES_PER_REGION / $slot).max(1);
        let mut $i = 0;
        while $i < $n {
            $regions.time(|| {
                $mutator.mutate(|$mc| {
                    $($setup)*
                    let end = $n.min($i + per_region);
                    while $i < end && !$mc.should_yield() {
                        let batch_end = end.min($i + BATCH);
                        while $i < batch_end {
                            $body
                            $i += 1;
                        }
                    }
                });
            });
        }
    }};
}

fn words<S: Flavour, const W: usize>(mutator: &mut Mutator<S>, regions: &mut Regions, n: u64) -> u64 {
    let ring: Root<WordRing<'static, W>, S> = mutator.mutate(|mc| {
        let slots = S::alloc_slice(mc, (0..RING).map(|_| GcCell::new(None)));
        mc.root(S::alloc(mc, WordRing { slots }))
    });
    in_batches!(mutator, regions, n, 8 * W as u64, |mc, i| { let slots = Gc::as_ref(ring.get(mc).slots); } {
        let mut words = [0; W];
        words[0] = i;
        slots[i as usize & (RING - 1)].set(mc, Some(S::alloc(mc, Words(words))));
    });
    mutator.mutate(|mc| ring.get(mc).slots.iter().map(|slot| slot.get().map_or(0, |words| words.0[0])).sum())
}

fn pairs<S: Flavour, const W: usize>(mutator: &mut Mutator<S>, regions: &mut Regions, n: u64) -> u64 {
    let ring: Root<PairRing<'static, W>, S> = mutator.mutate(|mc| {
        let slots = S::alloc_slice(mc, (0..RING).map(|_| GcCell::new(None)));
        let (a, b) = (S::alloc(mc, Words([0; 4])), S::alloc(mc, Words([0; 4])));
        mc.root(S::alloc(mc, PairRing { a, b, slots }))
    });
    in_batches!(mutator, regions, n, 16 + 8 * W as u64, |mc, i| {
        let PairRing { a, b, slots } = Gc::as_ref(ring.get(mc));
        let slots = Gc::as_ref(*slots);
    } {
        slots[i as usize & (RING - 1)].set(mc, Some(S::alloc(mc, Pair { a: *a, b: *b, words: [0; W] })));
    });
    mutator.mutate(|mc| {
        let ring = ring.get(mc);
        let filled = ring.slots.iter().filter_map(|slot| slot.get());
        filled
            .map(|pair| {
                std::hint::black_box(&pair.words);
                u64::from(Gc::ptr_eq(pair.a, ring.a)) + u64::from(Gc::ptr_eq(pair.b, ring.b))
            })
            .sum()
    })
}

pub(crate) fn run<S: Flavour>(options: &Options, size: u64, pointers: u64, n: u64) -> Result<Line, String> {
    type Run<S> = fn(&mut Mutator<S>, &mut Regions, u64) -> u64;
    let allocate: Run<S> = match (size, pointers) {
        (16, 0) => words::<S, 2>,
        (32, 0) => words::<S, 4>,
        (64, 0) => words::<S, 8>,
        (256, 0) => words::<S, 32>,
        (4096, 0) => words::<S, 512>,
        (16, 2) => pairs::<S, 0>,
        (32, 2) => pairs::<S, 2>,
        (64, 2) => pairs::<S, 6>,
        (256, 2) => pairs::<S, 30>,
        (4096, 2) => pairs::<S, 510>,
        _ => return Err("sizes are 16, 32, 64, 256, 4096, pointers 0 or 2".into()),
    };
    let heap = S::heap(options.config());
    let mut mutator = S::mutator(&heap);
    let mut regions = Regions::new();
    let watch = Watch::start::<S>(&heap);
    let clock = Clock::new();
    let checksum = allocate(&mut mutator, &mut regions, n);
    let seconds = clock.seconds();
    let extra = watch.finish::<S>(&heap, &regions);
    Ok(Line::new(format!("alloc_micro_{size}_{pointers}"), seconds, n, checksum, extra))
}
