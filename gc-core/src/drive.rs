//! A heap without threads: its mutators take the steps of its cycles, in slices of the length that the embedder chooses.
//!
//! I1. A mutator that drives is outside regions, so the collector that it is for the moment may act for itself too.
//! I2. One thread drives at a time: it is the runner, as a thread of the pool is elsewhere (`control` I2).
//! I3. A slice stops at a handshake that others have yet to answer; it waits for nobody.

use std::time::{Duration, Instant};

use crate::cycle::{Budget, Step};
use crate::heap::HeapCore;
use crate::kind::Kind;
use crate::mutator::Mutator;
use crate::record::Record;
use crate::scope::Scope;
use crate::sync::thread;

/// How long a safepoint of a heap that has outgrown its goal drives.
const QUANTUM: Duration = Duration::from_micros(50);

/// What a slice of collection came to ([`Mutator::collect_for`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slice {
    /// There is nothing to do: no cycle is on, and the heap has not grown enough for one. Or collection is inhibited, or
    /// another thread is at it.
    Idle,
    /// The budget is spent, and the cycle goes on.
    Spent,
    /// The cycle goes on when other mutators have come to a safepoint.
    Waiting,
    /// A cycle ended.
    Over,
}

impl HeapCore {
    /// A slice of the cycle that is on or wanted, on the thread of `record`, which is outside.
    pub(crate) fn drive(&self, mut budget: Budget) -> Slice {
        if !self.shared && thread::panicking() {
            return Slice::Idle; // the dead can't be dropped now
        }
        let mut collector = self.control.try_begin_run();
        let slice = match &mut collector {
            None => return Slice::Idle,
            Some(collector) => loop {
                if collector.is_at_rest() {
                    match self.control.next_number() {
                        Some(number) => collector.begin(self, number),
                        None => break Slice::Idle,
                    }
                }
                match collector.step(self, &mut budget) {
                    Step::Over => break Slice::Over,
                    Step::Waiting => break Slice::Waiting,
                    Step::Working | Step::Drops => {}
                }
                if budget.is_spent() {
                    break Slice::Spent;
                }
            },
        };
        self.control.end_run(&mut collector);
        slice
    }

    /// Drives until the cycle `target` is over, waiting for the others' answers.
    pub(crate) fn drive_to(&self, target: u64) {
        while !self.control.is_completed(target) {
            match self.drive(Budget::unbounded()) {
                Slice::Waiting => self.rendezvous.wait(),
                Slice::Idle if !self.shared && thread::panicking() => return,
                // Somebody else drives, for a slice.
                Slice::Idle => self.control.await_progress(target),
                Slice::Spent | Slice::Over => {}
            }
        }
    }

    /// Drives towards the end of the cycle `target`, as far as it goes without waiting for others.
    pub(crate) fn drive_towards(&self, target: u64) {
        while !self.control.is_completed(target) {
            match self.drive(Budget::unbounded()) {
                Slice::Waiting | Slice::Idle => return,
                Slice::Spent | Slice::Over => {}
            }
        }
    }

    /// At a safepoint: a heap beyond its goal drives for a moment, so that it stays bounded even if nobody does it by hand.
    pub(crate) fn drive_if_overdue(&self, record: &Record) {
        if self.is_overdue() && !self.pacing.keeps_still(|| self.now()) {
            let slice = self.drive(Budget::lasting(QUANTUM));
            if slice == Slice::Spent {
                record.state.attend();
            }
        }
    }

    /// What `collect_for` and its like do.
    fn slice(&self, budget: Budget) -> Slice {
        if self.config.threads {
            match self.marking.assist(&budget) {
                0 => Slice::Idle,
                _ => Slice::Spent,
            }
        } else {
            self.drive(budget)
        }
    }
}

impl<S: Kind> Mutator<S> {
    /// Collects for at most `time`: for heaps without threads ([`Config::threads`](crate::Config::threads)), whose embedder
    /// gives the collector its time between frames or requests. Begins a cycle if the heap has grown enough for one, or
    /// [`start_collection`](Mutator::start_collection) asked for it.
    ///
    /// On a heap with threads it helps them to mark. A page is scanned whole: where objects are slices of very many pointers,
    /// or own them, a slice of time ends when the one at hand is scanned.
    ///
    /// ```
    /// use gc_core::{Config, LocalHeap, Slice};
    /// use std::time::Duration;
    ///
    /// let heap = LocalHeap::with_config(Config::new().threads(false));
    /// let mut mutator = heap.mutator().unwrap();
    /// mutator.mutate(|mc| mc.alloc_str("garbage").len());
    /// mutator.start_collection();
    /// while mutator.collect_for(Duration::from_millis(1)) != Slice::Over {
    ///     // the next frame
    /// }
    /// assert_eq!(heap.statistics().live_objects, 0);
    /// ```
    pub fn collect_for(&mut self, time: Duration) -> Slice {
        self.record().heap.slice(Budget::lasting(time))
    }

    /// As [`collect_for`](Mutator::collect_for), until a moment.
    pub fn collect_until(&mut self, moment: Instant) -> Slice {
        self.record().heap.slice(Budget::until(moment))
    }

    /// As [`collect_for`](Mutator::collect_for), by work instead of time: at most about so many bytes of objects are scanned
    /// (sweeping and dropping come in steps of some ten microseconds).
    pub fn collect_step(&mut self, bytes: usize) -> Slice {
        self.record().heap.slice(Budget { until: None, bytes })
    }
}

impl<S: Kind> Scope<'_, S> {
    /// As [`Mutator::collect_for`].
    pub fn collect_for(&mut self, time: Duration) -> Slice {
        self.record().heap.slice(Budget::lasting(time))
    }

    /// As [`Mutator::collect_until`].
    pub fn collect_until(&mut self, moment: Instant) -> Slice {
        self.record().heap.slice(Budget::until(moment))
    }

    /// As [`Mutator::collect_step`].
    pub fn collect_step(&mut self, bytes: usize) -> Slice {
        self.record().heap.slice(Budget { until: None, bytes })
    }
}
