//! Span ids and the way from an address to its descriptor (`span` I1, `span_ids` I1).
//!
//! Two threads.
//!
//! - Ids that are out at the same time differ, and as many can be out as there are. Fails if `take` does not unlink.
//! - Who finds a span's id in the page table finds its geometry. Fails if `set_span_id` is Relaxed.
//!
//! covers: allocator::space::Space::page_spans
//! covers: allocator::span::Span::asked
//! covers: allocator::span::Span::attributes
//! covers: allocator::span::Span::base
//! covers: allocator::span::Span::bucket
//! covers: allocator::span::Span::pages
//! covers: allocator::span::Span::slot_size
//! covers: allocator::span::Span::slots
//! covers: allocator::span::Span::word

use super::{HALF, PLAIN, arena};
use crate::layout::PAGE_SIZE;
use crate::space::{PageId, Space};
use crate::span::{self, Shape};
use crate::span_ids::IdCache;
use crate::sync::{Arc, thread};

#[test]
fn ids_that_are_out_differ() {
    loom::model(|| {
        let space = Arc::new(Space::private(3).unwrap());
        let user = || {
            let space = Arc::clone(&space);
            move || {
                let (all, mut ids) = (space.span_ids(), IdCache::default());
                let first = ids.take(all).unwrap();
                all.give(first.id);
                ids.take(all).unwrap().id
            }
        };
        let other = thread::spawn(user());
        let mine = user()();
        let theirs = other.join().unwrap();
        assert_ne!(mine, theirs);
        let mut ids = IdCache::default();
        let third = ids.take(space.span_ids()).unwrap().id;
        assert!(third != mine && third != theirs);
        assert!(ids.take(space.span_ids()).is_err());
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
            let id = span::make(space, &mut IdCache::default(), &Shape::small(run.first, 1, HALF), PLAIN, bucket, 0)
                .unwrap();
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
