//! Fast paths in loops, for counting instructions: `gates NAME N` does N of one operation and prints nothing.
//!
//! Two runs with different N under callgrind give the instructions of one operation, its turn of the loop included, free of
//! everything that happens once. No cycle runs (the heap's are not automatic, and no thread is started), so the counts are
//! the same every time. `ci/bench-gates` does it; the limits are in `benches/gates.txt`.

#![forbid(unsafe_code)]

use std::hint::black_box;

use benches::Flavour;
use gc_core::{Config, Gc, GcCell, GcMutex, GcRefCell, Mutator, Owned, Shared, Trace};

/// Cells, a power of two.
const CELLS: usize = 64;

#[derive(Trace)]
struct Node<'gc> {
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

#[derive(Trace)]
struct Pair<'gc> {
    a: Option<Gc<'gc, Pair<'gc>>>,
    b: Option<Gc<'gc, Pair<'gc>>>,
}

/// What compound cells hold: something that needs a barrier.
#[derive(Trace)]
struct Held<'gc> {
    number: u64,
    pointer: Option<Gc<'gc, u64>>,
}

impl Held<'_> {
    fn new() -> Self {
        Held { number: 1, pointer: None }
    }
}

fn heap<S: Flavour>() -> (S::Heap, Mutator<S>) {
    let heap = S::heap(Config::new().automatic(false));
    let mutator = S::mutator(&heap);
    (heap, mutator)
}

fn alloc_16<S: Flavour>(n: u64) {
    let (_heap, mut mutator) = heap::<S>();
    mutator.mutate(|mc| {
        for i in 0..n {
            black_box(S::alloc(mc, [i, i]));
        }
    });
}

fn alloc_pair<S: Flavour>(n: u64) {
    let (_heap, mut mutator) = heap::<S>();
    mutator.mutate(|mc| {
        let mut last = None;
        for _ in 0..n {
            last = Some(S::alloc(mc, Pair { a: last, b: None }));
        }
        black_box(last.map(|pair| (pair.a.is_some(), pair.b.is_some())));
    });
}

fn cell_get<S: Flavour>(n: u64) {
    let (_heap, mut mutator) = heap::<S>();
    mutator.mutate(|mc| {
        let mut node = S::alloc(mc, Node { next: GcCell::new(None) });
        node.next.set(mc, Some(node));
        for _ in 0..n {
            node = node.next.get().unwrap_or(node);
        }
        black_box(Gc::addr(node));
    });
}

fn cell_set<S: Flavour>(n: u64) {
    let (_heap, mut mutator) = heap::<S>();
    mutator.mutate(|mc| {
        let nodes = S::alloc_slice(mc, (0..CELLS).map(|_| S::alloc(mc, Node { next: GcCell::new(None) })));
        let nodes = &nodes[..CELLS];
        for i in 0..n as usize {
            nodes[i % CELLS].next.set(mc, Some(nodes[i * 7 % CELLS]));
        }
    });
}

/// N times `body(mc, cell)` over an array of fresh cells, round and round.
macro_rules! over_cells {
    ($flavour:ty, $n:expr, $new:expr, |$mc:ident, $cell:ident| $body:expr) => {{
        let (_heap, mut mutator) = heap::<$flavour>();
        mutator.mutate(|$mc| {
            let cells = $mc.alloc_slice((0..CELLS).map(|_| $mc.alloc($new)));
            let cells = &cells[..CELLS];
            for i in 0..$n as usize {
                let $cell = &cells[i % CELLS];
                $body;
            }
            black_box(cells[0]);
        });
    }};
}

fn ref_cell_borrow(n: u64) {
    let mut sum = 0u64;
    over_cells!(Owned, n, GcRefCell::new(Held::new()), |mc, cell| {
        let held = cell.borrow();
        sum = sum.wrapping_add(held.number + u64::from(held.pointer.is_some()));
    });
    black_box(sum);
}

fn ref_cell_borrow_mut(n: u64) {
    over_cells!(Owned, n, GcRefCell::new(Held::new()), |mc, cell| cell.borrow_mut(mc).number += 1);
}

fn mutex_lock(n: u64) {
    over_cells!(Shared, n, GcMutex::new(Held::new()), |mc, cell| cell.lock(mc).number += 1);
}

fn region<S: Flavour>(n: u64) {
    let (_heap, mut mutator) = heap::<S>();
    for _ in 0..n {
        mutator.mutate(|_| ());
    }
}

fn safepoint<S: Flavour>(n: u64) {
    let (_heap, mut mutator) = heap::<S>();
    for _ in 0..n {
        mutator.safepoint();
    }
}

fn should_yield(n: u64) {
    let (_heap, mut mutator) = heap::<Owned>();
    let asked: u64 = mutator.mutate(|mc| (0..n).map(|_| u64::from(mc.should_yield())).sum());
    black_box(asked);
}

fn root_clone<S: Flavour>(n: u64) {
    let (_heap, mut mutator) = heap::<S>();
    let root = mutator.mutate(|mc| mc.root(S::alloc(mc, 1_u64)));
    for _ in 0..n {
        drop(black_box(root.clone()));
    }
}

/// In scopes of 64.
fn local_push(n: u64) {
    let (_heap, mut mutator) = heap::<Owned>();
    let root = mutator.mutate(|mc| mc.root(mc.alloc(1_u64)));
    for _ in 0..n / 64 {
        mutator.scope(|scope| {
            scope.mutate(|mc| {
                let object = root.get(mc);
                for _ in 0..64 {
                    black_box(mc.local(object));
                }
            });
        });
    }
}

const GATES: &[(&str, fn(u64))] = &[
    ("alloc_16", alloc_16::<Owned>),
    ("alloc_16_shared", alloc_16::<Shared>),
    ("alloc_pair", alloc_pair::<Owned>),
    ("cell_get", cell_get::<Owned>),
    ("cell_set_idle", cell_set::<Owned>),
    ("cell_set_idle_shared", cell_set::<Shared>),
    ("ref_cell_borrow", ref_cell_borrow),
    ("ref_cell_borrow_mut_idle", ref_cell_borrow_mut),
    ("mutex_lock_idle", mutex_lock),
    ("region", region::<Owned>),
    ("region_shared", region::<Shared>),
    ("safepoint", safepoint::<Owned>),
    ("should_yield", should_yield),
    ("root_clone_drop", root_clone::<Owned>),
    ("root_clone_drop_shared", root_clone::<Shared>),
    ("local_push", local_push),
];

fn main() -> Result<(), String> {
    let mut args = std::env::args().skip(1);
    let Some(name) = args.next() else {
        for (name, _) in GATES {
            println!("{name}");
        }
        return Ok(());
    };
    let n = args.next().and_then(|n| n.parse().ok()).ok_or("usage: gates [NAME N]")?;
    let (_, gate) = GATES.iter().find(|(gate, _)| *gate == name).ok_or_else(|| format!("no gate {name}"))?;
    gate(black_box(n));
    Ok(())
}
