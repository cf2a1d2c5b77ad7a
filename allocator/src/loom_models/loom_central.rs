//! Central lists: spans are neither lost nor handed out twice, buckets are made once.
//!
//! Two threads and the one that looks at the end.
//!
//! - Two threads that give and take spans of one bucket: what is taken and what is left are the spans that were given, each
//!   once. Fails if `next` leaves the span in its list.
//! - A span's bits, written before it is given, are seen by who takes it. Fails if the list is not behind the lock.
//! - Two threads that ask for a bucket of one name get one. Fails if `bucket` lets the lock go between looking and adding.
//! - Who reads the count of an epoch as 0 sees what the sweepers did before they took their spans off it. Fails if
//!   `sub_spans` is Relaxed.
//!
//! covers: allocator::central::Central::spans

use super::{HALF, PLAIN};
use crate::bitmap::Birth;
use crate::central::{Bucket, Central, Next};
use crate::space::{PageId, Space};
use crate::span::{STRIDES, SpanId};
use crate::sync::{Arc, Ordering, thread};

/// As a cache that has nothing to put back and does not sweep.
fn take_partial(bucket: &Bucket) -> Option<SpanId> {
    match bucket.next(4, false, false, &mut Vec::new()).unwrap() {
        Next::Swept(id) => Some(id),
        Next::Unswept(_) => unreachable!("no sweep is asked for"),
        Next::Room { room, .. } => {
            bucket.disown(room);
            None
        }
    }
}

/// `Central` behind a loom `Arc`.
fn central() -> Arc<Central> {
    Arc::new(Central::new().unwrap())
}

#[test]
fn spans_are_given_and_taken_once() {
    loom::model(|| {
        let central = central();
        let give_and_take = |first: u32| {
            let central = Arc::clone(&central);
            move || {
                // SAFETY: the bucket lives as long as the central table that this closure holds.
                let bucket = unsafe { central.bucket(PLAIN, HALF).unwrap().as_ref() };
                bucket.adopt().unwrap();
                bucket.give(4, SpanId(first), true);
                let mut taken = vec![take_partial(bucket)];
                bucket.adopt().unwrap();
                bucket.give(4, SpanId(first + 1), true);
                taken.push(take_partial(bucket));
                taken
            }
        };
        let other = thread::spawn(give_and_take(10));
        let mut all: Vec<u32> = give_and_take(20)().into_iter().flatten().map(|id| id.0).collect();
        all.extend(other.join().unwrap().into_iter().flatten().map(|id| id.0));
        // SAFETY: as above.
        let bucket = unsafe { central.bucket(PLAIN, HALF).unwrap().as_ref() };
        while let Some((epoch, id)) = bucket.take_any() {
            assert_eq!(epoch, 4);
            all.push(id.0);
        }
        all.sort_unstable();
        assert_eq!(all, [10, 11, 20, 21]);
    });
}

#[test]
fn what_a_holder_wrote_is_seen_by_the_next() {
    loom::model(|| {
        let central = central();
        let space = Arc::new(Space::private(1).unwrap());
        // SAFETY: the bucket lives as long as the central table.
        let bucket = unsafe { central.bucket(PLAIN, HALF).unwrap().as_ref() };
        bucket.adopt().unwrap();
        let giver = {
            let (central, space) = (Arc::clone(&central), Arc::clone(&space));
            thread::spawn(move || {
                page_bits(&space).open(STRIDES[0], 0..1, Birth::Alloc);
                // SAFETY: as above.
                unsafe { central.bucket(PLAIN, HALF).unwrap().as_ref() }.give(0, SpanId(7), true);
            })
        };
        if bucket.take_any().is_some() {
            assert_eq!(page_bits(&space).next_run(STRIDES[0], 0, 2), Some(1..2), "a slot in use looks free");
        }
        giver.join().unwrap();
    });
}

fn page_bits(space: &Space) -> crate::bitmap::SpanBits<'_> {
    crate::bitmap::SpanBits { alloc: &space.alloc_words(PageId(0), 1)[..1], mark: &space.mark_words(PageId(0), 1)[..1] }
}

#[test]
fn a_bucket_is_made_once() {
    loom::model(|| {
        let central = central();
        let ask = || {
            let central = Arc::clone(&central);
            move || central.bucket(PLAIN, HALF).unwrap().as_ptr() as usize
        };
        let other = thread::spawn(ask());
        let mine = ask()();
        assert_eq!(mine, other.join().unwrap());
        assert!(central.nth(false, 1).is_some() && central.nth(false, 2).is_none());
    });
}

#[test]
fn a_count_of_zero_carries_the_sweep() {
    loom::model(|| {
        let central = central();
        let swept = Arc::new([const { () }; 2].map(|()| crate::sync::AtomicU32::new(0)));
        central.add_spans(0, 2);
        let sweepers: Vec<_> = (0..2)
            .map(|i| {
                let (central, swept) = (Arc::clone(&central), Arc::clone(&swept));
                thread::spawn(move || {
                    swept[i].store(1, Ordering::Relaxed); // what is under test carries it
                    central.sub_spans(0, 1);
                })
            })
            .collect();
        if central.spans(0) == 0 {
            assert_eq!([0, 1].map(|i: usize| swept[i].load(Ordering::Relaxed)), [1, 1]);
        }
        sweepers.into_iter().for_each(|sweeper| sweeper.join().unwrap());
    });
}
