//! The two bits of each slot, and everything that is done with them: opening and closing runs of free slots, finding them,
//! sweeping. Knows words and ranges of granules, not addresses, spans or owners.
//!
//! A slot's bits sit at the granule where it starts; the other granules of a slot have no bits (they stay 0). Positions are
//! counted in granules from the start of the span; `stride` is the slot size in granules.
//!
//! - I1. A slot is free if it has neither bit. It is in use otherwise.
//! - I2. The words of a span belong to that span alone (spans are whole pages). One party has it: a cache, a list, a
//!   sweeper. Only that party makes slots used or free; others (markers) only move a used slot between its states:
//!   white (alloc) -> grey (both) -> black (mark), setting the mark before they clear the alloc bit.
//! - I3. Whoever looks for free slots beside markers reads a word's alloc bits first, with Acquire, then its mark bits.
//!   If the alloc bit was cleared by a marker, that marker had seen the mark set, and so does the reader: no slot in use
//!   is ever seen with neither bit. (The other order: mark read 0, slot goes grey and black, alloc read 0.)
//! - I4. A word none of whose slots is in use has no other writer (a marker writes bits of used slots only, and only ever
//!   with atomic read-modify-writes): plain stores serve there. In other words:
//!
//! | birth | alloc bits: other writers | mark bits: other writers |
//! |---|---|---|
//! | [`Birth::Alloc`] | none: markers start when no cache has this birth | markers of roots and barriers |
//! | [`Birth::Both`] | none: the same | the same |
//! | [`Birth::Mark`] | markers (`take_both`) | markers |
//!
//!   So alloc bits are set and cleared by plain read-modify-write (a load and a store) in births that touch them, mark bits
//!   by atomic read-modify-write.

use std::ops::Range;

use crate::space::prefetch;
use crate::sync::{AtomicU64, Ordering};

/// Granules per word of bits.
pub(crate) const WORD: u32 = 64;

/// The bits that a new slot is born with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Birth {
    /// The alloc bit alone.
    Alloc,
    /// Both bits.
    Both,
    /// The mark bit alone.
    Mark,
}

/// Where the slots of one size start within words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stride {
    /// Granules per slot.
    granules: u32,
    /// Bits of the slots that start in a word whose first granule starts a slot.
    pattern: u64,
    /// Granules of a word behind its last whole slot, if that word begins with a slot: 64 modulo `granules`.
    rest: u32,
}

impl Stride {
    pub(crate) const fn new(granules: u32) -> Stride {
        let mut pattern = 0u64;
        let mut bit = 0;
        while bit < WORD {
            pattern |= 1 << bit;
            bit += granules;
        }
        Stride { granules, pattern, rest: WORD % granules }
    }

    /// Granules per slot.
    #[inline(always)]
    pub(crate) const fn granules(self) -> u32 {
        self.granules
    }
}

/// The words that a range of slots touches, with the bits of its slots. Wide strides skip words without any.
struct SlotWords {
    stride: Stride,
    word: u32,
    /// First slot start in `word` and in the range, counted from the start of the word.
    phase: u32,
    /// First slot start in `word`, in the range or not; of strides up to a word.
    first: u32,
    range: Range<u32>,
}

impl SlotWords {
    /// `range.start` is a slot start.
    #[inline(always)]
    fn new(stride: Stride, range: Range<u32>) -> SlotWords {
        let phase = range.start % WORD;
        SlotWords { stride, word: range.start / WORD, phase, first: phase % stride.granules, range }
    }
}

impl Iterator for SlotWords {
    /// Word index, bits of the slots, and whether all granules of the word lie in the range.
    type Item = (usize, u64, bool);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let start = self.word * WORD;
        let first = start + self.phase;
        if first >= self.range.end {
            return None;
        }
        let mut bits = self.stride.pattern << self.phase;
        let left = self.range.end - start;
        if left < WORD {
            bits &= (1 << left) - 1;
        }
        let item = (self.word as usize, bits, start >= self.range.start && left >= WORD);
        let g = self.stride.granules;
        if g <= WORD {
            // Slots start in every word, `rest` granules earlier in each than in the one before, modulo the stride.
            let rest = self.stride.rest;
            self.first = if self.first >= rest { self.first - rest } else { self.first + g - rest };
            self.word += 1;
            self.phase = self.first;
        } else {
            self.word = (first + g) / WORD;
            self.phase = (first + g) % WORD;
        }
        Some(item)
    }
}

