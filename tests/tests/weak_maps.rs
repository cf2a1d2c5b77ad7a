//! Weak maps and sets against models, in every phase, and from several threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use gc_core::{
    Config, Gc, GcCell, GcRefCell, Heap, LocalHeap, Root, Slice, Trace, Weak, WeakMap, WeakSet, WeakValueMap,
};

/// Says so if it is read after its end.
#[derive(Trace)]
struct Canary(AtomicU64);

const ALIVE: u64 = 0x5EED_0F11_FE00_0002;

impl Drop for Canary {
    fn drop(&mut self) {
        self.0.store(0xDEAD, Ordering::Relaxed);
    }
}

#[derive(Trace)]
struct Node<'gc> {
    index: u64,
    canary: Canary,
    other: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

fn node<'gc>(index: u64) -> Node<'gc> {
    Node { index, canary: Canary(AtomicU64::new(ALIVE)), other: GcCell::new(None) }
}

fn check(node: Gc<'_, Node<'_>>) -> u64 {
    assert_eq!(node.canary.0.load(Ordering::Relaxed), ALIVE, "a dead object was found");
    node.index
}

#[derive(Trace)]
struct World<'gc> {
    map: WeakMap<'gc, Node<'gc>, Gc<'gc, Node<'gc>>>,
    set: WeakSet<'gc, Node<'gc>>,
    values: WeakValueMap<'gc, String, Node<'gc>>,
    kept: GcRefCell<'gc, Vec<Option<Gc<'gc, Node<'gc>>>>>,
}

#[test]
fn the_three_agree_with_what_is_kept_in_every_phase() {
    const OBJECTS: usize = 3000;
    for budget in [16, 1024, 1 << 16, 1 << 22] {
        let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
        let mut mutator = heap.mutator().unwrap();
        let world = mutator.mutate(|mc| {
            mc.root(mc.alloc(World {
                map: WeakMap::new(mc),
                set: WeakSet::new(mc),
                values: WeakValueMap::new(mc),
                kept: GcRefCell::new(vec![None; OBJECTS]),
            }))
        });
        let mut model: BTreeMap<usize, u64> = BTreeMap::new();
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut steps = 0;
        for _ in 0..3 {
            mutator.start_collection();
            loop {
                mutator.mutate(|mc| {
                    let world = world.get(mc);
                    for _ in 0..500 {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        let at = random as usize % OBJECTS;
                        let old = world.kept.borrow()[at];
                        match (random >> 60, old) {
                            (0..8, None) => {
                                let key = mc.alloc(node(at as u64));
                                let value = mc.alloc(node(random));
                                value.other.set(mc, Some(key));
                                assert!(world.map.insert(mc, key, value).is_none());
                                assert!(world.set.insert(mc, key));
                                world.values.insert(mc, at.to_string(), key);
                                world.kept.borrow_mut(mc)[at] = Some(key);
                                model.insert(at, random);
                            }
                            (0..3, Some(key)) => {
                                let value = mc.alloc(node(random));
                                value.other.set(mc, Some(key));
                                let before = world.map.insert(mc, key, value).expect("it had one");
                                assert_eq!(check(before), model.insert(at, random).unwrap());
                                assert!(!world.set.insert(mc, key));
                                let same = world.values.insert(mc, at.to_string(), key).expect("it stands there");
                                assert!(Gc::ptr_eq(same, key));
                            }
                            (3..5, Some(key)) => {
                                assert_eq!(check(world.map.remove(mc, key).unwrap()), model.remove(&at).unwrap());
                                assert!(world.set.remove(mc, key) && !world.set.remove(mc, key));
                                assert!(world.values.remove(mc, at.to_string().as_str()).is_some());
                                assert!(world.map.get(mc, key).is_none() && !world.set.contains(mc, key));
                                world.kept.borrow_mut(mc)[at] = None;
                            }
                            (5..8, Some(_)) => {
                                world.kept.borrow_mut(mc)[at] = None; // lost, and its entries with it
                                model.remove(&at);
                            }
                            (_, Some(key)) => {
                                assert_eq!(check(world.map.get(mc, key).unwrap()), model[&at]);
                                assert!(world.set.contains(mc, key) && world.map.contains_key(mc, key));
                                let found = world.values.get(mc, at.to_string().as_str()).unwrap();
                                assert!(Gc::ptr_eq(found, key));
                            }
                            (_, None) => {
                                // What was lost may be found until the collector has found it dead.
                                if let Some(found) = world.values.get(mc, at.to_string().as_str()) {
                                    assert_eq!(check(found), at as u64);
                                }
                            }
                        }
                    }
                    steps += 1;
                });
                if mutator.collect_step(budget) == Slice::Over {
                    break;
                }
            }
        }
        mutator.collect();
        mutator.mutate(|mc| {
            let world = world.get(mc);
            assert_eq!([world.map.len(), world.set.len(), world.values.len()], [model.len(); 3]);
            let mut seen = BTreeMap::new();
            world.map.for_each(mc, |key, value| {
                assert!(seen.insert(check(key) as usize, check(value)).is_none());
            });
            assert_eq!(seen, model);
            let mut sum = [0_u64; 2];
            world.set.for_each(mc, |object| sum[0] += check(object));
            world.values.for_each(mc, |key, value| {
                assert_eq!(*key, check(value).to_string());
                sum[1] += value.index;
            });
            assert_eq!(sum[0], sum[1]);
        });
        assert!(steps >= 3 && !model.is_empty());
    }
}

