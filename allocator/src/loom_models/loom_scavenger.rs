//! The scavenger beside allocation (`page_heap` P2, P3).
//!
//! Three threads: two release, one allocates all there is; and two, on the bytes themselves.
//!
//! - A request that fits never fails because pages are being released: it waits. Fails if `take_after_release` does not
//!   wait, or looks only once; deadlocks (which loom reports) if `end_release` does not notify, or if the last
//!   waiting request does not let the releasers go on.
//! - A run that is said to be zeroed is, and a run in use is not returned, whether the system takes the pages or refuses: on
//!   the shipped system calls and real memory. Fails if `end_release` is told that a refused release is clean, or if the
//!   pages are free during the `madvise`.

use crate::fault::{self, Point};
use crate::layout::PAGE_SIZE;
use crate::space::Space;
use crate::sync::{Arc, thread};

const PAGES: u32 = 2;

/// All pages free and dirty.
fn dirty_space() -> Arc<Space> {
    let space = Arc::new(Space::private(PAGES as usize).unwrap());
    let run = space.page_heap().alloc(PAGES).unwrap();
    let first = space.pointer(space.page_base(run.first));
    // SAFETY: the run is ours.
    unsafe { first.write_bytes(7, PAGES as usize * PAGE_SIZE) };
    space.page_heap().free(run);
    space
}

#[test]
fn a_request_that_fits_does_not_fail() {
    let mut model = loom::model::Builder::new();
    // The last wake-up that is needed here is seen to be missing only with four preemptions.
    model.preemption_bound = model.preemption_bound.map(|bound| bound.max(4));
    model.check(|| {
        let space = dirty_space();
        let releasers = [(); 2].map(|()| {
            let space = Arc::clone(&space);
            thread::spawn(move || {
                let heap = space.page_heap();
                if let Some((start, pages)) = heap.begin_release(usize::MAX, 1) {
                    heap.end_release(start, pages, start..start, 0);
                }
            })
        });
        let run = space.page_heap().alloc(PAGES).expect("the heap is free");
        for releaser in releasers {
            releaser.join().unwrap();
        }
        space.page_heap().free(run);
        let counters = space.page_heap().counters();
        assert_eq!((counters.free, counters.releasing), (PAGES as usize, 0));
    });
}

#[test]
fn a_run_that_is_said_to_be_zero_is() {
    released_beside_an_allocation(false);
}

#[test]
fn a_refused_release_leaves_the_run_dirty() {
    released_beside_an_allocation(true);
}

fn released_beside_an_allocation(refused: bool) {
    loom::model(move || {
        let space = dirty_space();
        let releaser = {
            let space = Arc::clone(&space);
            thread::spawn(move || {
                // loom runs its threads on one, so the plan is everybody's; but nobody else releases.
                let strike = Point::Release;
                let (released, _) = fault::with(strike, 0, usize::from(refused), || space.release_free(usize::MAX));
                assert!(refused || released.is_ok());
            })
        };
        let heap = space.page_heap();
        let run = heap.alloc(PAGES).unwrap();
        let first = space.pointer(space.page_base(run.first));
        if run.zeroed {
            // SAFETY: the run is ours.
            assert_eq!(unsafe { first.read() }, 0);
        }
        // SAFETY: the run is ours.
        unsafe { first.write(9) };
        releaser.join().unwrap();
        // SAFETY: the run is ours.
        assert_eq!(unsafe { first.read() }, 9, "a page in use was returned to the system");
        heap.free(run);
    });
}
