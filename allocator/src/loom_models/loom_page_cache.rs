//! Page caches beside the page heap: no page is handed out twice, none is lost.
//!
//! Two threads: one cuts pages from its window and gives the window back, the other takes and frees runs of the page heap,
//! three pages or one.
//!
//! Fails if `take_group` does not mark the pages as used, if `give_group` does not take them off `taken`.

use crate::page_cache::PageCache;
use crate::space::Space;
use crate::sync::{Arc, AtomicU32, Ordering, thread};

const PAGES: usize = 12;

/// Owns pages: a page that is owned twice is found at once.
struct Owners(Vec<AtomicU32>);

impl Owners {
    fn own(&self, first: u32, pages: u32) {
        for page in first..first + pages {
            // Relaxed: the heap's lock is what orders owners; a second owner is seen by the read-modify-write.
            assert_eq!(self.0[page as usize].fetch_add(1, Ordering::Relaxed), 0, "page {page} has two owners");
        }
    }
    fn disown(&self, first: u32, pages: u32) {
        for page in first..first + pages {
            self.0[page as usize].fetch_sub(1, Ordering::Relaxed); // as above
        }
    }
}

#[test]
fn windows_and_runs_do_not_overlap() {
    loom::model(|| {
        let space = Arc::new(Space::private(PAGES).unwrap());
        let owners = Arc::new(Owners((0..PAGES).map(|_| AtomicU32::new(0)).collect()));
        let cached = {
            let (space, owners) = (Arc::clone(&space), Arc::clone(&owners));
            thread::spawn(move || {
                let heap = space.page_heap();
                let mut cache = PageCache::default();
                let runs = [(); 2].map(|()| cache.alloc(heap, 1).unwrap());
                for run in runs {
                    owners.own(run.first.0, 1);
                }
                for run in runs {
                    owners.disown(run.first.0, 1);
                    heap.free(run);
                }
                cache.give_back(heap);
            })
        };
        let heap = space.page_heap();
        let mut cache = PageCache::default();
        let one = cache.alloc(heap, 1).unwrap();
        owners.own(one.first.0, 1);
        // Not a single request fails: with the two windows out there are four pages left.
        let run = heap.alloc(3).unwrap();
        owners.own(run.first.0, 3);
        owners.disown(run.first.0, 3);
        heap.free(run);
        owners.disown(one.first.0, 1);
        heap.free(one);
        cache.give_back(heap);
        cached.join().unwrap();
        let counters = heap.counters();
        assert_eq!((counters.in_use, counters.cached), (0, 0));
        assert!(heap.alloc(PAGES as u32).is_ok(), "a page was lost");
    });
}
