//! An arena: the spans of one heap, and the epochs by which they are swept.
//!
//! # A cycle, as the owner runs it
//!
//! ```text
//!   marking                    mark bits set; new slots born with them
//!   flip()                     epoch e -> e + 1: all spans are unswept now; caches go on in theirs, of epoch e
//!   hand_over(e + 1)           each cache, when it likes: its spans to the lists; from then on it uses fresh spans of e + 1
//!   allow_sweep()              when all did: no cache writes bits of epoch e any more
//!   sweep, take_visit, refill  sweep the spans of e, each once; swept ones are of e + 1
//!   sweep() -> Done            and only then the next flip
//! ```
//!
//! - I1. `allow_sweep` is called only when no cache is of the old epoch. So the holder of an unswept span is a list, and a
//!   sweeper that takes it out has it alone.
//! - I2. At a flip no span of the epoch before the ended one is left.

use std::ptr::NonNull;

use crate::central::{Bucket, Central};
use crate::error::AllocError;
use crate::quota::{PAGE_COST, Quota};
use crate::size_class::CLASSES;
use crate::space::Space;
use crate::span::{self, Owner, SpanId};
use crate::stats::{Allocated, ClassStats, Counters, LARGE};
use crate::sync::{Arc, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// The spans of one heap. Caches allocate from it; the collector sweeps it.
///
/// Shared by threads; what each method asks of its caller is said there. A cycle, in order:
///
/// 1. Slots are marked ([`Space::mark`]); those that are born meanwhile get their mark at birth ([`Cache::set_birth`]).
/// 2. [`flip`](Arena::flip): the next epoch begins.
/// 3. [`Cache::hand_over`], by each cache's thread, when it likes.
/// 4. [`allow_sweep`](Arena::allow_sweep), when all did; then [`sweep`](Arena::sweep) and [`take_visit`](Arena::take_visit)
///    until [`SweepProgress::Done`]. Slots without a mark are free; no mark is left.
///
/// [`Cache::set_birth`]: crate::Cache::set_birth
/// [`Cache::hand_over`]: crate::Cache::hand_over
/// [`SweepProgress::Done`]: crate::SweepProgress::Done
pub struct Arena {
    space: &'static Space,
    central: Central,
    counters: Counters,
    /// What its spans take is charged here.
    quota: Arc<Quota>,
    /// Written by `flip` (Release); read by new caches (Acquire), and by sweepers through `sweeping`.
    epoch: AtomicU32,
    /// The epoch that sweeping is allowed for. Written by `allow_sweep` (Release), read by sweepers (Acquire): what the
    /// caches did before they handed over is seen by who finds sweeping allowed.
    sweeping: AtomicU32,
    /// Where the sweep of the plain buckets has come to.
    pub(crate) sweep_at: Progress,
    /// The same for the buckets with visits.
    pub(crate) visit_at: Progress,
    /// What had been handed out in epochs of the present one's parity when it began: bytes and slots. Written by `flip`,
    /// read by who called it.
    allocated_at_flip: [AtomicU64; 2],
    /// Caches that exist. Written by caches, read by `teardown`.
    caches: AtomicUsize,
}

impl Arena {
    /// How many spans a refill sweeps at most before it takes a fresh one.
    pub const REFILL_SWEEPS: usize = 16;

    /// An arena without spans, and without a limit.
    ///
    /// # Errors
    /// If there is no memory for its tables.
    pub fn new(space: &'static Space) -> Result<Arc<Arena>, AllocError> {
        Arena::with_quota(space, Quota::new(usize::MAX, None))
    }

    /// An arena without spans, whose pages are charged to `quota`, [`PAGE_COST`] each; requests that it refuses fail with
    /// [`Cause::Limit`](crate::Cause::Limit).
    ///
    /// # Errors
    /// As [`new`](Arena::new).
    pub fn with_quota(space: &'static Space, quota: Arc<Quota>) -> Result<Arc<Arena>, AllocError> {
        Ok(Arc::new(Arena {
            space,
            central: Central::new()?,
            counters: Counters::new(),
            quota,
            epoch: AtomicU32::new(0),
            sweeping: AtomicU32::new(0),
            sweep_at: Progress::new(),
            visit_at: Progress::new(),
            allocated_at_flip: Default::default(),
            caches: AtomicUsize::new(0),
        }))
    }

    /// The space its pages are from.
    pub fn space(&self) -> &'static Space {
        self.space
    }

    /// The present epoch.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire) // pairs with `flip`
    }

    /// Begins the next epoch and returns it: from now on every span that exists is unswept. Called when marking is
    /// over, by one thread at a time.
    ///
    /// Cost: a few stores, whatever the number of spans.
    ///
    /// # Panics
    /// If spans of the epoch before are not swept yet.
    pub fn flip(&self) -> u32 {
        // Relaxed: there is one caller at a time.
        let old = self.epoch.load(Ordering::Relaxed);
        let new = old.wrapping_add(1);
        let left = self.central.spans(new);
        assert_eq!(left, 0, "{left} spans of the last epoch are not swept, and a new one begins");
        self.counters.forget_live(new);
        // Relaxed: read by this caller, later.
        let Allocated { bytes, objects } = self.counters.allocated_in(new);
        self.allocated_at_flip[0].store(bytes, Ordering::Relaxed);
        self.allocated_at_flip[1].store(objects, Ordering::Relaxed);
        // Release: pairs with `epoch`.
        self.epoch.store(new, Ordering::Release);
        new
    }

    /// Allows the sweep of the old epoch's spans. Called when every cache has handed over, or ended. (One that did not is found
    /// out when it needs its next span, and panics.) Cost: three stores.
    pub fn allow_sweep(&self) {
        let epoch = self.epoch();
        self.sweep_at.restart(epoch);
        self.visit_at.restart(epoch);
        // Release: pairs with `may_sweep`; it also publishes the restart.
        self.sweeping.store(epoch, Ordering::Release);
    }

    /// Whether spans of the epoch before `epoch` may be swept.
    pub(crate) fn may_sweep(&self, epoch: u32) -> bool {
        // Acquire: pairs with `allow_sweep` (I1).
        self.sweeping.load(Ordering::Acquire) == epoch
    }

    /// Bytes of the slots that the last complete sweep found in use. Some loads.
    pub fn live_bytes(&self) -> u64 {
        self.counters.live(self.swept_epoch())[1]
    }

    /// The slots that the last complete sweep found in use. Some loads.
    pub fn live_objects(&self) -> u64 {
        self.counters.live(self.swept_epoch())[0]
    }

    /// The epoch of the last complete sweep: the present one, or the one before while its spans are not all swept.
    fn swept_epoch(&self) -> u32 {
        let epoch = self.epoch();
        let old = epoch.wrapping_sub(1);
        // `spans` is Acquire and sweepers count what is live before they take spans off it, so a total read behind a 0 is
        // the whole.
        if self.central.spans(old) == 0 { epoch } else { old }
    }

    /// Bytes of all slots handed out, ever, up to what caches have not told yet: less than a span for each entry of a cache.
    /// Never goes down. Two loads.
    pub fn allocated_bytes(&self) -> u64 {
        self.counters.allocated_bytes()
    }

    /// All slots handed out, ever, up to what caches have not told yet.
    pub fn allocated(&self) -> Allocated {
        self.counters.allocated()
    }

    /// Of these the ones of the epochs before the present one; exact once every cache has handed over.
    pub fn allocated_before(&self) -> Allocated {
        // Relaxed: written by `flip`.
        let [bytes, objects] = &self.allocated_at_flip;
        let of_this_parity =
            Allocated { bytes: bytes.load(Ordering::Relaxed), objects: objects.load(Ordering::Relaxed) };
        of_this_parity.plus(self.counters.allocated_in(self.epoch().wrapping_sub(1)))
    }

    /// The counters by size class, then those of large objects.
    pub fn class_stats(&self) -> [ClassStats; CLASSES + 1] {
        std::array::from_fn(|class| self.counters.get(class))
    }

    /// Visits every slot in use whose owner asks for visits, then gives all pages back: the arena is empty after it.
    /// If `visit` unwinds, calling again goes on behind the slot it unwound in.
    ///
    /// # Panics
    /// If a cache still exists.
    pub fn teardown(&self, visit: &mut dyn FnMut(Owner, NonNull<u8>)) {
        let caches = self.caches.load(Ordering::Acquire); // pairs with `leave`
        assert_eq!(caches, 0, "an arena is torn down with {caches} caches in use");
        self.for_each_span(true, |id| self.visit_used(id, visit));
        for visits in [true, false] {
            self.drain(visits);
        }
    }

    /// Takes each span out of its list while `f` runs, and puts it back.
    fn for_each_span(&self, visits: bool, mut f: impl FnMut(SpanId)) {
        /// Puts the spans back, also when `f` unwinds.
        struct Back<'a>(&'a Bucket, Vec<(u32, SpanId)>);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.1.drain(..).for_each(|(epoch, id)| self.0.give(epoch, id, true));
            }
        }
        let mut n = 0;
        while let Some(bucket) = self.central.nth(visits, n) {
            let mut back = Back(bucket, Vec::new());
            while let Some(taken) = bucket.take_any() {
                back.1.push(taken);
                f(taken.1);
            }
            n += 1;
        }
    }

    /// Hands each slot in use to `visit`; a slot is free before it is handed out, so none is visited twice.
    fn visit_used(&self, id: SpanId, visit: &mut dyn FnMut(Owner, NonNull<u8>)) {
        let span = span::at(self.space, id);
        let bits = span.bits(self.space);
        while let Some(granule) = bits.take_used() {
            let slot = span.base() + granule as usize * crate::layout::GRANULE;
            let slot = NonNull::new(std::ptr::with_exposed_provenance_mut(slot));
            visit(span.owner(), slot.expect("slots are not at address 0"));
        }
    }

    /// Gives the pages of all listed spans back.
    fn drain(&self, visits: bool) {
        let mut n = 0;
        while let Some(bucket) = self.central.nth(visits, n) {
            while let Some((epoch, id)) = bucket.take_any() {
                let span = span::at(self.space, id);
                span.bits(self.space).clear();
                self.central.sub_spans(epoch, 1);
                bucket.disown(1);
                self.free_span(bucket, id);
            }
            n += 1;
        }
    }

    /// Destroys a span without slots in use, which is in no list and not counted in its epoch any more.
    pub(crate) fn free_span(&self, bucket: &Bucket, id: SpanId) {
        self.take_again(class_index(bucket), span::at(self.space, id));
        let run = span::unmake(self.space, id);
        self.counters.add_spans(class_index(bucket), 1u64.wrapping_neg(), u64::from(run.pages).wrapping_neg());
        self.quota.refund(run.pages as usize * PAGE_COST);
        self.space.page_heap().free(run);
    }

    /// What its pages are charged to.
    pub fn quota(&self) -> &Arc<Quota> {
        &self.quota
    }

    pub(crate) fn central(&self) -> &Central {
        &self.central
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A cache begins.
    pub(crate) fn enter(&self) {
        // Relaxed: who makes a cache has a handle to the arena, and so not `teardown`'s promise.
        self.caches.fetch_add(1, Ordering::Relaxed);
    }

    /// A cache ends; its spans are in the lists.
    pub(crate) fn leave(&self) {
        // Release: pairs with `teardown`.
        self.caches.fetch_sub(1, Ordering::Release);
    }
}