#[test]
fn a_map_that_dies_with_living_keys_lets_go_of_its_values() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let (keys, weak) = mutator.mutate(|mc| {
        let map = WeakMap::new(mc);
        let keys: Vec<_> = (0..100).map(|n| mc.alloc(node(n))).collect();
        let weak: Vec<_> = keys
            .iter()
            .map(|&key| {
                let value = mc.alloc(node(key.index + 1000));
                map.insert(mc, key, value);
                mc.weak_root(Gc::downgrade(value, mc))
            })
            .collect();
        (keys.into_iter().map(|key| mc.root(key)).collect::<Vec<_>>(), weak)
    });
    mutator.collect();
    mutator.mutate(|mc| assert!(weak.iter().all(|weak| weak.upgrade(mc).is_none())));
    assert_eq!(keys.len(), 100);
}

#[test]
fn maps_chain_through_one_another() {
    // The value of each map's entry is the key of the next one's.
    #[derive(Trace)]
    struct Maps<'gc>(Vec<WeakMap<'gc, Node<'gc>, Gc<'gc, Node<'gc>>>>);
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    const MAPS: u64 = 200;
    let (maps, first) = mutator.mutate(|mc| {
        let nodes: Vec<_> = (0..=MAPS).map(|n| mc.alloc(node(n))).collect();
        let maps = nodes.windows(2).rev().map(|pair| {
            let map = WeakMap::new(mc);
            map.insert(mc, pair[0], pair[1]);
            map
        });
        (mc.root(mc.alloc(Maps(maps.collect()))), mc.root(nodes[0]))
    });
    mutator.collect();
    mutator.mutate(|mc| {
        let mut at = first.get(mc);
        for map in maps.get(mc).0.iter().rev() {
            at = map.get(mc, at).unwrap();
        }
        assert_eq!(check(at), MAPS);
    });
    drop(first);
    mutator.collect();
    mutator.mutate(|mc| assert!(maps.get(mc).0.iter().all(WeakMap::is_empty)));
}

