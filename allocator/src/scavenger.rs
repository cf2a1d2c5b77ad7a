//! The scavenger: when, and how much, free memory goes back to the system in the background.
//!
//! A pure policy ([`Scavenger::plan`]) and a driver for a thread that has other work too ([`Scavenger::step`]).
//!
//! - S1. What is backed by the system may exceed the goal by [`Scavenger::MARGIN_PERCENT`]: a heap that breathes does not give
//!   back what it takes again at once. Above that, free pages go, the highest first.
//! - S2. A step returns at most [`STEP`] bytes, outside locks; between steps the thread sleeps, or does something else, so
//!   long that releasing takes at most one part in [`Scavenger::SHARE`] of a core. Time in which there was nothing to do
//!   is not saved up for a burst.

use std::time::{Duration, Instant};

use crate::error::AllocError;
use crate::layout::PAGE_SIZE;
use crate::scavenge::STEP;
use crate::space::Space;

/// What the policy decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScavengeInput {
    /// Bytes that the system backs at most: in use, and free but written.
    pub retained: usize,
    /// Bytes of those that could be returned now.
    pub releasable: usize,
    /// Bytes that the heaps are expected to need.
    pub goal: usize,
    /// Time since the last plan, the last step included.
    pub elapsed: Duration,
    /// Processor time that the last step took.
    pub spent: Duration,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScavengePlan {
    /// Bytes to return now, at most [`STEP`]; 0: nothing.
    pub bytes: usize,
    /// How long to wait before the next plan, after the bytes were returned.
    pub pause: Duration,
}

/// The state of the background release: what its past steps still have to be waited for.
///
/// ```
/// use allocator::{Scavenger, Space};
/// let space = Space::global()?;
/// let mut scavenger = Scavenger::new();
/// // In the loop of a background thread; `goal` is what the heaps are expected to need.
/// let goal = 64 << 20;
/// let pause = scavenger.step(space, goal)?;
/// assert!(pause > std::time::Duration::ZERO);
/// # Ok::<(), allocator::AllocError>(())
/// ```
#[derive(Debug)]
pub struct Scavenger {
    /// Processor time spent that the share has not paid for yet.
    debt: Duration,
    /// When the last step began, and how long it took.
    last: Option<(Instant, Duration)>,
}

impl Default for Scavenger {
    fn default() -> Scavenger {
        Scavenger::new()
    }
}

impl Scavenger {
    /// Per cent above the goal that stay.
    pub const MARGIN_PERCENT: usize = 10;
    /// One part in so many of a core's time is spent.
    pub const SHARE: u32 = 100;
    /// The pause when there is nothing to return.
    pub const IDLE: Duration = Duration::from_millis(100);

    /// A scavenger that has spent nothing.
    pub const fn new() -> Scavenger {
        Scavenger { debt: Duration::ZERO, last: None }
    }

    /// How much to return now, and how long to pause. Arithmetic alone.
    pub fn plan(&mut self, input: ScavengeInput) -> ScavengePlan {
        let earned = input.elapsed / Scavenger::SHARE;
        // S2: what was earned beyond the debt is lost.
        self.debt = (self.debt + input.spent).saturating_sub(earned);
        if !self.debt.is_zero() {
            return ScavengePlan { bytes: 0, pause: self.debt.saturating_mul(Scavenger::SHARE) };
        }
        let excess = excess(input.retained, input.releasable, input.goal);
        // How long the step takes is known only after it: the next plan charges it, and asks for the pause.
        let pause = if excess == 0 { Scavenger::IDLE } else { Duration::from_micros(1) };
        ScavengePlan { bytes: excess.min(STEP), pause }
    }

    /// Bytes that steps with this goal would return to the system by and by.
    pub fn excess(space: &Space, goal: usize) -> usize {
        let (retained, releasable) = retained_and_releasable(space);
        excess(retained, releasable, goal)
    }

    /// Plans, and returns what is planned to the system; how long to wait before the next call. A call that comes earlier
    /// does no harm.
    ///
    /// Cost: a lock; and the `madvise` of at most [`STEP`] bytes, less often than one part in [`Scavenger::SHARE`] of the
    /// time. Wall time is taken for processor time, which errs on the side of less work.
    ///
    /// # Errors
    /// [`crate::Cause::Release`] if the system refuses; the pages stay usable, and the time counts as spent.
    pub fn step(&mut self, space: &Space, goal: usize) -> Result<Duration, AllocError> {
        let now = Instant::now();
        let (elapsed, spent) = match self.last {
            Some((last, spent)) => (now - last, spent),
            None => (Duration::ZERO, Duration::ZERO),
        };
        let (retained, releasable) = retained_and_releasable(space);
        let plan = self.plan(ScavengeInput { retained, releasable, goal, elapsed, spent });
        let returned = if plan.bytes > 0 { space.release_free(plan.bytes) } else { Ok(0) };
        let spent = if plan.bytes > 0 { now.elapsed() } else { Duration::ZERO };
        self.last = Some((now, spent));
        returned?;
        Ok(plan.pause.max(spent.saturating_mul(Scavenger::SHARE)))
    }
}

