//! Runs of free pages: pure arithmetic over words, chunks of 512 pages, and their summaries.
//!
//! A *summary* of a stretch of pages says how long its longest free run is, and how long those at its two ends are;
//! that is enough to merge the summaries of neighbours into that of both.
//!
//! - R1. A summary of zero means *all free*. A fresh mapping of zeroes is the tree of an empty heap, whatever its size.
//! - R2. Otherwise bit 63 is set and the three lengths have 21 bits each. They are below the width of the stretch, which
//!   is at most 2^21 pages (16 GiB).

/// Pages of a chunk, the unit of the bitmaps: 4 MiB.
pub(crate) const CHUNK_PAGES: usize = 512;

/// Words of a chunk's bitmap.
pub(super) const CHUNK_WORDS: usize = CHUNK_PAGES / 64;

/// The used pages of a chunk: bit set = used.
pub(super) type ChunkBits = [u64; CHUNK_WORDS];

/// Bits of one length in a [`Summary`].
const FIELD: u32 = 21;

/// The widest stretch that has a summary, in pages.
pub(super) const MAX_WIDTH: usize = 1 << FIELD;

/// The free runs of a stretch of pages, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Runs {
    /// The run at its beginning.
    pub(super) start: usize,
    /// The longest run.
    pub(super) max: usize,
    /// The run at its end.
    pub(super) end: usize,
}

impl Runs {
    pub(super) const fn all_free(width: usize) -> Runs {
        Runs { start: width, max: width, end: width }
    }

    /// The runs of a stretch of `width` pages with these runs, followed by one of `next_width` pages with `next`.
    fn join(self, width: usize, next: Runs, next_width: usize) -> Runs {
        Runs {
            start: if self.start == width { width + next.start } else { self.start },
            max: self.max.max(next.max).max(self.end + next.start),
            end: if next.end == next_width { self.end + next_width } else { next.end },
        }
    }
}

/// [`Runs`] in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary(pub(super) u64);

impl Summary {
    /// No page is free.
    pub(super) const FULL: Summary = Summary(1 << 63);
    /// Every page is free (R1).
    pub(super) const EMPTY: Summary = Summary(0);

    /// Packs the runs of a stretch of `width` pages.
    pub(super) fn pack(runs: Runs, width: usize) -> Summary {
        debug_assert!(width <= MAX_WIDTH && runs.max <= width);
        if runs.max == width {
            return Summary::EMPTY;
        }
        let (start, max, end) = (runs.start as u64, runs.max as u64, runs.end as u64);
        Summary(1 << 63 | end << (2 * FIELD) | max << FIELD | start)
    }

    /// The runs of a stretch of `width` pages.
    #[inline(always)]
    pub(super) fn unpack(self, width: usize) -> Runs {
        if self == Summary::EMPTY {
            return Runs::all_free(width);
        }
        let field = |i: u32| (self.0 >> (i * FIELD)) as usize & (MAX_WIDTH - 1);
        Runs { start: field(0), max: field(1), end: field(2) }
    }

    /// The summary of neighbours of `width` pages each; missing ones at the end count as full, up to eight.
    pub(super) fn merge(children: &[u64], width: usize) -> Summary {
        let Ok(children) = <&[u64; 8]>::try_from(children) else {
            let mut eight = [Summary::FULL.0; 8];
            eight[..children.len()].copy_from_slice(children);
            return Summary::merge(&eight, width);
        };
        if children.iter().all(|&child| child != Summary::EMPTY.0) {
            // The usual case: no run goes through a whole child.
            let fields = |child: u64, i: u32| (child >> (i * FIELD)) as usize & (MAX_WIDTH - 1);
            let mut max = 0;
            let mut open = 0;
            for &child in children {
                max = max.max(fields(child, 1)).max(open + fields(child, 0));
                open = fields(child, 2);
            }
            return Summary::pack(Runs { start: fields(children[0], 0), max, end: open }, 8 * width);
        }
        let mut runs = Summary(children[0]).unpack(width);
        for (i, &child) in children.iter().enumerate().skip(1) {
            runs = runs.join(i * width, Summary(child).unpack(width), width);
        }
        Summary::pack(runs, 8 * width)
    }
}

