//! Counters of one arena, by size class; written in slow paths, cheap to read at any time.
//!
//! Every counter is a [`Statistic`], written by caches (slow path) and sweepers and read by anybody: each is right by
//! itself, and a snapshot is as consistent as it can be while others go on.

use crate::central::parity;
use crate::layout::PAGE_SIZE;
use crate::size_class::{CLASSES, SizeClass};
use crate::sync::Statistic;

/// Index of the counters of large objects, behind those of the classes.
pub(crate) const LARGE: usize = CLASSES;

/// One size class's.
#[derive(Default)]
struct Counter {
    /// Spans that exist.
    spans: Statistic,
    /// Their pages.
    pages: Statistic,
    /// Slots handed out, ever; caches tell when they change spans.
    allocated: Statistic,
    /// Bytes handed out, ever.
    allocated_bytes: Statistic,
    /// Slots that were in use after the sweeps of this epoch.
    live: Statistic,
    /// Their bytes.
    live_bytes: Statistic,
    /// Bytes inside spans that were returned to the system and not taken again.
    released: Statistic,
}

pub(crate) struct Counters {
    classes: [Counter; CLASSES + 1],
    /// Bytes handed out, ever, of all classes, in even and in odd epochs: what a pacer looks at often.
    allocated_bytes: [Statistic; 2],
    /// Slots, likewise.
    allocated: [Statistic; 2],
    /// What the sweeps of the even and of the odd epoch found in use: slots and bytes of all classes. The present epoch's
    /// grow while its sweep runs; the other ones are those of the sweep before.
    live: [[Statistic; 2]; 2],
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
    /// Bytes of `bytes` that [`crate::Arena::release_free_pages`] returned to the system and no cache took again.
    pub released_bytes: u64,
}

impl Counters {
    pub(crate) fn new() -> Counters {
        Counters {
            classes: std::array::from_fn(|_| Counter::default()),
            allocated_bytes: Default::default(),
            allocated: Default::default(),
            live: Default::default(),
        }
    }

    /// Counts slots of a class that were handed out, and their bytes; the sum over all classes is told by itself.
    pub(crate) fn add_allocated(&self, class: usize, slots: u64, bytes: u64) {
        let counter = &self.classes[class];
        counter.allocated.add(slots);
        counter.allocated_bytes.add(bytes);
    }

    /// Counts slots that were handed out in `epoch`, of whatever class, and their bytes.
    pub(crate) fn add_allocated_in(&self, epoch: u32, slots: u64, bytes: u64) {
        self.allocated_bytes[parity(epoch)].add(bytes);
        self.allocated[parity(epoch)].add(slots);
    }

    /// Bytes handed out, ever, of all classes. Two loads.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        let [even, odd] = &self.allocated_bytes;
        even.get().wrapping_add(odd.get())
    }

    /// What was handed out, ever, of all classes.
    pub(crate) fn allocated(&self) -> Allocated {
        self.allocated_in(0).plus(self.allocated_in(1))
    }

    /// .. and what was in epochs of the parity of `epoch`.
    pub(crate) fn allocated_in(&self, epoch: u32) -> Allocated {
        let parity = parity(epoch);
        Allocated { bytes: self.allocated_bytes[parity].get(), objects: self.allocated[parity].get() }
    }

    /// Counts spans of a class that were made or, modulo 2^64, destroyed.
    pub(crate) fn add_spans(&self, class: usize, spans: u64, pages: u64) {
        let counter = &self.classes[class];
        counter.spans.add(spans);
        counter.pages.add(pages);
    }

    /// Counts bytes inside spans that were returned to the system or, modulo 2^64, taken again.
    pub(crate) fn add_released(&self, class: usize, bytes: u64) {
        self.classes[class].released.add(bytes);
    }

    /// Counts what a sweep of spans into `epoch` found in use.
    pub(crate) fn add_live(&self, epoch: u32, class: usize, slots: u64, bytes: u64) {
        let counter = &self.classes[class];
        counter.live.add(slots);
        counter.live_bytes.add(bytes);
        let [all_slots, all_bytes] = &self.live[parity(epoch)];
        all_slots.add(slots);
        all_bytes.add(bytes);
    }

    /// Slots and bytes that the sweeps into `epoch`, the present one or the one before, found in use.
    pub(crate) fn live(&self, epoch: u32) -> [u64; 2] {
        self.live[parity(epoch)].each_ref().map(Statistic::get)
    }

    /// The epoch `epoch` begins: nothing is known to be live in it.
    pub(crate) fn forget_live(&self, epoch: u32) {
        self.live[parity(epoch)].iter().for_each(|value| value.set(0));
        for counter in &self.classes {
            counter.live.set(0);
            counter.live_bytes.set(0);
        }
    }

    pub(crate) fn get(&self, class: usize) -> ClassStats {
        let counter = &self.classes[class];
        ClassStats {
            slot_size: slot_size(class),
            spans: counter.spans.get(),
            bytes: counter.pages.get() * PAGE_SIZE as u64,
            allocated: counter.allocated.get(),
            allocated_bytes: counter.allocated_bytes.get(),
            live: counter.live.get(),
            live_bytes: counter.live_bytes.get(),
            released_bytes: counter.released.get(),
        }
    }
}

const fn slot_size(class: usize) -> usize {
    if class == LARGE { 0 } else { SizeClass::from_index(class).slot_size() }
}
