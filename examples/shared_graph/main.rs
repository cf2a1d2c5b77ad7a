//! Several threads that read and change one graph in a shared [`Heap`], while it is collected.
//!
//! The graph is a table of nodes with edges to one another. Each thread walks it at random; at the end of a walk it cuts an
//! edge, turns one to another node, or puts a new node in the place of an old one. Whatever nobody reaches any more is
//! garbage, in knots and cycles. No lock is taken: edges are [`GcCell`]s, which threads may store to at once.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use gc_core::{ByPtr, Config, Gc, GcCell, Heap, Mutation, Root, Trace};

const NODES: usize = 50_000;
const EDGES: usize = 4;
const THREADS: u64 = 4;
const WALKS: u64 = 600_000;
const STEPS: usize = 8;

type Link<'gc> = Option<Gc<'gc, Node<'gc>>>;

#[derive(Trace)]
struct Node<'gc> {
    id: u64,
    /// `seal(id)`: a node that was freed too early, and used for something else, would show it.
    seal: u64,
    visits: AtomicU64,
    edges: [GcCell<'gc, Link<'gc>>; EDGES],
}

#[derive(Trace)]
struct Graph<'gc> {
    nodes: Gc<'gc, [GcCell<'gc, Link<'gc>>]>,
}

/// A random number generator of one line (G. Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

fn seal(id: u64) -> u64 {
    id.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}

impl<'gc> Graph<'gc> {
    fn node(&self, at: usize) -> Gc<'gc, Node<'gc>> {
        self.nodes[at].get().expect("a place in the table always has a node")
    }

    /// Walks from a random node; returns the last one.
    fn walk(&self, random: &mut Random) -> Gc<'gc, Node<'gc>> {
        let mut at = self.node(random.below(NODES));
        for _ in 0..STEPS {
            assert_eq!(at.seal, seal(at.id), "node {} was freed while it was reachable", at.id);
            at.visits.fetch_add(1, Ordering::Relaxed); // a count, nothing hangs on it
            match at.edges[random.below(EDGES)].get() {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }

    /// Changes something.
    fn change(&self, mc: &Mutation<'gc>, last: Gc<'gc, Node<'gc>>, id: u64, random: &mut Random) {
        let place = random.below(NODES);
        let edge = &last.edges[random.below(EDGES)];
        match random.below(4) {
            0 => edge.set(mc, None),
            1 => edge.set(mc, Some(self.node(place))),
            _ => {
                let new = node(mc, id, [Some(last), None, None, None]);
                self.nodes[place].set(mc, Some(new));
            }
        }
    }
}

fn node<'gc>(mc: &Mutation<'gc>, id: u64, edges: [Link<'gc>; EDGES]) -> Gc<'gc, Node<'gc>> {
    mc.alloc(Node { id, seal: seal(id), visits: AtomicU64::new(0), edges: edges.map(GcCell::new) })
}

/// One thread's work. A region lasts until the collector asks for the thread.
fn work(heap: &Heap, root: &Root<Graph<'static>>, thread: u64) -> u64 {
    let mut mutator = heap.mutator().expect("the first mutator of this thread");
    let mut random = Random(0x2545_f491_4f6c_dd1d + thread);
    let (mut walks, mut regions) = (0, 0);
    while walks < WALKS {
        regions += 1;
        mutator.mutate(|mc| {
            let graph = root.get(mc);
            while walks < WALKS {
                let last = graph.walk(&mut random);
                graph.change(mc, last, thread << 48 | walks, &mut random);
                walks += 1;
                if mc.should_yield() {
                    break;
                }
            }
        });
    }
    regions
}

/// The nodes that can be reached.
fn count(graph: Gc<'_, Graph<'_>>) -> usize {
    let mut seen = std::collections::HashSet::new();
    let mut left: Vec<_> = graph.nodes.iter().filter_map(GcCell::get).collect();
    while let Some(node) = left.pop() {
        if seen.insert(ByPtr(node)) {
            left.extend(node.edges.iter().filter_map(GcCell::get));
        }
    }
    seen.len()
}

fn main() {
    let heap = Heap::with_config(Config::new().growth(50));
    let mut mutator = heap.mutator().expect("the first mutator of this thread");
    let root = mutator.mutate(|mc| {
        let nodes = mc.alloc_slice((0..NODES).map(|id| GcCell::new(Some(node(mc, id as u64, [None; EDGES])))));
        mc.root(mc.alloc(Graph { nodes }))
    });
    println!("{NODES} nodes, {THREADS} threads, {WALKS} walks and changes each");
    let regions: u64 = std::thread::scope(|threads| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                threads.spawn({
                    let (heap, root) = (&heap, &root);
                    move || work(heap, root, thread)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).sum()
    });
    mutator.collect();
    let reachable = mutator.mutate(|mc| count(root.get(mc)));
    let statistics = heap.statistics();
    // The graph and its table are objects too.
    println!("{regions} regions; {reachable} nodes can be reached, {} objects live", statistics.live_objects);
    assert_eq!(statistics.live_objects, reachable as u64 + 2, "live is what can be reached, and nothing else");
    print!("{}", examples::report(&statistics));
}
