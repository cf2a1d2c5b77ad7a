//! When a cycle begins: pure arithmetic ([`plan`]) and the counters it is fed from ([`Pacing`]).
//!
//! As Go's pacer since 1.18 (M. Knyszek, "GC Pacer Redesign", 2021): the goal is what lives plus the growth percentage of it;
//! the trigger lies as far before the goal as the program allocates while a cycle runs, by what was seen in the last
//! cycles, so that marking ends as the goal is reached.

use allocator::Arena;

use crate::config::Config;
use crate::sync::{AtomicUsize, Mutex, Ordering};

/// Cycles whose allocation is remembered; the largest counts (Go does the same with its cons/mark ratio).
const HISTORY: usize = 4;
/// The trigger is at least this fraction of the way from the live bytes to the goal, in percent.
const EARLIEST: usize = 40;
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
    let grown = live.saturating_add(live / 100 * growth as usize + live % 100 * growth as usize / 100);
    let goal = grown.max(min_heap);
    let room = goal - live.min(goal);
    let runway = (live / 1024).saturating_mul(allocated_per_live);
    let earliest = live + room / 100 * EARLIEST;
    let latest = live + room / 100 * LATEST;
    let trigger = goal.saturating_sub(runway).clamp(earliest, latest);
    Plan { trigger, goal }
}

#[derive(Debug, Default)]
struct History {
    /// Bytes allocated per byte that lived, in 1/1024, of the last cycles.
    ratios: [usize; HISTORY],
    next: usize,
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

    /// A cycle is over: `live` bytes survived; `allocated_before` is what had ever been allocated when newborns became
    /// white again; `during` bytes were allocated between its begin and then.
    pub(crate) fn cycle_over(&self, live: usize, allocated_before: u64, during: usize) {
        let allocated_per_live = {
            let mut history = self.history.lock();
            let at = history.next;
            history.ratios[at] = during.saturating_mul(1024) / live.max(1024);
            history.next = (at + 1) % HISTORY;
            history.ratios.iter().copied().max().unwrap_or(0)
        };
        let next = plan(Inputs { live, growth: self.growth, min_heap: self.min_heap, allocated_per_live });
        self.offset.store(live.wrapping_sub(allocated_before as usize), Ordering::Relaxed);
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
    fn a_small_heap_grows_to_the_minimum() {
        assert_eq!(plan(inputs(0)).goal, 4 * MIB);
    }

    #[test]
    fn the_trigger_leaves_room_for_what_is_allocated_meanwhile() {
        let calm = plan(Inputs { allocated_per_live: 102, ..inputs(100 * MIB) });
        assert!(calm.trigger > 185 * MIB && calm.trigger < 195 * MIB, "{calm:?}");
        let busy = plan(Inputs { allocated_per_live: 512, ..inputs(100 * MIB) });
        assert!(busy.trigger > 145 * MIB && busy.trigger < 155 * MIB, "{busy:?}");
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
