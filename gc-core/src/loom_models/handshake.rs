//! The handshake, in all pairings: a mutator inside, entering, leaving, outside with the collector acting for it.
//!
//! Shown: whoever holds the state word has the record alone (its `Witness`); no request is missed; each is answered once;
//! the collector's wait ends; what an answer did is seen by the collector; ATTENTION beside a request loses neither.
//! Threads: the collector (main), one or two mutators, one that attends.
//!
//! Fails if: `try_leave` or `acted` is not Release; `try_enter` is not Acquire; `request` is not Release, or `waiting` or
//! `enter_with_waiting` not Acquire; the latter drops the bits that wait; `answered` of the rendezvous is Relaxed, or does
//! not take the lock to notify.
//!
//! covers: gc-core::record::Record::latency
//! covers: gc-core::safepoint::StateWord::word
//! covers: gc-core::rendezvous::Rendezvous::outstanding
//! covers: gc-core::record::Record::request
//! covers: gc-core::record::Record::requested_at

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::{advance, explore, heap};
use crate::mode::{Handshake, Mode};
use crate::rendezvous::Rendezvous;
use crate::sync::Witness;

/// A mutator that enters and leaves twice beside two handshakes: modes only advance, and a region that begins after a
/// handshake is over has its mode.
#[test]
fn regions_beside_two_handshakes() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let h1_is_over = Arc::new(AtomicBool::new(false));
        let seen = h1_is_over.clone();
        let mutator = thread::spawn({
            let heap = heap.clone();
            move || {
                let mut mutator = heap.mutator().unwrap();
                let mut before = Mode::Idle;
                for _ in 0..2 {
                    // Acquire: pairs with the store below.
                    let over = seen.load(Ordering::Acquire);
                    let mode = mutator.mutate(|mc| mc.record().mode());
                    assert!(!over || mode != Mode::Idle, "H1 was over, and the mutator had not answered it");
                    assert!([Mode::Idle, Mode::Sync, Mode::Rooted].contains(&mode));
                    let rank = |mode| if mode == Mode::Idle { 0 } else { mode as u8 };
                    assert!(rank(before) <= rank(mode));
                    before = mode;
                }
            }
        });
        advance(&core, [Handshake::Sync]);
        h1_is_over.store(true, Ordering::Release);
        advance(&core, [Handshake::Rooted]);
        mutator.join().unwrap();
    });
}

/// A mutator that stays inside until it is asked: the poll sees the request, the collector sleeps and is woken.
#[test]
fn polling_region_ends() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let mutator = thread::spawn({
            let heap = heap.clone();
            move || {
                let mut mutator = heap.mutator().unwrap();
                let before = mutator.mutate(|mc| {
                    while mc.record().mode() == Mode::Idle && !mc.should_yield() {
                        thread::yield_now();
                    }
                    mc.record().mode()
                });
                let after = mutator.mutate(|mc| mc.record().mode());
                assert_eq!(after, Mode::Sync, "it was {before:?} inside");
            }
        });
        advance(&core, [Handshake::Sync]);
        mutator.join().unwrap();
    });
}

/// Two mutators: answers are counted, none twice.
#[test]
fn two_mutators_beside_a_handshake() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let threads = [heap.clone(), heap.clone()].map(|heap| {
            thread::spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                mutator.mutate(|mc| mc.record().mode());
            })
        });
        advance(&core, [Handshake::Sync]);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// ATTENTION beside a request: the request is answered, and the attention either taken up or still asked for.
#[test]
fn attention_beside_a_request() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let mutator = thread::spawn({
            let (heap, core) = (heap.clone(), core.clone());
            move || {
                let mutator = heap.mutator().unwrap();
                let record = core.registry.lock().mutators[0].clone();
                let attend = thread::spawn({
                    let record = record.clone();
                    move || record.state.attend()
                });
                record.enter();
                record.mode();
                let attended = record.leave();
                attend.join().unwrap();
                assert!(attended || record.state.should_yield(), "the attention is lost");
                if attended {
                    record.state.attended();
                }
                record.enter();
                assert_eq!(record.leave(), !attended);
                drop(mutator);
            }
        });
        advance(&core, [Handshake::Sync]);
        mutator.join().unwrap();
    });
}

/// The rendezvous alone, with two that answer: the waiter wakes, and sees what both did before they answered.
#[test]
fn rendezvous_of_two() {
    explore(|| {
        let rendezvous = Arc::new(Rendezvous::new());
        let done = Arc::new([Witness::new(), Witness::new()]);
        rendezvous.begin(2);
        for index in 0..2 {
            let (rendezvous, done) = (rendezvous.clone(), done.clone());
            thread::spawn(move || {
                done[index].write();
                rendezvous.answered();
            });
        }
        rendezvous.wait();
        done.iter().for_each(Witness::read);
    });
}
