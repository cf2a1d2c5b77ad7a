//! A [`Marker`] takes pages with grey objects from the queue, scans them, and marks what they point to. The collector's
//! threads have one each (`team`), and a mutator that assists borrows one (`assist`).
//!
//! I1. A marker scans only between the last answer to H3 and Done.
//! I2. `take_both` gives each grey object to one marker; the object's content was written before its mark was set or before
//!     its mutator answered H3.
//! I3. A panic in a user's `trace` can't be survived: objects would be missed. It aborts the process with a message.
//! I4. A long slice is scanned in parts. Between two parts its marker has it: it is black already, and in no queue. The marker
//!     says that there is nothing to do only after the last part, and only the collector's own may stop before that, which
//!     goes on with it.

use std::ptr::NonNull;

use allocator::{GRANULE, PageId, Space};

use crate::assist::Progress;
use crate::cycle::Budget;
use crate::grey::{GreyQueue, MarkerSink, begin_scan};
use crate::keys::{KeyTables, is_watched, take_scanned};
use crate::shade::Shades;
use crate::sync::deque::Worker;
use crate::team::Sleepers;
use crate::tracer::{Sink, Tracer, Unsettled, abort_if_trace_panics};
use crate::type_info::{PART, PageBits, TypeInfo};

/// Bytes of objects scanned before the others hear of it.
const REPORT: usize = 64 << 10;
/// Slots up to this size are scanned by assisting mutators: some microseconds each.
const SHORT: usize = 32 << 10;
/// Bytes of objects scanned between two looks at the clock of who has little time: a few microseconds.
const SCANNED_PER_LOOK: usize = 4 << 10;
/// .. and pages, if there is less on each.
const PAGES_PER_LOOK: u32 = 8;

/// Values of ephemerons traced between two looks for a page.
const VALUES_PER_TURN: u32 = if cfg!(loom) { 1 } else { 32 };

/// Times that values are traced during the scan of one page: some ten microseconds, if all come to as many as they may.
const VALUE_TURNS: u32 = 64;

/// Says when to look at the clock.
#[derive(Default)]
struct Clock {
    pages: u32,
    looked_at: usize,
}

impl Clock {
    /// One more page is scanned, `scanned` bytes in all.
    fn is_time(&mut self, scanned: usize) -> bool {
        self.pages += 1;
        let is_time = self.pages == PAGES_PER_LOOK || scanned - self.looked_at >= SCANNED_PER_LOOK;
        if is_time {
            *self = Clock { pages: 0, looked_at: scanned };
        }
        is_time
    }
}

/// What there is to do for a marker.
enum Next {
    /// To scan this page.
    Page(PageId),
    /// It is done: some values of ephemerons were traced.
    Traced,
}

/// What the markers of a heap share.
pub(crate) struct Work<'a> {
    pub(crate) queue: &'a GreyQueue,
    pub(crate) shades: &'a Shades,
    pub(crate) sleepers: &'a Sleepers,
    pub(crate) progress: &'a Progress,
}

/// What a marker found in a cycle.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Objects marked.
    pub(crate) marked: u64,
    /// Slots of weak references, to be settled.
    pub(crate) weak_slots: Vec<NonNull<()>>,
    /// Other objects to be settled.
    pub(crate) to_settle: Vec<Unsettled>,
    /// Where ephemerons hung, to be ended.
    pub(crate) key_tables: KeyTables,
}

// SAFETY: addresses; what they name is the collector's to read.
unsafe impl Send for Findings {}

impl Findings {
    /// Adds what another marker found.
    pub(crate) fn add(&mut self, other: Findings) {
        self.marked += other.marked;
        add(&mut self.weak_slots, other.weak_slots);
        add(&mut self.to_settle, other.to_settle);
        self.key_tables.add(other.key_tables);
    }
}

/// Adds `more`, without a copy if there is nothing yet.
fn add<T>(all: &mut Vec<T>, more: Vec<T>) {
    if all.is_empty() {
        *all = more;
    } else {
        all.extend(more);
    }
}

/// An object that is scanned in parts.
struct Partial {
    info: &'static TypeInfo,
    slot: *const u8,
    slot_size: usize,
    /// The element to go on with.
    at: usize,
}

/// One marker.
pub(crate) struct Marker {
    pub(crate) index: usize,
    tracer: Box<Tracer<'static>>,
    /// What it has begun to scan (I4).
    partial: Option<Partial>,
    /// Bytes of objects scanned that `Progress` has not heard of.
    unreported: usize,
}

// SAFETY: a marker moves to its thread with no edges collected; what it holds later are addresses of its heap's objects,
// which any thread may scan.
unsafe impl Send for Marker {}

