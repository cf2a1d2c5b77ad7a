//! The counters that the pacer is fed from, its settings, and what it decided: of one heap.
//!
//! N1. Numbers that steer: nothing hangs on the order in which they are seen (all accesses Relaxed). What belongs together
//!     changes under the lock of `state`.

use std::time::Duration;

use allocator::Arena;

use crate::config::Config;
use crate::limiter::Limiter;
use crate::pacer::{Found, History, Inputs, PacerReport, UNLIMITED, bound, estimate_live, plan};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// Free memory that the scavenger leaves to a heap with a soft limit, in percent of the limit: with its own margin of a
/// tenth (`Scavenger::MARGIN_PERCENT`) 95 %, as Go's.
const RETAINED: usize = 86;

/// What changes while a heap runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Percent.
    pub(crate) growth: u32,
    pub(crate) min_heap: usize,
    /// Bytes, or `UNLIMITED`.
    pub(crate) soft_limit: usize,
    /// As `soft_limit`; the heap's first one, which its quota has afterwards.
    pub(crate) hard_limit: usize,
    /// Percent of the CPU that the collector may have where a limit makes it work more.
    pub(crate) max_share: u32,
}

/// What is found at the end of a cycle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CycleFound {
    /// Of objects.
    pub(crate) objects: Found,
    /// Bytes allocated, or added outside the heap, between its begin and the moment when newborns became white again.
    pub(crate) during: usize,
    /// Bytes of objects ever allocated by that moment.
    pub(crate) allocated_before: u64,
    /// Buffers outside the heap that live.
    pub(crate) external: usize,
    /// Roots.
    pub(crate) roots: usize,
    /// What the heap takes in all.
    pub(crate) taken: usize,
    /// What it may take by its hard limits, less their reserve.
    pub(crate) goal_limit: usize,
    /// Since the last cycle's end.
    pub(crate) wall: Duration,
    /// CPU time of the collector's meanwhile.
    pub(crate) busy: Duration,
    /// Processors that both run on.
    pub(crate) processors: usize,
    /// The age of the heap.
    pub(crate) now: Duration,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    /// See [`CycleFound`].
    goal_limit: usize,
    history: History,
    limiter: Limiter,
    /// `estimate_live` of the last cycle, and its `survival`.
    live_objects: usize,
    survival: usize,
    external: usize,
    roots: usize,
    /// Of the last cycle: what was taken in all, and what of it was used.
    taken: usize,
    used: usize,
    report: PacerReport,
    /// What the pool was told to keep for this heap.
    retained: usize,
}

impl State {
    /// Decides anew.
    fn plan(&mut self) -> PacerReport {
        let Settings { growth, min_heap, soft_limit, .. } = self.settings;
        let limit = soft_limit.min(self.goal_limit);
        let inputs = Inputs {
            live: self.live_objects.saturating_add(self.external),
            roots: self.roots,
            growth,
            min_heap,
            bound: bound(limit, self.taken, self.used),
            allocated_per_scanned: self.history.allocated_per_scanned(),
            survival: self.survival,
        };
        self.report = PacerReport::new(inputs, plan(inputs));
        self.report
    }

    /// What the scavenger keeps for this heap.
    fn to_retain(&self) -> usize {
        let limit = self.settings.soft_limit.min(self.goal_limit);
        let most = if limit == UNLIMITED { UNLIMITED } else { limit / 100 * RETAINED };
        self.report.goal.min(most)
    }
}

/// The scavenger's pool is to keep so much more or less for a heap: from, to.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct Retained(pub(crate) usize, pub(crate) usize);

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Pacing {
    automatic: bool,
    /// Bytes of objects that survived the last cycle less the bytes allocated until then (wrapping): `object_bytes` is this
    /// plus all bytes ever allocated. Written by the collector, read by mutators in refills and by statistics (N1).
    offset: AtomicUsize,
    /// As `offset`.
    trigger: AtomicUsize,
    /// As `offset`.
    goal: AtomicUsize,
    /// The age of the heap, in nanoseconds, before which no cycle begins by itself and nobody assists (`limiter`). As `offset`.
    not_before: AtomicU64,
    /// Bytes born black in the cycle that is on. Added to by mutators as they answer H5 or leave (Relaxed), taken by the
    /// collector after their answers.
    born_black: AtomicU64,
    state: Mutex<State>,
}

