//! A soak: threads that come and go on one shared heap beside local heaps that come and go, for `--minutes N` (1).
//!
//! Each thread keeps a ring of nodes through roots, locals and the cells of a hub that all share; links, unlinks, downgrades
//! and upgrades; some leaves panic in their drop. Every node carries a sum that is looked at whenever it is come by, and
//! an owner's mark that its drop takes away, so what was freed too early is found. At the end of each round (some seconds) the
//! heap goes with all its threads, and what was made must have been dropped, each once. Ends with a line of counts, or fails.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gc_core::{Config, Gc, GcCell, GcMutex, GcRefCell, Heap, LocalHeap, Mutation, Root, Shared, Trace, Weak};

/// What is counted.
#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    dropped: AtomicU64,
    upgrades: AtomicU64,
    lost: AtomicU64,
}

/// Counts itself, and panics in its drop now and then.
#[derive(Trace)]
struct Leaf {
    alive: u64,
    number: u64,
    counts: Arc<Counts>,
}

const ALIVE: u64 = 0x600d_0b1e_c700_5afe;

impl Leaf {
    fn new(counts: &Arc<Counts>) -> Leaf {
        let number = counts.made.fetch_add(1, Ordering::Relaxed);
        Leaf { alive: ALIVE ^ number, number, counts: counts.clone() }
    }

    fn check(&self) {
        assert_eq!(self.alive, ALIVE ^ self.number, "an object was freed while it could be reached");
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        self.check();
        self.alive = 0;
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        if self.number.is_multiple_of(1009) {
            std::panic::panic_any("a leaf that panics in its drop");
        }
    }
}

#[derive(Trace)]
struct Node<'gc> {
    leaf: Leaf,
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
    known: GcCell<'gc, Option<Weak<'gc, Node<'gc>>>>,
    list: GcMutex<'gc, Vec<Gc<'gc, Node<'gc>>>>,
}

impl<'gc> Node<'gc> {
    fn new(counts: &Arc<Counts>) -> Self {
        Node {
            leaf: Leaf::new(counts),
            next: GcCell::new(None),
            known: GcCell::new(None),
            list: GcMutex::new(Vec::new()),
        }
    }
}

type Handle = Root<Node<'static>, Shared>;

/// Xorshift (Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % n
    }
}

/// Some hundred steps on what the hub reaches.
fn play<'gc>(mc: &Mutation<'gc, Shared>, hub: Gc<'gc, Node<'gc>>, counts: &Arc<Counts>, dice: &mut Dice) {
    let mut at = hub;
    for _ in 0..dice.below(200) {
        at.leaf.check();
        match dice.below(10) {
            0 | 1 => {
                let node = mc.alloc(Node::new(counts));
                node.next.set(mc, at.next.get());
                at.next.set(mc, Some(node));
            }
            2 => at.next.set(mc, at.next.get().and_then(|next| next.next.get())),
            3 => at.list.lock(mc).push(mc.alloc(Node::new(counts))),
            4 => {
                let taken = std::mem::take(&mut *at.list.lock(mc));
                if let Some(&last) = taken.last() {
                    hub.list.lock(mc).extend(taken.iter().take(3));
                    at = last;
                }
            }
            5 if dice.below(8) == 0 => at.list.lock(mc).clear(),
            6 => at.known.set(mc, Some(Gc::downgrade(hub.next.get().unwrap_or(hub), mc))),
            7 => match at.known.get().map(|known| known.upgrade(mc)) {
                Some(Some(target)) => {
                    counts.upgrades.fetch_add(1, Ordering::Relaxed);
                    at = target;
                }
                Some(None) => {
                    counts.lost.fetch_add(1, Ordering::Relaxed);
                    at.known.set(mc, None);
                }
                None => {}
            },
            8 => {
                let first = at.list.lock(mc).first().copied();
                at = first.unwrap_or(hub);
            }
            _ => at = at.next.get().unwrap_or(hub),
        }
        if mc.should_yield() {
            return;
        }
    }
    if dice.below(50) == 0 {
        hub.list.lock(mc).clear();
        hub.next.set(mc, None);
    }
}

/// One life of a thread on the shared heap.
fn live(heap: &Heap, hub: &Handle, counts: &Arc<Counts>, seed: u64) {
    let mut mutator = heap.mutator().expect("the thread has none");
    let mut dice = Dice(seed | 1);
    let mut mine: Vec<Handle> = Vec::new();
    for _ in 0..100 + dice.below(400) {
        mutator.scope(|scope| {
            let local = scope.mutate(|mc| {
                let hub = hub.get(mc);
                play(mc, hub, counts, &mut dice);
                mc.local(hub.next.get().unwrap_or(hub))
            });
            scope.safepoint();
            scope.mutate(|mc| local.get(mc).leaf.check());
        });
        match dice.below(40) {
            0 => mutator.collect(),
            1 => mutator.start_collection(),
            2 if mine.len() > 8 => mine.clear(),
            _ => mine.push(mutator.mutate(|mc| mc.root(hub.get(mc).next.get().unwrap_or(hub.get(mc))))),
        }
    }
}

