//! Cells, idle and while a cycle is marking.
//!
//! Marking is held open by the mutator itself: it answers handshakes until its own mode is the one of marking, and stays in
//! that region. The collector really is in that phase and can't leave it: its next wave needs this mutator's answer. That
//! the mode is the right one is seen from outside: the first exclusive lock of a fresh cell then claims it, and the second
//! finds it claimed; in no other mode is that so.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::time::{Duration, Instant};

use gc_core::{Cause, Gc, GcCell, GcMutex, GcRefCell, Kind, Mutation, Mutator, Owned, Root, Shared, Trace};
use parking_lot::Mutex;

use super::{Group, Run, group};
use crate::flavour::Flavour;
use crate::rng::Rng;

/// Cells, a power of two: all in the first-level cache.
const CELLS: usize = 512;
/// Fresh cells per cycle for what happens once in a cycle.
const FRESH: usize = 1 << 14;
/// Objects whose marking lasts for as long as it takes to make the fresh cells: some milliseconds.
const BALLAST: usize = 1 << 18;

/// Whether this mutator is in the mode of marking.
fn is_marking<'gc, S: Flavour>(mc: &Mutation<'gc, S>, heap: &S::Heap) -> bool {
    let claims = || S::statistics(heap).interruptions(Cause::Claim).count();
    let probe = S::alloc(mc, GcMutex::new(Some(S::alloc(mc, 0_u64))));
    let before = claims();
    drop(probe.lock(mc));
    let first = claims();
    drop(probe.lock(mc));
    first == before + 1 && claims() == first
}

/// The time that `run` takes while marking, with what `prepare` made. Allocating may end the mode, so it is looked at last.
macro_rules! while_marking {
    ($mutator:expr, $heap:expr, |$mc:ident| $prepare:expr, |$made:ident| $run:expr) => {
        loop {
            $mutator.start_collection();
            let elapsed: Option<Duration> = $mutator.mutate(|$mc| {
                let $made = $prepare;
                is_marking($mc, &$heap).then(|| $run)
            });
            if let Some(elapsed) = elapsed {
                break elapsed;
            }
            std::thread::yield_now();
        }
    };
}

/// Something to mark.
fn ballast<S: Flavour>(mutator: &mut Mutator<S>) -> Root<[Gc<'static, u64>], S> {
    mutator.mutate(|mc| mc.root(S::alloc_slice(mc, (0..BALLAST).map(|number| S::alloc(mc, number as u64)))))
}

fn heap<S: Flavour>() -> (S::Heap, Mutator<S>) {
    let heap = S::heap(gc_core::Config::new());
    let mutator = S::mutator(&heap);
    (heap, mutator)
}

// ---- one word

#[derive(Trace)]
struct Node<'gc> {
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

type Nodes<'gc> = [Gc<'gc, Node<'gc>>];

fn nodes<S: Flavour>(mutator: &mut Mutator<S>) -> Root<[Gc<'static, Node<'static>>], S> {
    mutator.mutate(|mc| {
        let nodes = S::alloc_slice(mc, (0..CELLS).map(|_| S::alloc(mc, Node { next: GcCell::new(None) })));
        for node in nodes.iter() {
            node.next.set(mc, Some(nodes[0]));
        }
        mc.root(nodes)
    })
}

#[inline(always)]
fn store_words<'gc, S: Kind>(mc: &Mutation<'gc, S>, nodes: &Nodes<'gc>, n: u64) -> Duration {
    let nodes = &nodes[..CELLS];
    let since = Instant::now();
    for i in 0..n as usize {
        nodes[i % CELLS].next.set(mc, Some(nodes[i * 7 % CELLS]));
    }
    since.elapsed()
}

fn set_idle<S: Flavour>() -> Run {
    let (_heap, mut mutator) = heap::<S>();
    let root = nodes(&mut mutator);
    Box::new(move |n| {
        let _alive = &_heap;
        mutator.mutate(|mc| store_words(mc, &root.get(mc), n))
    })
}

fn set_marking<S: Flavour>() -> Run {
    let (heap, mut mutator) = heap::<S>();
    let root = nodes(&mut mutator);
    Box::new(move |n| while_marking!(mutator, heap, |mc| root.get(mc), |nodes| store_words(mc, &nodes, n)))
}

struct PlainNode<'a> {
    next: Cell<Option<&'a PlainNode<'a>>>,
}

fn set_plain() -> Run {
    Box::new(move |n| {
        let bump = bumpalo::Bump::new();
        let nodes: Vec<&PlainNode<'_>> =
            (0..CELLS).map(|_| &*bump.alloc(PlainNode { next: Cell::new(None) })).collect();
        let nodes = &nodes[..CELLS];
        for node in nodes {
            node.next.set(Some(nodes[0]));
        }
        let since = Instant::now();
        for i in 0..n as usize {
            nodes[i % CELLS].next.set(Some(nodes[i * 7 % CELLS]));
        }
        let elapsed = since.elapsed();
        black_box(nodes[3].next.get().is_some());
        elapsed
    })
}

