//! The bitmaps of the page heap and the tree of summaries above them. No locks, no system calls.
//!
//! ```text
//! level 4   one summary per 2^21 pages (16 GiB)     at most 64 for 1 TiB: scanned from the hint on
//! level 3                   2^18       (2 GiB)      8 children = 1 cache line
//! level 2                   2^15       (256 MiB)
//! level 1                   2^12       (32 MiB)
//! level 0   one summary per chunk of 512 (4 MiB)
//! bitmaps   8 words "used" and 8 words "dirty" per chunk
//! ```
//!
//! Allocation walks from the root to the lowest run that is long enough: on each level it looks at eight summaries at
//! most, and each says exactly whether the run is inside a child, across neighbours, or not here. Then the chunks that
//! changed get a new summary (by looking at the run that grew or shrank, unless that was a longest one), and so do their
//! ancestors until one stays the same. Release does only the second part;
//! neighbours coalesce by being neighbours. So both cost O(levels), plus the run's own length in chunks.
//!
//! - T1. Each summary is the merge of its children, each of level 0 that of its chunk's bitmap, after every method.
//! - T2. Every page below `hint` is used.
//! - T3. A page is *dirty* if it was written since it was last known to be zero; a free page that is not dirty reads as
//!   zero. The bit of a used page has no meaning until it is free again.
//! - T4. `dirty_chunks` has the bit of a chunk set if and only if the chunk has a page that is free and dirty, and
//!   `dirty_free` counts such pages.
//! - T5. Pages beyond `len` are used for ever.

use super::runs::{
    CHUNK_PAGES, CHUNK_WORDS, ChunkBits, Runs, Summary, find_run, first_free, free_below, free_from, last_run, masks,
    summarize,
};
use crate::layout::Layout;
use crate::os::Mapping;
use crate::side_table::Table;

/// Levels of summaries.
pub(crate) const LEVELS: usize = 5;

/// Children of a summary, as a shift.
const FAN: usize = 3;

const _: () = assert!(CHUNK_PAGES << (FAN * (LEVELS - 1)) == super::runs::MAX_WIDTH, "R2: the root's width");

/// Summaries of a level for a heap of `chunks` chunks.
pub(crate) const fn level_len(level: usize, chunks: usize) -> usize {
    chunks.div_ceil(1 << (FAN * level))
}

/// Pages under one summary of a level.
const fn width(level: usize) -> usize {
    CHUNK_PAGES << (FAN * level)
}

/// Free and used pages.
#[derive(Debug)]
pub(super) struct Tree {
    /// Number of pages.
    len: usize,
    /// Per chunk the words of used pages, then those of dirty pages.
    chunks: Table<u64>,
    summaries: [Table<u64>; LEVELS],
    dirty_chunks: BitTree,
    /// Pages that are free and dirty (T4).
    dirty_free: usize,
    /// T2.
    hint: usize,
    /// One past the highest page that was ever used.
    high: usize,
}

/// Pages that were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) start: usize,
    /// How many of them were dirty.
    pub(super) dirty: usize,
}

/// The free pages of one aligned group of at most 64, as bits of a word of the bitmap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    /// The page of bit 0: a multiple of 64.
    pub(crate) base: usize,
    /// The pages.
    pub(crate) pages: u64,
    /// Those that are dirty.
    pub(crate) dirty: u64,
}