/// Bytes that the system backs at most, and those of them that could be returned now.
fn retained_and_releasable(space: &Space) -> (usize, usize) {
    let counters = space.page_heap().counters();
    let retained = (counters.in_use + counters.cached + counters.free + counters.releasing) * PAGE_SIZE;
    (retained, counters.free * PAGE_SIZE)
}

/// S1: what exceeds the goal and its margin, of what could be returned.
fn excess(retained: usize, releasable: usize, goal: usize) -> usize {
    let kept = goal.saturating_add(goal / 100 * Scavenger::MARGIN_PERCENT);
    retained.saturating_sub(kept).min(releasable)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn input(retained: usize, elapsed: Duration, spent: Duration) -> ScavengeInput {
        ScavengeInput { retained, releasable: retained, goal: 100 << 20, elapsed, spent }
    }

    #[test]
    fn what_exceeds_the_goal_by_a_tenth_goes_in_steps() {
        let mut scavenger = Scavenger::new();
        let plan = |scavenger: &mut Scavenger, mib: usize| scavenger.plan(input(mib << 20, 100 * MS, MS)).bytes;
        assert_eq!(plan(&mut scavenger, 50), 0);
        assert_eq!(plan(&mut scavenger, 109), 0);
        assert_eq!(plan(&mut scavenger, 300), STEP);
        let few = ScavengeInput { releasable: 8192, ..input(300 << 20, 100 * MS, MS) };
        assert_eq!(scavenger.plan(few).bytes, 8192);
        let over = ScavengeInput { goal: usize::MAX, ..input(usize::MAX, MS, Duration::ZERO) };
        assert_eq!(scavenger.plan(over).bytes, 0);
    }

    /// Simulated time: steps of any length, pauses as planned.
    #[test]
    fn it_takes_at_most_a_hundredth_of_the_time() {
        for cost in [Duration::from_micros(20), MS, 500 * MS] {
            let mut scavenger = Scavenger::new();
            let (mut time, mut work) = (Duration::ZERO, Duration::ZERO);
            let (mut elapsed, mut spent) = (Duration::ZERO, Duration::ZERO);
            let mut steps = 0;
            for _ in 0..1000 {
                let plan = scavenger.plan(input(usize::MAX, elapsed, spent));
                spent = if plan.bytes > 0 { cost } else { Duration::ZERO };
                steps += usize::from(plan.bytes > 0);
                work += spent;
                elapsed = spent + plan.pause;
                time += elapsed;
            }
            assert!(work * 100 <= time + cost * 100, "{work:?} of {time:?}");
            assert!(steps >= 400, "{steps} steps of {cost:?}: the share is not used");
        }
    }

    #[test]
    fn an_idle_hour_is_not_saved_up() {
        let mut scavenger = Scavenger::new();
        assert_eq!(scavenger.plan(input(0, Duration::from_secs(3600), Duration::ZERO)).pause, Scavenger::IDLE);
        assert_eq!(scavenger.plan(input(usize::MAX, MS, Duration::ZERO)).bytes, STEP);
        let plan = scavenger.plan(input(usize::MAX, MS, MS));
        assert_eq!(plan.bytes, 0, "the step before is not paid for");
        assert!(plan.pause > 90 * MS);
    }

    #[test]
    fn a_step_returns_pages_and_charges_its_time() {
        let space = Space::private(1024).unwrap();
        let run = space.page_heap().alloc(1024).unwrap();
        space.page_heap().free(run);
        let mut scavenger = Scavenger::new();
        let pause = scavenger.step(&space, 0).unwrap();
        assert_eq!(space.releasable_bytes(), 1024 * PAGE_SIZE - STEP);
        // At once again: the time of the first step is not earned yet.
        assert!(pause > Duration::ZERO);
        scavenger.step(&space, 0).unwrap();
        assert_eq!(space.releasable_bytes(), 1024 * PAGE_SIZE - STEP);
        // A goal above what is retained keeps everything.
        assert_eq!(Scavenger::new().step(&space, 8 << 20).unwrap(), Scavenger::IDLE);
    }
}