impl Pacing {
    pub(crate) fn new(config: &Config, goal_limit: usize) -> Self {
        let mut state = State {
            settings: config.settings,
            goal_limit,
            history: History::default(),
            limiter: Limiter::default(),
            live_objects: 0,
            survival: 0,
            external: 0,
            roots: 0,
            taken: 0,
            used: 0,
            report: PacerReport::default(),
            retained: 0,
        };
        let first = state.plan();
        Pacing {
            automatic: config.automatic,
            offset: AtomicUsize::new(0),
            trigger: AtomicUsize::new(first.trigger),
            goal: AtomicUsize::new(first.goal),
            not_before: AtomicU64::new(0),
            born_black: AtomicU64::new(0),
            state: Mutex::new(state),
        }
    }

    /// Bytes of objects in use: what survived the last cycle and what was allocated since.
    #[inline]
    pub(crate) fn object_bytes(&self, arena: &Arena) -> usize {
        self.offset.load(Ordering::Relaxed).wrapping_add(arena.allocated_bytes() as usize)
    }

    /// The goal of the next cycle.
    pub(crate) fn goal(&self) -> usize {
        self.goal.load(Ordering::Relaxed)
    }

    /// Whether a heap of this size has grown to the trigger.
    #[inline]
    pub(crate) fn is_due(&self, heap_bytes: usize) -> bool {
        self.automatic && heap_bytes >= self.trigger.load(Ordering::Relaxed)
    }

    /// Whether cycles begin by themselves.
    pub(crate) fn is_automatic(&self) -> bool {
        self.automatic
    }

    /// Whether the collector has had its share of the CPU, at this age of the heap.
    #[inline]
    pub(crate) fn keeps_still(&self, now: impl FnOnce() -> u64) -> bool {
        let not_before = self.not_before.load(Ordering::Relaxed);
        not_before != 0 && now() < not_before
    }

    /// Whether the last cycles took all of the collector's share of the CPU: nobody assists in the next.
    #[inline]
    pub(crate) fn is_limited(&self) -> bool {
        self.not_before.load(Ordering::Relaxed) != 0
    }

    /// A mutator had this many bytes born black.
    pub(crate) fn add_born_black(&self, bytes: u64) {
        self.born_black.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes born black in the cycle that has just come to its H5.
    pub(crate) fn take_born_black(&self) -> usize {
        self.born_black.swap(0, Ordering::Relaxed) as usize
    }

    /// What was decided last.
    pub(crate) fn report(&self) -> PacerReport {
        self.state.lock().report
    }

    /// The settings now.
    pub(crate) fn settings(&self) -> Settings {
        self.state.lock().settings
    }

    /// Changes the settings, and decides anew.
    pub(crate) fn set(&self, goal_limit: usize, change: impl FnOnce(&mut Settings)) -> Retained {
        let mut state = self.state.lock();
        state.goal_limit = goal_limit;
        change(&mut state.settings);
        state.plan();
        self.publish(&mut state)
    }

    /// A cycle is over. What was decided.
    pub(crate) fn cycle_over(&self, found: CycleFound) -> (PacerReport, Retained) {
        let mut state = self.state.lock();
        state.survival = found.objects.survival(state.live_objects);
        state.live_objects = estimate_live(found.objects, state.live_objects);
        state.external = found.external;
        state.roots = found.roots;
        state.taken = found.taken;
        state.goal_limit = found.goal_limit;
        state.used = found.objects.live.saturating_add(found.external);
        state.history.add(found.during, found.objects.marked().saturating_add(found.external));
        let report = state.plan();
        let share = state.settings.max_share;
        let pause = state.limiter.passed(found.wall, found.processors, found.busy, share);
        let until = if report.is_bounded && !pause.is_zero() { (found.now + pause).as_nanos() } else { 0 };
        self.not_before.store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.offset.store(found.objects.live.wrapping_sub(found.allocated_before as usize), Ordering::Relaxed);
        (report, self.publish(&mut state))
    }

    /// The heap ends: what the pool kept for it.
    pub(crate) fn end(&self) -> Retained {
        Retained(std::mem::take(&mut self.state.lock().retained), 0)
    }

    /// What the pool is to keep for a new heap.
    pub(crate) fn begin(&self) -> Retained {
        self.publish(&mut self.state.lock())
    }

    fn publish(&self, state: &mut State) -> Retained {
        self.trigger.store(state.report.trigger, Ordering::Relaxed);
        self.goal.store(state.report.goal, Ordering::Relaxed);
        let to = state.to_retain();
        Retained(std::mem::replace(&mut state.retained, to), to)
    }
}
