//! The exchange barrier of a word cell.
//!
//! Shown: of racing stores to one cell in Trace each overwritten value is shaded, by exactly one of those who saw it; a
//! marker that scans the cell meanwhile misses nothing; whoever reads a pointer to a newborn sees its content and its mark,
//! stored by `set`, by `swap` or by `compare_exchange`, in a shared heap and in a local one.
//! Threads: two mutators and, in one model, a marker (main).
//!
//! Fails if: `set_shading` loads and stores in a shared heap; `set`'s, `swap`'s or `compare_exchange`'s order of success is
//! not Release; `swap`'s, `get`'s or a failed `compare_exchange`'s is not Acquire.
//!
//! covers: gc-core::cell::word::GcCell::word

use std::sync::Arc;

use super::{Cycle, Node, NodeRoot, Player, address, advance, explore_play, heap, play};
use crate::mode::Handshake;
use crate::{Config, Gc, GcCell, Heap, LocalHeap, Mutation, Shared, Trace};

/// Nodes that nothing but this holds: it is rooted, but not scanned.
#[derive(Trace)]
struct Bank<'gc> {
    cell: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
    others: [Gc<'gc, Node<'gc>>; 2],
}

type BankRoot = crate::Root<Bank<'static>>;

/// A bank whose cell holds the first of three nodes.
fn bank(heap: &Heap) -> (Arc<BankRoot>, [usize; 3]) {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let nodes = [(); 3].map(|()| mc.alloc(Node::new(None)));
        let bank = mc.alloc(Bank { cell: GcCell::new(Some(nodes[0])), others: [nodes[1], nodes[2]] });
        (Arc::new(mc.root(bank)), nodes.map(address))
    })
}

fn writer(
    root: &Arc<BankRoot>,
    write: impl for<'gc> FnOnce(&'gc Mutation<'gc, Shared>, Gc<'gc, Bank<'gc>>) + Send + 'static,
) -> Player {
    let root = root.clone();
    Box::new(move |mutator| mutator.mutate(|mc| write(mc, root.get(mc))))
}

/// Two writers put a node each into the cell; afterwards the two that were overwritten are shaded, the third is not.
fn two_writers(
    first: impl for<'gc> Fn(&'gc Mutation<'gc, Shared>, Gc<'gc, Bank<'gc>>) + Copy + Send + Sync + 'static,
    second: impl for<'gc> Fn(&'gc Mutation<'gc, Shared>, Gc<'gc, Bank<'gc>>) + Copy + Send + Sync + 'static,
) {
    explore_play(move || {
        let heap = heap();
        let core = heap.core().clone();
        let (root, nodes) = bank(&heap);
        let players = vec![writer(&root, first), writer(&root, second)];
        play(&heap, || Cycle::begin(&core), players, |_| {});
        let mut mutator = heap.mutator().unwrap();
        let left = mutator.mutate(|mc| root.get(mc).cell.get().map(address));
        drop(mutator);
        for node in nodes {
            assert_eq!(core.space.is_marked(node), Some(node) != left, "overwritten and not shaded, or the reverse");
        }
        advance(&core, [Handshake::Wave]);
        let shaded: usize = std::iter::from_fn(|| core.shades.take()).map(|batch| batch.len()).sum();
        assert_eq!(shaded, 2, "one shading each");
    });
}

#[test]
fn two_sets() {
    two_writers(|mc, bank| bank.cell.set(mc, Some(bank.others[0])), |mc, bank| bank.cell.set(mc, Some(bank.others[1])));
}

#[test]
fn a_set_and_a_swap() {
    two_writers(
        |mc, bank| bank.cell.set(mc, Some(bank.others[0])),
        |mc, bank| {
            bank.cell.swap(mc, Some(bank.others[1])).expect("never empty").content.read();
        },
    );
}

#[test]
fn a_set_and_a_compare_exchange() {
    two_writers(
        |mc, bank| bank.cell.set(mc, Some(bank.others[0])),
        |mc, bank| {
            let mut seen = bank.cell.get();
            while let Err(now) = bank.cell.compare_exchange(mc, seen, Some(bank.others[1])) {
                now.expect("never empty").content.read();
                seen = now;
            }
        },
    );
}

/// Two mutators empty the one cell that holds a node, beside a marker that scans the cell: the node is marked at the end.
#[test]
fn two_writers_beside_a_marker() {
    explore_play(|| {
        let heap = heap();
        let core = heap.core().clone();
        let mut mutator = heap.mutator().unwrap();
        let (root, node) = mutator.mutate(|mc| {
            let node = mc.alloc(Node::new(None));
            let root: NodeRoot = mc.root(mc.alloc(Node::new(Some(node))));
            (Arc::new(root), address(node))
        });
        drop(mutator);
        let players = [(); 2].map(|()| {
            let root = root.clone();
            Box::new(move |mutator: &mut crate::Mutator| mutator.mutate(|mc| root.get(mc).next.set(mc, None))) as Player
        });
        let (mut cycle, ()) = play(&heap, || Cycle::begin(&core), players.into(), Cycle::mark_once);
        cycle.mark();
        assert!(core.space.is_marked(node));
    });
}