/// The words of one span.
#[derive(Clone, Copy)]
pub(crate) struct SpanBits<'a> {
    pub(crate) alloc: &'a [AtomicU64],
    pub(crate) mark: &'a [AtomicU64],
}

impl SpanBits<'_> {
    /// The used slots of a word (I3).
    #[inline(always)]
    fn used(&self, word: usize) -> u64 {
        // Acquire: pairs with the Release of `take_both`; the load of the mark bits must not move before it (I3).
        // MUTATION(run-look-relaxed) Ordering::Acquire ==> Ordering::Relaxed
        let alloc = self.alloc[word].load(Ordering::Acquire);
        // Relaxed: ordered by the Acquire above.
        alloc | self.mark[word].load(Ordering::Relaxed)
    }

    /// The first run of free slots at or after `from` and before `end` (both slot starts): as long as it gets, unless the
    /// span has none. A run ends where the next used slot starts.
    #[inline]
    pub(crate) fn next_run(&self, stride: Stride, from: u32, end: u32) -> Option<Range<u32>> {
        if from >= end {
            return None;
        }
        let mut words = SlotWords::new(stride, from..end);
        let (start, mut word, mut later) = loop {
            let (word, slots, _) = words.next()?;
            let used = self.used(word);
            let free = slots & !used;
            if free != 0 {
                let bit = free.trailing_zeros();
                // Bits of granules after the slot's; shifted twice, as `bit` may be 63.
                break (word as u32 * WORD + bit, word, used & (!1 << bit));
            }
        };
        let last = (end as usize - 1) / WORD as usize;
        while later == 0 {
            if word == last {
                return Some(start..end);
            }
            word += 1;
            later = self.used(word);
        }
        Some(start..(word as u32 * WORD + later.trailing_zeros()).min(end))
    }

    /// Gives the slots of a free run their birth bits. The caller has the span (I2).
    #[inline]
    pub(crate) fn open(&self, stride: Stride, run: Range<u32>, birth: Birth) {
        for (word, bits, whole) in SlotWords::new(stride, run) {
            if birth != Birth::Mark {
                let alloc = &self.alloc[word];
                // Relaxed: no other writer (I4). A slot's address is published by its owner, after this.
                let old = if whole { 0 } else { alloc.load(Ordering::Relaxed) };
                debug_assert_eq!(old & bits, 0, "a slot in use is handed out again");
                alloc.store(old | bits, Ordering::Relaxed);
            }
            if birth != Birth::Alloc {
                let mark = &self.mark[word];
                if whole {
                    // Relaxed: as above.
                    mark.store(bits, Ordering::Relaxed);
                } else {
                    // Relaxed: markers set other bits of this word (I4); atomicity is all that is needed.
                    // MUTATION(birth-not-atomic) mark.fetch_or(bits, Ordering::Relaxed) ==> { let old = mark.load(Ordering::Relaxed); mark.store(old | bits, Ordering::Relaxed); old }
                    let old = mark.fetch_or(bits, Ordering::Relaxed);
                    debug_assert_eq!(old & bits, 0, "a slot in use is handed out again");
                }
            }
        }
    }

    /// Takes the birth bits of slots that were opened with `birth` and never handed out. The caller has the span (I2).
    #[inline]
    pub(crate) fn close(&self, stride: Stride, tail: Range<u32>, birth: Birth) {
        for (word, bits, whole) in SlotWords::new(stride, tail) {
            if birth != Birth::Mark {
                let alloc = &self.alloc[word];
                // Relaxed: no other writer (I4).
                let old = if whole { bits } else { alloc.load(Ordering::Relaxed) };
                debug_assert_eq!(old & bits, bits, "a slot that was never handed out lost its birth bits");
                alloc.store(old & !bits, Ordering::Relaxed);
            }
            if birth != Birth::Alloc {
                let mark = &self.mark[word];
                if whole {
                    // Relaxed: nobody knows these slots (I4).
                    mark.store(0, Ordering::Relaxed);
                } else {
                    // Relaxed: as in `open`.
                    let old = mark.fetch_and(!bits, Ordering::Relaxed);
                    debug_assert_eq!(old & bits, bits, "a slot that was never handed out lost its birth bits");
                }
            }
        }
    }

    /// The dead slots of a word: those with the alloc bit alone, in the span's sweeper's hands.
    #[inline]
    pub(crate) fn dead(&self, word: usize) -> u64 {
        // Relaxed: no marker is at work; the span came through a list's lock.
        self.alloc[word].load(Ordering::Relaxed) & !self.mark[word].load(Ordering::Relaxed)
    }

    /// Takes the alloc bits of `slots` of a word, in the span's sweeper's hands.
    pub(crate) fn forget(&self, word: usize, slots: u64) {
        // Relaxed: as in `dead`.
        self.alloc[word].store(self.alloc[word].load(Ordering::Relaxed) & !slots, Ordering::Relaxed);
    }

    /// Frees the first slot in use and returns its granule. Nobody else uses the span.
    pub(crate) fn take_used(&self) -> Option<u32> {
        let word = (0..self.alloc.len()).find(|&word| self.used(word) != 0)?;
        let used = self.used(word);
        let left = used & (used - 1);
        // Relaxed: nobody else looks.
        for words in [self.alloc, self.mark] {
            words[word].store(words[word].load(Ordering::Relaxed) & left, Ordering::Relaxed);
        }
        Some(word as u32 * WORD + used.trailing_zeros())
    }

    /// Frees all slots. Nobody else uses the span.
    pub(crate) fn clear(&self) {
        for word in self.alloc.iter().chain(self.mark) {
            word.store(0, Ordering::Relaxed); // nobody else looks
        }
    }

    /// Slots in use.
    pub(crate) fn count_used(&self) -> u32 {
        (0..self.alloc.len()).map(|word| self.used(word).count_ones()).sum()
    }

    /// Asks the processor to load the words, for a sweep that comes soon.
    #[inline]
    pub(crate) fn prefetch(&self) {
        for words in [self.alloc, self.mark] {
            words.iter().step_by(8).for_each(prefetch);
        }
    }

    /// `alloc := mark; mark := 0`. Returns the slots that stay in use. The caller has the span, and no marker is at work.
    ///
    /// Cost: what it takes to bring in and write back two lines for each page; bench `allocator`, row "sweep".
    #[inline]
    pub(crate) fn sweep(&self) -> u32 {
        #[cfg(all(target_arch = "x86_64", not(loom)))]
        if std::is_x86_feature_detected!("popcnt") {
            // SAFETY: the processor has the instruction.
            return unsafe { self.sweep_with_popcnt() };
        }
        self.sweep_words()
    }

    /// As `sweep`. Without the instruction counting costs more than all the rest.
    #[cfg(all(target_arch = "x86_64", not(loom)))]
    #[target_feature(enable = "popcnt")]
    fn sweep_with_popcnt(&self) -> u32 {
        self.sweep_words()
    }

    #[inline(always)]
    fn sweep_words(&self) -> u32 {
        let (alloc, alloc_rest) = self.alloc.as_chunks::<8>();
        let (mark, mark_rest) = self.mark.as_chunks::<8>();
        let mut live = 0;
        for (alloc, mark) in alloc.iter().zip(mark) {
            // Relaxed throughout: the span reaches its next holder through a list's lock.
            let bits: [u64; 8] = std::array::from_fn(|i| mark[i].load(Ordering::Relaxed));
            for i in 0..8 {
                alloc[i].store(bits[i], Ordering::Relaxed);
                mark[i].store(0, Ordering::Relaxed);
            }
            live += bits.iter().map(|bits| bits.count_ones()).sum::<u32>();
        }
        debug_assert!(alloc_rest.is_empty() && mark_rest.is_empty(), "the bits of a page are eight words");
        live
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Words {
        alloc: Vec<AtomicU64>,
        mark: Vec<AtomicU64>,
    }

    impl Words {
        fn new(words: usize) -> Words {
            let zeros = || (0..words).map(|_| AtomicU64::new(0)).collect();
            Words { alloc: zeros(), mark: zeros() }
        }
        fn bits(&self) -> SpanBits<'_> {
            SpanBits { alloc: &self.alloc, mark: &self.mark }
        }
        fn get(words: &[AtomicU64], granule: u32) -> bool {
            words[granule as usize / 64].load(Ordering::Relaxed) >> (granule % 64) & 1 == 1
        }
        fn set(words: &[AtomicU64], granule: u32) {
            words[granule as usize / 64].fetch_or(1 << (granule % 64), Ordering::Relaxed);
        }
    }

    /// Strides of a few classes: 1, odd ones, a divisor of 64, 64, above 64.
    const STRIDES: [u32; 10] = [1, 2, 3, 5, 7, 16, 25, 64, 72, 200];

    #[test]
    fn open_and_close_touch_the_slots_of_the_run_and_no_others() {
        for g in STRIDES {
            let stride = Stride::new(g);
            let slots = 16 * 64 / g;
            for birth in [Birth::Alloc, Birth::Both, Birth::Mark] {
                for (first, last) in [(0, slots), (0, 1), (1, slots), (slots / 3, slots / 2), (slots - 1, slots)] {
                    if first >= last {
                        continue;
                    }
                    let words = Words::new(16);
                    words.bits().open(stride, first * g..last * g, birth);
                    let cut = first + (last - first) / 2;
                    for closed in [false, true] {
                        if closed {
                            words.bits().close(stride, cut * g..last * g, birth);
                        }
                        let end = if closed { cut } else { last };
                        for granule in 0..16 * 64 {
                            let slot = granule / g;
                            let born = granule % g == 0 && (first..end).contains(&slot);
                            assert_eq!(Words::get(&words.alloc, granule), born && birth != Birth::Mark);
                            assert_eq!(Words::get(&words.mark, granule), born && birth != Birth::Alloc);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn runs_are_the_maximal_free_ranges() {
        let mut seed = 1u64;
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        for g in STRIDES {
            let stride = Stride::new(g);
            let slots = 16 * 64 / g;
            for density in [0, 1, 8, 32, 60, 64] {
                for _ in 0..50 {
                    let words = Words::new(16);
                    let used: Vec<bool> = (0..slots).map(|_| random() % 64 < density).collect();
                    for slot in (0..slots).filter(|&s| used[s as usize]) {
                        let kind = random() % 3;
                        if kind < 2 {
                            Words::set(&words.alloc, slot * g);
                        }
                        if kind > 0 {
                            Words::set(&words.mark, slot * g);
                        }
                    }
                    let mut want = Vec::new();
                    let mut slot = 0;
                    while slot < slots {
                        let start = slot;
                        while slot < slots && !used[slot as usize] {
                            slot += 1;
                        }
                        if slot > start {
                            want.push(start * g..slot * g);
                        }
                        slot += 1;
                    }
                    let mut got = Vec::new();
                    let mut from = 0;
                    while let Some(run) = words.bits().next_run(stride, from, slots * g) {
                        from = run.end;
                        got.push(run);
                    }
                    assert_eq!(got, want, "stride {g}");
                    let count = used.iter().filter(|&&u| u).count() as u32;
                    assert_eq!(words.bits().count_used(), count);
                }
            }
        }
    }

    #[test]
    fn sweep_keeps_the_marked() {
        let words = Words::new(16);
        Words::set(&words.alloc, 3);
        Words::set(&words.mark, 3);
        Words::set(&words.alloc, 4);
        Words::set(&words.mark, 700);
        assert_eq!(words.bits().sweep(), 2);
        for granule in 0..1024 {
            assert_eq!(Words::get(&words.alloc, granule), granule == 3 || granule == 700);
            assert!(!Words::get(&words.mark, granule));
        }
    }
}
