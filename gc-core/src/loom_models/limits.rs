//! Memory outside the heap, and the emergency at a limit.
//!
//! Shown: buffers of two threads that share a stripe never pass the limit, what is refused leaves nothing counted, and in the
//! end nothing is; credit that one thread gives back is never given twice. A mutator that comes near the limit waits at its
//! safepoint for one cycle, and comes back, while another mutator comes near it too.
//! Threads: two; in the second model two mutators and the pool's.
//!
//! Fails if: credit is taken by a load and a store; `refund_above` refunds what it has not taken out.
//!
//! covers: gc-core::external::Stripe::credit
//! covers: gc-core::external::External::charged
//! covers: gc-core::limits::Limits::awaited
//! numbers: gc-core::external::External::adjusted
//! numbers: gc-core::external::External::peak
//! numbers: gc-core::limits::Limits::emergencies
//! numbers: gc-core::limits::Limits::quiet_until
//! numbers: gc-core::limits::Limits::reserve
//! numbers: gc-core::limits::Limits::told

use std::sync::{Arc, Weak};

use allocator::Quota;
use loom::thread;

use super::{Node, explore, explore_play};
use crate::external::External;
use crate::{Config, Heap};

#[test]
fn buffers_of_two_threads_stay_within_the_limit() {
    explore(|| {
        let quota = Quota::new(20, None);
        let external = External::new(Weak::new(), quota.clone());
        let play = |external: Arc<External>, quota: Arc<Quota>| {
            if external.add(9).is_ok() {
                assert!(quota.charged() <= 20);
                external.sub(9);
            }
        };
        let other = {
            let (external, quota) = (external.clone(), quota.clone());
            thread::spawn(move || play(external, quota))
        };
        play(external.clone(), quota.clone());
        other.join().unwrap();
        assert_eq!(external.bytes(), 0);
        assert_eq!(external.roughly(), quota.charged(), "what is charged is the credit");
        external.settle();
        assert_eq!(quota.charged(), 0);
        external.add(20).expect("all of the limit is to be had");
        external.add(1).expect_err("and no more");
    });
}

#[test]
fn an_emergency_is_waited_for_and_ends() {
    explore_play(|| {
        let heap = Heap::with_config(Config::new().markers(1));
        let mut mutator = heap.mutator().unwrap();
        mutator.mutate(|mc| {
            mc.alloc(Node::new(None));
        });
        let other = {
            let heap = heap.clone();
            thread::spawn(move || heap.core().refused())
        };
        loom::explore();
        heap.core().refused();
        mutator.safepoint();
        loom::stop_exploring();
        other.join().unwrap();
        mutator.collect();
        assert!(heap.core().limits.emergencies() >= 1);
        assert_eq!(heap.statistics().live_objects, 0);
    });
}
