//! What happens near a limit: emergency collections, refusals, and settings that change while a heap runs.
//!
//! An allocation happens inside a region, and a collection needs safepoints: it can't be waited for where memory is missing.
//! So the wait is taken earlier. While what is left of the limit is less than a *reserve*, a cycle is asked for, and the
//! mutators' next safepoints wait until it is over; regions meanwhile live on the reserve. Only what fails with the reserve
//! used up fails. A cycle that frees too little halves the reserve (of what is left), so that a heap that is truly full has
//! a handful of emergencies and then errors, not an emergency at each safepoint.
//!
//! - L1. A mutator waits outside regions only, and not on the thread that runs the cycle, nor while collection is inhibited or
//!   its thread unwinds. It waits for one cycle, which had not begun when somebody came near the limit.
//! - L2. After an emergency that left less room than a quarter of the reserve the next one comes only when the program has had as
//!   much time as the collector's share of the CPU leaves it; what passes the limit meanwhile fails. (As the JVM's limit of
//!   the collector's overhead: 2 % of a heap freed by each collection is not worth going on.)
//! - L3. The embedder is told once of a limit that is reached, and again only after there was room.

use std::sync::Arc;
use std::time::Duration;

use allocator::{Quota, STEP};

use crate::control::Control;
use crate::event::{Event, Limit};
use crate::heap::HeapCore;
use crate::record::Record;
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering, thread};

/// How long a mutator waits for an emergency collection: whoever holds it up may wait for something that the mutator has. Longer
/// than a cycle takes on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest reserve.
const MOST_RESERVE: usize = 4 << 20;
/// .. the smallest of a limit with room, and a part of the limit in between.
const LEAST_RESERVE: usize = 64 << 10;
const RESERVE_PART: usize = 16;
/// A heap this part above its goal is far beyond it: cycles end within a few percent unless the collector's thread waits for a
/// processor.
const FAR_BEYOND: usize = 4;
/// Less than this part of the limit malloc may keep.
const SLACK_PART: usize = 16;
/// A reserve below this is none: what is left is soon gone.
const WORTHLESS: usize = 16 << 10;

/// The state of one heap's limits. Numbers and hints (all accesses Relaxed, except where said).
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) quota: Arc<Quota>,
    /// Less room than this is an emergency. Written by the collector and by settings, read by who allocates.
    reserve: AtomicUsize,
    /// The cycle that mutators wait for at their next safepoints; 0: none. Written under `Control::state`'s lock by who comes
    /// near the limit, and by the collector when it is over; read by mutators.
    awaited: AtomicU64,
    /// No emergency before this age of the heap, in nanoseconds (L2). Written by the collector, read by who allocates.
    quiet_until: AtomicU64,
    /// Bits of the limits that the embedder was told of (L3). Written by who tells, cleared by the collector and by settings.
    told: AtomicU32,
    /// Emergency collections. Written by the collector, read by statistics.
    emergencies: AtomicU64,
}

impl Limits {
    pub(crate) fn new(quota: Arc<Quota>) -> Limits {
        let limits = Limits {
            quota,
            reserve: AtomicUsize::new(0),
            awaited: AtomicU64::new(0),
            quiet_until: AtomicU64::new(0),
            told: AtomicU32::new(0),
            emergencies: AtomicU64::new(0),
        };
        limits.reserve.store(limits.full_reserve(), Ordering::Relaxed);
        limits
    }

    /// The lowest limit, if there is one.
    fn limit(&self) -> Option<usize> {
        let own = self.quota.limit();
        let limit = self.quota.parent().map_or(own, |parent| own.min(parent.limit()));
        (limit != usize::MAX).then_some(limit)
    }

    /// The reserve of a heap with room.
    fn full_reserve(&self) -> usize {
        self.limit().map_or(0, |limit| (limit / RESERVE_PART).clamp(LEAST_RESERVE, MOST_RESERVE).min(limit / 2))
    }

    /// The highest goal that the hard limits leave.
    pub(crate) fn goal_limit(&self) -> usize {
        match self.quota.headroom() {
            usize::MAX => usize::MAX,
            room => self.quota.charged().saturating_add(room).saturating_sub(self.full_reserve()),
        }
    }

