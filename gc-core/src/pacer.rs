//! When a cycle begins: pure arithmetic. `pacing` has the counters it is fed from.
//!
//! As Go's pacer since 1.18 (M. Knyszek, "GC Pacer Redesign", 2021): the goal is what lives plus the growth percentage of
//! that and of the roots; the trigger lies as far before the goal as the program allocates while a cycle runs, by what was
//! seen in the last cycles, so that marking ends as the goal is reached. A memory limit lowers the goal, never below what
//! lives and a little more.

#[cfg(test)]
mod simulation;

/// Cycles whose allocation is remembered; the largest counts (Go does the same with its cons/mark ratio).
const HISTORY: usize = 4;
/// The trigger is at least this fraction of the way from the live bytes to the goal, in percent (as Go's): assists see to
/// it that what is left suffices.
const EARLIEST: usize = 70;
/// .. and at most this.
const LATEST: usize = 95;
/// A memory limit leaves a heap at least this part of what lives as room: without any, whoever allocates would do nothing but
/// mark.
const LEAST_ROOM: usize = 16;
/// No memory limit.
pub(crate) const UNLIMITED: usize = usize::MAX;

/// What `plan` decides from; all in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs {
    /// What survived the last cycle, buffers outside the heap included.
    pub(crate) live: usize,
    /// Roots.
    pub(crate) roots: usize,
    /// Growth in percent.
    pub(crate) growth: u32,
    /// The goal is at least this.
    pub(crate) min_heap: usize,
    /// .. and at most this ([`bound`]), or a little more than what lives.
    pub(crate) bound: usize,
    /// The most that was allocated during one of the last cycles, per byte that was scanned then, in 1/1024.
    pub(crate) allocated_per_scanned: usize,
    /// Of what was allocated before the last cycle, how much it found alive, in 1/1024: of what the heap grows by until the next
    /// one as much has to be scanned.
    pub(crate) survival: usize,
}

/// What `plan` decides, in bytes of heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// A cycle begins when the heap has this size.
    pub(crate) trigger: usize,
    /// Marking should have ended when it has this size.
    pub(crate) goal: usize,
    /// The bound decided: without it the goal were higher.
    pub(crate) is_bounded: bool,
}

/// `of` times `percent`.
fn percent(of: usize, percent: u32) -> usize {
    (of as u128 * percent as u128 / 100).min(usize::MAX as u128) as usize
}

/// The plan for the next cycle.
pub(crate) fn plan(inputs: Inputs) -> Plan {
    let Inputs { live, roots, growth, min_heap, bound, .. } = inputs;
    let grown = live.saturating_add(percent(live.saturating_add(roots), growth)).max(min_heap);
    let goal = grown.min(bound.max(live.saturating_add(live / LEAST_ROOM)));
    let room = goal.saturating_sub(live);
    let earliest = live + room / 100 * EARLIEST;
    let latest = live + room / 100 * LATEST;
    let trigger = goal.saturating_sub(runway(inputs, goal)).clamp(earliest, latest);
    Plan { trigger, goal, is_bounded: bound < grown }
}

/// Bytes that are allocated while a cycle runs that ends at `goal`. It scans what lives and of what came since as much as survives,
/// so with c bytes allocated per byte scanned it begins at t where `t + c (live + survival (t - live)) = goal`.
fn runway(inputs: Inputs, goal: usize) -> usize {
    let Inputs { live, allocated_per_scanned, survival, .. } = inputs;
    let (goal, live) = (goal as u128, live as u128);
    let (c, survival) = (allocated_per_scanned.min(1 << 20) as u128, survival.min(1024) as u128);
    let trigger = (goal << 20).saturating_sub(c * live * (1024 - survival)) / ((1 << 20) + c * survival);
    (goal - trigger.min(goal)) as usize
}

/// The highest goal under a memory limit, when `taken` bytes are taken in all and `used` of them are objects and buffers:
/// the rest (free slots, tables) can't be used, and a little is kept for what allocation overtakes (Go keeps as much).
pub(crate) fn bound(limit: usize, taken: usize, used: usize) -> usize {
    if limit == UNLIMITED {
        return UNLIMITED;
    }
    limit.saturating_sub(taken.saturating_sub(used)).saturating_sub((limit / 32).min(1 << 20))
}

/// What the pacer decided for the next cycle, and by what it did. Bytes, but for percentages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PacerReport {
    /// What is taken to live, buffers outside the heap included: what was marked, and of what was born during the cycle as
    /// much as lives by experience.
    pub live: usize,
    /// Roots.
    pub roots: usize,
    /// Growth, in percent.
    pub growth: u32,
    /// What is allocated while a cycle runs, at most, by the last four.
    pub runway: usize,
    /// The next cycle begins when so many bytes are in use.
    pub trigger: usize,
    /// Marking should be over when so many are.
    pub goal: usize,
    /// A memory limit keeps the goal lower than the growth would have it.
    pub is_bounded: bool,
}

