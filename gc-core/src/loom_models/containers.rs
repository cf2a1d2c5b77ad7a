//! A `GcMap` and a `GcDeque` between a marker and mutators.
//!
//! Shown: a segment is never read while it is written (the `Witness` of its claim); what a write overwrites was shaded or
//! scanned first; the lock gives the map to one thread at a time, and its holder alone is refused.
//! Threads: a marker (main) and one or two mutators.
//!
//! Fails if: a write in Trace does not claim its segment; the lock is not taken.
//!
//! covers: gc-core::container::lock::ThreadLock::holder

use std::sync::Arc;

use loom::thread::{self, JoinHandle};

use super::{Cycle, Node, address, explore, heap};
use crate::{Gc, GcDeque, GcMap, Heap, Mutation, Root, Shared, Trace};

#[derive(Trace)]
struct Holder<'gc> {
    map: GcMap<'gc, u32, Gc<'gc, Node<'gc>>, Shared, foldhash::fast::FixedState>,
    /// What the mutators put in: allocation is for other models.
    spare: Gc<'gc, Node<'gc>>,
}

type HolderRoot = Root<Holder<'static>>;

/// A rooted holder whose map has one key, and the address of that one's node.
fn holder(heap: &Heap) -> (Arc<HolderRoot>, usize) {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let (node, spare) = (mc.alloc(Node::new(None)), mc.alloc(Node::new(None)));
        let holder = mc.alloc(Holder { map: GcMap::new(), spare });
        holder.map.insert(mc, 0, node);
        (Arc::new(mc.root(holder)), address(node))
    })
}

/// A thread with a mutator that runs `f` in a region.
fn spawn(
    heap: &Heap,
    root: &Arc<HolderRoot>,
    f: impl for<'gc> FnOnce(&'gc Mutation<'gc, Shared>, Gc<'gc, Holder<'gc>>) + Send + 'static,
) -> JoinHandle<()> {
    let (heap, root) = (heap.clone(), root.clone());
    thread::spawn(move || heap.mutator().unwrap().mutate(|mc| f(mc, root.get(mc))))
}

/// A marker, and a mutator that overwrites.
#[test]
fn marker_beside_a_map() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let (root, node) = holder(&heap);
        let mut cycle = Cycle::begin(&core);
        let mutator = spawn(&heap, &root, move |mc, holder| {
            assert_eq!(holder.map.insert(mc, 0, holder.spare).map(address), Some(node));
        });
        cycle.mark();
        mutator.join().unwrap();
        assert!(core.space.is_marked(node));
    });
}

/// Two mutators at one map: none is refused, and none comes between the steps of the other.
#[test]
fn two_at_a_map() {
    explore(|| {
        let heap = heap();
        let (root, _) = holder(&heap);
        let mutators = [1, 2].map(|key| {
            spawn(&heap, &root, move |mc, holder| {
                let mut map = holder.map.borrow_mut(mc);
                assert!(holder.map.try_borrow().is_err(), "its holder is refused");
                map.insert(key, holder.spare);
            })
        });
        mutators.map(|mutator| mutator.join().unwrap());
        heap.mutator().unwrap().mutate(|mc| assert_eq!(root.get(mc).map.borrow().len(), 3));
    });
}

#[derive(Trace)]
struct Queue<'gc> {
    deque: GcDeque<'gc, Gc<'gc, Node<'gc>>>,
    /// Comes into the deque.
    spare: Gc<'gc, Node<'gc>>,
}

/// A marker, and a mutator that pushes, which divides the full ring, and pops: what it holds then is marked, and what it leaves.
#[test]
fn marker_beside_a_deque() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let (root, nodes) = heap.mutator().unwrap().mutate(|mc| {
            let nodes = [(); 3].map(|()| mc.alloc(Node::new(None)));
            let queue = mc.alloc(Queue { deque: GcDeque::new(), spare: nodes[2] });
            queue.deque.push_back(mc, nodes[0]);
            queue.deque.push_front(mc, nodes[1]);
            (Arc::new(mc.root(queue)), nodes.map(address))
        });
        let mut cycle = Cycle::begin(&core);
        let mutator = thread::spawn({
            let (heap, root) = (heap.clone(), root.clone());
            move || {
                heap.mutator().unwrap().mutate(|mc| {
                    let queue = root.get(mc);
                    queue.deque.push_back(mc, queue.spare);
                    assert_eq!(queue.deque.pop_front(mc).map(address), Some(nodes[1]));
                });
            }
        });
        cycle.mark();
        mutator.join().unwrap();
        assert!(nodes.into_iter().all(|node| core.space.is_marked(node)));
    });
}