    pub(crate) fn emergencies(&self) -> u64 {
        self.emergencies.load(Ordering::Relaxed)
    }

    /// The cycle `number` is over. After an emergency the next one may come at the age `quiet_until` (L2).
    pub(crate) fn cycle_over(&self, number: u64, quiet_until: Duration) {
        let room = self.quota.headroom();
        let full = self.full_reserve();
        if room >= full {
            self.reserve.store(full, Ordering::Relaxed);
            self.told.fetch_and(!Limit::Hard.bit(), Ordering::Relaxed);
        } else {
            let half = room / 2;
            self.reserve.store(if half < WORTHLESS { 0 } else { half }, Ordering::Relaxed);
        }
        let awaited = self.awaited.load(Ordering::Relaxed);
        if awaited != 0 && room < full / 4 {
            let until = u64::try_from(quiet_until.as_nanos()).unwrap_or(u64::MAX);
            self.quiet_until.store(until, Ordering::Relaxed);
        }
        if awaited != 0 && awaited <= number {
            self.awaited.store(0, Ordering::Relaxed);
            self.emergencies.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the embedder is to be told of `limit` now (L3).
    fn is_news(&self, limit: Limit) -> bool {
        self.told.fetch_or(limit.bit(), Ordering::Relaxed) & limit.bit() == 0
    }
}

impl HeapCore {
    /// The heap has grown, by a span or by buffers of its objects: asks for a cycle if one is due, or in an emergency.
    #[inline]
    pub(crate) fn has_grown(self: &Arc<Self>) {
        let is_due = self.pacing.is_due(self.heap_bytes()) && !self.pacing.keeps_still(|| self.now());
        if is_due {
            Control::start(self);
            if !self.config.threads {
                self.attend_all();
            }
        }
        if self.limits.quota.headroom() < self.limits.reserve.load(Ordering::Relaxed) {
            self.ask_for_emergency();
        }
    }

    /// Whether the heap has outgrown its goal by far, and a thread of the collector's is to do something about it.
    pub(crate) fn waits_for_its_runner(&self) -> bool {
        let goal = self.pacing.goal();
        let is_far = self.heap_bytes() > goal.saturating_add(goal / FAR_BEYOND);
        is_far && self.config.threads && self.pacing.is_automatic() && !self.pacing.is_limited()
    }

    /// Asks for an emergency collection (L1, L2), unless one is on its way.
    #[cold]
    fn ask_for_emergency(self: &Arc<Self>) {
        let is_quiet = self.now() < self.limits.quiet_until.load(Ordering::Relaxed);
        if !self.pacing.is_automatic() || self.limits.awaited.load(Ordering::Relaxed) != 0 {
            return;
        }
        if Control::start_emergency(self, is_quiet, |number| self.limits.awaited.store(number, Ordering::Relaxed)) {
            self.attend_all();
            if let Some(budget) = &self.config.budget {
                for other in budget.heaps().iter().filter(|other| !Arc::ptr_eq(other, self)) {
                    Control::start(other);
                }
            }
        }
    }

    /// Mutators are to look after their heap at their next safepoint.
    fn attend_all(&self) {
        for record in &self.registry.lock().mutators {
            record.state.attend();
        }
    }

    /// A request was refused for the limit's sake.
    #[cold]
    pub(crate) fn refused(self: &Arc<Self>) {
        let quota = &self.limits.quota;
        if let Some(limit) = self.limits.limit()
            && self.limits.is_news(Limit::Hard)
        {
            self.observer.tell(Event::LimitReached { limit: Limit::Hard, bytes: limit, used: quota.charged() });
        }
        if self.limits.awaited.load(Ordering::Relaxed) == 0 {
            self.ask_for_emergency();
        } else {
            // One is on its way: whoever has lost patience with it waits again at the next safepoint.
            self.attend_all();
        }
    }

    /// A soft limit was passed by `used` after a cycle, or not.
    pub(crate) fn soft_limit_passed(&self, limit: usize, used: usize) {
        if used <= limit {
            self.limits.told.fetch_and(!Limit::Soft.bit(), Ordering::Relaxed);
        } else if self.limits.is_news(Limit::Soft) {
            self.observer.tell(Event::LimitReached { limit: Limit::Soft, bytes: limit, used });
        }
    }

    /// What is free may still be the process's memory, in free pages and in malloc's lists: near a hard limit it goes back to the
    /// system rather than have objects and buffers grow beside it, and at a cycle's end in good time, so that mutators find
    /// little to do. Nothing without a limit; else a lock, and near the limit at most `steps` times 1 MiB's return.
    pub(crate) fn release_if_near(&self, steps: usize, growth: usize) {
        let Some(limit) = self.limits.limit() else { return };
        let room = self.limits.quota.headroom().saturating_sub(growth);
        let slack = self.external.slack();
        let free = self.space.releasable_bytes();
        if slack >= limit / SLACK_PART && slack + free > room {
            self.external.trim();
        }
        let excess = free.saturating_sub(room);
        if excess != 0 {
            // What the system refuses to take stays.
            let _ = self.space.release_free(excess.next_multiple_of(STEP).min(steps.saturating_mul(STEP)));
        }
    }

    /// A mutator at a safepoint, outside a region, waits for the emergency collection that was asked for (L1).
    pub(crate) fn wait_in_emergency(&self, record: &Record) {
        let awaited = self.limits.awaited.load(Ordering::Relaxed);
        if awaited == 0 || self.control.is_runner() || self.control.is_inhibited() || thread::panicking() {
            return;
        }
        let quota = &self.limits.quota;
        let limit = self.limits.limit().unwrap_or(usize::MAX);
        self.observer.tell(Event::EmergencyCollection { number: awaited, limit, used: quota.charged() });
        Control::wait_for(record, awaited, PATIENCE);
    }

    /// A limit is another now.
    pub(crate) fn limit_changed(self: &Arc<Self>) {
        self.limits.reserve.store(self.limits.full_reserve(), Ordering::Relaxed);
        self.limits.told.store(0, Ordering::Relaxed);
        self.set(|_| {});
        self.has_grown();
    }

    /// Changes the pacer's settings.
    pub(crate) fn set(&self, change: impl FnOnce(&mut crate::pacing::Settings)) {
        let retained = self.pacing.set(self.limits.goal_limit(), change);
        crate::pool::pool().change_goal(retained);
    }
}

/// The settings that change while a heap runs, for both kinds.
macro_rules! settings {
    ($($heap:ident)+) => {$(
        impl crate::$heap {
            /// Another growth from now on, in percent ([`Config::growth`](crate::Config::growth)). A cycle that is on is
            /// paced by it too. Safe to call anywhere.
            pub fn set_growth(&self, percent: u32) {
                self.core().set(|settings| settings.growth = percent.max(1));
                self.core().has_grown();
            }

            /// Another least goal from now on ([`Config::min_heap`](crate::Config::min_heap)).
            pub fn set_min_heap(&self, bytes: usize) {
                self.core().set(|settings| settings.min_heap = bytes);
                self.core().has_grown();
            }

            /// Another soft limit from now on, or none ([`Config::soft_limit`](crate::Config::soft_limit)).
            pub fn set_soft_limit(&self, bytes: impl Into<Option<usize>>) {
                let bytes = bytes.into().unwrap_or(crate::pacer::UNLIMITED);
                self.core().set(|settings| settings.soft_limit = bytes);
                self.core().limit_changed();
            }

            /// Another hard limit from now on, or none ([`Config::hard_limit`](crate::Config::hard_limit)). Below what the
            /// heap takes already it refuses all more, until a collection has freed enough.
            pub fn set_hard_limit(&self, bytes: impl Into<Option<usize>>) {
                self.core().limits.quota.set_limit(bytes.into().unwrap_or(crate::pacer::UNLIMITED));
                self.core().limit_changed();
            }

            /// Another share of the CPU, in percent ([`Config::max_cpu`](crate::Config::max_cpu)).
            pub fn set_max_cpu(&self, percent: u32) {
                self.core().set(|settings| settings.max_share = percent.clamp(1, 100));
            }

            /// The handle for counting buffers that objects of this heap own.
            pub fn allocator(&self) -> crate::GcAlloc {
                crate::GcAlloc::of(self.core())
            }
        }
    )+};
}
settings! { Heap LocalHeap }
