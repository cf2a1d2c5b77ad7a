//! Allocation: by size and shape, into a ring that keeps the last 1024, or dropped at once.

use std::hint::black_box;
use std::time::Instant;

use bumpalo::Bump;
use gc_core::{Gc, GcCell, LocalHeap, Owned, Root, Trace};

use super::mibox::MiBox;
use super::{Group, Run, group};

const RING: usize = 1024;
/// Allocations between two looks at `should_yield`.
const BATCH: u64 = 256;
/// Bytes of bump allocation until the arena is reset.
const BUMP: usize = 1 << 19;

/// Two pointers: the node of a list or a tree.
#[derive(Trace)]
struct Pair<'gc> {
    a: Gc<'gc, u64>,
    b: Gc<'gc, u64>,
}

#[derive(Trace)]
struct PairRing<'gc> {
    a: Gc<'gc, u64>,
    b: Gc<'gc, u64>,
    slots: Gc<'gc, [GcCell<'gc, Option<Gc<'gc, Pair<'gc>>>>]>,
}

/// Runs `body(mc, i)` for `0..n`, in regions that end when the collector asks.
macro_rules! regions {
    ($mutator:expr, $n:expr, |$mc:ident, $i:ident| { $($setup:tt)* } $body:block) => {{
        let since = Instant::now();
        let mut $i = 0;
        while $i < $n {
            $mutator.mutate(|$mc| {
                $($setup)*
                while $i < $n && !$mc.should_yield() {
                    let end = $n.min($i + BATCH);
                    while $i < end {
                        $body
                        $i += 1;
                    }
                }
            });
        }
        since.elapsed()
    }};
}

fn pair_ring_gc() -> Run {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().expect("the only one");
    let ring: Root<PairRing<'static>, Owned> = mutator.mutate(|mc| {
        let slots = mc.alloc_slice((0..RING).map(|_| GcCell::new(None)));
        mc.root(mc.alloc(PairRing { a: mc.alloc(1), b: mc.alloc(2), slots }))
    });
    Box::new(move |n| {
        regions!(mutator, n, |mc, i| {
            let PairRing { a, b, slots } = Gc::as_ref(ring.get(mc));
            let slots = Gc::as_ref(*slots);
        } {
            slots[i as usize % RING].set(mc, Some(mc.alloc(Pair { a: *a, b: *b })));
        })
    })
}

struct PlainPair {
    a: *const u64,
    b: *const u64,
}

fn pair_ring_mimalloc() -> Run {
    let (a, b) = (Box::new(1), Box::new(2));
    let mut ring: Vec<Option<MiBox<PlainPair>>> = (0..RING).map(|_| None).collect();
    Box::new(move |n| {
        let (a, b): (*const u64, *const u64) = (&raw const *a, &raw const *b);
        let since = Instant::now();
        for i in 0..n {
            ring[i as usize % RING] = Some(MiBox::new(PlainPair { a, b }));
        }
        let elapsed = since.elapsed();
        black_box(ring[0].as_ref().map(|pair| (pair.a, pair.b)));
        elapsed
    })
}

/// Allocates `[u64; W]`s and forgets each at once.
fn words_gc<const W: usize>() -> Run {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().expect("the only one");
    Box::new(move |n| {
        regions!(mutator, n, |mc, i| {} {
            let mut words = [0; W];
            words[0] = i;
            black_box(mc.alloc(words));
        })
    })
}

fn words_bump<const W: usize>() -> Run {
    let mut bump = Bump::with_capacity(2 * BUMP);
    let batch = (BUMP / (8 * W)) as u64;
    Box::new(move |n| {
        let since = Instant::now();
        let mut i = 0;
        while i < n {
            bump.reset();
            let end = n.min(i + batch);
            while i < end {
                let mut words = [0; W];
                words[0] = i;
                black_box(bump.alloc(words));
                i += 1;
            }
        }
        since.elapsed()
    })
}

fn words_mimalloc<const W: usize>() -> Run {
    Box::new(move |n| {
        let since = Instant::now();
        for i in 0..n {
            let mut words = [0; W];
            words[0] = i;
            let boxed = MiBox::new(words);
            black_box(&*boxed);
        }
        since.elapsed()
    })
}

fn words_dumpster<const W: usize>() -> Run {
    Box::new(move |n| {
        let since = Instant::now();
        for i in 0..n {
            let mut words = [0; W];
            words[0] = i;
            let object = dumpster::unsync::Gc::new(words);
            black_box(&*object);
        }
        since.elapsed()
    })
}

/// A string of 24 bytes.
fn text_gc() -> Run {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().expect("the only one");
    let text = black_box("four and twenty letters..");
    Box::new(move |n| {
        regions!(mutator, n, |mc, i| {} {
            black_box(mc.alloc_str(text));
        })
    })
}

fn text_box() -> Run {
    let text = black_box("four and twenty letters..");
    Box::new(move |n| {
        let since = Instant::now();
        for _ in 0..n {
            black_box(Box::<str>::from(text));
        }
        since.elapsed()
    })
}

pub(super) fn groups() -> Vec<Group> {
    macro_rules! words {
        ($name:literal, $words:literal, $per_round:expr) => {
            group(
                $name,
                $per_round,
                vec![
                    ("gc-core", words_gc::<$words>),
                    ("gc-arena", super::arena::words::<$words>),
                    ("dumpster", words_dumpster::<$words>),
                    ("mimalloc", words_mimalloc::<$words>),
                    ("bumpalo", words_bump::<$words>),
                ],
            )
        };
    }
    vec![
        group(
            "alloc_pair_ring",
            1_000_000,
            vec![("gc-core", pair_ring_gc), ("gc-arena", super::arena::pair_ring), ("mimalloc", pair_ring_mimalloc)],
        ),
        words!("alloc_16", 2, 1_000_000),
        words!("alloc_64", 8, 500_000),
        words!("alloc_256", 32, 200_000),
        words!("alloc_4096", 512, 10_000),
        group("alloc_str_25", 300_000, vec![("gc-core", text_gc), ("Box<str>", text_box)]),
    ]
}
