//! Ephemerons: a value lives exactly as long as its key does and its ephemeron is there, in every order, phase and mode.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use gc_core::{Config, Ephemeron, Gc, GcCell, GcRefCell, Heap, LocalHeap, Mutation, Owned, Root, Slice, Trace};

/// Says how many of its kind have been dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Trace)]
struct Node<'gc> {
    index: usize,
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
    #[trace(skip)]
    counted: Counted,
}

type Pair<'gc> = Ephemeron<'gc, Node<'gc>, Gc<'gc, Node<'gc>>>;

#[derive(Trace)]
struct Table<'gc> {
    pairs: GcRefCell<'gc, Vec<Pair<'gc>>>,
}

struct World {
    dropped: Arc<AtomicUsize>,
}

impl World {
    fn new() -> World {
        World { dropped: Arc::new(AtomicUsize::new(0)) }
    }

    fn node<'gc>(&self, mc: &Mutation<'gc, Owned>, index: usize) -> Gc<'gc, Node<'gc>> {
        mc.alloc(Node { index, next: GcCell::new(None), counted: Counted(self.dropped.clone()) })
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

type Made = (Root<Table<'static>, Owned>, Root<Node<'static>, Owned>);

/// A chain of `len` ephemerons, the value of each being the key of the next, in a table in the order `order`.
fn chain(world: &World, mutator: &mut gc_core::Mutator<Owned>, len: usize, order: impl Fn(usize) -> usize) -> Made {
    mutator.mutate(|mc| {
        let nodes: Vec<_> = (0..=len).map(|index| world.node(mc, index)).collect();
        let mut pairs = Vec::with_capacity(len);
        for place in 0..len {
            let at = order(place);
            pairs.push(Ephemeron::new(mc, nodes[at], nodes[at + 1]));
        }
        (mc.root(mc.alloc(Table { pairs: GcRefCell::new(pairs) })), mc.root(nodes[0]))
    })
}

/// Orders of `len`: forward, reverse, and one that is none.
fn orders(len: usize) -> [Box<dyn Fn(usize) -> usize>; 3] {
    let odd = (len * 5 / 8) | 1;
    let step = (odd..).step_by(2).find(|step| gcd(*step, len) == 1).unwrap();
    [Box::new(|place| place), Box::new(move |place| len - 1 - place), Box::new(move |place| place * step % len)]
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[test]
fn a_chain_of_ephemerons_lives_and_dies_with_its_first_key() {
    for markers in [1, 3] {
        for len in [1, 2, 100, 20_000] {
            for order in orders(len) {
                let world = World::new();
                let heap = LocalHeap::with_config(Config::new().automatic(false).markers(markers));
                let mut mutator = heap.mutator().unwrap();
                let (table, first) = chain(&world, &mut mutator, len, order);
                for _ in 0..2 {
                    mutator.collect();
                    assert_eq!(world.dropped(), 0);
                    mutator.mutate(|mc| {
                        for pair in &*table.get(mc).pairs.borrow() {
                            let (key, value) = (pair.key(mc).unwrap(), pair.value(mc).unwrap());
                            assert_eq!(key.index + 1, value.index);
                        }
                    });
                }
                drop(first);
                mutator.collect();
                assert_eq!(world.dropped(), len + 1);
                mutator.mutate(|mc| {
                    let table = table.get(mc);
                    assert!(table.pairs.borrow().iter().all(|pair| pair.key(mc).is_none() && pair.value(mc).is_none()));
                    assert!(table.pairs.borrow().iter().all(|pair| !pair.set(mc, world.node(mc, 0))));
                });
            }
        }
    }
}

#[test]
fn a_million_ephemerons_are_linear() {
    // A bound that quadratic marking misses by orders of magnitude; the ratio is measured by `benches/lifecycles`.
    const LEN: usize = 200_000;
    for order in orders(LEN) {
        let world = World::new();
        let heap = LocalHeap::with_config(Config::new().automatic(false));
        let mut mutator = heap.mutator().unwrap();
        let (_table, _first) = chain(&world, &mut mutator, LEN, order);
        let since = Instant::now();
        mutator.collect();
        assert!(since.elapsed().as_secs() < 20, "{:?}", since.elapsed());
        assert_eq!(world.dropped(), 0);
    }
}

#[test]
fn a_key_that_is_its_own_value_or_reached_from_it_dies() {
    let world = World::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let table = mutator.mutate(|mc| {
        let own = world.node(mc, 0);
        let (key, value) = (world.node(mc, 1), world.node(mc, 2));
        value.next.set(mc, Some(key));
        // And two that keep one another.
        let (a, b) = (world.node(mc, 3), world.node(mc, 4));
        let pairs =
            [(own, own), (key, value), (a, b), (b, a)].map(|(key, value)| Ephemeron::new(mc, key, value)).into();
        mc.root(mc.alloc(Table { pairs: GcRefCell::new(pairs) }))
    });
    mutator.collect();
    assert_eq!(world.dropped(), 5);
    mutator.mutate(|mc| assert!(table.get(mc).pairs.borrow().iter().all(|pair| pair.key(mc).is_none())));
}

#[test]
fn a_dead_ephemeron_keeps_no_value() {
    let world = World::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let key = mutator.mutate(|mc| {
        let key = world.node(mc, 0);
        Ephemeron::new(mc, key, world.node(mc, 1));
        mc.root(key)
    });
    mutator.collect();
    assert_eq!(world.dropped(), 1, "the value, and not the key");
    drop(key);
}

#[test]
fn many_values_hang_to_one_key_and_keys_may_be_leaves() {
    #[derive(Trace)]
    struct Texts<'gc> {
        pairs: Vec<Ephemeron<'gc, str, Gc<'gc, Node<'gc>>>>,
        large: Ephemeron<'gc, [u64], Gc<'gc, Node<'gc>>>,
    }
    const MANY: usize = 5000;
    let world = World::new();
    let heap = LocalHeap::with_config(Config::new().automatic(false).markers(2));
    let mut mutator = heap.mutator().unwrap();
    // The table is rooted first, and so scanned before the keys.
    let (table, [a, b], large) = mutator.mutate(|mc| {
        let texts = [mc.alloc_str("a key without pointers"), mc.alloc_str("another one")];
        let long = mc.alloc_slice_copy(&vec![7_u64; 100_000]);
        let pairs = (0..MANY).map(|n| Ephemeron::new(mc, texts[n % 2], world.node(mc, n))).collect();
        let table = mc.root(mc.alloc(Texts { pairs, large: Ephemeron::new(mc, long, world.node(mc, MANY)) }));
        (table, texts.map(|text| mc.root(text)), mc.root(long))
    });
    for _ in 0..3 {
        mutator.collect();
        assert_eq!(world.dropped(), 0);
    }
    mutator.mutate(|mc| {
        let table = table.get(mc);
        assert!(table.pairs.iter().enumerate().all(|(n, pair)| pair.value(mc).unwrap().index == n));
        assert_eq!(table.large.value(mc).unwrap().index, MANY);
        assert_eq!(&*table.pairs[0].key(mc).unwrap(), "a key without pointers");
    });
    drop(a);
    mutator.collect();
    assert_eq!(world.dropped(), MANY / 2);
    drop((b, large));
    mutator.collect();
    assert_eq!(world.dropped(), MANY + 1);
    assert_eq!(heap.statistics().live_objects, MANY as u64 + 2, "the table and its ephemerons");
}

/// In slices of every length, with what a mutator does between them: new ephemerons and keys, values read, replaced, and kept.
#[test]
fn ephemerons_are_made_read_and_changed_in_every_phase() {
    for budget in [1, 256, 4096, 1 << 20] {
        let world = World::new();
        let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
        let mut mutator = heap.mutator().unwrap();
        let (table, first) = chain(&world, &mut mutator, 500, |place| 499 - place);
        let kept =
            mutator.mutate(|mc| mc.root(mc.alloc(GcRefCell::new(Vec::<(Gc<'_, Node<'_>>, Gc<'_, Node<'_>>)>::new()))));
        let mut made = 501;
        for cycle in 0..4 {
            mutator.start_collection();
            let mut step = cycle;
            loop {
                mutator.mutate(|mc| {
                    let table = table.get(mc);
                    let pair = table.pairs.borrow()[step * 7 % 500];
                    let (key, value) = (pair.key(mc).unwrap(), pair.value(mc).unwrap());
                    kept.get(mc).borrow_mut(mc).push((key, value));
                    // A new value, which is the old one's only owner.
                    let new = world.node(mc, value.index);
                    new.next.set(mc, Some(value));
                    assert!(pair.set(mc, new));
                    new.next.set(mc, None);
                    // And a new pair, of an old key and of a new one.
                    let fresh = world.node(mc, key.index);
                    for key in [key, fresh] {
                        let pair = Ephemeron::new(mc, key, world.node(mc, key.index + 1));
                        table.pairs.borrow_mut(mc).push(pair);
                    }
                    made += 4;
                    step += 1;
                });
                if mutator.collect_step(budget) == Slice::Over {
                    break;
                }
            }
            mutator.mutate(|mc| {
                assert!(kept.get(mc).borrow().iter().all(|(key, value)| key.index + 1 == value.index));
                for pair in &*table.get(mc).pairs.borrow() {
                    if let Some(key) = pair.key(mc) {
                        assert_eq!(pair.value(mc).unwrap().index, key.index + 1);
                    }
                }
            });
        }
        // The values that were replaced broke the chain for their keys' successors.
        drop((first, kept));
        mutator.collect();
        drop(table);
        mutator.collect();
        assert_eq!(world.dropped(), made);
    }
}

#[derive(Trace)]
struct SharedNode<'gc> {
    index: u64,
    alive: Canary,
    next: GcCell<'gc, Option<Gc<'gc, SharedNode<'gc>>>>,
}