impl Marker {
    pub(crate) fn new(index: usize, space: &'static Space, worker: Worker<PageId>) -> Self {
        let sink = Sink::Marker(MarkerSink::new(worker));
        Marker { index, tracer: Box::new(Tracer::new(space, sink)), partial: None, unreported: 0 }
    }

    fn sink(&mut self) -> &mut MarkerSink {
        match &mut self.tracer.sink {
            Sink::Marker(sink) => sink,
            Sink::Shade(_) => unreachable!("a marker's tracer marks"),
        }
    }

    /// Marks a root.
    pub(crate) fn root(&mut self, target: NonNull<()>) {
        self.tracer.edge(target);
    }

    /// Marks what was collected so far.
    pub(crate) fn flush(&mut self) {
        self.tracer.flush();
    }

    /// Claims count for `epoch` from now on, or not at all.
    pub(crate) fn set_claims(&mut self, epoch: Option<u32>) {
        self.tracer.set_claims(epoch);
    }

    /// What it found since this was asked last.
    pub(crate) fn take_found(&mut self) -> Findings {
        let sink = self.sink();
        Findings {
            marked: std::mem::take(&mut sink.marked),
            weak_slots: std::mem::take(&mut sink.weak_slots),
            to_settle: std::mem::take(&mut sink.to_settle),
            key_tables: std::mem::take(&mut sink.key_tables),
        }
    }

    /// Marks until neither its own queue, nor the mutators' batches, nor another marker's queue has anything, or the budget is
    /// spent; whether it is.
    pub(crate) fn work(&mut self, work: &Work<'_>, budget: &mut Budget) -> bool {
        let mut clock = Clock::default();
        let mut scanned = 0;
        let spent = loop {
            if scanned + self.unreported >= budget.bytes {
                break true;
            }
            if self.partial.is_some() {
                self.scan_part();
            } else {
                match self.next(work).or_else(|| work.queue.take_long().map(Next::Page)) {
                    Some(Next::Page(page)) => self.scan(page),
                    Some(Next::Traced) => {}
                    None => break false,
                }
            }
            work.sleepers.wake_some(|| self.sink().worker.len());
            if budget.until.is_some() && clock.is_time(scanned + self.unreported) && budget.is_spent() {
                break true;
            }
            if self.unreported >= REPORT {
                scanned += self.unreported;
                work.progress.background(std::mem::take(&mut self.unreported));
            }
        };
        self.stop(work);
        scanned += self.unreported;
        work.progress.background(std::mem::take(&mut self.unreported));
        budget.bytes = budget.bytes.saturating_sub(scanned);
        spent
    }

    /// A mutator's part: marks until the budget is spent, or there is nothing to do; the bytes scanned. What is left in the
    /// queue can be stolen.
    pub(crate) fn assist(&mut self, work: &Work<'_>, budget: &Budget) -> usize {
        let space = self.tracer.space();
        let mut clock = Clock::default();
        while self.unreported < budget.bytes {
            match self.next(work) {
                Some(Next::Page(page)) => {
                    let span = space.span_of(space.page_base(page)).expect("a queued page belongs to a span");
                    if span.slot_size() > SHORT {
                        work.queue.leave_long(page);
                    } else {
                        self.scan(page);
                    }
                }
                Some(Next::Traced) => {}
                None => break,
            }
            if clock.is_time(self.unreported) && budget.is_spent() {
                break;
            }
        }
        self.stop(work);
        let scanned = std::mem::take(&mut self.unreported);
        work.progress.assisted(scanned);
        scanned
    }

    /// What this marker has at hand goes where others can take it.
    fn stop(&mut self, work: &Work<'_>) {
        self.tracer.flush();
        work.queue.leave_values(&mut self.sink().values);
    }

