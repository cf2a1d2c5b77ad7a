//! Span ids and the way from an address to its descriptor (`span` I1, `span_ids` I1).
//!
//! Two threads.
//!
//! - Ids that are out at the same time differ, and as many can be out as there are. Fails if `take` does not unlink.
//! - Who finds a span's id in the page table finds its geometry. Fails if `set_span_id` is Relaxed.

use super::{HALF, PLAIN, arena};
use crate::layout::PAGE_SIZE;
use crate::space::{PageId, Space};
use crate::span::{self, Shape};
use crate::sync::{Arc, thread};

#[test]
fn ids_that_are_out_differ() {
    loom::model(|| {
        let space = Arc::new(Space::private(3).unwrap());
        let user = || {
            let space = Arc::clone(&space);
            move || {
                let ids = space.span_ids();
                let first = ids.take().unwrap();
                ids.give(first.id);
                ids.take().unwrap().id
            }
        };
        let other = thread::spawn(user());
        let mine = user()();
        let theirs = other.join().unwrap();
        assert_ne!(mine, theirs);
        let third = space.span_ids().take().unwrap().id;
        assert!(third != mine && third != theirs);
        assert!(space.span_ids().take().is_err());
    });
}

#[test]
fn a_span_that_is_found_is_whole() {
    loom::model(|| {
        let (space, arena) = arena();
        let base = space.page_base(PageId(0));
        let maker = thread::spawn(move || {
            let run = space.page_heap().alloc(1).unwrap();
            let bucket = arena.central().bucket(PLAIN, HALF).unwrap();
            let id = span::make(space, &Shape::small(run.first, 1, HALF), PLAIN, bucket, 0).unwrap();
            let run = |id| span::unmake(space, id);
            (id, run, arena)
        });
        if let Some(span) = space.span_of(base) {
            assert_eq!((span.base(), span.pages(), span.slots()), (base, 1, 2));
            assert_eq!((span.slot_size(), span.owner()), (PAGE_SIZE / 2, PLAIN));
        }
        let (id, unmake, arena) = maker.join().unwrap();
        space.page_heap().free(unmake(id));
        assert!(space.span_of(base).is_none());
        drop(arena);
    });
}
