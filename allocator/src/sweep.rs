//! The sweep: `alloc := mark; mark := 0`, span by span, each once an epoch.
//!
//! A sweeper takes a span of the old epoch out of its list and so has it alone (`central` I1, `arena` I1); then it sweeps
//! the words, and gives the span to the lists of the new epoch, or to the page heap if nothing in it is in use. Spans
//! are swept by refills that need one, and by [`Arena::sweep`] in the background, which takes them from the lists in
//! batches: a lock for dozens of spans, not for each.
//!
//! Spans whose owner asks for visits go through [`VisitSpan`] first. A dead slot's alloc bit is taken away as the slot is
//! handed out, so a visitor that stops half way leaves a span whose remaining dead slots, and no others, are still to be
//! visited.
//!
//! - I1. `Central::spans` of the old epoch counts a span until it is swept and listed anew (or freed).
//! - I2. Nobody but its sweeper or visitor looks at the bits of a span meanwhile: between an owner's cycles no marks are
//!   set or asked for.

use std::ptr::NonNull;

use crate::arena::{Arena, class_index};
use crate::central::Bucket;
use crate::layout::GRANULE;
use crate::poison::poison;
use crate::span::{self, Owner, Span, SpanId};

/// Spans per batch of the background sweep.
const BATCH: usize = if cfg!(loom) { 2 } else { 64 };

/// Whether the sweep of an epoch is complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SweepProgress {
    /// There are spans left: in lists, in the hands of refills, or waiting for [`Arena::take_visit`].
    More,
    /// Every span is swept.
    Done,
}

/// A span that is about to be swept: for owners who want to see what dies, to poison it, say.
pub struct DyingSpan<'a> {
    arena: &'a Arena,
    span: &'a Span,
}

impl DyingSpan<'_> {
    /// The owner.
    pub fn owner(&self) -> Owner {
        self.span.owner()
    }

    /// Bytes per slot.
    pub fn slot_size(&self) -> usize {
        self.span.slot_size()
    }

    /// Calls `f` with each dead slot.
    pub fn for_each_dead(&self, mut f: impl FnMut(NonNull<u8>)) {
        let bits = self.span.bits(self.arena.space());
        for word in 0..bits.alloc.len() {
            let mut dead = bits.dead(word);
            while dead != 0 {
                f(slot_at(self.span, word, dead.trailing_zeros()));
                dead &= dead - 1;
            }
        }
    }
}

/// The slot whose bit it is.
fn slot_at(span: &Span, word: usize, bit: u32) -> NonNull<u8> {
    let slot = span.base() + (word * 64 + bit as usize) * GRANULE;
    NonNull::new(std::ptr::with_exposed_provenance_mut(slot)).expect("slots are not at address 0")
}

/// Poisons the slots whose bits they are.
#[inline(always)]
fn poison_slots(span: &Span, word: usize, mut slots: u64) {
    while cfg!(asan) && slots != 0 {
        poison(slot_at(span, word, slots.trailing_zeros()).addr().get(), span.slot_size());
        slots &= slots - 1;
    }
}

/// What a sweep made of a span.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Swept {
    Empty,
    Partial,
    Full,
}

/// Sums of a batch of one bucket.
#[derive(Default)]
struct Tally {
    live: u64,
    live_bytes: u64,
}