// ---- one word, at random: the data of the workload `barrier`

/// 16 MiB of objects and 8 MiB of pointers to them: stores miss the caches.
const OBJECTS: usize = 1 << 20;

#[derive(Trace)]
struct Object<'gc> {
    p: GcCell<'gc, Option<Gc<'gc, Object<'gc>>>>,
    v: u64,
}

fn objects<S: Flavour>(mutator: &mut Mutator<S>) -> Root<[Gc<'static, Object<'static>>], S> {
    let root = mutator.mutate(|mc| {
        let object = |v| S::alloc(mc, Object { p: GcCell::new(None), v });
        mc.root(S::alloc_slice(mc, (0..OBJECTS).map(|v| object(v as u64))))
    });
    mutator.collect();
    root
}

/// Two indices of one random number.
#[inline(always)]
fn indices(rng: &mut Rng) -> (usize, usize) {
    let x = rng.next();
    ((x >> 32) as usize % OBJECTS, x as usize % OBJECTS)
}

/// What ran before has taken the caches: the objects come back into them before the clock runs.
fn warm_up(values: impl Iterator<Item = u64>) {
    black_box(values.fold(0, u64::wrapping_add));
}

fn store_at_random<'gc, S: Kind>(mc: &Mutation<'gc, S>, objects: &[Gc<'gc, Object<'gc>>], n: u64) -> Duration {
    let objects = &objects[..OBJECTS];
    warm_up(objects.iter().map(|object| object.v));
    let mut rng = Rng::new();
    let since = Instant::now();
    for _ in 0..n {
        let (i, j) = indices(&mut rng);
        objects[i].p.set(mc, Some(objects[j]));
    }
    let elapsed = since.elapsed();
    black_box(objects[0].v);
    elapsed
}

fn random_idle<S: Flavour>() -> Run {
    let (heap, mut mutator) = heap::<S>();
    let root = objects(&mut mutator);
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| store_at_random(mc, &root.get(mc), n))
    })
}

/// The barrier alone: a pass over all objects before the clock runs takes their lines back from the markers.
fn random_marking<S: Flavour>() -> Run {
    let (heap, mut mutator) = heap::<S>();
    let root = objects(&mut mutator);
    Box::new(move |n| {
        while_marking!(mutator, heap, |mc| root.get(mc), |objects| {
            store_at_random(mc, &objects, OBJECTS as u64);
            store_at_random(mc, &objects, n)
        })
    })
}

/// Beside a marker that reads the same objects at the same time.
fn random_beside_marker<S: Flavour>() -> Run {
    let (heap, mut mutator) = heap::<S>();
    let root = objects(&mut mutator);
    Box::new(move |n| while_marking!(mutator, heap, |mc| root.get(mc), |objects| store_at_random(mc, &objects, n)))
}

struct PlainObject<'a> {
    p: Cell<Option<&'a PlainObject<'a>>>,
    v: u64,
}

fn random_plain() -> Run {
    Box::new(move |n| {
        let bump = bumpalo::Bump::with_capacity(OBJECTS * size_of::<PlainObject<'_>>());
        let object = |v| &*bump.alloc(PlainObject { p: Cell::new(None), v });
        let objects: Vec<&PlainObject<'_>> = (0..OBJECTS).map(|v| object(v as u64)).collect();
        let objects = &objects[..OBJECTS];
        warm_up(objects.iter().map(|object| object.v));
        let mut rng = Rng::new();
        let since = Instant::now();
        for _ in 0..n {
            let (i, j) = indices(&mut rng);
            objects[i].p.set(Some(objects[j]));
        }
        let elapsed = since.elapsed();
        black_box((objects[0].v, objects[3].p.get().is_some()));
        elapsed
    })
}

// ---- compound cells

/// What a compound cell holds: a number, and a pointer that makes its barrier necessary.
#[derive(Trace, Clone, Copy)]
struct Held<'gc> {
    number: u64,
    pointer: Option<Gc<'gc, u64>>,
}

type RefCells<'gc> = [Gc<'gc, GcRefCell<'gc, Held<'gc>>>];

fn ref_cells<'gc>(mc: &Mutation<'gc, Owned>, count: usize) -> Gc<'gc, RefCells<'gc>> {
    let pointer = Some(mc.alloc(1_u64));
    mc.alloc_slice((0..count).map(|_| mc.alloc(GcRefCell::new(Held { number: 1, pointer }))))
}

