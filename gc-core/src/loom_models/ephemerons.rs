//! Ephemerons beside those who mark their keys.
//!
//! Shown: an ephemeron hung to a key that another marker marks and scans at the same time is found by exactly one of the two, on
//! pages of silent objects too; a mutator that reads a value beside the end of marking has it black at Done, and what no mutator
//! got stays white with its key.
//! Threads: two markers; or the collector (main) and a mutator.
//!
//! Fails if: either fence goes, or the flag is seen without the table; the mark is not looked at again after an ephemeron is hung up; a silent page keeps its flag; a
//! value is read without its key being upgraded.
//!
//! covers: gc-core::keys::Waiting::next
//! covers: gc-core::keys::KeyTable::heads
//! covers: allocator::span::Span::note

use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

use loom::thread;

use super::{Cycle, Node, NodeRoot, Player, address, explore_play, heap, play};
use crate::grey::{GreyQueue, MarkerSink, begin_scan};
use crate::keys::{KeyTables, Waiting, is_watched, take_scanned};
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;
use crate::weak::WeakSlot;
use crate::{Ephemeron, Gc, Heap};

/// The address of a white object, kept alive by nobody; silent or not.
fn key(heap: &Heap, silent: bool) -> usize {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| if silent { address(mc.alloc(1_u32)) } else { address(mc.alloc(Node::new(None))) })
}

/// The scanner holds the key's page already, or finds it in its queue.
fn hang_beside_a_scan(silent: bool, held: bool) {
    explore_play(move || {
        let heap = heap();
        let space = heap.core().space;
        let key = key(&heap, silent);
        let pointer = NonNull::new(space.pointer(key)).unwrap().cast();
        let waiting = Arc::new(Waiting::new(WeakSlot::new(pointer, std::ptr::null())));
        let (_, mut workers) = GreyQueue::new(1);
        let mut sink = MarkerSink::new(workers.pop().unwrap());
        loom::explore();
        let marker = thread::spawn(move || {
            let mut taken = 0;
            let mut scan = |page| {
                let bits = space.take_both(page);
                if is_watched(space, page) {
                    take_scanned(space, space.page_base(page), &bits, |_| taken += 1);
                }
            };
            if held {
                sink.hold(space.page_of(key));
            }
            sink.mark_all(space, &[Some(pointer)]);
            if held && sink.let_go() {
                scan(space.page_of(key));
            }
            while let Some(page) = sink.worker.pop() {
                begin_scan(space, page);
                scan(page);
            }
            taken
        });
        let mut tables = KeyTables::default();
        let hung = tables.hang(space, &waiting, key);
        let taken = marker.join().unwrap();
        loom::stop_exploring();
        assert_eq!(taken + usize::from(hung.is_some()), 1, "an ephemeron is missed, or found twice");
        assert!(tables.end_one(space) && !tables.end_one(space));
    });
}

#[test]
fn an_ephemeron_is_hung_up_beside_a_scan() {
    hang_beside_a_scan(false, false);
    hang_beside_a_scan(false, true);
}

#[test]
fn an_ephemeron_is_hung_up_beside_the_mark_of_a_leaf() {
    hang_beside_a_scan(true, false);
}

struct Entry<'gc>(Ephemeron<'gc, Node<'gc>, Gc<'gc, Node<'gc>>>);

// SAFETY: the one field is shown.
unsafe impl<'gc> Trace<'gc> for Entry<'gc> {
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.0);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl Rebrand for Entry<'_> {
    type With<'a> = Entry<'a>;
}

/// What a mutator got: a root of the value, or nothing.
type Got = Arc<OnceLock<Option<NodeRoot>>>;

#[test]
fn values_are_read_beside_the_end() {
    explore_play(|| {
        let heap = heap();
        let space = heap.core().space;
        let mut mutator = heap.mutator().unwrap();
        let (entry, nodes) = mutator.mutate(|mc| {
            let inner = mc.alloc(Node::new(None));
            let (key, value) = (mc.alloc(Node::new(None)), mc.alloc(Node::new(Some(inner))));
            let entry = mc.root(mc.alloc(Entry(Ephemeron::new(mc, key, value))));
            (Arc::new(entry), [key, value, inner].map(address))
        });
        drop(mutator);
        let got: [Got; 1] = Default::default();
        let players = got
            .iter()
            .map(|got| {
                let (entry, got) = (entry.clone(), got.clone());
                Box::new(move |mutator: &mut crate::Mutator| {
                    mutator.mutate(|mc| {
                        let value = entry.get(mc).0.value(mc);
                        assert!(got.set(value.map(|value| mc.root(value))).is_ok());
                    });
                }) as Player
            })
            .collect();
        play(
            &heap,
            || Cycle::begin(heap.core()),
            players,
            |cycle| {
                cycle.mark();
                cycle.settle();
            },
        );
        let kept = got.iter().any(|got| got.get().expect("the player has played").is_some());
        for node in nodes {
            assert_eq!(space.slot_bits(node), (!kept, kept), "kept and not black, or lost and not white");
        }
        let mut mutator = heap.mutator().unwrap();
        assert_eq!(mutator.mutate(|mc| entry.get(mc).0.key(mc).is_some()), kept);
    });
}