impl Arena {
    /// Sweeps up to `max_spans` spans whose owners want no visits. `each` is called with every one of them before.
    ///
    /// May be called by several threads at a time, of which none is still inside when the next epoch begins. Cost: some 60 ns
    /// for a span of 64 KiB whose bits are in no near cache, and a lock for each 64 spans.
    ///
    /// # Panics
    /// If the sweep is not allowed yet.
    pub fn sweep(&self, max_spans: usize, each: &mut dyn FnMut(&DyingSpan<'_>)) -> SweepProgress {
        let epoch = self.epoch();
        assert!(self.may_sweep(epoch), "a sweep before `allow_sweep`");
        let old = epoch.wrapping_sub(1);
        let mut left = max_spans;
        let mut batch = [SpanId(0); BATCH];
        while left > 0 {
            let Some(at) = self.sweep_at.get(epoch) else { break };
            let Some(bucket) = self.central().nth(false, at) else { break };
            let wanted = left.min(BATCH);
            let taken = bucket.take_batch(old, &mut batch[..wanted], || self.sweep_at.step(epoch, at));
            left -= taken;
            for &id in &batch[..taken] {
                each(&DyingSpan { arena: self, span: span::at(self.space(), id) });
            }
            self.sweep_batch(bucket, &batch[..taken], epoch);
        }
        if self.central().spans(old) == 0 { SweepProgress::Done } else { SweepProgress::More }
    }

    /// Sweeps spans of one bucket, which the caller took out of its lists.
    fn sweep_batch(&self, bucket: &Bucket, spans: &[SpanId], epoch: u32) {
        let mut tally = Tally::default();
        let mut swept = [Swept::Empty; BATCH];
        for (i, &id) in spans.iter().enumerate() {
            if let Some(&next) = spans.get(i + 2) {
                span::at(self.space(), next).bits(self.space()).prefetch();
            }
            swept[i] = self.sweep_one(id, epoch, &mut tally);
        }
        let results = spans.iter().copied().zip(swept);
        let kept = results.clone().filter(|&(_, swept)| swept != Swept::Empty);
        let kept_count = kept.clone().count();
        self.central().add_spans(epoch, kept_count);
        // Room for the empty ones is taken back with the lock: only then can others use it up.
        let empty = (spans.len() - kept_count) as u32;
        bucket.settle(epoch, kept.map(|(id, swept)| (id, swept == Swept::Partial)), empty);
        for (id, _) in results.filter(|&(_, swept)| swept == Swept::Empty) {
            self.free_span(bucket, id);
        }
        self.counters().add_live(epoch, class_index(bucket), tally.live, tally.live_bytes);
        // Last: what precedes is seen by who sees the count (I1).
        self.central().sub_spans(epoch.wrapping_sub(1), spans.len());
    }

    fn sweep_one(&self, id: SpanId, epoch: u32, tally: &mut Tally) -> Swept {
        let span = span::at(self.space(), id);
        debug_assert_eq!(span.epoch(), epoch.wrapping_sub(1), "a span is swept twice, or by the wrong epoch");
        let bits = span.bits(self.space());
        if cfg!(asan) {
            (0..bits.alloc.len()).for_each(|word| poison_slots(span, word, bits.dead(word)));
        }
        let live = bits.sweep();
        span.set_epoch(epoch);
        tally.live += u64::from(live);
        tally.live_bytes += u64::from(live) * span.slot_size() as u64;
        if live == 0 {
            Swept::Empty
        } else if live < span.slots() {
            Swept::Partial
        } else {
            Swept::Full
        }
    }

    /// Sweeps a span of the epoch before `epoch` that a cache took out of `bucket` and goes on to hold; whether it has free
    /// slots.
    pub(crate) fn sweep_held(&self, bucket: &Bucket, id: SpanId, epoch: u32) -> bool {
        let mut tally = Tally::default();
        let swept = self.sweep_one(id, epoch, &mut tally);
        self.central().add_spans(epoch, 1);
        self.counters().add_live(epoch, class_index(bucket), tally.live, tally.live_bytes);
        // Last, as in `sweep_batch`.
        self.central().sub_spans(epoch.wrapping_sub(1), 1);
        swept != Swept::Full
    }

    /// The next span with dead slots to visit, or `None` if none is left in the lists. (Others may be in the hands of other
    /// visitors.) Spans without dead slots are swept on the way.
    ///
    /// Cost: a lock, a load for each word of bits, and the sweep of what has no dead slots.
    ///
    /// # Panics
    /// If the sweep is not allowed yet.
    ///
    /// ```
    /// use allocator::{Arena, Cache, Owner, SizeClass, Space, SweepProgress};
    /// # fn main() -> Result<(), allocator::AllocError> {
    /// let arena = Arena::new(Space::global()?)?;
    /// let mut cache = Cache::new(&arena);
    /// let owner = Owner { word: 64, attributes: Owner::VISIT };
    /// let slot = cache.refill(owner, SizeClass::of(32, 8).unwrap())?;
    /// let epoch = arena.flip();
    /// cache.hand_over(epoch);
    /// arena.allow_sweep();
    /// let mut dead = Vec::new();
    /// while let Some(mut span) = arena.take_visit() {
    ///     while let Some(slot) = span.next_dead() {
    ///         dead.push(slot); // run its destructor, say
    ///     }
    ///     span.finish();
    /// }
    /// assert_eq!(dead, [slot]);
    /// assert_eq!(arena.sweep(usize::MAX, &mut |_| {}), SweepProgress::Done);
    /// # Ok(()) }
    /// ```
    pub fn take_visit(&self) -> Option<VisitSpan<'_>> {
        let epoch = self.epoch();
        assert!(self.may_sweep(epoch), "a visit before `allow_sweep`");
        loop {
            let at = self.visit_at.get(epoch)?;
            let bucket = self.central().nth(true, at)?;
            let mut taken = [SpanId(0)];
            if bucket.take_batch(epoch.wrapping_sub(1), &mut taken, || self.visit_at.step(epoch, at)) == 0 {
                continue;
            }
            let [id] = taken;
            let mut visit = VisitSpan { arena: self, bucket, id, epoch, word: 0, dead: 0, handed: 0 };
            if visit.find_dead() {
                return Some(visit);
            }
            visit.finish();
        }
    }
}