/// The length of the longest run of ones in `bits`, or `best` if that is more.
fn longest_run(bits: u64, best: usize) -> usize {
    // After each step bit i of `runs` says that `length` ones begin at i.
    let (mut runs, mut length) = (bits, 1);
    while length <= best {
        if runs == 0 || best >= 64 {
            return best;
        }
        let step = length.min(best + 1 - length);
        runs &= runs >> step;
        length += step;
    }
    let mut best = best;
    while runs != 0 {
        best = length;
        runs &= runs >> 1;
        length += 1;
    }
    best
}

/// The runs of a chunk.
pub(super) fn summarize(used: &ChunkBits) -> Runs {
    let mut runs = Runs::default();
    // Pages of the free run that reaches the word at hand from below.
    let mut open = 0;
    let mut seen_used = false;
    for &word in used {
        if word == 0 {
            open += 64;
            continue;
        }
        open += word.trailing_zeros() as usize;
        if !seen_used {
            runs.start = open;
            seen_used = true;
        }
        runs.max = runs.max.max(open);
        runs.max = longest_run(!word, runs.max);
        open = word.leading_zeros() as usize;
    }
    if !seen_used {
        return Runs::all_free(CHUNK_PAGES);
    }
    runs.max = runs.max.max(open);
    runs.end = open;
    runs
}

/// Free pages of a chunk directly below the page `page`.
pub(super) fn free_below(used: &ChunkBits, page: usize) -> usize {
    let mut at = page;
    while at > 0 {
        let (word, bit) = ((at - 1) / 64, (at - 1) % 64);
        let free = (used[word] << (63 - bit)).leading_zeros().min(bit as u32 + 1) as usize;
        at -= free;
        if free <= bit {
            break;
        }
    }
    page - at
}

/// Free pages of a chunk from the page `page` on.
pub(super) fn free_from(used: &ChunkBits, page: usize) -> usize {
    let mut at = page;
    while at < CHUNK_PAGES {
        let (word, bit) = (at / 64, at % 64);
        let free = (used[word] >> bit).trailing_zeros().min(64 - bit as u32) as usize;
        at += free;
        if free < 64 - bit {
            break;
        }
    }
    at - page
}

impl Runs {
    /// The runs of a chunk with these runs after the pages `from..from + n` became free, `below` free pages below them and
    /// `above` above.
    pub(super) fn with_free(self, from: usize, n: usize, below: usize, above: usize) -> Runs {
        let run = below + n + above;
        Runs {
            start: if from == below { run } else { self.start },
            max: self.max.max(run),
            end: if from + n + above == CHUNK_PAGES { run } else { self.end },
        }
    }

    /// The runs of the chunk `used`, which had these runs before the pages `from..from + n` became used; `below` free pages
    /// are left below them and `above` above.
    pub(super) fn without(self, used: &ChunkBits, from: usize, n: usize, below: usize, above: usize) -> Runs {
        let start = if from == below { below } else { self.start };
        let end = if from + n + above == CHUNK_PAGES { above } else { self.end };
        // Only where they were in a longest run one has to count, for one that is shorter or as long.
        let max = match below + n + above < self.max {
            true => self.max,
            false => longest(used, below.max(above).max(start).max(end), self.max),
        };
        Runs { start, max, end }
    }

    /// The runs of a stretch with these runs after those of a part of it changed from `old` to `new`. The part is `width`
    /// pages long and the `i`th of eight; `before` and `after` are the runs of its neighbours. `None` if a merge of all
    /// eight has to tell: if a longest run shrank, or runs go through whole parts.
    pub(super) fn with_part(
        self,
        i: usize,
        width: usize,
        old: Runs,
        new: Runs,
        [before, after]: [Runs; 2],
    ) -> Option<Runs> {
        if [old, new, before, after].iter().any(|runs| runs.max == width) {
            return None;
        }
        // The longest run that the part has a share in.
        let reach = |runs: Runs| runs.max.max(before.end + runs.start).max(runs.end + after.start);
        let (was, is) = (reach(old), reach(new));
        let max = if is >= self.max { is } else { (was < self.max).then_some(self.max)? };
        let (below, above) = (i * width, (7 - i) * width);
        Some(Runs {
            start: if self.start >= below { below + new.start } else { self.start },
            max,
            end: if self.end >= above { above + new.end } else { self.end },
        })
    }
}