type RefCellsRoot = Root<[Gc<'static, GcRefCell<'static, Held<'static>>>], Owned>;

fn ref_cells_root() -> (gc_core::LocalHeap, Mutator<Owned>, RefCellsRoot) {
    let (heap, mut mutator) = heap::<Owned>();
    let root = mutator.mutate(|mc| mc.root(ref_cells(mc, CELLS)));
    (heap, mutator, root)
}

/// Times `body(cell)` over the cells, round and round. The bodies hide from the compiler what is done under the borrow, as
/// most code is too much for it to see through: else it finds out that a plain flag is the same before and after.
macro_rules! over_cells {
    ($cells:expr, $n:expr, |$cell:ident| $body:expr) => {{
        let cells = &$cells[..CELLS];
        let since = Instant::now();
        for i in 0..$n as usize {
            let $cell = &cells[i % CELLS];
            $body;
        }
        since.elapsed()
    }};
}

fn borrow_idle() -> Run {
    let (heap, mut mutator, root) = ref_cells_root();
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| {
            let cells = root.get(mc);
            let mut sum = 0u64;
            let elapsed = over_cells!(cells, n, |cell| sum = sum.wrapping_add(black_box(&*cell.borrow()).number));
            black_box(sum);
            elapsed
        })
    })
}

fn borrow_mut_idle() -> Run {
    let (heap, mut mutator, root) = ref_cells_root();
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| {
            let cells = root.get(mc);
            over_cells!(cells, n, |cell| black_box(&mut *cell.borrow_mut(mc)).number += 1)
        })
    })
}

/// `n` operations, each on a cell of its own, of which at most [`FRESH`] are made at a time: `batch` takes how many.
fn in_batches(n: u64, mut batch: impl FnMut(usize) -> Duration) -> Duration {
    (0..n as usize).step_by(FRESH).map(|done| batch((n as usize - done).min(FRESH))).sum()
}

/// Cells born while marking are not claimed yet: the first exclusive borrow shades, in every one of them.
fn borrow_mut_first() -> Run {
    let (heap, mut mutator) = heap::<Owned>();
    let ballast = ballast(&mut mutator);
    Box::new(move |n| {
        let _alive = &ballast;
        in_batches(n, |count| {
            while_marking!(mutator, heap, |mc| ref_cells(mc, count), |cells| {
                let since = Instant::now();
                for cell in cells.iter() {
                    black_box(&mut *cell.borrow_mut(mc)).number += 1;
                }
                since.elapsed()
            })
        })
    })
}

fn borrow_mut_later() -> Run {
    let (heap, mut mutator) = heap::<Owned>();
    Box::new(move |n| {
        while_marking!(mutator, heap, |mc| ref_cells(mc, CELLS), |cells| {
            for cell in cells.iter() {
                black_box(&mut *cell.borrow_mut(mc)).number += 1;
            }
            over_cells!(cells, n, |cell| black_box(&mut *cell.borrow_mut(mc)).number += 1)
        })
    })
}

/// What the plain cells hold.
type PlainHeld = (u64, Option<&'static u64>);

#[expect(clippy::vec_box, reason = "as cells in objects: each by itself in memory, behind a pointer")]
fn plain_ref_cells(count: usize) -> Vec<Box<RefCell<PlainHeld>>> {
    (0..count).map(|_| Box::new(RefCell::new((1, Some(&1))))).collect()
}

fn plain_borrow() -> Run {
    let cells = plain_ref_cells(CELLS);
    Box::new(move |n| {
        let mut sum = 0u64;
        let elapsed = over_cells!(cells, n, |cell| sum = sum.wrapping_add(black_box(&*cell.borrow()).0));
        black_box(sum);
        elapsed
    })
}

fn plain_borrow_mut() -> Run {
    let cells = plain_ref_cells(CELLS);
    Box::new(move |n| over_cells!(cells, n, |cell| black_box(&mut *cell.borrow_mut()).0 += 1))
}

/// Each cell once, as those that are borrowed for the first time.
fn plain_borrow_mut_each() -> Run {
    let cells = plain_ref_cells(FRESH);
    Box::new(move |n| {
        let since = Instant::now();
        for i in 0..n as usize {
            black_box(&mut *cells[i % FRESH].borrow_mut()).0 += 1;
        }
        since.elapsed()
    })
}

// ---- mutexes

fn mutexes<'gc>(mc: &Mutation<'gc, Shared>, count: usize) -> Gc<'gc, [Gc<'gc, GcMutex<'gc, Held<'gc>>>]> {
    let pointer = Some(mc.alloc(1_u64));
    mc.alloc_slice((0..count).map(|_| mc.alloc(GcMutex::new(Held { number: 1, pointer }))))
}