impl Tree {
    /// A tree of `len` free, clean pages.
    ///
    /// # Safety
    /// The parts of `layout`, which is that of `len` pages, are taken from `tables` only once, and `tables` outlives the
    /// tree.
    pub(super) unsafe fn new(len: usize, layout: &Layout, tables: &Mapping) -> Tree {
        let table = |part| {
            // SAFETY: promised by the caller.
            unsafe { tables.table(part) }
        };
        let mut tree = Tree {
            len,
            chunks: table(layout.chunks),
            summaries: layout.summaries.map(table),
            dirty_chunks: BitTree(layout.dirty_chunks.map(table)),
            dirty_free: 0,
            hint: 0,
            high: 0,
        };
        // T5, and the ancestors with fewer than eight children.
        let chunks = tree.summaries[0].len();
        let rest = chunks * CHUNK_PAGES - len;
        if rest > 0 {
            for (word, mask) in masks(CHUNK_PAGES - rest, rest) {
                tree.used_mut(chunks - 1)[word] |= mask;
            }
        }
        tree.summaries[0][chunks - 1] = tree.chunk_summary(chunks - 1).0;
        for level in 1..LEVELS {
            tree.refresh(level, tree.summaries[level].len() - 1);
        }
        tree
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn dirty_free(&self) -> usize {
        self.dirty_free
    }

    pub(super) fn high(&self) -> usize {
        self.high
    }

    fn words(&self, chunk: usize, which: usize) -> &ChunkBits {
        let start = chunk * 2 * CHUNK_WORDS + which * CHUNK_WORDS;
        self.chunks[start..][..CHUNK_WORDS].try_into().expect("a slice of this length")
    }

    fn used(&self, chunk: usize) -> &ChunkBits {
        self.words(chunk, 0)
    }

    fn dirty(&self, chunk: usize) -> &ChunkBits {
        self.words(chunk, 1)
    }

    fn words_mut(&mut self, chunk: usize) -> (&mut ChunkBits, &mut ChunkBits) {
        let words = &mut self.chunks[chunk * 2 * CHUNK_WORDS..][..2 * CHUNK_WORDS];
        let (used, dirty) = words.split_at_mut(CHUNK_WORDS);
        let length = "a slice of this length";
        (used.try_into().expect(length), dirty.try_into().expect(length))
    }

    fn used_mut(&mut self, chunk: usize) -> &mut ChunkBits {
        self.words_mut(chunk).0
    }

    fn chunk_summary(&self, chunk: usize) -> Summary {
        Summary::pack(summarize(self.used(chunk)), CHUNK_PAGES)
    }

    /// Takes the lowest run of `n` free pages.
    pub(super) fn take(&mut self, n: usize) -> Option<Taken> {
        let start = self.find(n)?;
        Some(Taken { start, dirty: self.take_at(start, n) })
    }

    /// Takes the free pages of the aligned group of `size` pages in which the lowest free page lies.
    pub(super) fn take_group(&mut self, size: usize) -> Option<Group> {
        debug_assert!(size <= 64 && size.is_power_of_two());
        let lowest = self.find(1)?;
        let (chunk, word) = (lowest / CHUNK_PAGES, lowest % CHUNK_PAGES / 64);
        let group = (u64::MAX >> (64 - size)) << (lowest % 64 / size * size);
        let (used, dirty) = self.words_mut(chunk);
        let pages = !used[word] & group;
        let dirty = dirty[word] & pages;
        used[word] |= pages;
        let base = lowest / 64 * 64;
        self.dirty_free -= dirty.count_ones() as usize;
        self.high = self.high.max(base + 64 - pages.leading_zeros() as usize);
        self.hint = lowest;
        self.changed(chunk, chunk, None);
        Some(Group { base, pages, dirty })
    }

    /// Gives pages of a group back; those in `dirty` are dirty, the others are as clean as they were taken.
    pub(super) fn give_group(&mut self, group: Group) {
        let Group { base, pages, dirty } = group;
        if pages == 0 {
            return;
        }
        let (chunk, word) = (base / CHUNK_PAGES, base % CHUNK_PAGES / 64);
        let (used_words, dirty_words) = self.words_mut(chunk);
        assert_eq!(used_words[word] & pages, pages, "a page from {base} on was given back twice");
        used_words[word] &= !pages;
        dirty_words[word] |= dirty & pages;
        self.dirty_free += (dirty_words[word] & pages).count_ones() as usize;
        self.hint = self.hint.min(base + pages.trailing_zeros() as usize);
        self.changed(chunk, chunk, None);
    }

    /// Takes the free pages `start..start + n`; returns how many were dirty.
    pub(super) fn take_at(&mut self, start: usize, n: usize) -> usize {
        let mut were_dirty = 0;
        self.for_each_chunk(start, n, |used, dirty, from, n| {
            for (word, mask) in masks(from, n) {
                debug_assert_eq!(used[word] & mask, 0, "the run is free");
                used[word] |= mask;
                were_dirty += (dirty[word] & mask).count_ones() as usize;
            }
        });
        self.dirty_free -= were_dirty;
        self.high = self.high.max(start + n);
        if start == self.hint {
            self.hint = start + n;
        }
        let runs = self.in_chunk(start, n).map(|(chunk, from)| {
            let used = self.used(chunk);
            self.runs(chunk).without(used, from, n, free_below(used, from), free_from(used, from + n))
        });
        self.changed(start / CHUNK_PAGES, (start + n - 1) / CHUNK_PAGES, runs);
        were_dirty
    }

    /// Gives the used pages `start..start + n` back, dirty or known to be zero.
    ///
    /// # Panics
    /// If the run is not inside the heap, or one of the pages is free. Nothing is changed then.
    pub(super) fn give(&mut self, start: usize, n: usize, are_dirty: bool) {
        assert!(start + n <= self.len, "pages {start}..{} are not of this heap", start + n);
        self.for_each_chunk(start, n, |used, _, from, n| {
            let all = masks(from, n).all(|(word, mask)| used[word] & mask == mask);
            assert!(all, "a page from {start} on was given back twice");
        });
        self.for_each_chunk(start, n, |used, dirty, from, n| {
            for (word, mask) in masks(from, n) {
                used[word] &= !mask;
                if are_dirty {
                    dirty[word] |= mask;
                } else {
                    dirty[word] &= !mask;
                }
            }
        });
        self.dirty_free += if are_dirty { n } else { 0 };
        self.hint = self.hint.min(start);
        let runs = self.in_chunk(start, n).map(|(chunk, from)| {
            let used = self.used(chunk);
            self.runs(chunk).with_free(from, n, free_below(used, from), free_from(used, from + n))
        });
        self.changed(start / CHUNK_PAGES, (start + n - 1) / CHUNK_PAGES, runs);
    }

    /// The highest run of at most `limit` free dirty pages below the page `below`, within one chunk.
    pub(super) fn last_dirty(&self, below: usize, limit: usize) -> Option<(usize, usize)> {
        let mut below = below.min(self.len);
        while below > 0 {
            let chunk = self.dirty_chunks.last_up_to((below - 1) / CHUNK_PAGES)?;
            let end = (below - chunk * CHUNK_PAGES).min(CHUNK_PAGES);
            let (used, dirty) = (self.used(chunk), self.dirty(chunk));
            let releasable = std::array::from_fn(|i| dirty[i] & !used[i]);
            if let Some((start, n)) = last_run(&releasable, end, limit) {
                return Some((chunk * CHUNK_PAGES + start, n));
            }
            below = chunk * CHUNK_PAGES;
        }
        None
    }

    /// Calls `f` with the bitmaps of each chunk of the pages `start..start + n`, and the part of them that is in it.
    fn for_each_chunk(
        &mut self,
        start: usize,
        n: usize,
        mut f: impl FnMut(&mut ChunkBits, &mut ChunkBits, usize, usize),
    ) {
        let (mut page, end) = (start, start + n);
        while page < end {
            let from = page % CHUNK_PAGES;
            let part = (CHUNK_PAGES - from).min(end - page);
            let (used, dirty) = self.words_mut(page / CHUNK_PAGES);
            f(used, dirty, from, part);
            page += part;
        }
    }

    /// The beginning of the lowest run of `n` free pages. Moves the hint up to the lowest free page if it finds it.
    fn find(&mut self, n: usize) -> Option<usize> {
        let hint_chunk = self.hint / CHUNK_PAGES;
        if self.hint < self.len && Summary(self.summaries[0][hint_chunk]).unpack(CHUNK_PAGES).max >= n {
            // T2: no run begins below the hint, so the lowest one is in this chunk.
            return Some(self.find_in_chunk(hint_chunk, n, self.hint % CHUNK_PAGES));
        }
        // Every summary passed so far was full, so the lowest free page is still ahead.
        let mut lowest_ahead = true;
        let (mut level, mut from) = (LEVELS - 1, self.hint / width(LEVELS - 1));
        let mut to = self.summaries[level].len();
        loop {
            let child = match self.scan(level, from, to, n, &mut lowest_ahead)? {
                Found::Run(start) => return Some(start),
                Found::Inside(child) => child,
            };
            if level == 0 {
                return Some(self.find_in_chunk(child, n, 0));
            }
            level -= 1;
            from = child << FAN;
            to = (from + (1 << FAN)).min(self.summaries[level].len());
        }
    }

    /// Looks for the lowest run of `n` pages under the summaries `from..to` of a level. Of these all but `from..to` are
    /// full or were passed; `lowest_ahead` says that they are full, and the hint may move up.
    fn scan(&mut self, level: usize, from: usize, to: usize, n: usize, lowest_ahead: &mut bool) -> Option<Found> {
        let width = width(level);
        // Pages of the free run that reaches the summary at hand from below.
        let mut open = 0;
        for i in from..to {
            let runs = Summary(self.summaries[level][i]).unpack(width);
            if runs.max == 0 {
                open = 0;
                continue;
            }
            if *lowest_ahead {
                self.hint = self.hint.max(i * width);
            }
            if open + runs.start >= n {
                return Some(Found::Run(i * width - open));
            }
            if runs.max >= n {
                return Some(Found::Inside(i));
            }
            *lowest_ahead = false;
            open = if runs == Runs::all_free(width) { open + width } else { runs.end };
        }
        None
    }

    fn find_in_chunk(&mut self, chunk: usize, n: usize, from: usize) -> usize {
        let used = self.used(chunk);
        let start = find_run(used, n, from).expect("T1: the summary promised a run");
        if self.hint / CHUNK_PAGES == chunk {
            // T2: pages of this chunk below its first free one are used, and those below the chunk are.
            let first = first_free(used).expect("T1: the summary promised a run");
            self.hint = self.hint.max(chunk * CHUNK_PAGES + first);
        }
        chunk * CHUNK_PAGES + start
    }

    /// The chunk in which the pages `start..start + n` are, if it is one, and the first of them there.
    fn in_chunk(&self, start: usize, n: usize) -> Option<(usize, usize)> {
        let from = start % CHUNK_PAGES;
        (from + n <= CHUNK_PAGES).then_some((start / CHUNK_PAGES, from))
    }

    /// What the summary of a chunk says.
    fn runs(&self, chunk: usize) -> Runs {
        Summary(self.summaries[0][chunk]).unpack(CHUNK_PAGES)
    }

    /// Restores T1 and T4 after the chunks `first..=last` changed; those between the two are all used or all free. If it is
    /// one chunk, and its runs are known, they are `runs`.
    fn changed(&mut self, first: usize, last: usize, runs: Option<Runs>) {
        let mut same = true;
        let old = Summary(self.summaries[0][first]);
        for chunk in first..=last {
            let (used, dirty) = (self.used(chunk), self.dirty(chunk));
            let releasable = used.iter().zip(dirty).any(|(used, dirty)| dirty & !used != 0);
            let summary = match runs {
                Some(runs) => Summary::pack(runs, CHUNK_PAGES),
                None => self.chunk_summary(chunk),
            };
            self.dirty_chunks.set(chunk, releasable);
            same &= self.summaries[0][chunk] == summary.0;
            self.summaries[0][chunk] = summary.0;
        }
        if first == last {
            return self.changed_up(first, old);
        }
        let (mut first, mut last) = (first, last);
        for level in 1..LEVELS {
            if same {
                return;
            }
            (first, last) = (first >> FAN, last >> FAN);
            same = true;
            for i in first..=last {
                same &= !self.refresh(level, i);
            }
        }
    }

    /// Restores T1 above a chunk whose summary was `old`.
    fn changed_up(&mut self, chunk: usize, mut old: Summary) {
        let mut child = chunk;
        for level in 1..LEVELS {
            let (siblings, width, parent) = (&self.summaries[level - 1], width(level - 1), child >> FAN);
            let new = Summary(siblings[child]);
            if new == old {
                return;
            }
            let i = child % (1 << FAN);
            let beside = |there: bool, at: usize| match siblings.get(at) {
                Some(&summary) if there => Summary(summary).unpack(width),
                _ => Runs::default(),
            };
            let neighbours = [beside(i > 0, child.wrapping_sub(1)), beside(i + 1 < 1 << FAN, child + 1)];
            let above = Summary(self.summaries[level][parent]);
            let runs = above.unpack(width << FAN);
            match runs.with_part(i, width, old.unpack(width), new.unpack(width), neighbours) {
                Some(runs) => self.summaries[level][parent] = Summary::pack(runs, width << FAN).0,
                None => {
                    self.refresh(level, parent);
                }
            }
            (child, old) = (parent, above);
        }
    }

    /// Merges the children of a summary; returns whether it changed.
    fn refresh(&mut self, level: usize, i: usize) -> bool {
        let children = &self.summaries[level - 1];
        let to = ((i + 1) << FAN).min(children.len());
        let merged = Summary::merge(&children[i << FAN..to], width(level - 1)).0;
        std::mem::replace(&mut self.summaries[level][i], merged) != merged
    }

    /// Checks T1 to T5 by counting. For tests: costs time by the size of the heap.
    #[cfg(test)]
    fn verify(&self) {
        let mut dirty_free = 0;
        for chunk in 0..self.summaries[0].len() {
            let (used, dirty) = (self.used(chunk), self.dirty(chunk));
            assert_eq!(self.summaries[0][chunk], self.chunk_summary(chunk).0);
            let count: u32 = used.iter().zip(dirty).map(|(used, dirty)| (dirty & !used).count_ones()).sum();
            assert_eq!(self.dirty_chunks.last_up_to(chunk) == Some(chunk), count != 0);
            dirty_free += count as usize;
            if let Some(first) = first_free(used) {
                assert!(chunk * CHUNK_PAGES + first >= self.hint && chunk * CHUNK_PAGES + first < self.len);
            }
        }
        assert_eq!(dirty_free, self.dirty_free);
        for level in 1..LEVELS {
            for (i, &summary) in self.summaries[level].iter().enumerate() {
                let children = &self.summaries[level - 1];
                let to = ((i + 1) << FAN).min(children.len());
                assert_eq!(summary, Summary::merge(&children[i << FAN..to], width(level - 1)).0);
            }
        }
    }
}

/// What a scan of a level found.
enum Found {
    /// The run begins at this page.
    Run(usize),
    /// The run is under this summary.
    Inside(usize),
}

/// A set of chunks: a bit each, and two levels that say which words are not zero. One word at the top is enough for the
/// 2^18 chunks of 1 TiB.
#[derive(Debug)]
struct BitTree([Table<u64>; 3]);

impl BitTree {
    fn set(&mut self, chunk: usize, on: bool) {
        let mut index = chunk;
        let mut on = on;
        for level in &mut self.0 {
            let word = &mut level[index / 64];
            let before = *word != 0;
            let bit = 1 << (index % 64);
            *word = if on { *word | bit } else { *word & !bit };
            on = *word != 0;
            if before == on {
                return;
            }
            index /= 64;
        }
    }

    /// The highest chunk of the set that is not above `chunk`.
    fn last_up_to(&self, chunk: usize) -> Option<usize> {
        let mut below = chunk + 1;
        for (level, words) in self.0.iter().enumerate() {
            // The part of the word that is below; of a word that is below altogether the level above knows, if there is one.
            let (word, bits) = (below / 64, below % 64);
            let rest = match bits {
                0 if level + 1 == self.0.len() && word > 0 => words[word - 1],
                0 => 0,
                bits => words[word] << (64 - bits),
            };
            if rest != 0 {
                let mut index = below - 1 - rest.leading_zeros() as usize;
                for words in self.0[..level].iter().rev() {
                    index = index * 64 + 63 - words[index].leading_zeros() as usize;
                }
                return Some(index);
            }
            below = word;
        }
        None
    }
}

#[cfg(all(test, not(loom)))]
#[path = "tree_tests.rs"]
mod tests;
