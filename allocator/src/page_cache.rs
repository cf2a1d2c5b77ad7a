//! A cache's window of pages: small runs without the page heap's lock.
//!
//! The window is the free pages of one aligned group of 64 (Go's page cache has the same size); a run of fewer than
//! [`SMALL`] pages is cut from it by bit arithmetic. When it has no such run, it is given back and the group with the lowest
//! free page is taken.
//!
//! - C1. The pages of the window count as taken in the page heap, and as in use only once they are handed out.
//! - C2. A run that was handed out is freed to the page heap, like any other.

use crate::error::AllocError;
use crate::page_heap::{Group, PageHeap, PageRun};
use crate::space::PageId;

/// Pages of a window.
const WINDOW: usize = if cfg!(loom) { 4 } else { 64 };
/// Runs from here on come from the page heap: a window holds several of the others.
const SMALL: u32 = if cfg!(loom) { 2 } else { WINDOW as u32 / 4 };

/// See the module documentation.
#[derive(Debug, Default)]
pub(crate) struct PageCache(Option<Group>);

impl PageCache {
    /// A run of `pages` pages. Cost: some instructions, or a lock and O(levels) when the window changes.
    ///
    /// # Errors
    /// As [`PageHeap::alloc`].
    pub(crate) fn alloc(&mut self, heap: &PageHeap, pages: u32) -> Result<PageRun, AllocError> {
        if pages >= SMALL {
            return heap.alloc(pages);
        }
        if let Some(run) = self.cut(heap, pages) {
            return Ok(run);
        }
        self.give_back(heap);
        self.0 = heap.take_group(WINDOW);
        match self.cut(heap, pages) {
            Some(run) => Ok(run),
            // The group has only shorter runs, or there is no free page but by waiting.
            None => heap.alloc(pages),
        }
    }

    /// Cuts the lowest run out of the window.
    fn cut(&mut self, heap: &PageHeap, pages: u32) -> Option<PageRun> {
        let group = self.0.as_mut()?;
        let starts = (1..pages).fold(group.pages, |starts, shift| starts & (group.pages >> shift));
        if starts == 0 {
            return None;
        }
        let at = starts.trailing_zeros();
        let run = (u64::MAX >> (64 - pages)) << at;
        let zeroed = group.dirty & run == 0;
        group.pages &= !run;
        group.dirty &= !run;
        heap.count_in_use(pages as usize, 0);
        Some(PageRun { first: PageId((group.base + at as usize) as u32), pages, zeroed })
    }

    /// Gives the window back.
    pub(crate) fn give_back(&mut self, heap: &PageHeap) {
        if let Some(group) = self.0.take() {
            heap.give_group(group);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::space::Space;

    #[test]
    fn runs_are_cut_from_one_window_and_do_not_overlap() {
        let space = Space::private(256).unwrap();
        let heap = space.page_heap();
        let mut cache = PageCache::default();
        let mut seen = [false; 256];
        let mut runs = Vec::new();
        for pages in [1, 2, 4, 8, 1, 8, 8, 8, 8, 8, 8, 15] {
            let run = cache.alloc(heap, pages).unwrap();
            for page in run.first.0..run.first.0 + run.pages {
                assert!(!std::mem::replace(&mut seen[page as usize], true), "page {page} was handed out twice");
            }
            runs.push(run);
        }
        let in_use: u32 = runs.iter().map(|run| run.pages).sum();
        assert_eq!(heap.counters().in_use, in_use as usize);
        runs.into_iter().for_each(|run| heap.free(run));
        cache.give_back(heap);
        let counters = heap.counters();
        assert_eq!((counters.in_use, counters.cached), (0, 0));
        assert_eq!(heap.alloc(256).unwrap().first, PageId(0));
    }

    #[test]
    fn an_exhausted_heap_is_an_error_and_loses_nothing() {
        let space = Space::private(8).unwrap();
        let heap = space.page_heap();
        let mut cache = PageCache::default();
        let all: Vec<_> = (0..8).map(|_| cache.alloc(heap, 1).unwrap()).collect();
        assert!(cache.alloc(heap, 1).is_err());
        all.into_iter().for_each(|run| heap.free(run));
        cache.give_back(heap);
        assert!(heap.alloc(8).is_ok());
    }
}
