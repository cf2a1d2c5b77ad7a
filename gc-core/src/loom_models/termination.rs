//! The end of marking: shades, hand-ins, waves and the word.
//!
//! Shown: at Done whatever a mutator can reach is marked, and nothing is grey, though a deletion and its shade are two steps
//! and mutators answer the wave one by one; while nobody shades, one wave is enough.
//! Threads: the collector (main) and two mutators, whose regions delete, load what the other deletes, root it and delete
//! again.
//!
//! The graph: a root whose `next` is X, X's is Y, Y's is Z. One mutator deletes X from the root; the other gets hold of it
//! first, and deletes Y from X (so Y lives only if it was shaded) or keeps X by a root of its own.
//!
//! Fails if: `resume` does nothing; `begin_wave` stands after the wave's request; a hand-in is not counted; the answers to a
//! wave hand nothing in; the wave is requested while a batch waits; `shade` marks first and looks at the
//! word after.
//!
//! covers: gc-core::termination::Termination::word
//! covers: gc-core::shade::Shades::handed_in
//! numbers: gc-core::assist::Progress::credit
//! numbers: gc-core::assist::Progress::expected
//! numbers: gc-core::assist::Progress::most
//! numbers: gc-core::assist::Progress::scanned
//! numbers: gc-core::record::Counts::barrier_hits
//! numbers: gc-core::record::Counts::shaded

use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

use loom::sync::Mutex;

use super::{Cycle, Node, NodeRoot, Player, address, explore_play, explore_play_at_least, heap, play};
use crate::cycle::Collector;
use crate::shade::ShadeSink;
use crate::{Gc, GcCell, Heap, Mutation, Shared};

/// A chain of nodes from a root; their addresses.
fn chain(heap: &Heap, length: usize) -> (Arc<NodeRoot>, Vec<usize>) {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let mut nodes = Vec::new();
        let mut at: Option<Gc<'_, Node<'_>>> = None;
        for _ in 0..length {
            let node = mc.alloc(Node::new(at));
            nodes.insert(0, address(node));
            at = Some(node);
        }
        (Arc::new(mc.root(at.expect("not empty"))), nodes)
    })
}

/// Everything from `root` on is marked and scanned.
fn assert_black(heap: &Heap, root: &NodeRoot) {
    let space = heap.core().space;
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let mut at = Some(root.get(mc));
        while let Some(node) = at {
            assert_eq!(space.slot_bits(address(node)), (false, true), "reached at Done, and not black");
            at = node.next.get();
        }
    });
}

/// One mutator deletes X; the other roots it.
#[test]
fn a_deletion_beside_a_load() {
    explore_play(|| {
        let heap = heap();
        let core = heap.core().clone();
        let (root, _) = chain(&heap, 3);
        let kept: Arc<Mutex<Option<NodeRoot>>> = Arc::new(Mutex::new(None));
        let (deletes, loads, keeps) = (root.clone(), root.clone(), kept.clone());
        let players: Vec<Player> = vec![
            Box::new(move |mutator| mutator.mutate(|mc| deletes.get(mc).next.set(mc, None))),
            Box::new(move |mutator| {
                mutator.mutate(|mc| {
                    let x = loads.get(mc).next.get();
                    *keeps.lock().unwrap() = x.map(|x| mc.root(x));
                });
            }),
        ];
        play(&heap, || Cycle::begin(&core), players, Cycle::mark);
        assert_black(&heap, &root);
        if let Some(kept) = kept.lock().unwrap().take() {
            assert_black(&heap, &kept);
        }
    });
}

/// Deletes `node` until the tracer's buffer is full, so that it is shaded now and not in the next answer.
fn shade_now<'gc>(
    mc: &Mutation<'gc, Shared>,
    cell: &GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
    node: Gc<'gc, Node<'gc>>,
) {
    for _ in 0..=3 {
        cell.set(mc, Some(node));
    }
    cell.set(mc, None);
}

/// The stage of the models below: a cycle in Trace, the root's chain X, Y, Z still white but for the root, and a root of X
/// made after the walk.
fn in_trace(heap: &Heap, root: &NodeRoot) -> (Cycle, Arc<NodeRoot>) {
    let cycle = Cycle::begin(heap.core());
    let mut mutator = heap.mutator().unwrap();
    let x = mutator.mutate(|mc| mc.root(root.get(mc).next.get().expect("X")));
    (cycle, Arc::new(x))
}