/// A span whose dead slots are being visited. Dropping it puts the span back into its list, with the dead slots
/// that were not handed out still to be visited. A guard that is leaked keeps its span, and the epoch's sweep, from
/// completion.
pub struct VisitSpan<'a> {
    arena: &'a Arena,
    bucket: &'a Bucket,
    /// `SpanId(0)`: finished.
    id: SpanId,
    epoch: u32,
    /// The word looked at.
    word: usize,
    /// Its dead slots that are not handed out.
    dead: u64,
    /// Its dead slots that are handed out and still have their alloc bit.
    handed: u64,
}

impl VisitSpan<'_> {
    fn span(&self) -> &Span {
        span::at(self.arena.space(), self.id)
    }

    /// The owner.
    pub fn owner(&self) -> Owner {
        self.span().owner()
    }

    /// Bytes per slot.
    pub fn slot_size(&self) -> usize {
        self.span().slot_size()
    }

    /// Goes to the next word with dead slots; false if there is none.
    fn find_dead(&mut self) -> bool {
        let bits = self.span().bits(self.arena.space());
        while self.dead == 0 {
            self.settle();
            let next = (self.word..bits.alloc.len()).find(|&word| bits.dead(word) != 0);
            let Some(next) = next else { return false };
            self.word = next;
            self.dead = bits.dead(next);
        }
        true
    }

    /// Frees the slots that were handed out.
    fn settle(&mut self) {
        if self.handed != 0 {
            // MUTATION(dead-handed-out-again) skip
            self.span().bits(self.arena.space()).forget(self.word, self.handed);
            poison_slots(self.span(), self.word, self.handed);
            self.handed = 0;
        }
    }

    /// The next dead slot. Each is handed out once, whoever asks. Its memory is not used again before the span is swept.
    pub fn next_dead(&mut self) -> Option<NonNull<u8>> {
        if !self.find_dead() {
            return None;
        }
        let bit = self.dead.trailing_zeros();
        self.dead &= self.dead - 1;
        self.handed |= 1 << bit;
        Some(slot_at(self.span(), self.word, bit))
    }

    /// Sweeps the span, if all its dead slots were handed out; else as drop.
    pub fn finish(mut self) {
        if self.find_dead() {
            return;
        }
        self.settle();
        let id = std::mem::take(&mut self.id);
        self.arena.sweep_batch(self.bucket, &[id], self.epoch);
    }
}

impl Drop for VisitSpan<'_> {
    fn drop(&mut self) {
        if self.id == SpanId(0) {
            return;
        }
        self.settle();
        self.bucket.give(self.epoch.wrapping_sub(1), self.id, true);
        // MUTATION(visit-put-back-silently) skip
        self.arena.visit_at.go_back(self.epoch, self.bucket.index());
    }
}
