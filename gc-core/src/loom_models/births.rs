//! The bits that objects are born with.
//!
//! Shown: what is reachable at Done is marked, whatever the mutators allocated and stored into newborns between H1 and Done,
//! while one has answered a handshake and another has not; a newborn that is written beside a marker of its page is not
//! scanned (its content's `Witness`).
//! Threads: the collector (main) and two mutators.
//!
//! Fails if: newborns are black or white in Rooted, or grey there and their pages not queued, be it those of a new span or
//! those of the next run in an open one; white or grey in Trace; black in Sync.
//!
//! covers: allocator::space::Space::marks
//! covers: allocator::space::Space::allocs

use std::sync::Arc;

use super::{Cycle, Node, NodeRoot, Player, address, explore_play, heap, node, play};
use crate::mode::Handshake;
use crate::type_info::{Sized_, TypeInfo};
use crate::{Gc, Heap, Mutation, Shared};

/// Nodes whose spans are not those of [`node`].
const APART: &TypeInfo = &TypeInfo { name: || "a node apart", ..*Sized_::<Node<'static>>::INFO };

/// Where a newborn lies. No marker comes to its page but for newborns: the span that the root is in is its maker's.
#[derive(Debug, Clone, Copy)]
enum Span {
    /// In the next run of the span that its mutator has open when the mode changes.
    Open,
    /// In the first run of a span that is opened for it.
    New,
}

impl Span {
    fn alloc<'gc>(self, mc: &Mutation<'gc, Shared>) -> Gc<'gc, Node<'gc>> {
        match self {
            Span::Open => node(mc),
            Span::New => mc.alloc_as(APART, Node::new(None)),
        }
    }
}

/// All that is reached from the root is marked.
fn assert_all_marked(heap: &Heap, root: &NodeRoot) {
    let space = heap.core().space;
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let mut at: Option<Gc<'_, Node<'_>>> = Some(root.get(mc));
        let mut depth = 0;
        while let Some(node) = at {
            assert!(space.is_marked(address(node)), "reached at Done, and white: at depth {depth}");
            at = node.next.get();
            depth += 1;
        }
    });
}

/// One mutator publishes a newborn, the other puts a newborn of its own into it, beside `handshake`.
fn newborn_in_a_newborn(before: &'static [Handshake], handshake: Handshake, after: &'static [Handshake]) {
    for span in [Span::Open, Span::New] {
        explore_play(move || {
            let heap = heap();
            let core = heap.core().clone();
            let mut mutator = heap.mutator().unwrap();
            let root: Arc<NodeRoot> = Arc::new(mutator.mutate(|mc| mc.root(node(mc))));
            let (first, second) = (root.clone(), root.clone());
            let players: Vec<Player> = vec![
                Box::new(move |mutator| {
                    mutator.mutate(|mc| first.get(mc).next.set(mc, Some(span.alloc(mc))));
                }),
                Box::new(move |mutator| {
                    mutator.mutate(|mc| {
                        if let Some(newborn) = second.get(mc).next.get() {
                            newborn.next.set(mc, Some(node(mc)));
                        }
                    });
                }),
            ];
            let stage = || {
                let mut cycle = Cycle::open(&core);
                before.iter().for_each(|&handshake| cycle.step(handshake));
                cycle
            };
            let (mut cycle, ()) = play(&heap, stage, players, |cycle| cycle.step(handshake));
            after.iter().for_each(|&handshake| cycle.step(handshake));
            cycle.mark();
            drop(mutator);
            assert_all_marked(&heap, &root);
        });
    }
}

#[test]
fn newborn_in_a_newborn_beside_h1() {
    newborn_in_a_newborn(&[], Handshake::Sync, &[Handshake::Rooted, Handshake::Trace]);
}

#[test]
fn newborn_in_a_newborn_beside_h2() {
    newborn_in_a_newborn(&[Handshake::Sync], Handshake::Rooted, &[Handshake::Trace]);
}

#[test]
fn newborn_in_a_newborn_beside_h3() {
    newborn_in_a_newborn(&[Handshake::Sync, Handshake::Rooted], Handshake::Trace, &[]);
}

/// A mutator (main) allocates on the page that a marker (a thread) scans.
#[test]
fn newborn_on_a_page_that_is_scanned() {
    explore_play(|| {
        let heap = heap();
        let core = heap.core().clone();
        let mut mutator = heap.mutator().unwrap();
        let root: NodeRoot = mutator.mutate(|mc| mc.root(node(mc)));
        let mut cycle = Cycle::begin(&core);
        loom::explore();
        let marker = loom::thread::spawn(move || {
            cycle.mark_once();
            cycle
        });
        mutator.mutate(|mc| {
            let old = root.get(mc);
            let newborn = node(mc);
            assert_eq!(core.space.page_of(address(newborn)), core.space.page_of(address(old)), "one page");
            newborn.content.write();
            old.next.set(mc, Some(newborn));
            newborn.content.write();
        });
        let mut cycle = marker.join().unwrap();
        loom::stop_exploring();
        drop(mutator);
        cycle.mark();
        assert_all_marked(&heap, &root);
    });
}