/// The longest run of a chunk that is known to be at least `least` and at most `most` pages long.
fn longest(used: &ChunkBits, least: usize, most: usize) -> usize {
    let (mut best, mut open) = (least, 0);
    for &word in used {
        if best == most {
            break;
        }
        if word == 0 {
            open += 64;
            continue;
        }
        best = best.max(open + word.trailing_zeros() as usize);
        best = longest_run(!word, best);
        open = word.leading_zeros() as usize;
    }
    best.max(open)
}

/// The lowest run of `n` free pages of a chunk at or above the page `from`, below which no page is free.
pub(super) fn find_run(used: &ChunkBits, n: usize, from: usize) -> Option<usize> {
    let mut open = 0;
    for (i, &word) in used.iter().enumerate().skip(from / 64) {
        if word == 0 {
            open += 64;
            if open >= n {
                return Some((i + 1) * 64 - open);
            }
            continue;
        }
        if open + word.trailing_zeros() as usize >= n {
            return Some(i * 64 - open);
        }
        if n <= 64 {
            // Bit k of `runs` says that n free pages begin at k.
            let (mut runs, mut length) = (!word, 1);
            while length < n {
                let step = length.min(n - length);
                runs &= runs >> step;
                length += step;
            }
            if runs != 0 {
                return Some(i * 64 + runs.trailing_zeros() as usize);
            }
        }
        open = word.leading_zeros() as usize;
    }
    None
}

/// The lowest free page of a chunk.
pub(super) fn first_free(used: &ChunkBits) -> Option<usize> {
    let word = used.iter().position(|&word| word != u64::MAX)?;
    Some(word * 64 + used[word].trailing_ones() as usize)
}

/// The highest run of ones below bit `below`, at most `limit` long: its first bit and its length.
pub(super) fn last_run(bits: &ChunkBits, below: usize, limit: usize) -> Option<(usize, usize)> {
    let mut end = below;
    // The highest one below `below`.
    loop {
        if end == 0 {
            return None;
        }
        let (word, bit) = ((end - 1) / 64, (end - 1) % 64);
        let rest = bits[word] << (63 - bit);
        if rest != 0 {
            end -= rest.leading_zeros() as usize;
            break;
        }
        end = word * 64;
    }
    let mut start = end;
    while start > 0 && end - start < limit {
        let (word, bit) = ((start - 1) / 64, (start - 1) % 64);
        let ones = (bits[word] << (63 - bit)).leading_ones() as usize;
        start -= ones;
        if ones <= bit {
            break;
        }
    }
    let start = start.max(end.saturating_sub(limit));
    Some((start, end - start))
}

