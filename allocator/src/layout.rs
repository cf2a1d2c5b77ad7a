//! Where everything lies: pure arithmetic from the number of pages to the size and place of each side table.
//!
//! - L1. Tables follow one another in one mapping; each begins at a multiple of [`LINE`].
//! - L2. Two tables never begin at the same cache set: table `i` is shifted by `i * STAGGER` bytes, so that the mark
//!   bits, the allocation bits and the flags of one page fall into different sets of an 8-way L1 of 64 sets.

use crate::page_heap::{CHUNK_PAGES, LEVELS, level_len};

/// Bytes of a page, the unit of the page heap.
pub const PAGE_SIZE: usize = 8192;

/// Bytes of a granule: a slot begins at a multiple of it, and has its bits there.
pub const GRANULE: usize = 16;

/// 64-bit words of mark bits (and of allocation bits) per page: one cache line.
pub(crate) const BIT_WORDS: usize = PAGE_SIZE / GRANULE / 64;

/// Bytes of address space kept for each span descriptor. loom's atomics are larger.
pub(crate) const SPAN_BYTES: usize = if cfg!(loom) { 1024 } else { 128 };

/// Bytes of a cache line.
const LINE: usize = 64;

/// Shift between the beginnings of neighbouring tables, in bytes: an odd number of lines.
const STAGGER: usize = 7 * LINE;

const _: () = assert!(BIT_WORDS * 8 == LINE, "the bits of a page are one cache line");
const _: () = assert!(PAGE_SIZE.is_power_of_two() && GRANULE.is_power_of_two());

/// A part of the table mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Bytes from the beginning of the mapping.
    pub(crate) offset: usize,
    /// Number of elements.
    pub(crate) len: usize,
    /// Bytes of one element.
    size: usize,
}

impl Part {
    /// Bytes from the beginning of the mapping to the end of the part.
    pub(crate) const fn end(self) -> usize {
        self.offset + self.len * self.size
    }

    /// Bytes of one element.
    pub(crate) const fn element_size(self) -> usize {
        self.size
    }
}

/// The places of all tables for a heap of `pages` pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// One bit per granule, set by the owner's marker.
    pub(crate) marks: Part,
    /// One bit per granule: the slot that begins here is allocated.
    pub(crate) allocs: Part,
    /// One byte per page.
    pub(crate) flags: Part,
    /// One span id per page.
    pub(crate) page_spans: Part,
    /// One link per span id: the free list of ids.
    pub(crate) id_links: Part,
    /// The page heap's bitmaps: per chunk, words of used pages and words of dirty pages.
    pub(crate) chunks: Part,
    /// The page heap's summaries, root last.
    pub(crate) summaries: [Part; LEVELS],
    /// One bit per chunk with free pages that the system may back, with two levels of summary.
    pub(crate) dirty_chunks: [Part; 3],
    /// [`SPAN_BYTES`] per span id.
    pub(crate) span_slab: Part,
    /// Bytes of the whole mapping.
    pub(crate) bytes: usize,
}

impl Layout {
    /// The layout for `pages` pages.
    pub(crate) const fn new(pages: usize) -> Layout {
        let chunks = pages.div_ceil(CHUNK_PAGES);
        // Ids begin at 1, so the tables indexed by id have one element more.
        let ids = pages + 1;
        let mut place = Placer { end: 0, tables: 0 };
        let marks = place.next(pages * BIT_WORDS, 8);
        let allocs = place.next(pages * BIT_WORDS, 8);
        let flags = place.next(pages, 1);
        let page_spans = place.next(pages, 4);
        let id_links = place.next(ids, 4);
        let chunk_words = place.next(chunks * 2 * (CHUNK_PAGES / 64), 8);
        let mut summaries = [marks; LEVELS];
        let mut level = 0;
        while level < LEVELS {
            summaries[level] = place.next(level_len(level, chunks), 8);
            level += 1;
        }
        let mut dirty_chunks = [marks; 3];
        let mut words = chunks;
        let mut level = 0;
        while level < 3 {
            words = words.div_ceil(64);
            dirty_chunks[level] = place.next(words, 8);
            level += 1;
        }
        let span_slab = place.next(ids, SPAN_BYTES);
        let bytes = place.end.next_multiple_of(PAGE_SIZE);
        Layout {
            marks,
            allocs,
            flags,
            page_spans,
            id_links,
            chunks: chunk_words,
            summaries,
            dirty_chunks,
            span_slab,
            bytes,
        }
    }

    /// Bytes of table that are touched when the lowest `pages` pages are in use with `spans` spans, to within the
    /// rounding to pages of the system.
    pub(crate) const fn touched(pages: usize, spans: usize) -> usize {
        let chunks = pages.div_ceil(CHUNK_PAGES);
        let mut bytes = pages * (2 * BIT_WORDS * 8 + 1 + 4) + spans * (SPAN_BYTES + 4);
        bytes += chunks * 2 * (CHUNK_PAGES / 64) * 8;
        let mut level = 0;
        while level < LEVELS {
            bytes += level_len(level, chunks) * 8;
            level += 1;
        }
        bytes + chunks / 8
    }
}

struct Placer {
    end: usize,
    tables: usize,
}

impl Placer {
    const fn next(&mut self, len: usize, size: usize) -> Part {
        let offset = self.end.next_multiple_of(4096) + self.tables * STAGGER;
        let part = Part { offset, len, size };
        self.end = part.end();
        self.tables += 1;
        part
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn parts(layout: &Layout) -> Vec<Part> {
        let mut parts =
            vec![layout.marks, layout.allocs, layout.flags, layout.page_spans, layout.id_links, layout.chunks];
        parts.extend(layout.summaries);
        parts.extend(layout.dirty_chunks);
        parts.push(layout.span_slab);
        parts
    }

    #[test]
    fn tables_do_not_overlap_and_do_not_share_cache_sets() {
        for pages in [1, 8, 511, 512, 513, 1 << 14, 1 << 20, 1 << 27] {
            let layout = Layout::new(pages);
            let parts = parts(&layout);
            for pair in parts.windows(2) {
                assert!(pair[0].end() <= pair[1].offset, "{pages} pages: {pair:?}");
                assert_ne!(pair[0].offset % 4096, pair[1].offset % 4096);
            }
            assert!(parts.iter().all(|part| part.offset % LINE == 0));
            assert!(parts.last().unwrap().end() <= layout.bytes);
        }
    }

    #[test]
    fn a_tebibyte_costs_under_two_percent_when_full_of_eight_page_spans() {
        let pages = (1usize << 40) / PAGE_SIZE;
        let touched = Layout::touched(pages, pages / 8);
        let share = touched as f64 / (1u64 << 40) as f64;
        assert!(share < 0.02, "{share}");
        // The planned address space, most of it for descriptors that are never touched.
        assert!(Layout::new(pages).bytes < (1 << 40) / 20);
    }
}