/// How far the sweep of an epoch has come in the order of buckets: a hint that saves looks at empty lists.
///
/// One word, the epoch above the index of the bucket, so that a sweeper of an epoch that is over changes nothing. Written by
/// sweepers, by who puts a span back behind it, and by `allow_sweep`; every access but the restart is Relaxed, since a
/// list is looked at under its lock, and the sweep is over when its spans are counted to 0, not when the hint is at
/// the end.
pub(crate) struct Progress(AtomicU64);

impl Progress {
    fn new() -> Progress {
        Progress(AtomicU64::new(0))
    }

    const fn word(epoch: u32, bucket: usize) -> u64 {
        (epoch as u64) << 32 | bucket as u64
    }

    /// Begins at the first bucket. Relaxed: published by the Release store of `sweeping`.
    fn restart(&self, epoch: u32) {
        self.0.store(Progress::word(epoch, 0), Ordering::Relaxed);
    }

    /// The bucket to look at; `None` if the sweep of `epoch` is over.
    pub(crate) fn get(&self, epoch: u32) -> Option<usize> {
        let word = self.0.load(Ordering::Relaxed);
        ((word >> 32) as u32 == epoch).then_some(word as u32 as usize)
    }

    /// Steps on from the bucket `from`, which is empty; of two sweepers that leave one bucket one does. The caller has the
    /// bucket's lock.
    pub(crate) fn step(&self, epoch: u32, from: usize) {
        let (old, new) = (Progress::word(epoch, from), Progress::word(epoch, from + 1));
        let _ = self.0.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Goes back to the bucket `to`, if it is beyond. The caller has put a span back there, and took the bucket's lock for
    /// it: either `step` from there came before under the lock, and is seen here, or the next look finds the span.
    pub(crate) fn go_back(&self, epoch: u32, to: usize) {
        let mut word = self.0.load(Ordering::Relaxed);
        while (word >> 32) as u32 == epoch && word as u32 as usize > to {
            match self.0.compare_exchange(word, Progress::word(epoch, to), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }
}

/// Index of a bucket's counters.
pub(crate) fn class_index(bucket: &Bucket) -> usize {
    bucket.class.map_or(LARGE, |class| class.index())
}

impl Drop for Arena {
    fn drop(&mut self) {
        for visits in [true, false] {
            self.drain(visits);
        }
        debug_assert_eq!(self.central.spans(0) + self.central.spans(1), 0, "an arena is dropped with a span in use");
    }
}