fn mutex_idle() -> Run {
    let (heap, mut mutator) = heap::<Shared>();
    let root = mutator.mutate(|mc| mc.root(mutexes(mc, CELLS)));
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| {
            let cells = root.get(mc);
            over_cells!(cells, n, |cell| black_box(&mut *cell.lock(mc)).number += 1)
        })
    })
}

fn mutex_first() -> Run {
    let (heap, mut mutator) = heap::<Shared>();
    let ballast = ballast(&mut mutator);
    Box::new(move |n| {
        let _alive = &ballast;
        in_batches(n, |count| {
            while_marking!(mutator, heap, |mc| mutexes(mc, count), |cells| {
                let since = Instant::now();
                for cell in cells.iter() {
                    black_box(&mut *cell.lock(mc)).number += 1;
                }
                since.elapsed()
            })
        })
    })
}

fn mutex_later() -> Run {
    let (heap, mut mutator) = heap::<Shared>();
    Box::new(move |n| {
        while_marking!(mutator, heap, |mc| mutexes(mc, CELLS), |cells| {
            for cell in cells.iter() {
                black_box(&mut *cell.lock(mc)).number += 1;
            }
            over_cells!(cells, n, |cell| black_box(&mut *cell.lock(mc)).number += 1)
        })
    })
}

fn plain_mutex() -> Run {
    let cells: Vec<Box<Mutex<PlainHeld>>> = (0..CELLS).map(|_| Box::new(Mutex::new((1, Some(&1))))).collect();
    Box::new(move |n| over_cells!(cells, n, |cell| black_box(&mut *cell.lock()).0 += 1))
}

// ---- reads

/// A chain through all cells, the next one 7 further on.
fn read_gc() -> Run {
    let (heap, mut mutator) = heap::<Owned>();
    let root = nodes(&mut mutator);
    mutator.mutate(|mc| {
        let nodes = root.get(mc);
        for (i, node) in nodes.iter().enumerate() {
            node.next.set(mc, Some(nodes[(i + 7) % CELLS]));
        }
    });
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| {
            let mut node = root.get(mc)[0];
            let since = Instant::now();
            for _ in 0..n {
                node = node.next.get().expect("a ring");
            }
            let elapsed = since.elapsed();
            black_box(Gc::addr(node));
            elapsed
        })
    })
}

fn read_plain() -> Run {
    Box::new(move |n| {
        let bump = bumpalo::Bump::new();
        let nodes: Vec<&PlainNode<'_>> =
            (0..CELLS).map(|_| &*bump.alloc(PlainNode { next: Cell::new(None) })).collect();
        for (i, node) in nodes.iter().enumerate() {
            node.next.set(Some(nodes[(i + 7) % CELLS]));
        }
        let mut node = nodes[0];
        let since = Instant::now();
        for _ in 0..n {
            node = node.next.get().expect("a ring");
        }
        let elapsed = since.elapsed();
        black_box(std::ptr::from_ref(node));
        elapsed
    })
}

pub(super) fn groups() -> Vec<Group> {
    vec![
        group("read", 1_000_000, vec![("gc-core", read_gc), ("&T", read_plain)]),
        group(
            "cell_set",
            1_000_000,
            vec![
                ("local idle", set_idle::<Owned>),
                ("local marking", set_marking::<Owned>),
                ("shared idle", set_idle::<Shared>),
                ("shared marking", set_marking::<Shared>),
                ("gc-arena", super::arena::cell_set),
                ("Cell", set_plain),
            ],
        ),
        group(
            "cell_set_at_random",
            500_000,
            vec![
                ("local idle", random_idle::<Owned>),
                ("local marking", random_marking::<Owned>),
                ("local beside a marker", random_beside_marker::<Owned>),
                ("shared idle", random_idle::<Shared>),
                ("shared marking", random_marking::<Shared>),
                ("shared beside a marker", random_beside_marker::<Shared>),
                ("Cell", random_plain),
            ],
        ),
        group("ref_cell_borrow", 1_000_000, vec![("idle", borrow_idle), ("RefCell", plain_borrow)]),
        group(
            "ref_cell_borrow_mut",
            1_000_000,
            vec![("idle", borrow_mut_idle), ("later in a cycle", borrow_mut_later), ("RefCell", plain_borrow_mut)],
        ),
        group(
            "mutex_lock",
            300_000,
            vec![("idle", mutex_idle), ("later in a cycle", mutex_later), ("parking_lot", plain_mutex)],
        ),
        Group {
            surrounded: true,
            ..group(
                "first_in_a_cycle",
                FRESH as u64,
                vec![
                    ("GcRefCell::borrow_mut", borrow_mut_first),
                    ("GcMutex::lock", mutex_first),
                    ("RefCell::borrow_mut", plain_borrow_mut_each),
                ],
            )
        },
    ]
}