#[test]
fn values_may_be_words_and_keys_unsized() {
    #[derive(Trace)]
    struct Lengths<'gc>(WeakMap<'gc, str, Option<Weak<'gc, str>>>);
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let (lengths, text) = mutator.mutate(|mc| {
        let lengths = mc.alloc(Lengths(WeakMap::new(mc)));
        let text = mc.alloc_str("a key");
        lengths.0.insert(mc, text, Some(Gc::downgrade(text, mc)));
        lengths.0.insert(mc, mc.alloc_str("lost"), None);
        (mc.root(lengths), mc.root(text))
    });
    mutator.collect();
    mutator.mutate(|mc| {
        let map = lengths.get(mc).0;
        let value = map.get(mc, text.get(mc)).unwrap().unwrap();
        assert_eq!(&*value.upgrade(mc).unwrap(), "a key");
        map.for_each(mc, |key, _| assert_eq!(&*key, "a key"));
        assert_eq!(map.len(), 1);
    });
}

#[test]
fn closures_of_for_each_may_change_the_map() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let map = WeakMap::new(mc);
        let keys: Vec<_> = (0..500).map(|n| mc.alloc(node(n))).collect();
        for &key in &keys {
            map.insert(mc, key, key);
        }
        map.for_each(mc, |key, _| {
            map.remove(mc, key);
            if key.index < 100 {
                map.insert(mc, mc.alloc(node(1000)), key);
            }
        });
        assert!(keys.iter().all(|&key| !map.contains_key(mc, key)));
    });
}

#[derive(Trace)]
struct Board<'gc> {
    map: WeakMap<'gc, Node<'gc>, Gc<'gc, Node<'gc>>>,
    values: WeakValueMap<'gc, u64, Node<'gc>>,
    keys: Vec<GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>>,
}

#[test]
fn threads_share_maps_while_the_heap_is_collected() {
    const KEYS: usize = 512;
    let heap = Heap::with_config(Config::new().min_heap(1 << 18).markers(2));
    let mut mutator = heap.mutator().unwrap();
    let board: Root<Board<'static>> = mutator.mutate(|mc| {
        mc.root(mc.alloc(Board {
            map: WeakMap::new(mc),
            values: WeakValueMap::new(mc),
            keys: (0..KEYS).map(|_| GcCell::new(None)).collect(),
        }))
    });
    let met = AtomicU64::new(0);
    thread::scope(|scope| {
        for me in 0..3_u64 {
            let (heap, board, met) = (heap.clone(), board.clone(), &met);
            scope.spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                let mut random = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(me + 1);
                for round in 0..1_000_000 {
                    if round % 500 == 0 {
                        if round >= 5000 && heap.statistics().cycles >= 30 {
                            break;
                        }
                        mutator.start_collection();
                    }
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let at = random as usize % KEYS;
                    mutator.mutate(|mc| {
                        let board = board.get(mc);
                        match (random >> 61, board.keys[at].get()) {
                            (0..3, _) => {
                                let (key, value) = (mc.alloc(node(random)), mc.alloc(node(random)));
                                value.other.set(mc, Some(key));
                                board.map.insert(mc, key, value);
                                board.values.insert(mc, at as u64, key);
                                board.keys[at].set(mc, Some(key));
                            }
                            (3, Some(key)) => {
                                board.map.remove(mc, key);
                                board.values.remove(mc, &(at as u64));
                                board.keys[at].set(mc, None);
                            }
                            (_, Some(key)) => {
                                if let Some(value) = board.map.get(mc, key) {
                                    assert_eq!(check(value), check(key));
                                    met.fetch_add(1, Ordering::Relaxed);
                                }
                                if let Some(found) = board.values.get(mc, &(at as u64)) {
                                    check(found);
                                }
                            }
                            (_, None) => {}
                        }
                    });
                }
            });
        }
    });
    mutator.mutate(|mc| board.get(mc).keys.iter().for_each(|key| key.set(mc, None)));
    mutator.collect();
    mutator.mutate(|mc| {
        let board = board.get(mc);
        assert_eq!((board.map.len(), board.values.len()), (0, 0));
    });
    let (met, cycles) = (met.load(Ordering::Relaxed), heap.statistics().cycles);
    assert!(met > 100 && cycles >= 3, "{met} values were met in {cycles} cycles");
}
