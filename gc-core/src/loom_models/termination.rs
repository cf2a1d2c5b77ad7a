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
//! Fails if: `shade` marks first and looks at the word after; `resume` does nothing; a hand-in is not counted; answers to a
//! wave hand nothing in, or do not shade what is in the tracer's buffer; the wave is requested while work is queued; the wave
//! is left out; `begin_wave` stands after the wave.
//!
//! covers: gc-core::termination::Termination::word
//! covers: gc-core::shade::Shades::handed_in

use std::sync::Arc;

use loom::sync::Mutex;

use super::{Cycle, Node, NodeRoot, Player, address, explore_play, heap, play};
use crate::cycle::Collector;
use crate::{Gc, Heap};

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

/// As above, and the other stores X elsewhere and deletes it there too, so that it may be the one that marks it.
#[test]
fn two_deletions_of_one_object() {
    explore_play(|| {
        let heap = heap();
        let core = heap.core().clone();
        let (root, _) = chain(&heap, 3);
        let (other, _) = chain(&heap, 1);
        let kept: Arc<Mutex<Option<NodeRoot>>> = Arc::new(Mutex::new(None));
        let (deletes, loads, keeps, elsewhere) = (root.clone(), root.clone(), kept.clone(), other.clone());
        let players: Vec<Player> = vec![
            Box::new(move |mutator| mutator.mutate(|mc| deletes.get(mc).next.set(mc, None))),
            Box::new(move |mutator| {
                let taken = mutator.mutate(|mc| loads.get(mc).next.get().map(|x| mc.root(x)));
                if let Some(taken) = taken {
                    mutator.mutate(|mc| {
                        let cell = &elsewhere.get(mc).next;
                        cell.set(mc, Some(taken.get(mc)));
                        // Twice: the buffer is full, and the object is shaded at once.
                        cell.set(mc, Some(taken.get(mc)));
                        cell.set(mc, None);
                    });
                    *keeps.lock().unwrap() = Some(taken);
                }
            }),
        ];
        play(&heap, || Cycle::begin(&core), players, Cycle::mark);
        assert_black(&heap, &root);
        assert_black(&heap, &other);
        if let Some(kept) = kept.lock().unwrap().take() {
            assert_black(&heap, &kept);
        }
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
