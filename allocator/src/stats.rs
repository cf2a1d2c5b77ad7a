//! Counters of one arena, by size class; written in slow paths, cheap to read at any time.
//!
//! Every counter is written by caches (slow path) and sweepers with Relaxed read-modify-writes and read by anybody with
//! Relaxed loads: each is right by itself, and a snapshot is as consistent as it can be while others go on.

use crate::central::parity;
use crate::layout::PAGE_SIZE;
use crate::size_class::{CLASSES, SizeClass};
use crate::sync::{AtomicU64, Ordering};

/// Index of the counters of large objects, behind those of the classes.
pub(crate) const LARGE: usize = CLASSES;

/// One size class's.
#[derive(Default)]
struct Counter {
    /// Spans that exist.
    spans: AtomicU64,
    /// Their pages.
    pages: AtomicU64,
    /// Slots handed out, ever; caches tell when they change spans.
    allocated: AtomicU64,
    /// Bytes handed out, ever.
    allocated_bytes: AtomicU64,
    /// Slots that were in use after the sweeps of this epoch.
    live: AtomicU64,
    /// Their bytes.
    live_bytes: AtomicU64,
}

pub(crate) struct Counters {
    classes: [Counter; CLASSES + 1],
    /// Bytes handed out, ever, of all classes, in even and in odd epochs: what a pacer looks at often.
    allocated_bytes: [AtomicU64; 2],
    /// Slots, likewise.
    allocated: [AtomicU64; 2],
}

/// What was handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocated {
    /// Bytes of the slots.
    pub bytes: u64,
    /// Slots.
    pub objects: u64,
}

impl Allocated {
    pub(crate) fn plus(self, other: Allocated) -> Allocated {
        let objects = self.objects.wrapping_add(other.objects);
        Allocated { bytes: self.bytes.wrapping_add(other.bytes), objects }
    }
}

/// A snapshot of the counters of one size class, or of the large objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Bytes per slot; 0 for large objects.
    pub slot_size: usize,
    /// Spans that exist.
    pub spans: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Slots handed out since the arena was made, up to what caches have not told yet.
    pub allocated: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
    /// Slots that the sweeps since the last flip found in use.
    pub live: u64,
    /// Their bytes.
    pub live_bytes: u64,
}

impl Counters {
    pub(crate) fn new() -> Counters {
        Counters {
            classes: std::array::from_fn(|_| Counter::default()),
            allocated_bytes: Default::default(),
            allocated: Default::default(),
        }
    }

    pub(crate) fn add_allocated(&self, epoch: u32, class: usize, slots: u64) {
        let bytes = slots.wrapping_mul(slot_size(class) as u64);
        self.add_allocated_bytes(epoch, class, slots, bytes);
    }

    pub(crate) fn add_allocated_bytes(&self, epoch: u32, class: usize, slots: u64, bytes: u64) {
        let counter = &self.classes[class];
        counter.allocated.fetch_add(slots, Ordering::Relaxed);
        counter.allocated_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.allocated_bytes[parity(epoch)].fetch_add(bytes, Ordering::Relaxed);
        self.allocated[parity(epoch)].fetch_add(slots, Ordering::Relaxed);
    }

    /// Bytes handed out, ever, of all classes. Two loads.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        let [even, odd] = &self.allocated_bytes;
        even.load(Ordering::Relaxed).wrapping_add(odd.load(Ordering::Relaxed))
    }

    /// What was handed out, ever, of all classes.
    pub(crate) fn allocated(&self) -> Allocated {
        self.allocated_in(0).plus(self.allocated_in(1))
    }

    /// .. and what was in epochs of the parity of `epoch`.
    pub(crate) fn allocated_in(&self, epoch: u32) -> Allocated {
        let read = |counts: &[AtomicU64; 2]| counts[parity(epoch)].load(Ordering::Relaxed);
        Allocated { bytes: read(&self.allocated_bytes), objects: read(&self.allocated) }
    }

    pub(crate) fn add_span(&self, class: usize, pages: u32) {
        let counter = &self.classes[class];
        counter.spans.fetch_add(1, Ordering::Relaxed);
        counter.pages.fetch_add(pages.into(), Ordering::Relaxed);
    }

    pub(crate) fn sub_span(&self, class: usize, pages: u32) {
        let counter = &self.classes[class];
        counter.spans.fetch_sub(1, Ordering::Relaxed);
        counter.pages.fetch_sub(pages.into(), Ordering::Relaxed);
    }

    pub(crate) fn add_live(&self, class: usize, slots: u64, bytes: u64) {
        let counter = &self.classes[class];
        counter.live.fetch_add(slots, Ordering::Relaxed);
        counter.live_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A new epoch begins: nothing is known to be live.
    pub(crate) fn forget_live(&self) {
        for counter in &self.classes {
            counter.live.store(0, Ordering::Relaxed);
            counter.live_bytes.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self, class: usize) -> ClassStats {
        let counter = &self.classes[class];
        let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
        ClassStats {
            slot_size: slot_size(class),
            spans: read(&counter.spans),
            bytes: read(&counter.pages) * PAGE_SIZE as u64,
            allocated: read(&counter.allocated),
            allocated_bytes: read(&counter.allocated_bytes),
            live: read(&counter.live),
            live_bytes: read(&counter.live_bytes),
        }
    }
}

const fn slot_size(class: usize) -> usize {
    if class == LARGE { 0 } else { SizeClass::from_index(class).slot_size() }
}
