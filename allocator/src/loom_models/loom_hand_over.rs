//! Hand-over of caches against the flip, `allow_sweep` and sweepers (`arena` I1, `central` I2).
//!
//! Two threads, two caches.
//!
//! - What a cache allocated in the old epoch, up to its hand-over, survives a sweep that begins when all have handed over;
//!   the slots it had open and did not hand out do not. Fails if `hand_over` does not close the runs.
//! - A refill of the old epoch that is delayed across the flip takes no span of the new epoch. Fails if lists are asked by
//!   parity alone, without the label.
//!
//! covers: allocator::arena::Arena::epoch
//! covers: allocator::arena::Arena::sweeping

use super::{HALF, PAGE, PLAIN, allocate, arena};
use crate::Cache;
use crate::bitmap::Birth;
use crate::sweep::SweepProgress;
use crate::sync::{Arc, AtomicU32, Ordering, thread};

#[test]
fn what_was_allocated_until_the_hand_over_is_swept_after_it() {
    loom::model(|| {
        let (space, arena) = arena();
        let mut cache = Cache::new(&arena);
        cache.set_birth(Birth::Mark);
        let answered = Arc::new(AtomicU32::new(0));
        let mutator = {
            let (arena, answered) = (Arc::clone(&arena), Arc::clone(&answered));
            thread::spawn(move || {
                // One of two slots of a run; the flip may come before or after.
                let old = allocate(&mut cache, PLAIN, HALF);
                while arena.epoch() == 0 {
                    thread::yield_now();
                }
                cache.hand_over(1);
                cache.set_birth(Birth::Alloc);
                // Release: pairs with the wait of the collector, as its handshake does.
                answered.store(1, Ordering::Release);
                let new = allocate(&mut cache, PLAIN, HALF);
                (old, new, cache)
            })
        };
        arena.flip();
        while answered.load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
        arena.allow_sweep();
        while arena.sweep(2, &mut |_| {}) == SweepProgress::More {
            thread::yield_now();
        }
        let (old, new, cache) = mutator.join().unwrap();
        assert_ne!(old, new);
        assert_eq!(space.slot_bits(old), (true, false));
        assert_eq!(space.slot_bits(new), (true, false));
        assert_eq!(arena.live_objects(), 1);
        drop(cache);
    });
}

#[test]
fn a_delayed_refill_takes_no_span_of_the_next_epoch() {
    loom::model(|| {
        let (space, arena) = arena();
        let mut caches = [0; 2].map(|_| Cache::new(&arena));
        let epoch = arena.flip();
        caches.iter_mut().for_each(|cache| cache.hand_over(epoch));
        arena.allow_sweep();
        assert_eq!(arena.sweep(2, &mut |_| {}), SweepProgress::Done);
        let [mut slow, mut quick] = caches;
        let refill = thread::spawn(move || {
            let object = allocate(&mut slow, PLAIN, PAGE);
            (object, slow)
        });
        // The next cycle begins, and this cache is in it; its first span goes to the list as full.
        let epoch = arena.flip();
        quick.hand_over(epoch);
        let objects = [0; 2].map(|_| allocate(&mut quick, PLAIN, PAGE));
        let (_, mut slow) = refill.join().unwrap();
        slow.hand_over(epoch);
        arena.allow_sweep();
        assert_eq!(arena.sweep(2, &mut |_| {}), SweepProgress::Done);
        for object in objects {
            assert_eq!(space.slot_bits(object), (true, false), "a newborn was swept as if it were of the old epoch");
        }
        drop((slow, quick));
    });
}
