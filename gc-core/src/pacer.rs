//! When a cycle begins: pure arithmetic ([`plan`]) and the counters it is fed from ([`Pacing`]).
//!
//! As Go's pacer since 1.18 (M. Knyszek, "GC Pacer Redesign", 2021): the goal is what lives plus the growth percentage of it;
//! the trigger lies as far before the goal as the program allocates while a cycle runs, by what was seen in the last
//! cycles, so that marking ends as the goal is reached.

use allocator::Arena;

use crate::config::Config;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// Cycles whose allocation is remembered; the largest counts (Go does the same with its cons/mark ratio).
const HISTORY: usize = 4;
/// The trigger is at least this fraction of the way from the live bytes to the goal, in percent (as Go's): assists see to
/// it that what is left suffices.
const EARLIEST: usize = 70;
/// .. and at most this.
const LATEST: usize = 95;

/// What `plan` decides from; all in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs {
    /// What survived the last cycle.
    pub(crate) live: usize,
    /// Growth in percent.
    pub(crate) growth: u32,
    /// The goal is at least this.
    pub(crate) min_heap: usize,
    /// The most that was allocated during one of the last cycles, per byte that lived then, in 1/1024.
    pub(crate) allocated_per_live: usize,
}

/// What `plan` decides, in bytes of heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// A cycle begins when the heap has this size.
    pub(crate) trigger: usize,
    /// Marking should have ended when it has this size.
    pub(crate) goal: usize,
}

/// The plan for the next cycle.
pub(crate) fn plan(inputs: Inputs) -> Plan {
    let Inputs { live, growth, min_heap, allocated_per_live } = inputs;
    let grown = live.saturating_add((live as u128 * growth as u128 / 100).min(usize::MAX as u128) as usize);
    let goal = grown.max(min_heap);
    let room = goal - live.min(goal);
    let runway = (live / 1024).saturating_mul(allocated_per_live);
    let earliest = live + room / 100 * EARLIEST;
    let latest = live + room / 100 * LATEST;
    let trigger = goal.saturating_sub(runway).clamp(earliest, latest);
    Plan { trigger, goal }
}

/// What `assist_ratio` decides from; all in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AssistInputs {
    /// Bytes of objects that marking is expected to scan.
    pub(crate) expected: usize,
    /// .. and those that it has scanned.
    pub(crate) scanned: usize,
    /// Bytes in use.
    pub(crate) heap: usize,
    /// The goal.
    pub(crate) goal: usize,
}

/// Bytes to scan for each byte allocated, in 1/1024, so that marking ends when the heap reaches its goal.
pub(crate) fn assist_ratio(inputs: AssistInputs) -> usize {
    let AssistInputs { expected, scanned, heap, goal } = inputs;
    // More than was expected: nobody knows how much is left; a sixteenth keeps it going.
    let left = expected.saturating_sub(scanned).max(expected / 16);
    // At and beyond the goal as if a little room were left.
    let room = goal.saturating_sub(heap).max(goal / 32).max(1);
    left.saturating_mul(1024).checked_div(room).unwrap_or(0).min(MOST_PER_BYTE * 1024)
}

/// What a cycle found, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found {
    /// In use when it began.
    pub(crate) began_at: usize,
    /// In use after it.
    pub(crate) live: usize,
    /// Of those, born black while it ran: alive or not, they were kept.
    pub(crate) born_black: usize,
    /// Allocated between its begin and the moment when newborns became white again.
    pub(crate) during: usize,
    /// Ever allocated by that moment.
    pub(crate) allocated_before: u64,
}

/// The bytes that are taken to be alive after a cycle: those marked, and of those born black as many as a paced cycle has,
/// or as many as seem to live by what was marked of the newborns before them (the cycle before had `live_before` alive).
/// To count all, as Go does, lets a program whose objects die young raise its goal by allocating while nothing slows it.
pub(crate) fn estimate_live(found: Found, live_before: usize) -> usize {
    let marked = found.live.saturating_sub(found.born_black);
    let newborns = found.began_at.saturating_sub(live_before).max(1);
    let survived = marked.saturating_sub(live_before).min(newborns);
    // In u128: bytes times bytes.
    let living = (found.born_black as u128 * survived as u128 / newborns as u128) as usize;
    let paced = marked / 100 * (100 - EARLIEST);
    marked + found.born_black.min(paced).max(living)
}

/// The highest ratio: bytes scanned for a byte allocated.
const MOST_PER_BYTE: usize = 64;

#[derive(Debug, Default)]
struct History {
    /// Bytes allocated per byte that lived, in 1/1024, of the last cycles.
    ratios: [usize; HISTORY],
    next: usize,
    /// `estimate_live` of the last cycle.
    live: usize,
}

/// The counters of one heap.
#[derive(Debug)]
pub(crate) struct Pacing {
    growth: u32,
    min_heap: usize,
    automatic: bool,
    /// Bytes that survived the last cycle less the bytes allocated until then (wrapping): `heap_bytes` is this plus all
    /// bytes ever allocated. Written by the collector (Relaxed), read by mutators in refills and by statistics (Relaxed):
    /// numbers, nothing hangs on them.
    offset: AtomicUsize,
    /// As `offset`.
    trigger: AtomicUsize,
    /// As `offset`.
    goal: AtomicUsize,
    /// Bytes born black in the cycle that is on. Added to by mutators as they answer H5 or leave (Relaxed), taken by the
    /// collector after their answers.
    born_black: AtomicU64,
    history: Mutex<History>,
}

