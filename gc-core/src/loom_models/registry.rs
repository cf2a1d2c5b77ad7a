//! Mutators that come and go beside a handshake, in each mode.
//!
//! Shown: a newcomer starts in the mode of the latest request and is not waited for, or is asked like the others; who leaves
//! is not waited for, and has answered if it was asked; what it shaded is handed in, and counted; its cache is handed over
//! before sweeping is allowed; the wait ends in every case.
//! Threads: the collector (main), one or two mutators that register, open a region and leave.
//!
//! Fails if: a request does not change the registry's mode; `retire` does not answer, or is left out.
//!
//! covers: gc-core::heap::HeapCore::epoch
//! covers: gc-core::heap::HeapCore::owners
//! covers: gc-core::shade::Shades::handed_in

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::{Cycle, Node, NodeRoot, advance, explore, heap};
use crate::mode::{Handshake, Mode};

/// Brings an empty heap to the mode before handshake number `phase`, then lets a mutator come and go beside it.
fn beside(phase: usize) {
    explore(move || {
        let heap = heap();
        let core = heap.core().clone();
        for &handshake in &Handshake::ALL[..phase] {
            if handshake == Handshake::Sync {
                core.advance_epoch();
            }
            advance(&core, [handshake]);
        }
        if phase == 0 {
            core.advance_epoch();
        }
        let from = core.registry.lock().mode;
        let to = Handshake::ALL[phase].next_mode(from);
        let mutator = thread::spawn({
            let heap = heap.clone();
            move || {
                let mut mutator = heap.mutator().unwrap();
                let mode = mutator.mutate(|mc| {
                    let record = mc.record();
                    let before = record.mode();
                    mc.alloc(Node::new(None));
                    if record.mode() == Mode::Trace {
                        assert_eq!(record.epoch(), record.heap.epoch());
                    }
                    before
                });
                assert!(mode == from || mode == to, "{mode:?} between {from:?} and {to:?}");
            }
        });
        advance(&core, [Handshake::ALL[phase]]);
        if to == Mode::Idle {
            // Panics if a cache of the old epoch still has a span.
            core.arena.allow_sweep();
            while core.arena.sweep(usize::MAX, &mut |_| {}) != allocator::SweepProgress::Done {}
        }
        mutator.join().unwrap();
        assert!(core.registry.lock().mutators.is_empty());
    });
}

#[test]
fn beside_h1() {
    beside(0);
}

#[test]
fn beside_h2() {
    beside(1);
}

#[test]
fn beside_h3() {
    beside(2);
}

#[test]
fn beside_a_wave() {
    beside(3);
}

#[test]
fn beside_h4() {
    beside(4);
}

#[test]
fn beside_h5() {
    beside(5);
}

/// Two newcomers, one handshake: whoever registers after the request has the new mode at once.
#[test]
fn two_newcomers() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let threads = [(); 2].map(|()| {
            let heap = heap.clone();
            thread::spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                mutator.mutate(|mc| mc.record().mode())
            })
        });
        advance(&core, [Handshake::Sync]);
        for thread in threads {
            thread.join().unwrap();
        }
        let mut mutator = heap.mutator().unwrap();
        assert_eq!(mutator.mutate(|mc| mc.record().mode()), Mode::Sync);
    });
}

/// A mutator shades an object and leaves, beside a wave: if it had left when the wave began, the wave sees its hand-in.
#[test]
fn leaving_hands_in() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let mut mutator = heap.mutator().unwrap();
        let root: NodeRoot = mutator.mutate(|mc| mc.root(mc.alloc(Node::new(Some(mc.alloc(Node::new(None)))))));
        drop(mutator);
        let _cycle = Cycle::begin(&core);
        let before = core.shades.handed_in();
        let has_left = Arc::new(AtomicBool::new(false));
        let mutator = thread::spawn({
            let (heap, has_left) = (heap.clone(), has_left.clone());
            move || {
                let mut mutator = heap.mutator().unwrap();
                mutator.mutate(|mc| root.get(mc).next.set(mc, None));
                drop(mutator);
                // Relaxed: the wave's own synchronisation is what is shown.
                has_left.store(true, Ordering::Relaxed);
            }
        });
        let left = has_left.load(Ordering::Relaxed);
        advance(&core, [Handshake::Wave]);
        assert!(!left || core.shades.handed_in() - before == 1, "it has left, and what it shaded is not counted");
        mutator.join().unwrap();
        assert_eq!(core.shades.handed_in() - before, 1);
        assert_eq!(core.shades.take().expect("what was handed in").len(), 1);
    });
}