/// A mutator publishes a black newborn by `publish`; another that finds it, and a marker that scans the cell, see what is
/// behind the pointer.
fn newborn(
    publish: impl for<'gc> Fn(&'gc Mutation<'gc, Shared>, &Node<'gc>, Gc<'gc, Node<'gc>>) + Copy + Send + Sync + 'static,
) {
    explore_play(move || {
        let heap = heap();
        let core = heap.core().clone();
        let mut mutator = heap.mutator().unwrap();
        let root: Arc<NodeRoot> = Arc::new(mutator.mutate(|mc| mc.root(mc.alloc(Node::new(None)))));
        drop(mutator);
        let (to, from) = (root.clone(), root);
        let players: Vec<Player> = vec![
            Box::new(move |mutator| mutator.mutate(|mc| publish(mc, &to.get(mc), mc.alloc(Node::new(None))))),
            Box::new(move |mutator| {
                mutator.mutate(|mc| {
                    if let Some(newborn) = from.get(mc).next.get() {
                        newborn.content.read();
                        assert!(mc.record().heap.space.is_marked(address(newborn)), "black, and its mark is not seen");
                    }
                });
            }),
        ];
        play(&heap, || Cycle::begin(&core), players, Cycle::mark_once);
    });
}

#[test]
fn gccell_publish_black_object_by_set() {
    newborn(|mc, node, newborn| node.next.set(mc, Some(newborn)));
}

#[test]
fn gccell_publish_black_object_by_swap() {
    newborn(|mc, node, newborn| {
        node.next.swap(mc, Some(newborn));
    });
}

#[test]
fn gccell_publish_black_object_by_compare_exchange() {
    newborn(|mc, node, newborn| {
        node.next.compare_exchange(mc, None, Some(newborn)).expect("nobody else writes");
    });
}

/// A newborn that another mutator takes out by `take`, which reads what it took.
fn newborn_taken(take: impl for<'gc> Fn(&'gc Mutation<'gc, Shared>, &Node<'gc>) + Copy + Send + Sync + 'static) {
    explore_play(move || {
        let heap = heap();
        let core = heap.core().clone();
        let mut mutator = heap.mutator().unwrap();
        let root: Arc<NodeRoot> = Arc::new(mutator.mutate(|mc| mc.root(mc.alloc(Node::new(None)))));
        drop(mutator);
        let (to, from) = (root.clone(), root);
        let players: Vec<Player> = vec![
            Box::new(move |mutator| mutator.mutate(|mc| to.get(mc).next.set(mc, Some(mc.alloc(Node::new(None)))))),
            Box::new(move |mutator| mutator.mutate(|mc| take(mc, &from.get(mc)))),
        ];
        play(&heap, || Cycle::begin(&core), players, |_| {});
    });
}

#[test]
fn newborn_taken_by_swap() {
    newborn_taken(|mc, node| {
        if let Some(newborn) = node.next.swap(mc, None) {
            newborn.content.read();
        }
    });
}

#[test]
fn newborn_seen_by_a_compare_exchange_that_fails() {
    newborn_taken(|mc, node| {
        if let Err(Some(newborn)) = node.next.compare_exchange(mc, None, None) {
            newborn.content.read();
        }
    });
}

/// The plain store while no cycle is on.
#[test]
fn publish_while_idle() {
    explore_play(|| {
        let heap = heap();
        let mut mutator = heap.mutator().unwrap();
        let root: Arc<NodeRoot> = Arc::new(mutator.mutate(|mc| mc.root(mc.alloc(Node::new(None)))));
        drop(mutator);
        let (to, from) = (root.clone(), root);
        let players: Vec<Player> = vec![
            Box::new(move |mutator| mutator.mutate(|mc| to.get(mc).next.set(mc, Some(mc.alloc(Node::new(None)))))),
            Box::new(move |mutator| {
                mutator.mutate(|mc| {
                    if let Some(newborn) = from.get(mc).next.get() {
                        newborn.content.read();
                    }
                });
            }),
        ];
        play(&heap, || (), players, |()| {});
    });
}

/// A local heap: a load and a store; a marker scans beside.
#[test]
fn local_heap_beside_a_marker() {
    explore_play(|| {
        let heap = LocalHeap::with_config(Config::new().markers(1).automatic(false));
        let mut mutator = heap.mutator().unwrap();
        let (root, node) = mutator.mutate(|mc| {
            let node = mc.alloc(Node::new(None));
            (mc.root(mc.alloc(Node::new(Some(node)))), address(node))
        });
        let core = mutator.record().heap.clone();
        let mut cycle = Cycle::begin(&core);
        loom::explore();
        let marker = loom::thread::spawn(move || {
            cycle.mark_once();
            cycle
        });
        mutator.mutate(|mc| root.get(mc).next.set(mc, None));
        let mut cycle = marker.join().unwrap();
        loom::stop_exploring();
        cycle.mark();
        assert!(core.space.is_marked(node));
    });
}