    /// Traces some of the values whose keys are marked.
    #[inline(never)]
    fn trace_values(&mut self) {
        let mut left = VALUES_PER_TURN;
        while let Some(chain) = self.sink().values.pop() {
            let (waiting, rest) = chain.split();
            self.sink().values.extend(rest);
            self.scan_one(waiting.cast());
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }

    /// Scans one object, which is black.
    fn scan_one(&mut self, object: NonNull<u8>) {
        let space = self.tracer.space();
        let addr = object.addr().get();
        let page = space.page_of(addr);
        let span = space.span_of(addr).expect("an object lies in a span");
        // SAFETY: the span is of a heap of this crate.
        let info = unsafe { TypeInfo::of_owner(span.owner().word) };
        let Some((info, scan)) = info.and_then(|info| info.scan.map(|scan| (info, scan))) else { return };
        let granule = (addr - space.page_base(page)) / GRANULE;
        let bits: PageBits = std::array::from_fn(|word| u64::from(word == granule / 64) << (granule % 64));
        self.unreported += span.slot_size();
        let bomb = abort_if_trace_panics(info.name); // I3
        // SAFETY: an initialised object of the span's type, of the tracer's heap.
        unsafe { scan(space.pointer(space.page_base(page)), &bits, span.slot_size(), &mut self.tracer) };
        std::mem::forget(bomb);
    }

    /// The next piece of work, from wherever there is one. `None` only with all of its own edges marked.
    fn next(&mut self, work: &Work<'_>) -> Option<Next> {
        loop {
            if let Some(page) = self.sink().worker.pop() {
                return Some(Next::Page(page));
            }
            if !self.sink().values.is_empty() {
                self.trace_values();
                return Some(Next::Traced);
            }
            self.tracer.flush();
            if !self.sink().worker.is_empty() {
                continue;
            }
            if let Some(chain) = work.queue.take_values() {
                self.sink().values.push(chain);
                continue;
            }
            if let Some(batch) = work.shades.take() {
                let space = self.tracer.space();
                self.sink().take_in(space, &batch);
                continue;
            }
            let me = self.index;
            return work.queue.steal_into(me, &self.sink().worker).map(Next::Page);
        }
    }

    /// Scans all grey objects of a page. While there is no other page, what is found on this one is scanned at once: a list
    /// whose nodes lie side by side is followed without a turn of the queue for each.
    fn scan(&mut self, page: PageId) {
        begin_scan(self.tracer.space(), page);
        let mut turns = VALUE_TURNS;
        loop {
            self.scan_grey(page);
            let sink = self.sink();
            if !sink.worker.is_empty() {
                return;
            }
            sink.hold(page);
            if !sink.values.is_empty() && turns != 0 {
                turns -= 1; // chains of ephemerons are followed like lists, but not without end
                self.trace_values();
            }
            self.tracer.flush();
            if !self.sink().let_go() {
                return;
            }
        }
    }

    /// Scans the next part of what it has begun (I4).
    fn scan_part(&mut self) {
        let Some(Partial { info, slot, slot_size, at }) = self.partial.take() else { return };
        let Some(scan_part) = info.scan_part else { return };
        self.unreported += PART;
        let bomb = abort_if_trace_panics(info.name); // I3
        // SAFETY: I2: an initialised object of this type, of the tracer's heap.
        let next = unsafe { scan_part(slot, slot_size, at, &mut self.tracer) };
        std::mem::forget(bomb);
        self.partial = next.map(|at| Partial { info, slot, slot_size, at });
    }

    /// Scans the objects of a page that are grey now. The marker holds the page.
    fn scan_grey(&mut self, page: PageId) {
        let space = self.tracer.space();
        let bits: PageBits = space.take_both(page);
        if bits.iter().fold(0, |all, word| all | word) == 0 {
            return;
        }
        let base = space.pointer(space.page_base(page)).cast_const();
        if is_watched(space, page) {
            take_scanned(space, base.addr(), &bits, |chain| self.sink().values.push(chain));
        }
        prefetch_slots(base, &bits);
        let span = space.span_of(base.addr()).expect("a page with marks belongs to a span");
        // SAFETY: the span is of a heap of this crate.
        let info = unsafe { TypeInfo::of_owner(span.owner().word) };
        let Some((info, scan)) = info.and_then(|info| info.scan.map(|scan| (info, scan))) else { return };
        if span.slot_size() > SHORT && info.scan_part.is_some() {
            // A large object, alone in its span.
            self.partial = Some(Partial { info, slot: base, slot_size: span.slot_size(), at: 0 });
            return;
        }
        let objects: u32 = bits.iter().map(|word| word.count_ones()).sum();
        self.unreported += objects as usize * span.slot_size();
        let bomb = abort_if_trace_panics(info.name); // I3
        // SAFETY: I2: initialised objects of the span's type, of the tracer's heap.
        unsafe { scan(base, &bits, span.slot_size(), &mut self.tracer) };
        std::mem::forget(bomb);
    }
}

/// Fetches the first line of each object whose bit is set, so that their misses overlap.
#[inline(always)]
fn prefetch_slots(base: *const u8, bits: &PageBits) {
    for (index, &word) in bits.iter().enumerate() {
        let mut left = word;
        while left != 0 {
            let granule = index * 64 + left.trailing_zeros() as usize;
            left &= left - 1;
            let slot = base.wrapping_add(granule * GRANULE);
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a prefetch of any address is harmless.
            unsafe {
                std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(slot.cast());
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = slot;
        }
    }
}