impl Pacing {
    pub(crate) fn new(config: &Config) -> Self {
        let first = plan(Inputs { live: 0, growth: config.growth, min_heap: config.min_heap, allocated_per_live: 0 });
        Pacing {
            growth: config.growth,
            min_heap: config.min_heap,
            automatic: config.automatic,
            offset: AtomicUsize::new(0),
            trigger: AtomicUsize::new(first.trigger),
            goal: AtomicUsize::new(first.goal),
            born_black: AtomicU64::new(0),
            history: Mutex::new(History::default()),
        }
    }

    /// Bytes in use: what survived the last cycle and what was allocated since.
    #[inline]
    pub(crate) fn heap_bytes(&self, arena: &Arena) -> usize {
        self.offset.load(Ordering::Relaxed).wrapping_add(arena.allocated_bytes() as usize)
    }

    /// The goal of the next cycle.
    pub(crate) fn goal(&self) -> usize {
        self.goal.load(Ordering::Relaxed)
    }

    /// Whether the heap has grown to the trigger.
    #[inline]
    pub(crate) fn is_due(&self, arena: &Arena) -> bool {
        self.automatic && self.heap_bytes(arena) >= self.trigger.load(Ordering::Relaxed)
    }

    /// Whether the heap has outgrown its goal.
    pub(crate) fn is_overdue(&self, arena: &Arena) -> bool {
        self.heap_bytes(arena) > self.goal()
    }

    /// A mutator had this many bytes born black.
    pub(crate) fn add_born_black(&self, bytes: u64) {
        self.born_black.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes born black in the cycle that has just come to its H5.
    pub(crate) fn take_born_black(&self) -> usize {
        self.born_black.swap(0, Ordering::Relaxed) as usize
    }

    /// A cycle is over.
    pub(crate) fn cycle_over(&self, found: Found) {
        let (live, allocated_per_live) = {
            let mut history = self.history.lock();
            let live = estimate_live(found, history.live);
            history.live = live;
            let at = history.next;
            history.ratios[at] = found.during.saturating_mul(1024) / live.max(1024);
            history.next = (at + 1) % HISTORY;
            (live, history.ratios.iter().copied().max().unwrap_or(0))
        };
        let next = plan(Inputs { live, growth: self.growth, min_heap: self.min_heap, allocated_per_live });
        self.offset.store(found.live.wrapping_sub(found.allocated_before as usize), Ordering::Relaxed);
        self.trigger.store(next.trigger, Ordering::Relaxed);
        self.goal.store(next.goal, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn inputs(live: usize) -> Inputs {
        Inputs { live, growth: 100, min_heap: 4 * MIB, allocated_per_live: 0 }
    }

    #[test]
    fn the_goal_is_live_plus_growth() {
        assert_eq!(plan(inputs(100 * MIB)).goal, 200 * MIB);
        assert_eq!(plan(Inputs { growth: 50, ..inputs(100 * MIB) }).goal, 150 * MIB);
    }

    #[test]
    fn what_was_born_black_counts_as_what_was_born_before_it_lived() {
        let churn = Found { began_at: 16 * MIB, live: 38 * MIB, born_black: 30 * MIB, ..Found::default() };
        let paced = estimate_live(churn, 8 * MIB);
        assert!((8 * MIB..=13 * MIB).contains(&paced), "{paced}");
        let calm = Found { began_at: 16 * MIB, live: 9 * MIB, born_black: MIB, ..Found::default() };
        assert_eq!(estimate_live(calm, 8 * MIB), 9 * MIB);
        let growth = Found { began_at: 16 * MIB, live: 46 * MIB, born_black: 30 * MIB, ..Found::default() };
        assert_eq!(estimate_live(growth, 8 * MIB), 46 * MIB);
        let half = Found { began_at: 16 * MIB, live: 42 * MIB, born_black: 30 * MIB, ..Found::default() };
        assert_eq!(estimate_live(half, 8 * MIB), 27 * MIB);
    }

    #[test]
    fn assists_rise_as_the_room_shrinks_and_end_with_the_work() {
        let at = |scanned, heap| assist_ratio(AssistInputs { expected: 8 * MIB, scanned, heap, goal: 16 * MIB });
        assert_eq!(at(0, 8 * MIB), 1024);
        assert!(at(0, 12 * MIB) > at(0, 8 * MIB) && at(0, 15 * MIB) > at(0, 12 * MIB));
        assert!(at(7 * MIB, 12 * MIB) < at(0, 12 * MIB));
        assert!(at(0, 100 * MIB) <= MOST_PER_BYTE * 1024);
        assert_eq!(assist_ratio(AssistInputs { expected: 0, scanned: 0, heap: 0, goal: 0 }), 0);
    }

    #[test]
    fn a_small_heap_grows_to_the_minimum() {
        assert_eq!(plan(inputs(0)).goal, 4 * MIB);
    }

    #[test]
    fn the_trigger_leaves_room_for_what_is_allocated_meanwhile() {
        let calm = plan(Inputs { allocated_per_live: 102, ..inputs(100 * MIB) });
        assert!(calm.trigger > 185 * MIB && calm.trigger < 195 * MIB, "{calm:?}");
        let busy = plan(Inputs { allocated_per_live: 256, ..inputs(100 * MIB) });
        assert!(busy.trigger > 172 * MIB && busy.trigger < 178 * MIB, "{busy:?}");
    }

    #[test]
    fn the_trigger_stays_between_its_bounds() {
        for live in [0, 1, 4096, MIB, 3 * MIB, 1 << 40] {
            for ratio in [0, 1, 1024, 1 << 30] {
                let Plan { trigger, goal } = plan(Inputs { allocated_per_live: ratio, ..inputs(live) });
                assert!(live <= trigger && trigger <= goal, "{live} {ratio}: {trigger} {goal}");
            }
        }
    }
}
