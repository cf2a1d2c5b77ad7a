//! Assists: a mutator that allocates while markers scan pays with marking of its own, as much as brings marking to its end
//! when the heap reaches its goal (as Go's mutators do), but never for longer than a quantum, and never parked: beyond the
//! goal, with nothing to mark, it offers its processor to others once.
//!
//! The unit is bytes of objects scanned. What the collector's threads scan is credit that mutators use up first, so whoever
//! allocates more slowly than they mark never assists.
//!
//! I1. A mutator assists in the slow path of an allocation: no claim of its own is open, and every guard that it holds is
//!     of a cell that was claimed before, or borrowed without write access.

use std::time::{Duration, Instant};

use crate::cycle::Budget;
use crate::heap::HeapCore;
use crate::pacer::{AssistInputs, assist_ratio};
use crate::record::Record;
use crate::stats::Cause;
use crate::sync::{AtomicUsize, Ordering, yield_now};

/// The longest time for one assist, the refill before it included, while the heap is below its goal.
const QUANTUM: Duration = Duration::from_micros(15);
/// .. and beyond it.
const OVERDUE_QUANTUM: Duration = Duration::from_micros(50);
/// Bytes that are worth an assist: a few microseconds' scanning.
const LEAST: usize = 8 << 10;
/// Debt above this is forgiven: it was not the mutator's fault that there was nothing to mark.
const MOST: usize = 1 << 20;

/// How far the marking of this cycle has come. Numbers that steer; nothing hangs on their order (all accesses Relaxed).
#[derive(Debug)]
pub(crate) struct Progress {
    /// Bytes of objects scanned in this cycle. Written by markers, read by mutators.
    scanned: AtomicUsize,
    /// Bytes that are expected to be scanned in all. Written by the collector before H1, read by mutators.
    expected: AtomicUsize,
    /// .. and those in use at that moment. As `expected`.
    most: AtomicUsize,
    /// Bytes that the collector's threads scanned and no mutator has used up. Written by both.
    credit: AtomicUsize,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress {
            scanned: AtomicUsize::new(0),
            expected: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            credit: AtomicUsize::new(0),
        }
    }

    /// A cycle begins; as much as in the last one is expected, or `heap_bytes` in the first.
    pub(crate) fn begin(&self, heap_bytes: usize) {
        let last = self.scanned.swap(0, Ordering::Relaxed);
        self.expected.store(if last == 0 { heap_bytes } else { last }, Ordering::Relaxed);
        self.most.store(heap_bytes, Ordering::Relaxed);
        self.credit.store(0, Ordering::Relaxed);
    }

    /// A thread of the collector has scanned `bytes`.
    pub(crate) fn background(&self, bytes: usize) {
        self.scanned.fetch_add(bytes, Ordering::Relaxed);
        self.credit.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A mutator has scanned `bytes`.
    pub(crate) fn assisted(&self, bytes: usize) {
        self.scanned.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Pays `debt` from the credit as far as it goes; what is left of it.
    fn pay(&self, debt: usize) -> usize {
        let mut paid = 0;
        let _ = self.credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |credit| {
            paid = credit.min(debt);
            (paid != 0).then(|| credit - paid)
        });
        debt - paid
    }

    fn inputs(&self, heap: &HeapCore) -> AssistInputs {
        AssistInputs {
            expected: self.expected.load(Ordering::Relaxed),
            most: self.most.load(Ordering::Relaxed),
            scanned: self.scanned.load(Ordering::Relaxed),
            heap: heap.heap_bytes(),
            goal: heap.pacing.goal(),
        }
    }
}

impl Record {
    /// The mutator, in Trace, has just refilled (since `since`), and assists if it must.
    pub(crate) fn assist(&self, since: Instant) {
        let progress = &self.heap.marking.progress;
        let ratio = assist_ratio(progress.inputs(&self.heap));
        let owed = (self.allocated_since_assist().saturating_mul(ratio) / 1024).saturating_add(self.debt.get());
        let debt = progress.pay(owed.min(MOST));
        if debt < LEAST || self.heap.control.is_inhibited() || self.heap.pacing.is_limited() {
            self.debt.set(debt);
            return;
        }
        let began = Instant::now();
        let overdue = self.heap.is_overdue();
        let until = since + if overdue { OVERDUE_QUANTUM } else { QUANTUM };
        let scanned = self.heap.marking.assist(&Budget { until: Some(until), bytes: debt });
        self.debt.set(debt.saturating_sub(scanned));
        if scanned < debt && overdue && began < until {
            // Nothing to do here: who has the work may wait for a processor.
            yield_now();
        } else if scanned == 0 {
            return;
        }
        self.recorder.lock().interrupted(Cause::Assist, began.elapsed());
    }
}
