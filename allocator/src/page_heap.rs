//! The page heap: which pages of the [`Space`](crate::Space) are free, and which of those are known to be zero.

use crate::error::{AllocError, Cause};
use crate::layout::{Layout, PAGE_SIZE};
use crate::os::Mapping;
use crate::side_table::Table;
use crate::space::PageId;
use crate::sync::Mutex;

/// Pages of a chunk, the unit of the bitmaps.
pub(crate) const CHUNK_PAGES: usize = 512;

/// Levels of summaries, the chunks' own included.
pub(crate) const LEVELS: usize = 5;

/// Summaries of a level: one per chunk at level 0, an eighth at each next.
pub(crate) const fn level_len(level: usize, chunks: usize) -> usize {
    chunks.div_ceil(1 << (3 * level))
}

/// A run of pages that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRun {
    /// The first page.
    pub first: PageId,
    /// How many.
    pub pages: u32,
    /// Every byte is known to be zero.
    pub zeroed: bool,
}

/// Free pages by address, behind a lock.
#[derive(Debug)]
pub struct PageHeap(Mutex<Pages>);

#[derive(Debug)]
struct Pages {
    len: usize,
    /// Per chunk 8 words of used pages and 8 words of dirty pages.
    chunks: Table<u64>,
    /// Pages below are used.
    hint: usize,
}

impl Pages {
    fn word(&self, page: usize) -> usize {
        page / CHUNK_PAGES * 16 + page % CHUNK_PAGES / 64
    }
    fn used(&self, page: usize) -> bool {
        self.chunks[self.word(page)] >> (page % 64) & 1 != 0
    }
}

impl PageHeap {
    pub(crate) fn new(pages: usize, layout: &Layout, tables: &Mapping) -> PageHeap {
        PageHeap(Mutex::new(Pages {
            len: pages,
            chunks: tables.table(layout.chunks),
            hint: 0,
        }))
    }

    /// Takes the lowest run of `pages` free pages.
    ///
    /// # Errors
    /// [`Cause::Exhausted`] if there is none, [`Cause::TooLarge`] if there never can be.
    ///
    /// # Panics
    /// If `pages` is 0.
    pub fn alloc(&self, pages: u32) -> Result<PageRun, AllocError> {
        assert!(pages > 0);
        let mut heap = self.0.lock();
        let (n, mut start, mut run, mut first_free) = (pages as usize, heap.hint, 0, None);
        if n > heap.len {
            return Err(AllocError::new(n * PAGE_SIZE, Cause::TooLarge));
        }
        while run < n {
            let page = start + run;
            if page >= heap.len {
                return Err(AllocError::new(n * PAGE_SIZE, Cause::Exhausted));
            }
            if heap.used(page) {
                (start, run) = (page + 1, 0);
            } else {
                first_free.get_or_insert(page);
                run += 1;
            }
        }
        let mut zeroed = true;
        for page in start..start + n {
            let word = heap.word(page);
            let bit = 1u64 << (page % 64);
            zeroed &= heap.chunks[word + 8] & bit == 0;
            heap.chunks[word] |= bit;
        }
        heap.hint = if first_free == Some(start) {
            start + n
        } else {
            first_free.unwrap_or(start)
        };
        Ok(PageRun {
            first: PageId(start as u32),
            pages,
            zeroed,
        })
    }

    /// Takes a run back. Its pages count as written, whatever `run.zeroed` says.
    ///
    /// # Panics
    /// In debug builds if a page of the run is free.
    pub fn free(&self, run: PageRun) {
        let mut heap = self.0.lock();
        let start = run.first.0 as usize;
        for page in start..start + run.pages as usize {
            let word = heap.word(page);
            let bit = 1u64 << (page % 64);
            debug_assert!(heap.used(page), "double free of page {page}");
            heap.chunks[word] &= !bit;
            heap.chunks[word + 8] |= bit;
        }
        heap.hint = heap.hint.min(start);
    }
}
