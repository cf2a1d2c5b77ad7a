//! gc-arena's side: its collector runs between `mutate` calls, when `collect_debt` is called.

use std::hint::black_box;
use std::time::Instant;

use gc_arena::barrier::unlock;
use gc_arena::lock::Lock;
use gc_arena::{Arena, Collect, Gc, Rootable};

use super::Run;

const RING: usize = 1024;
/// Allocations per `mutate`.
const BATCH: u64 = 256;

#[derive(Collect)]
#[collect(require_static)]
struct Words<const W: usize>([u64; W]);

pub(super) fn words<const W: usize>() -> Run {
    let mut arena = Arena::<Rootable![()]>::new(|_| ());
    Box::new(move |n| {
        let since = Instant::now();
        let mut i = 0;
        while i < n {
            arena.mutate(|mc, ()| {
                let end = n.min(i + BATCH);
                while i < end {
                    let mut words = [0; W];
                    words[0] = i;
                    let object = Gc::new(mc, Words(words));
                    black_box(object.0[0]);
                    i += 1;
                }
            });
            arena.collect_debt();
        }
        since.elapsed()
    })
}

#[derive(Collect)]
#[collect(no_drop)]
struct Pair<'gc> {
    a: Gc<'gc, u64>,
    b: Gc<'gc, u64>,
}

#[derive(Collect)]
#[collect(no_drop)]
struct PairRing<'gc> {
    a: Gc<'gc, u64>,
    b: Gc<'gc, u64>,
    slots: Vec<Option<Gc<'gc, Pair<'gc>>>>,
}

pub(super) fn pair_ring() -> Run {
    let mut arena = Arena::<Rootable![PairRing<'_>]>::new(|mc| PairRing {
        a: Gc::new(mc, 1),
        b: Gc::new(mc, 2),
        slots: vec![None; RING],
    });
    Box::new(move |n| {
        let since = Instant::now();
        let mut i = 0;
        while i < n {
            arena.mutate_root(|mc, ring| {
                let end = n.min(i + BATCH);
                while i < end {
                    ring.slots[i as usize % RING] = Some(Gc::new(mc, Pair { a: ring.a, b: ring.b }));
                    i += 1;
                }
            });
            arena.collect_debt();
        }
        let elapsed = since.elapsed();
        arena.mutate(|_, ring| black_box(ring.slots[0].map(|pair| *pair.a + *pair.b)));
        elapsed
    })
}

#[derive(Collect)]
#[collect(no_drop)]
struct Node<'gc> {
    next: Lock<Option<Gc<'gc, Node<'gc>>>>,
}

#[derive(Collect)]
#[collect(no_drop)]
struct Nodes<'gc> {
    nodes: Vec<Gc<'gc, Node<'gc>>>,
}

/// Stores with a barrier, the collector asleep.
pub(super) fn cell_set() -> Run {
    let mut arena = Arena::<Rootable![Nodes<'_>]>::new(|mc| Nodes {
        nodes: (0..RING).map(|_| Gc::new(mc, Node { next: Lock::new(None) })).collect(),
    });
    arena.finish_cycle();
    Box::new(move |n| {
        arena.mutate(|mc, root| {
            let nodes = root.nodes.as_slice();
            let since = Instant::now();
            for i in 0..n as usize {
                let node = Gc::write(mc, nodes[i % RING]);
                unlock!(node, Node, next).set(Some(nodes[i * 7 % RING]));
            }
            since.elapsed()
        })
    })
}