/// A local heap's life: a list that grows, turns and goes.
fn live_alone(counts: &Arc<Counts>, seed: u64) {
    type Cell<'gc> = GcRefCell<'gc, Vec<Gc<'gc, Pair<'gc>>>>;
    #[derive(Trace)]
    struct Pair<'gc> {
        leaf: Leaf,
        cell: Cell<'gc>,
    }
    let heap = LocalHeap::with_config(Config::new().min_heap(256 << 10).threads(seed.is_multiple_of(2)));
    let mut mutator = heap.mutator().expect("a new heap has none");
    let mut dice = Dice(seed | 1);
    fn new<'gc>(counts: &Arc<Counts>) -> Pair<'gc> {
        Pair { leaf: Leaf::new(counts), cell: GcRefCell::new(Vec::new()) }
    }
    let root = mutator.mutate(|mc| mc.root(mc.alloc(new(counts))));
    for _ in 0..200 {
        mutator.mutate(|mc| {
            let mut at = root.get(mc);
            for _ in 0..100 {
                at.leaf.check();
                let next = mc.alloc(new(counts));
                at.cell.borrow_mut(mc).push(next);
                match dice.below(4) {
                    0 => at = next,
                    1 => at = root.get(mc),
                    2 => at.cell.borrow_mut(mc).truncate(2),
                    _ => {}
                }
            }
            if dice.below(4) == 0 {
                root.get(mc).cell.borrow_mut(mc).clear();
            }
        });
        mutator.safepoint();
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let minutes = match (words.next().as_deref(), words.next()) {
        (None, _) => 1,
        (Some("--minutes"), Some(minutes)) if minutes.parse::<u64>().is_ok() => minutes.parse().unwrap_or(1),
        _ => {
            eprintln!("soak [--minutes N]");
            return ExitCode::FAILURE;
        }
    };
    // Leaves that panic in their drop are no news.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>().is_none_or(|text| !text.starts_with("a leaf")) {
            hook(info);
        }
    }));
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let (mut rounds, mut lives, mut cycles, mut dropped, mut panics) = (0_u64, 0, 0, 0, 0);
    let (mut upgrades, mut lost) = (0, 0);
    while Instant::now() < until {
        rounds += 1;
        let counts = Arc::new(Counts::default());
        let markers = 1 + (rounds % 3) as usize;
        let heap = Heap::with_config(Config::new().min_heap(512 << 10).markers(markers));
        let hub = heap.mutator().expect("the thread has none").mutate(|mc| mc.root(mc.alloc(Node::new(&counts))));
        let (stop, begun) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|threads| {
            for place in 0..4_u64 {
                let (heap, hub, counts, stop, begun) = (&heap, &hub, &counts, &stop, &begun);
                threads.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let seed = (begun.fetch_add(1, Ordering::Relaxed) + 1) * 0x9e37_79b9 + rounds * 65_537 + place;
                        // Each life on a thread of its own, so that threads end in all phases.
                        std::thread::scope(|life| {
                            life.spawn(|| {
                                if place == 3 { live_alone(counts, seed) } else { live(heap, hub, counts, seed) }
                            });
                        });
                    }
                });
            }
            std::thread::sleep(Duration::from_secs(5));
            stop.store(true, Ordering::Relaxed);
        });
        let statistics = heap.statistics();
        cycles += statistics.cycles;
        panics += statistics.drop_panics;
        lives += begun.into_inner();
        drop((hub, heap));
        // The collector's threads let go of what they still hold of the heap.
        let patience = Instant::now() + Duration::from_secs(60);
        let made = counts.made.load(Ordering::SeqCst);
        while counts.dropped.load(Ordering::SeqCst) != made && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(counts.dropped.load(Ordering::SeqCst), made, "made and dropped, round {rounds}");
        dropped += made;
        upgrades += counts.upgrades.load(Ordering::Relaxed);
        lost += counts.lost.load(Ordering::Relaxed);
    }
    println!(
        "{minutes} min: {rounds} rounds, {lives} threads, {cycles} cycles of the shared heaps, {dropped} objects dropped once, \
         {panics} panics in drops there, {upgrades} upgrades, {lost} lost"
    );
    ExitCode::SUCCESS
}
