//! A compound cell between a marker and mutators.
//!
//! Shown: content is never read while it is written (its `Witness`, written at a lock and at its end, read by whoever traces
//! it); what is overwritten in a cycle was shaded or scanned first; before H3 content is shaded at every lock and no claim
//! is made; a lock in Trace waits for a marker that reads.
//! Threads: a marker (main) and one or two mutators.
//!
//! Fails if: `try_claim` is a load and a store; its load is not Acquire; `finish` is not Release;
//! `finish` stands before the content is read; `snapshot` does not wait when busy; `wait` loads Relaxed; `snapshot` claims
//! before H3; the lock is taken after the snapshot.
//!
//! covers: gc-core::claim::Claim::word

use std::sync::Arc;

use loom::thread::{self, JoinHandle};

use super::{Cycle, Node, address, advance, explore, heap};
use crate::claim::Claimed;
use crate::mode::{Handshake, Mode};
use crate::{Gc, GcMutex, GcRwLock, Heap, Mutation, Root, Shared, Trace};

#[derive(Trace)]
struct Holder<'gc> {
    mutex: GcMutex<'gc, Gc<'gc, Node<'gc>>>,
    rw_lock: GcRwLock<'gc, Gc<'gc, Node<'gc>>>,
    /// What the mutators put in: allocation is for other models.
    spare: Gc<'gc, Node<'gc>>,
}

type HolderRoot = Root<Holder<'static>>;

/// A rooted holder, and the addresses of the nodes in its two cells.
fn holder(heap: &Heap) -> (Arc<HolderRoot>, [usize; 2]) {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let nodes = [(); 2].map(|()| mc.alloc(Node::new(None)));
        let spare = mc.alloc(Node::new(None));
        let holder = mc.alloc(Holder { mutex: GcMutex::new(nodes[0]), rw_lock: GcRwLock::new(nodes[1]), spare });
        (Arc::new(mc.root(holder)), nodes.map(address))
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

fn replace_in_mutex<'gc>(mc: &'gc Mutation<'gc, Shared>, holder: Gc<'gc, Holder<'gc>>) {
    let mut guard = holder.mutex.lock(mc);
    let record = mc.record();
    let old = address(*guard);
    // SAFETY: in a region, and no other reference to the tracer lives.
    let pending = unsafe { record.tracer() }.is_pending(old);
    // In Trace a marker that has claimed it may still keep a copy, which it marks before it is idle.
    assert!(record.mode() == Mode::Trace || pending || record.heap.space.is_marked(old), "about to go, and not shaded");
    *guard = holder.spare;
}

/// A marker and a mutator at a mutex.
#[test]
fn marker_beside_a_mutex() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let (root, nodes) = holder(&heap);
        let mut cycle = Cycle::begin(&core);
        let mutator = spawn(&heap, &root, replace_in_mutex);
        cycle.mark();
        mutator.join().unwrap();
        assert!(nodes.iter().all(|&node| core.space.is_marked(node)));
    });
}

/// A marker, and two mutators at one mutex.
#[test]
fn marker_beside_two_at_a_mutex() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let (root, nodes) = holder(&heap);
        let mut cycle = Cycle::begin(&core);
        let mutators = [(); 2].map(|()| spawn(&heap, &root, replace_in_mutex));
        cycle.mark_once();
        mutators.map(|mutator| mutator.join().unwrap());
        assert!(nodes.iter().all(|&node| core.space.is_marked(node)));
    });
}

/// A marker, a writer and a reader at a reader-writer lock.
#[test]
fn marker_beside_a_rw_lock() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let (root, nodes) = holder(&heap);
        let mut cycle = Cycle::begin(&core);
        let writer = spawn(&heap, &root, |mc, holder| {
            *holder.rw_lock.write(mc) = holder.spare;
        });
        let reader = spawn(&heap, &root, |_, holder| holder.rw_lock.read().content.read());
        cycle.mark_once();
        writer.join().unwrap();
        reader.join().unwrap();
        assert!(nodes.iter().all(|&node| core.space.is_marked(node)));
    });
}

/// Between H1 and H3 two mutators at one mutex, each in Sync or Rooted: every lock shades, none claims.
#[test]
fn before_h3_every_lock_shades() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let (root, _) = holder(&heap);
        core.advance_epoch();
        advance(&core, [Handshake::Sync]);
        let mutators = [(); 2].map(|()| spawn(&heap, &root, replace_in_mutex));
        advance(&core, [Handshake::Rooted]);
        mutators.map(|mutator| mutator.join().unwrap());
        advance(&core, [Handshake::Trace]);
        spawn(&heap, &root, |mc, holder| {
            assert_eq!(holder.mutex.claim().try_claim(mc.record().epoch()), Claimed::Mine, "claimed before H3");
            holder.mutex.claim().finish(mc.record().epoch());
        })
        .join()
        .unwrap();
    });
}