/// The late shade. One mutator has deleted X from the root and not shaded it when the wave is requested; the other has
/// answered, and marks X. In the first one's answer X is marked, and nothing is handed in.
#[test]
fn late_shade() {
    explore_play(|| {
        let heap = heap();
        let (root, _) = chain(&heap, 4);
        let (elsewhere, _) = chain(&heap, 1);
        let kept: Arc<OnceLock<Arc<NodeRoot>>> = Arc::default();
        let (deletes, keeps, to) = (root.clone(), kept.clone(), elsewhere.clone());
        let players: Vec<Player> = vec![
            Box::new(move |mutator| mutator.mutate(|mc| deletes.get(mc).next.set(mc, None))),
            Box::new(move |mutator| {
                let x = keeps.get().expect("set on the stage");
                mutator.mutate(|mc| shade_now(mc, &to.get(mc).next, x.get(mc)));
            }),
        ];
        let stage = || {
            let (cycle, x) = in_trace(&heap, &root);
            assert!(kept.set(x).is_ok());
            cycle
        };
        play(&heap, stage, players, Cycle::mark);
        [&root, &elsewhere, kept.get().expect("set")].map(|root| assert_black(&heap, root));
    });
}

/// The same in its parts, to every order of their steps: both have seen the word at Terminating, one has answered the wave,
/// the other shades the one white object, hands in what it has, and answers. No such wave is clean.
#[test]
fn late_shade_beside_settle() {
    explore_play_at_least(5, || {
        let heap = heap();
        let core = heap.core().clone();
        let (_root, nodes) = chain(&heap, 1);
        let object = NonNull::new(core.space.pointer(nodes[0])).expect("not null").cast();
        let before = core.shades.handed_in();
        core.shades.termination.begin_wave();
        core.rendezvous.begin(1);
        let sink = || {
            let mut sink = ShadeSink::new(core.shades.clone());
            sink.set_in_trace(true);
            sink
        };
        let (mut late, mut other) = (sink(), sink());
        let (rendezvous, space) = (core.clone(), core.space);
        loom::explore();
        let threads = [
            loom::thread::spawn(move || {
                late.shade(space, object);
                late.hand_in();
                rendezvous.rendezvous.answered();
            }),
            loom::thread::spawn(move || other.shade(space, object)),
        ];
        core.rendezvous.wait();
        let clean = core.shades.handed_in() == before && core.shades.termination.settle();
        assert!(!clean, "Done with an object that is grey in somebody's buffer");
        threads.map(|thread| thread.join().unwrap());
        loom::stop_exploring();
    });
}

/// One mutator has shaded X and not handed it in when the wave is requested.
#[test]
fn shaded_before_the_wave() {
    explore_play(|| {
        let heap = heap();
        let (root, _) = chain(&heap, 4);
        let (elsewhere, _) = chain(&heap, 1);
        let kept: Arc<OnceLock<Arc<NodeRoot>>> = Arc::default();
        let (deletes, to) = (root.clone(), elsewhere.clone());
        let players: Vec<Player> = vec![Box::new(move |mutator| {
            mutator.mutate(|mc| {
                let x = deletes.get(mc).next.swap(mc, None).expect("X");
                shade_now(mc, &to.get(mc).next, x);
            });
        })];
        let stage = || {
            let (cycle, x) = in_trace(&heap, &root);
            assert!(kept.set(x).is_ok());
            cycle
        };
        play(&heap, stage, players, Cycle::mark);
        [&root, &elsewhere, kept.get().expect("set")].map(|root| assert_black(&heap, root));
    });
}

/// One mutator deletes X and Y, and hands in a full buffer beside the collector's last look for batches.
#[test]
fn a_full_buffer_beside_the_last_look() {
    explore_play_at_least(3, || {
        let heap = heap();
        let (root, _) = chain(&heap, 5);
        let kept: Arc<OnceLock<Arc<NodeRoot>>> = Arc::default();
        let deletes = root.clone();
        let players: Vec<Player> = vec![Box::new(move |mutator| {
            mutator.mutate(|mc| {
                let x = deletes.get(mc).next.swap(mc, None).expect("X");
                let y = x.next.swap(mc, None).expect("Y");
                x.next.set(mc, Some(y));
                x.next.set(mc, Some(y));
            });
        })];
        let stage = || {
            let (cycle, x) = in_trace(&heap, &root);
            assert!(kept.set(x).is_ok());
            cycle
        };
        play(&heap, stage, players, Cycle::mark);
        [&root, kept.get().expect("set")].map(|root| assert_black(&heap, root));
    });
}

/// Nobody shades: one wave, clean.
#[test]
fn a_quiet_wave() {
    explore_play(|| {
        let heap = heap();
        let core = heap.core().clone();
        let (root, nodes) = chain(&heap, 2);
        let reads = root.clone();
        let players: Vec<Player> =
            vec![Box::new(move |mutator| mutator.mutate(|mc| assert!(reads.get(mc).next.get().is_some())))];
        let (cycle, ()) = play(&heap, || Cycle::begin(&core), players, Cycle::mark);
        assert_eq!(cycle.collector.as_ref().map(Collector::waves), Some(1));
        assert!(nodes.iter().all(|&node| core.space.is_marked(node)));
    });
}
