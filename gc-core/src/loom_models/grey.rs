//! The grey queue and those who mark from it.
//!
//! Shown: a mark set beside a scanner of its page is taken by the scanner, or its page is queued again; each grey object is
//! scanned by exactly one; two markers that share work leave nothing grey; the queue is not called quiet while there is work
//! anywhere, be it in the hands of a marker or left by an assistant; a helper that sleeps is woken for the end of marking and
//! for the end of the team.
//! Threads: two markers, or a marker and a helper, or the collector and an assistant.
//!
//! Fails if: either of the two fences goes; `is_quiet` looks at the number of active markers alone, does not look twice, or
//! forgets the long pages; `end`, or who leaves after it, does not wake. The stand-in for the deque orders more than the
//! shipped one: what `become_idle` publishes of the queues is not shown here.
//!
//! covers: allocator::space::Space::flags
//! covers: gc-core::grey::GreyQueue::activity
//! covers: gc-core::team::Sleepers::count

use std::sync::Arc;

use allocator::{PageId, Space};
use loom::thread;

use super::{Cycle, Node, NodeRoot, address, explore, explore_play, heap};
use crate::grey::{GreyQueue, MarkerSink, begin_scan};
use crate::sync::deque::Worker;
use crate::{Config, Heap};

/// A heap with two white nodes on one page, kept alive by a mutator that is not asked again.
fn two_nodes(heap: &Heap) -> [usize; 2] {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| [(); 2].map(|()| address(mc.alloc(Node::new(None)))))
}

fn edge(addr: usize) -> [Option<std::ptr::NonNull<()>>; 1] {
    [std::ptr::NonNull::new(std::ptr::without_provenance_mut(addr))]
}

/// Takes the queued pages' grey objects; their number.
fn drain(space: &Space, worker: &Worker<PageId>) -> u32 {
    let mut taken = 0;
    while let Some(page) = worker.pop() {
        begin_scan(space, page);
        taken += space.take_both(page).iter().map(|word| word.count_ones()).sum::<u32>();
    }
    taken
}

/// One marker scans a page while another marks an object on it.
#[test]
fn mark_beside_a_scan() {
    explore_play(|| {
        let heap = heap();
        let space = heap.core().space;
        let nodes = two_nodes(&heap);
        let (_, mut workers) = GreyQueue::new(2);
        let (mut first, mut second) =
            (MarkerSink::new(workers.pop().unwrap()), MarkerSink::new(workers.pop().unwrap()));
        first.mark_all(space, &edge(nodes[0]));
        loom::explore();
        let marker = thread::spawn(move || {
            second.mark_all(space, &edge(nodes[1]));
            second
        });
        let mut taken = drain(space, &first.worker);
        let second = marker.join().unwrap();
        loom::stop_exploring();
        taken += drain(space, &second.worker);
        assert_eq!(taken, 2, "each is scanned once");
    });
}

/// As above, with a batch that a mutator marked.
#[test]
fn batch_beside_a_scan() {
    explore_play(|| {
        let heap = heap();
        let core = heap.core().clone();
        let space = core.space;
        let nodes = two_nodes(&heap);
        let (_, mut workers) = GreyQueue::new(2);
        let (mut first, mut second) =
            (MarkerSink::new(workers.pop().unwrap()), MarkerSink::new(workers.pop().unwrap()));
        first.mark_all(space, &edge(nodes[0]));
        loom::explore();
        let mutator = thread::spawn({
            let shades = core.shades.clone();
            move || {
                let mut sink = crate::shade::ShadeSink::new(shades);
                sink.shade_all(space, &edge(nodes[1]));
                sink.hand_in();
            }
        });
        let marker = thread::spawn({
            let shades = core.shades.clone();
            move || {
                if let Some(batch) = shades.take() {
                    second.take_in(space, &batch);
                }
                second
            }
        });
        let mut taken = drain(space, &first.worker);
        mutator.join().unwrap();
        let mut second = marker.join().unwrap();
        loom::stop_exploring();
        while let Some(batch) = core.shades.take() {
            second.take_in(space, &batch);
        }
        taken += drain(space, &second.worker);
        assert_eq!(taken, 2, "each is scanned once");
    });
}

/// Two scanners of one page: each grey object goes to one.
#[test]
fn two_scans_of_one_page() {
    explore_play(|| {
        let heap = heap();
        let space = heap.core().space;
        let nodes = two_nodes(&heap);
        let page = space.page_of(nodes[0]);
        let (_, mut workers) = GreyQueue::new(1);
        let mut sink = MarkerSink::new(workers.pop().unwrap());
        nodes.iter().for_each(|&node| sink.mark_all(space, &edge(node)));
        loom::explore();
        let scan = move || {
            begin_scan(space, page);
            space.take_both(page).iter().map(|word| word.count_ones()).sum::<u32>()
        };
        let other = thread::spawn(scan);
        let taken = scan() + other.join().unwrap();
        loom::stop_exploring();
        assert_eq!(taken, 2);
    });
}

/// An assistant takes a page that another one left, scans it and leaves what it found: there is work at every moment.
#[test]
fn work_that_moves_is_not_quiet() {
    explore(|| {
        let (queue, mut workers) = GreyQueue::new(2);
        let queue = Arc::new(queue);
        let (left, mine) = (workers.pop().unwrap(), workers.pop().unwrap());
        left.push(PageId(1));
        let assistant = thread::spawn({
            let queue = queue.clone();
            move || {
                queue.become_active();
                if queue.steal_into(0, &mine).is_some() {
                    mine.push(PageId(2));
                }
                queue.become_idle();
            }
        });
        assert!(!queue.is_quiet());
        assistant.join().unwrap();
        assert!(!queue.is_quiet());
        drop(left);
    });
}

/// A long page that changes hands.
#[test]
fn a_long_page_is_not_quiet() {
    explore(|| {
        let (queue, _workers) = GreyQueue::new(1);
        let queue = Arc::new(queue);
        queue.leave_long(PageId(1));
        let marker = thread::spawn({
            let queue = queue.clone();
            move || {
                queue.become_active();
                let page = queue.take_long().expect("nobody else takes it");
                queue.leave_long(page);
                queue.become_idle();
            }
        });
        assert!(!queue.is_quiet());
        marker.join().unwrap();
    });
}

/// The collector and a helper mark a chain on three pages; the helper sleeps and wakes; nothing is left grey or white.
#[test]
fn two_markers_share_a_chain() {
    explore_play(|| {
        let heap = Heap::with_config(Config::new().markers(2).automatic(false));
        let core = heap.core().clone();
        let mut mutator = heap.mutator().unwrap();
        let (_root, nodes): (NodeRoot, _) = mutator.mutate(|mc| {
            let last = mc.alloc(Node::new(None));
            let middle = mc.alloc(Node::new(Some(last)));
            let first = mc.alloc(Node::new(Some(middle)));
            (mc.root(first), [first, middle, last].map(address))
        });
        drop(mutator);
        let mut cycle = Cycle::begin(&core);
        loom::explore();
        cycle.mark();
        loom::stop_exploring();
        for node in nodes {
            assert_eq!(core.space.slot_bits(node), (false, true), "marked and scanned");
        }
    });
}
