//! Sweep ownership: every span of an epoch is swept once, by whoever gets to it.
//!
//! Two threads. Two spans, one slot each (or two dead slots in one span, for visits).
//!
//! - Two background sweepers: what is marked stays in use, what is not is free, and who sees the sweep done sees all of it.
//!   Fails if `take_batch` leaves the spans listed, or if the spans are taken off the count before they are swept.
//! - A refill that sweeps for itself beside a background sweeper: the slot it gets is not in use. Fails if `sweep_held` gives
//!   the span it returns to the list as well.
//! - Two visitors, one of which stops half way: each dead slot is handed out once, and none is forgotten. Fails if the
//!   dropped guard does not settle what it handed out, if it does not go back, or if a sweeper steps on after it let go of the
//!   lock under which it saw the list empty.
//!
//! covers: allocator::span::Span::epoch
//! covers: allocator::arena::Progress::0

use super::{HALF, PAGE, PLAIN, VISITED, allocate, arena};
use crate::sweep::SweepProgress;
use crate::sync::{Arc, thread};
use crate::{Arena, Cache, Space};

/// Two objects in spans of their own, the first marked; their sweep is allowed.
fn two_spans(space: &Space, arena: &Arc<Arena>) -> [usize; 2] {
    let mut cache = Cache::new(arena);
    let objects = [0; 2].map(|_| allocate(&mut cache, PLAIN, PAGE));
    space.mark(objects[0]);
    let epoch = arena.flip();
    cache.hand_over(epoch);
    arena.allow_sweep();
    objects
}

/// The sweep is over: the first object is white and alone.
fn check(space: &Space, arena: &Arena, objects: [usize; 2]) {
    assert_eq!(space.slot_bits(objects[0]), (true, false));
    assert_eq!(space.slot_bits(objects[1]), (false, false));
    assert_eq!(arena.live_objects(), 1);
}

#[test]
fn two_sweepers_sweep_each_span_once() {
    loom::model(|| {
        let (space, arena) = arena();
        let objects = two_spans(space, &arena);
        let sweep = || {
            let arena = Arc::clone(&arena);
            move || {
                let progress = arena.sweep(2, &mut |_| {});
                if progress == SweepProgress::Done {
                    check(space, &arena, objects);
                }
                progress
            }
        };
        let other = thread::spawn(sweep());
        let mine = sweep()();
        let theirs = other.join().unwrap();
        assert!(mine == SweepProgress::Done || theirs == SweepProgress::Done);
        check(space, &arena, objects);
        assert_eq!(space.page_heap().counters().in_use, 1, "the empty span went back");
    });
}

#[test]
fn a_refill_and_a_sweeper_share_the_spans() {
    loom::model(|| {
        let (space, arena) = arena();
        let objects = two_spans(space, &arena);
        let mut cache = Cache::new(&arena);
        let sweeper = {
            let arena = Arc::clone(&arena);
            thread::spawn(move || {
                arena.sweep(2, &mut |_| {});
            })
        };
        let new = allocate(&mut cache, PLAIN, PAGE);
        assert_ne!(new, objects[0]);
        sweeper.join().unwrap();
        cache.hand_over(arena.epoch());
        assert_eq!(arena.sweep(2, &mut |_| {}), SweepProgress::Done);
        assert_eq!(space.slot_bits(objects[0]), (true, false));
        assert_eq!(space.slot_bits(new), (true, false));
        assert_eq!(arena.live_objects(), 1);
        assert_eq!(space.page_heap().counters().in_use, 2);
        drop(cache);
    });
}

#[test]
fn a_visitor_that_stops_leaves_the_rest_to_the_other() {
    loom::model(|| {
        let (_, arena) = arena();
        let mut cache = Cache::new(&arena);
        let mut objects = [0; 2].map(|_| allocate(&mut cache, VISITED, HALF));
        let epoch = arena.flip();
        cache.hand_over(epoch);
        arena.allow_sweep();
        let stops = {
            let arena = Arc::clone(&arena);
            thread::spawn(move || {
                let dead = arena.take_visit().and_then(|mut span| span.next_dead());
                dead.map(|slot| slot.addr().get())
            })
        };
        let mut seen = visit_all(&arena);
        seen.extend(stops.join().unwrap());
        seen.extend(visit_all(&arena));
        seen.sort_unstable();
        objects.sort_unstable();
        assert_eq!(seen, objects);
        assert_eq!(arena.sweep(2, &mut |_| {}), SweepProgress::Done);
    });
}

fn visit_all(arena: &Arena) -> Vec<usize> {
    let mut seen = Vec::new();
    while let Some(mut span) = arena.take_visit() {
        while let Some(slot) = span.next_dead() {
            seen.push(slot.addr().get());
        }
        span.finish();
    }
    seen
}