impl PacerReport {
    pub(crate) fn new(inputs: Inputs, plan: Plan) -> PacerReport {
        let Inputs { live, roots, growth, .. } = inputs;
        let Plan { trigger, goal, is_bounded } = plan;
        let runway = runway(inputs, goal);
        PacerReport { live, roots, growth, runway, trigger, goal, is_bounded }
    }
}

/// What the last cycles allocated while they ran.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct History {
    /// Bytes allocated per byte scanned, in 1/1024.
    ratios: [usize; HISTORY],
    next: usize,
}

impl History {
    /// A cycle in which `during` bytes were allocated and `scanned` found alive is over.
    pub(crate) fn add(&mut self, during: usize, scanned: usize) {
        self.ratios[self.next] = during.saturating_mul(1024) / scanned.max(1024);
        self.next = (self.next + 1) % HISTORY;
    }

    /// For [`Inputs`].
    pub(crate) fn allocated_per_scanned(&self) -> usize {
        self.ratios.iter().copied().max().unwrap_or(0)
    }
}

/// What `assist_ratio` decides from; all in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AssistInputs {
    /// Bytes of objects that marking is expected to scan: those of the last cycle.
    pub(crate) expected: usize,
    /// .. and can scan at most: those in use when it began.
    pub(crate) most: usize,
    /// .. and those that it has scanned.
    pub(crate) scanned: usize,
    /// Bytes in use.
    pub(crate) heap: usize,
    /// The goal.
    pub(crate) goal: usize,
}

/// Bytes to scan for each byte allocated, in 1/1024, so that marking ends when the heap reaches its goal.
pub(crate) fn assist_ratio(inputs: AssistInputs) -> usize {
    let AssistInputs { expected, most, scanned, heap, goal } = inputs;
    // More than was expected: the heap grows, and all of it may live (Go's pacer assumes the same). A sixteenth keeps it going.
    let bound = if scanned < expected { expected } else { most };
    let left = bound.saturating_sub(scanned).max(expected / 16);
    // At and beyond the goal as if a little room were left.
    let room = goal.saturating_sub(heap).max(goal / 32).max(1);
    left.saturating_mul(1024).checked_div(room).unwrap_or(0).min(MOST_PER_BYTE * 1024)
}

/// What a cycle found, in bytes of objects.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found {
    /// In use when it began.
    pub(crate) began_at: usize,
    /// In use after it.
    pub(crate) live: usize,
    /// Of those, born black while it ran: alive or not, they were kept.
    pub(crate) born_black: usize,
}

impl Found {
    /// What was found alive of what was born before the cycle, and how much that was (the cycle before had `live_before` alive).
    fn survived(self, live_before: usize) -> (usize, usize) {
        let newborns = self.began_at.saturating_sub(live_before).max(1);
        (self.marked().saturating_sub(live_before).min(newborns), newborns)
    }

    /// Bytes that were marked.
    pub(crate) fn marked(self) -> usize {
        self.live.saturating_sub(self.born_black)
    }

    /// For [`Inputs`].
    pub(crate) fn survival(self, live_before: usize) -> usize {
        let (survived, newborns) = self.survived(live_before);
        (survived as u128 * 1024 / newborns as u128) as usize
    }
}

/// The bytes that are taken to be alive after a cycle: those marked, and of those born black as many as a paced cycle has,
/// or as many as seem to live by what was marked of the newborns before them (the cycle before had `live_before` alive).
/// To count all, as Go does, lets a program whose objects die young raise its goal by allocating while nothing slows it.
pub(crate) fn estimate_live(found: Found, live_before: usize) -> usize {
    let (survived, newborns) = found.survived(live_before);
    // In u128: bytes times bytes.
    let living = (found.born_black as u128 * survived as u128 / newborns as u128) as usize;
    let paced = found.marked() / 100 * (100 - EARLIEST);
    found.marked() + found.born_black.min(paced).max(living)
}