/// Says so if it is read after its end.
#[derive(Trace)]
struct Canary(std::sync::atomic::AtomicU64);

impl Drop for Canary {
    fn drop(&mut self) {
        self.0.store(0xDEAD, Ordering::Relaxed);
    }
}

#[derive(Trace)]
struct SharedTable<'gc> {
    slots: Vec<GcCell<'gc, Option<Gc<'gc, Entry<'gc>>>>>,
    keys: Vec<GcCell<'gc, Option<Gc<'gc, SharedNode<'gc>>>>>,
}

#[derive(Trace)]
struct Entry<'gc>(Ephemeron<'gc, SharedNode<'gc>, Gc<'gc, SharedNode<'gc>>>);

fn shared_node<'gc>(index: u64) -> SharedNode<'gc> {
    SharedNode { index, alive: Canary(std::sync::atomic::AtomicU64::new(7)), next: GcCell::new(None) }
}

/// Threads read, replace and drop keys and values of one table while the heap is collected all the time.
#[test]
fn threads_change_keys_and_values_while_marking() {
    const SLOTS: usize = 256;
    let heap = Heap::with_config(Config::new().min_heap(1 << 16).markers(2));
    let mut mutator = heap.mutator().unwrap();
    let table: Root<SharedTable<'static>> = mutator.mutate(|mc| {
        mc.root(mc.alloc(SharedTable {
            slots: (0..SLOTS).map(|_| GcCell::new(None)).collect(),
            keys: (0..SLOTS).map(|_| GcCell::new(None)).collect(),
        }))
    });
    drop(mutator);
    let met = AtomicUsize::new(0);
    thread::scope(|scope| {
        for me in 0..3_u64 {
            let (heap, table, met) = (heap.clone(), table.clone(), &met);
            scope.spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                let mut seed = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(me + 1);
                for round in 0..2_000_000 {
                    if round % 500 == 0 {
                        if heap.statistics().cycles >= 40 {
                            break;
                        }
                        mutator.start_collection();
                    }
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    let at = seed as usize % SLOTS;
                    mutator.mutate(|mc| {
                        let table = table.get(mc);
                        if seed >> 60 < 6 {
                            let (key, value) = (mc.alloc(shared_node(seed)), mc.alloc(shared_node(seed)));
                            value.next.set(mc, Some(key));
                            let entry = mc.alloc(Entry(Ephemeron::new(mc, key, value)));
                            table.slots[at].set(mc, Some(entry));
                            table.keys[at].set(mc, Some(key));
                        } else if seed >> 60 < 8 {
                            table.keys[at].set(mc, None);
                        } else if let Some(entry) = table.slots[at].get()
                            && let Some(value) = entry.0.value(mc)
                        {
                            met.fetch_add(1, Ordering::Relaxed);
                            let key = entry.0.key(mc).expect("it lived in this region");
                            for node in [key, value] {
                                assert_eq!(node.alive.0.load(Ordering::Relaxed), 7, "a dead object was read");
                            }
                            assert_eq!(key.index, value.index);
                            if seed >> 60 == 15 {
                                let new = mc.alloc(shared_node(value.index));
                                new.next.set(mc, Some(key));
                                assert!(entry.0.set(mc, new));
                            }
                        }
                    });
                }
            });
        }
    });
    let (met, cycles) = (met.load(Ordering::Relaxed), heap.statistics().cycles);
    assert!(met > 100 && cycles >= 3, "{met} values were met in {cycles} cycles");
}

#[test]
fn a_heap_may_end_in_the_middle_of_marking() {
    let world = World::new();
    {
        let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
        let mut mutator = heap.mutator().unwrap();
        let (_table, _first) = chain(&world, &mut mutator, 1000, |place| 999 - place);
        mutator.start_collection();
        for _ in 0..8 {
            assert_ne!(mutator.collect_step(64), Slice::Over);
        }
    }
    assert_eq!(world.dropped(), 1001);
}