/// The words of a chunk that hold the pages `start..start + n`, each with the mask of those pages.
pub(super) fn masks(start: usize, n: usize) -> impl Iterator<Item = (usize, u64)> {
    let end = start + n;
    (start / 64..end.div_ceil(64)).map(move |word| {
        let low = start.saturating_sub(word * 64);
        let high = (end - word * 64).min(64);
        (word, (u64::MAX >> (64 - (high - low))) << low)
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(free: &[bool]) -> Runs {
        let mut lengths = Vec::new();
        for run in free.split(|&f| !f) {
            lengths.push(run.len());
        }
        let runs = Runs { start: lengths[0], max: *lengths.iter().max().unwrap(), end: *lengths.last().unwrap() };
        assert!(runs.max <= free.len());
        runs
    }

    fn pages(bits: &ChunkBits) -> Vec<bool> {
        (0..CHUNK_PAGES).map(|i| bits[i / 64] >> (i % 64) & 1 != 0).collect()
    }

    /// Chunks of short and of long runs.
    fn chunk() -> impl Strategy<Value = ChunkBits> {
        let word = prop_oneof![
            3 => Just(0u64),
            3 => Just(u64::MAX),
            2 => any::<u64>(),
            2 => (any::<u64>(), any::<u64>()).prop_map(|(a, b)| a & b & (b >> 3)),
            2 => (0u32..64, 0u32..64).prop_map(|(a, b)| (1 << a) | (1 << b)),
        ];
        prop::array::uniform8(word)
    }

    proptest! {
        #[test]
        fn a_summary_is_what_one_counts(used in chunk()) {
            let free: Vec<bool> = pages(&used).iter().map(|u| !u).collect();
            let runs = summarize(&used);
            prop_assert_eq!(runs, naive(&free));
            prop_assert_eq!(Summary::pack(runs, CHUNK_PAGES).unpack(CHUNK_PAGES), runs);
            prop_assert_eq!(first_free(&used), free.iter().position(|&f| f));
        }

        #[test]
        fn a_merge_is_the_summary_of_all(chunks in prop::collection::vec(chunk(), 8)) {
            let packed: Vec<u64> = chunks.iter().map(|c| Summary::pack(summarize(c), CHUNK_PAGES).0).collect();
            for len in 1..=8 {
                let mut free: Vec<bool> = chunks[..len].iter().flat_map(pages).map(|u| !u).collect();
                free.resize(8 * CHUNK_PAGES, false);
                let merged = Summary::merge(&packed[..len], CHUNK_PAGES);
                prop_assert_eq!(merged.unpack(8 * CHUNK_PAGES), naive(&free));
            }
        }

        #[test]
        fn the_lowest_run_is_found(used in chunk(), n in 1usize..=CHUNK_PAGES) {
            let free: Vec<bool> = pages(&used).iter().map(|u| !u).collect();
            let expected = free.windows(n).position(|w| w.iter().all(|&f| f));
            for from in [0, first_free(&used).unwrap_or(0)] {
                prop_assert_eq!(find_run(&used, n, from), expected);
            }
        }

        #[test]
        fn the_highest_run_is_found(bits in chunk(), below in 0usize..=CHUNK_PAGES, limit in 1usize..200) {
            let ones = pages(&bits);
            let expected = ones[..below].iter().rposition(|&b| b).map(|last| {
                let mut start = last;
                while start > 0 && ones[start - 1] && last + 1 - start < limit {
                    start -= 1;
                }
                (start, last + 1 - start)
            });
            prop_assert_eq!(last_run(&bits, below, limit), expected);
        }

        #[test]
        fn a_change_of_some_pages_changes_the_runs_as_counted(used in chunk(), from in 0usize..CHUNK_PAGES, n in 1usize..100) {
            let n = n.min(CHUNK_PAGES - from);
            let (mut free, mut full) = (used, used);
            for (word, mask) in masks(from, n) {
                free[word] &= !mask;
                full[word] |= mask;
            }
            let (below, above) = (free_below(&free, from), free_from(&free, from + n));
            let pages: Vec<bool> = pages(&free).iter().map(|u| !u).collect();
            prop_assert_eq!(below, pages[..from].iter().rev().take_while(|&&f| f).count());
            prop_assert_eq!(above, pages[from + n..].iter().take_while(|&&f| f).count());
            prop_assert_eq!(summarize(&full).with_free(from, n, below, above), summarize(&free));
            prop_assert_eq!(summarize(&free).without(&full, from, n, below, above), summarize(&full));
        }

        #[test]
        fn masks_cover_exactly_the_range(start in 0usize..CHUNK_PAGES, n in 1usize..=CHUNK_PAGES) {
            let n = n.min(CHUNK_PAGES - start);
            let mut bits = [0; CHUNK_WORDS];
            for (word, mask) in masks(start, n) {
                prop_assert_eq!(bits[word] & mask, 0);
                bits[word] |= mask;
            }
            let expected: Vec<bool> = (0..CHUNK_PAGES).map(|i| (start..start + n).contains(&i)).collect();
            prop_assert_eq!(pages(&bits), expected);
        }
    }
}
