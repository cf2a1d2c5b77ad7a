//! Running the drop glue of dead objects.
//!
//! I1. On a local heap drop glue runs on the owner's thread alone, at safepoints outside regions, in quanta, never while the
//!     thread unwinds; on a shared heap on the collector's thread. In both no lock is held and no span is half swept in a
//!     way that others can see: the span is in nobody's list while its dead are dropped.
//! I2. A drop that panics is caught and counted, and the rest goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allocator::Owner as SpanOwner;

use crate::control::Control;
use crate::heap::HeapCore;
use crate::record::Record;
use crate::stats::Cause;
use crate::sync::{AtomicU64, Ordering, thread};
use crate::type_info::TypeInfo;

/// How long an owner drops at one safepoint.
const QUANTUM: Duration = Duration::from_micros(40);
/// Drops between two looks at the clock.
const PER_LOOK: usize = 16;

/// The drops of one heap.
pub(crate) struct Drops {
    /// Written by whoever drops (Relaxed), read by statistics (Relaxed).
    run: AtomicU64,
    /// As `run`.
    panics: AtomicU64,
}

impl Drops {
    pub(crate) fn new() -> Self {
        Drops { run: AtomicU64::new(0), panics: AtomicU64::new(0) }
    }

    pub(crate) fn run(&self) -> u64 {
        self.run.load(Ordering::Relaxed)
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Drops the object in `slot`.
    ///
    /// # Safety
    /// The slot holds an initialised object of `owner`'s type that nothing can reach, and is dropped once.
    pub(crate) unsafe fn drop_slot(&self, owner: SpanOwner, slot: NonNull<u8>, slot_size: usize) {
        // SAFETY: spans of this crate's heaps have `TypeInfo`s as owner words.
        let info = unsafe { TypeInfo::of_owner(owner.word) };
        let Some(drop) = info.and_then(|info| info.drop) else { return };
        // SAFETY: by contract.
        let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { drop(slot, slot_size) }));
        self.run.fetch_add(1, Ordering::Relaxed);
        if let Err(payload) = outcome {
            self.panics.fetch_add(1, Ordering::Relaxed);
            // A payload may panic when dropped; it is not worth the process.
            std::mem::forget(payload);
        }
    }

    /// Drops dead objects until none is left or `quantum` is over; true if some are left.
    pub(crate) fn run_for(&self, heap: &HeapCore, quantum: Option<Duration>) -> bool {
        let since = Instant::now();
        while let Some(mut span) = heap.arena.take_visit() {
            let (owner, slot_size) = (span.owner(), span.slot_size());
            let mut dropped = 0;
            while let Some(slot) = span.next_dead() {
                // SAFETY: dead: unmarked after a cycle, and handed out once by the guard.
                unsafe { self.drop_slot(owner, slot, slot_size) };
                dropped += 1;
                if dropped % PER_LOOK == 0 && quantum.is_some_and(|quantum| since.elapsed() > quantum) {
                    return true; // the guard puts the span back, with the rest of its dead
                }
            }
            span.finish();
            if quantum.is_some_and(|quantum| since.elapsed() > quantum) {
                return true;
            }
        }
        false
    }

    /// Drops all that is dead: on a shared heap's collector thread, or on a local heap's owner thread when it waits anyway.
    pub(crate) fn run_all(&self, heap: &HeapCore) {
        self.run_for(heap, None);
    }
}

impl HeapCore {
    /// A local heap's owner, outside a region, looks after its dead objects for a quantum.
    #[cold]
    pub(crate) fn attend(self: &Arc<Self>, record: &Record) {
        if thread::panicking() {
            return; // I1; the bit stays set
        }
        record.state.attended();
        self.wait_in_emergency(record);
        if !self.config.threads {
            return self.drive_if_overdue(record);
        }
        if self.shared {
            return;
        }
        let since = Instant::now();
        if self.drops.run_for(self, Some(QUANTUM)) {
            record.state.attend();
        } else {
            Control::drops_done(self);
        }
        record.recorder.lock().interrupted(Cause::Sweep, since.elapsed());
    }
}
