//! Single operations and their baselines: what `cargo bench`, `lab micro` and the instruction gates run.
//!
//! O1. An operation is a function from a count to the time that so many take; what surrounds them (a heap, a region, a
//!     cycle held open) is outside the time.
//! O2. An operation and its baseline do the same to the same data: as many objects, in the same order, in cache.
//! O3. Loops carry data from one turn to the next through memory or an accumulator that is kept, so that nothing can be left
//!     out; indices are sums and masks, whose cost is below a tenth of a nanosecond.

mod alloc;
mod arena;
mod cells;
mod locks;
mod mibox;
mod regions;
mod roots;
mod sweep;
mod trace;
mod weak;

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The time that so many operations take.
pub type Run = Box<dyn FnMut(u64) -> Duration>;

/// An operation, or a baseline of its group.
pub struct Op {
    /// What it is called in its group.
    pub name: &'static str,
    /// Makes its surroundings.
    pub make: fn() -> Run,
}

/// Operations beside their baseline, which is the last.
pub struct Group {
    /// What it is called.
    pub name: &'static str,
    /// The operations. Ratios are to the last.
    pub ops: Vec<Op>,
    /// Operations per round of a quick run: some milliseconds.
    pub per_round: u64,
    /// What surrounds the operations takes far longer than they do: a second of them would take minutes.
    pub surrounded: bool,
}

/// A bound on an operation: what a table of budgets asks for.
#[derive(Debug, Clone, Copy)]
pub enum Reach {
    /// At most so many nanoseconds.
    Ns(f64),
    /// At most so many times the group's baseline.
    Times(f64),
}

/// All groups.
pub fn groups() -> Vec<Group> {
    let mut groups = Vec::new();
    groups.extend(alloc::groups());
    groups.extend(cells::groups());
    groups.extend(locks::groups());
    groups.extend(regions::groups());
    groups.extend(roots::groups());
    groups.extend(sweep::groups());
    groups.extend(trace::groups());
    groups.extend(weak::groups());
    groups
}

/// What the project wants of single operations: (group, operation, bound).
pub const REACH: &[(&str, &str, Reach)] = &[
    ("alloc_pair_ring", "gc-core", Reach::Ns(3.0)),
    ("alloc_pair_ring", "gc-core", Reach::Times(0.6)),
    ("alloc_16", "gc-core", Reach::Times(1.5)),
    ("read", "gc-core", Reach::Times(1.05)),
    ("cell_set", "local idle", Reach::Times(1.2)),
    ("cell_set", "shared idle", Reach::Times(1.2)),
    ("cell_set_at_random", "local idle", Reach::Times(1.2)),
    ("cell_set_at_random", "local marking", Reach::Times(2.0)),
    ("cell_set_at_random", "shared idle", Reach::Times(1.2)),
    ("cell_set_at_random", "shared marking", Reach::Times(2.0)),
    ("ref_cell_borrow", "idle", Reach::Times(1.2)),
    ("ref_cell_borrow_mut", "idle", Reach::Times(1.2)),
    ("region", "enter and leave", Reach::Ns(25.0)),
];

/// The time of so many turns of an operation.
#[inline(always)]
fn timed(n: u64, mut turn: impl FnMut()) -> Duration {
    let since = Instant::now();
    for _ in 0..n {
        turn();
    }
    since.elapsed()
}

/// The same for an operation that gives a number, of which the sum is kept (O3). It takes the turn's.
#[inline(always)]
fn timed_sum(n: u64, mut turn: impl FnMut(usize) -> u64) -> Duration {
    let since = Instant::now();
    let mut sum = 0u64;
    for i in 0..n as usize {
        sum = sum.wrapping_add(turn(i));
    }
    let elapsed = since.elapsed();
    black_box(sum);
    elapsed
}

/// A group of these operations.
fn group(name: &'static str, per_round: u64, ops: Vec<(&'static str, fn() -> Run)>) -> Group {
    let ops = ops.into_iter().map(|(name, make)| Op { name, make }).collect();
    Group { name, per_round, surrounded: false, ops }
}
