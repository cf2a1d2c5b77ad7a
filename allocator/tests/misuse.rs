//! Broken contracts are caught with a message: those that cost nothing to check always, the others in debug builds.
#![cfg(not(loom))]

use std::sync::Arc;

use allocator::{AllocError, Arena, Cache, Cause, GRANULE, Owner, PAGE_SIZE, PageId, PageRun, SizeClass, Space};

const OWNER: Owner = Owner { word: 128, attributes: 0 };
const CLASS: SizeClass = SizeClass::of(48, 16).unwrap();

/// A space and an arena of their own, with one object in use.
fn one_object() -> (&'static Space, Arc<Arena>, Cache, usize) {
    let space: &'static Space = Box::leak(Box::new(Space::private(64).unwrap()));
    let arena = Arena::new(space).unwrap();
    let mut cache = Cache::new(&arena);
    let addr = cache.refill(OWNER, CLASS).unwrap().addr().get();
    (space, arena, cache, addr)
}

#[test]
#[should_panic(expected = "given back twice")]
fn a_run_of_pages_freed_twice() {
    let space = Space::private(64).unwrap();
    let run = space.page_heap().alloc(3).unwrap();
    space.page_heap().free(run);
    space.page_heap().free(run);
}

#[test]
fn a_run_freed_twice_in_part_changes_nothing() {
    let space = Space::private(2048).unwrap();
    let heap = space.page_heap();
    // Across chunks, so that the first half would be freed before the second is looked at.
    let run = heap.alloc(1024).unwrap();
    heap.free(PageRun { first: PageId(600), pages: 10, zeroed: false });
    let before = heap.counters();
    let twice = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| heap.free(run)));
    assert!(twice.is_err());
    assert_eq!(heap.counters(), before);
    heap.free(PageRun { pages: 600, ..run });
    heap.free(PageRun { first: PageId(610), pages: 414, zeroed: false });
    assert_eq!(heap.counters().in_use, 0);
    assert!(heap.alloc(2048).is_ok());
}

#[test]
#[should_panic(expected = "not of this heap")]
fn a_run_of_another_heap() {
    let space = Space::private(64).unwrap();
    space.page_heap().free(PageRun { first: PageId(60), pages: 8, zeroed: false });
}

#[test]
#[should_panic(expected = "at least one page")]
fn a_run_of_no_pages() {
    let _ = Space::private(64).unwrap().page_heap().alloc(0);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "foreign address")]
fn a_foreign_address_is_marked() {
    let (space, ..) = one_object();
    space.mark(space.page_base(PageId(63)) + PAGE_SIZE);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "foreign address")]
fn a_foreign_address_is_looked_up() {
    let (space, ..) = one_object();
    let elsewhere = 0u64;
    space.span_of(std::ptr::from_ref(&elsewhere).addr());
}

#[test]
fn an_address_in_the_first_granule_names_the_slot() {
    let (space, _arena, _cache, addr) = one_object();
    assert!(space.mark(addr + 8));
    assert!(space.is_marked(addr) && !space.mark(addr));
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "no slot begins at")]
fn an_address_inside_a_slot_is_marked() {
    let (space, _arena, _cache, addr) = one_object();
    space.mark(addr + GRANULE);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "is free, and is marked")]
fn a_freed_slot_is_marked() {
    let (space, arena, mut cache, addr) = one_object();
    let other = cache.refill(OWNER, CLASS).unwrap().addr().get();
    space.mark(other);
    let epoch = arena.flip();
    cache.hand_over(epoch);
    arena.allow_sweep();
    arena.sweep(usize::MAX, &mut |_| {});
    space.mark(addr);
}

#[test]
fn alignments_that_cannot_be_had_are_errors() {
    let (.., mut cache, _) = one_object();
    for align in [0, 3, 2 * PAGE_SIZE] {
        let error = cache.alloc_large(OWNER, 100_000, align).unwrap_err();
        assert_eq!(error, AllocError { size: 100_000, cause: Cause::Alignment });
        assert!(SizeClass::of(100, align).is_none());
    }
}

#[test]
fn sizes_that_cannot_be_had_are_errors() {
    let (.., mut cache, _) = one_object();
    for (size, cause) in
        [(60 * PAGE_SIZE, Cause::Exhausted), (65 * PAGE_SIZE, Cause::TooLarge), (usize::MAX, Cause::TooLarge)]
    {
        assert_eq!(cache.alloc_large(OWNER, size, 16).unwrap_err(), AllocError { size, cause });
    }
}

#[test]
#[should_panic(expected = "not a multiple of 64")]
fn an_owner_word_that_is_not_aligned() {
    let (.., mut cache, _) = one_object();
    let _ = cache.refill(Owner { word: 32, attributes: 0 }, CLASS);
}

#[test]
#[should_panic(expected = "before `allow_sweep`")]
fn a_sweep_that_is_not_allowed() {
    let (_, arena, mut cache, _) = one_object();
    let epoch = arena.flip();
    cache.hand_over(epoch);
    arena.sweep(1, &mut |_| {});
}

#[test]
#[should_panic(expected = "are not swept, and a new one begins")]
fn an_epoch_begins_with_spans_not_swept() {
    let (_, arena, mut cache, _) = one_object();
    for _ in 0..2 {
        let epoch = arena.flip();
        cache.hand_over(epoch);
        arena.allow_sweep();
    }
}

#[test]
#[should_panic(expected = "a cache that was not handed over")]
fn a_cache_that_goes_on_in_an_epoch_that_is_swept() {
    let (_, arena, mut cache, _) = one_object();
    arena.flip();
    arena.allow_sweep();
    // The span at hand is used up some time, and then it shows.
    while cache.refill(OWNER, SizeClass::of(8192, 16).unwrap()).is_ok() {}
}

#[test]
#[should_panic(expected = "with 1 caches in use")]
fn an_arena_torn_down_beside_a_cache() {
    let (_, arena, _cache, _) = one_object();
    arena.teardown(&mut |_, _| {});
}
