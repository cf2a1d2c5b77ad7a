//! Events: what a heap tells its embedder as it happens ([`Config::on_event`](crate::Config::on_event)).
//!
//! E1. The callback runs under no lock of this crate and while no handshake is being counted, so whatever it calls comes back.
//! E2. A callback that panics is caught and counted ([`Statistics::event_panics`](crate::Statistics::event_panics)): neither a
//!     cycle nor an allocation ends by it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::pacer::PacerReport;
use crate::stats::CycleReport;
use crate::sync::{AtomicU64, Ordering};

/// Something that happened to a heap.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use gc_core::{Config, Event, LocalHeap};
///
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let lines = log.clone();
/// let heap = LocalHeap::with_config(Config::new().on_event(move |event| {
///     if let Event::CycleEnded { report, .. } = event {
///         lines.lock().unwrap().push(format!("gc {}: {} bytes live", report.number, report.live_bytes));
///     }
/// }));
/// heap.mutator().unwrap().collect();
/// assert_eq!(*log.lock().unwrap(), ["gc 1: 0 bytes live"]);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A cycle begins. On the thread that runs it: one of the collector's (`gc-worker-..`); of a heap without threads the
    /// one that drives it.
    #[non_exhaustive]
    CycleBegan {
        /// Its number, from 1.
        number: u64,
        /// Bytes in use.
        heap_bytes: usize,
        /// What the pacer decided for it after the cycle before.
        pacing: &'a PacerReport,
    },
    /// A cycle is over, its sweep and its drops included. On the thread that ran it, before
    /// [`collect`](crate::Mutator::collect), if somebody waits in it, returns.
    #[non_exhaustive]
    CycleEnded {
        /// What was measured, the slowest handshake and its thread included.
        report: &'a CycleReport,
        /// What the pacer decides for the next cycle, and by what.
        pacing: &'a PacerReport,
    },
    /// A limit is near, and a mutator waits at a safepoint for an emergency collection. On its thread, outside a region, before
    /// it waits.
    #[non_exhaustive]
    EmergencyCollection {
        /// The cycle that it waits for.
        number: u64,
        /// The lowest hard limit, in bytes.
        limit: usize,
        /// What the heap takes.
        used: usize,
    },
    /// A limit is reached. Told once, and again after there was room. A hard one: on the thread whose request is about to be
    /// refused, inside its region perhaps. A soft one: on the thread that ran a cycle, after which the heap is above it.
    #[non_exhaustive]
    LimitReached {
        /// Which.
        limit: Limit,
        /// The limit, in bytes; of a hard one the lower of the heap's and its budget's.
        bytes: usize,
        /// What the heap takes.
        used: usize,
    },
}

/// A kind of limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`Config::soft_limit`](crate::Config::soft_limit).
    Soft,
    /// [`Config::hard_limit`](crate::Config::hard_limit), or a [`MemoryBudget`](crate::MemoryBudget).
    Hard,
}

impl Limit {
    /// A bit of its own.
    pub(crate) fn bit(self) -> u32 {
        match self {
            Limit::Soft => 1,
            Limit::Hard => 2,
        }
    }
}

/// Who is told; and how often that panicked.
pub(crate) struct Observer {
    callback: Option<Callback>,
    /// Written by whoever tells (Relaxed), read by statistics (Relaxed).
    panics: AtomicU64,
}

/// The callback of a configuration.
#[derive(Clone)]
pub(crate) struct Callback(pub(crate) Arc<dyn Fn(&Event<'_>) + Send + Sync>);

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fn(&Event)")
    }
}

impl Observer {
    pub(crate) fn new(callback: Option<Callback>) -> Observer {
        Observer { callback, panics: AtomicU64::new(0) }
    }

    /// Tells the embedder, if there is a callback. The caller holds no lock (E1).
    #[inline]
    pub(crate) fn tell(&self, event: Event<'_>) {
        if let Some(callback) = &self.callback {
            self.call(callback, event);
        }
    }

    #[cold]
    fn call(&self, callback: &Callback, event: Event<'_>) {
        // Unwind safety: of this crate's state the callback sees what is in the event, and that is read only.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (callback.0)(&event))) {
            self.panics.fetch_add(1, Ordering::Relaxed);
            // A payload may panic when dropped; it is not worth the process.
            std::mem::forget(payload);
        }
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}
