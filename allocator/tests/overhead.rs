//! What the allocator needs beside the objects: side tables, and spans of owners with few objects.
#![cfg(not(loom))]

use std::sync::Arc;

use allocator::{Arena, Cache, Owner, PAGE_SIZE, SizeClass, Space};

/// A space and an arena of their own.
fn arena(pages: usize) -> (&'static Space, Arc<Arena>) {
    let space: &'static Space = Box::leak(Box::new(Space::private(pages).unwrap()));
    (space, Arena::new(space).unwrap())
}

#[test]
fn a_thousand_owners_of_ten_objects_each_hold_little() {
    for size in [16, 64, 200, 1000, 4000] {
        let (_, arena) = arena(1 << 16);
        let mut cache = Cache::new(&arena);
        let class = SizeClass::of(size, 16).unwrap();
        // Turn by turn, as a program would.
        for _ in 0..10 {
            for owner in 0..1000 {
                let owner = Owner { word: 64 * (owner + 1), attributes: 0 };
                let slot = cache.bump(owner.word, class);
                if slot.is_null() {
                    cache.refill(owner, class).unwrap();
                }
            }
        }
        let held = 1000 * 10 * class.slot_size();
        let small_span = class.min_pages() as usize * PAGE_SIZE;
        let snapshot = arena.snapshot();
        let (pages, all) = (snapshot.arena_in_use, snapshot.arena_in_use + snapshot.metadata);
        println!("{size} bytes: {held} held, {pages} in spans, {} of tables", snapshot.metadata);
        assert!(pages >= held && pages <= arena.space().page_heap().counters().high * PAGE_SIZE);
        assert!(all <= 2 * held + 1000 * small_span, "{size} bytes: {all} for {held}");
        drop(cache);
        // They share nothing that stays: all comes back.
        arena.teardown(&mut |_, _| {});
        assert_eq!(arena.snapshot().arena_in_use, 0);
    }
}

#[test]
fn tables_take_at_most_two_percent() {
    for size in [16, 32, 64, 1000, 8192, 30_000] {
        let (_, arena) = arena(1 << 15);
        let mut cache = Cache::new(&arena);
        let class = SizeClass::of(size, 16).unwrap();
        let owner = Owner { word: 64, attributes: 0 };
        while arena.snapshot().arena_in_use < 128 << 20 {
            for _ in 0..(1 << 20) / class.slot_size() {
                cache.refill(owner, class).unwrap();
            }
        }
        drop(cache);
        let snapshot = arena.snapshot();
        let share = snapshot.metadata as f64 / snapshot.arena_in_use as f64;
        println!("slots of {} bytes: tables take {:.2} %", class.slot_size(), share * 100.0);
        assert!(share <= 0.02, "{share} with slots of {size}");
        arena.teardown(&mut |_, _| {});
    }
}
