//! Release of OS pages inside spans beside refills and sweeps (`inside`).
//!
//! Two threads; one span of two slots, of which one is in use.
//!
//! - A slot that a refill hands out and its owner writes is not returned to the system. Fails if `take_front` leaves the
//!   span in its list.
//! - A span that is put back behind a sweep is swept, by the next look at the latest. Fails if `release_in_bucket` does
//!   not go back.
//!
//! covers: allocator::span::Span::released

use super::{HALF, PLAIN, allocate, arena};
use crate::sweep::SweepProgress;
use crate::sync::{Arc, thread};
use crate::{Arena, Cache, Space};

/// A swept span in its list with one slot in use and one free.
fn half_a_span(space: &Space, arena: &Arc<Arena>) -> usize {
    let mut cache = Cache::new(arena);
    let [live, _] = [0; 2].map(|_| allocate(&mut cache, PLAIN, HALF));
    space.mark(live);
    let epoch = arena.flip();
    cache.hand_over(epoch);
    arena.allow_sweep();
    assert_eq!(arena.sweep(2, &mut |_| {}), SweepProgress::Done);
    live
}

fn releaser(arena: &Arc<Arena>) -> thread::JoinHandle<usize> {
    let arena = Arc::clone(arena);
    thread::spawn(move || arena.release_free_pages().unwrap())
}

#[test]
fn a_slot_handed_out_is_not_returned() {
    loom::model(|| {
        let (space, arena) = arena();
        let live = half_a_span(space, &arena);
        let releaser = releaser(&arena);
        let mut cache = Cache::new(&arena);
        let slot = allocate(&mut cache, PLAIN, HALF);
        assert_ne!(slot, live);
        // SAFETY: the slot is ours.
        unsafe { space.pointer(slot).write(9) };
        releaser.join().unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { space.pointer(slot).read() }, 9, "a slot in use was returned to the system");
        assert_eq!(space.slot_bits(live), (true, false));
        drop(cache);
    });
}

#[test]
fn a_span_put_back_behind_a_sweep_is_swept() {
    loom::model(|| {
        let (space, arena) = arena();
        let live = half_a_span(space, &arena);
        let releaser = releaser(&arena);
        space.mark(live);
        arena.flip();
        arena.allow_sweep();
        arena.sweep(2, &mut |_| {});
        releaser.join().unwrap();
        assert_eq!(arena.sweep(2, &mut |_| {}), SweepProgress::Done);
        assert_eq!(space.slot_bits(live), (true, false));
        assert_eq!(arena.live_objects(), 1);
    });
}