/// The highest ratio: bytes scanned for a byte allocated.
const MOST_PER_BYTE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn inputs(live: usize) -> Inputs {
        Inputs {
            live,
            roots: 0,
            growth: 100,
            min_heap: 4 * MIB,
            bound: UNLIMITED,
            allocated_per_scanned: 0,
            survival: 0,
        }
    }

    #[test]
    fn the_goal_is_live_plus_growth() {
        assert_eq!(plan(inputs(100 * MIB)).goal, 200 * MIB);
        assert_eq!(plan(Inputs { growth: 50, ..inputs(100 * MIB) }).goal, 150 * MIB);
        assert_eq!(plan(Inputs { roots: 10 * MIB, ..inputs(100 * MIB) }).goal, 210 * MIB);
    }

    #[test]
    fn a_limit_lowers_the_goal_but_not_below_what_lives() {
        let limited = |bound| plan(Inputs { bound, ..inputs(100 * MIB) });
        assert_eq!(limited(150 * MIB).goal, 150 * MIB);
        assert!(limited(150 * MIB).is_bounded && !limited(200 * MIB).is_bounded);
        assert_eq!(limited(50 * MIB).goal, 100 * MIB / 16 * 17);
        assert!(limited(50 * MIB).is_bounded);
        assert_eq!(plan(Inputs { bound: MIB, ..inputs(0) }).goal, MIB, "a limit below the minimum heap");
        assert_eq!(bound(UNLIMITED, 10, 5), UNLIMITED);
        assert_eq!(bound(128 * MIB, 110 * MIB, 100 * MIB), 117 * MIB);
        assert_eq!(bound(MIB, 110 * MIB, 100 * MIB), 0);
        assert_eq!(bound(64, 0, 100), 62);
    }

    #[test]
    fn what_was_born_black_counts_as_what_was_born_before_it_lived() {
        let churn = Found { began_at: 16 * MIB, live: 38 * MIB, born_black: 30 * MIB };
        let paced = estimate_live(churn, 8 * MIB);
        assert!((8 * MIB..=13 * MIB).contains(&paced), "{paced}");
        let calm = Found { began_at: 16 * MIB, live: 9 * MIB, born_black: MIB };
        assert_eq!(estimate_live(calm, 8 * MIB), 9 * MIB);
        let growth = Found { began_at: 16 * MIB, live: 46 * MIB, born_black: 30 * MIB };
        assert_eq!(estimate_live(growth, 8 * MIB), 46 * MIB);
        let half = Found { began_at: 16 * MIB, live: 42 * MIB, born_black: 30 * MIB };
        assert_eq!(estimate_live(half, 8 * MIB), 27 * MIB);
    }

    #[test]
    fn assists_rise_as_the_room_shrinks_and_end_with_the_work() {
        let at = |scanned, heap| {
            assist_ratio(AssistInputs { expected: 8 * MIB, most: 10 * MIB, scanned, heap, goal: 16 * MIB })
        };
        assert_eq!(at(0, 8 * MIB), 1024);
        assert!(at(0, 12 * MIB) > at(0, 8 * MIB) && at(0, 15 * MIB) > at(0, 12 * MIB));
        assert!(at(7 * MIB, 12 * MIB) < at(0, 12 * MIB));
        assert!(at(8 * MIB, 12 * MIB) > at(7 * MIB, 12 * MIB), "more than expected: all may live");
        assert!(at(0, 100 * MIB) <= MOST_PER_BYTE * 1024);
        assert_eq!(assist_ratio(AssistInputs { expected: 0, most: 0, scanned: 0, heap: 0, goal: 0 }), 0);
    }

    #[test]
    fn a_small_heap_grows_to_the_minimum() {
        assert_eq!(plan(inputs(0)).goal, 4 * MIB);
    }

    #[test]
    fn the_trigger_leaves_room_for_what_is_allocated_meanwhile() {
        let calm = plan(Inputs { allocated_per_scanned: 102, ..inputs(100 * MIB) });
        assert!(calm.trigger > 185 * MIB && calm.trigger < 195 * MIB, "{calm:?}");
        let busy = plan(Inputs { allocated_per_scanned: 256, ..inputs(100 * MIB) });
        let growing = plan(Inputs { allocated_per_scanned: 102, survival: 1024, ..inputs(100 * MIB) });
        assert!(growing.trigger > 180 * MIB && growing.trigger < 183 * MIB, "{growing:?}");
        assert!(busy.trigger > 172 * MIB && busy.trigger < 178 * MIB, "{busy:?}");
    }

    #[test]
    fn the_trigger_stays_between_its_bounds() {
        for live in [0, 1, 4096, MIB, 3 * MIB, 1 << 40, usize::MAX] {
            for allocated_per_scanned in [0, 1, 1024, 1 << 30, usize::MAX] {
                for bound in [0, MIB, usize::MAX] {
                    for growth in [1, 100, u32::MAX] {
                        let survival = growth as usize;
                        let plan = plan(Inputs {
                            allocated_per_scanned,
                            survival,
                            bound,
                            growth,
                            roots: live,
                            ..inputs(live)
                        });
                        assert!(live <= plan.trigger && plan.trigger <= plan.goal, "{live}: {plan:?}");
                    }
                }
            }
        }
    }
}
