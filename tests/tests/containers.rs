//! [`GcMap`] against std's map while cycles are on, and attacks on it from safe code.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gc_core::{
    Config, Entry, Gc, GcMap, GcRefCell, Heap, Kind, LocalHeap, Mutation, Mutator, Owned, Root, Shared, Slice,
    Storable, Trace,
};
use proptest::prelude::*;

/// The witnesses that were dropped, of all tests.
static DROPPED: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// Tells of its drop: freed memory may well look as it did.
#[derive(Trace)]
struct Witness(u64);

impl Witness {
    fn new() -> Witness {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Witness(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn check(&self) {
        assert!(!DROPPED.lock().unwrap().contains(&self.0), "an element was dropped while reachable");
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        assert!(DROPPED.lock().unwrap().insert(self.0), "dropped twice");
    }
}

/// A value: its number, and a second object behind it that must live as long.
#[derive(Trace)]
struct Node<'gc> {
    number: u32,
    witness: Witness,
    behind: Gc<'gc, (u32, Witness)>,
}

impl Node<'_> {
    fn check(&self) {
        self.witness.check();
        self.behind.1.check();
        assert_eq!(self.behind.0, !self.number);
    }
}

fn node<'gc, S: Kind>(mc: &Mutation<'gc, S>, number: u32) -> Gc<'gc, Node<'gc>>
where
    Node<'gc>: Storable<S>,
    (u32, Witness): Storable<S>,
{
    mc.alloc(Node { number, witness: Witness::new(), behind: mc.alloc((!number, Witness::new())) })
}

/// A hasher that takes the key as it is, for keys that collide as the test wants.
#[derive(Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| hash << 8 | u64::from(byte));
    }
}

type PlainState = BuildHasherDefault<Plain>;

#[derive(Debug, Clone)]
enum Op {
    Insert(u32, u32),
    Remove(u32),
    /// Out of one map and into the other, whose segment may have been scanned.
    Transfer(u32),
    Entry(u32, u32),
    Retain(u32),
    Clear,
    Drain,
    Swap,
    Move,
    Start,
    Step(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let key = || prop_oneof![0..40_u32, 0..5000_u32];
    let op = prop_oneof![
        400 => (key(), any::<u32>()).prop_map(|(key, value)| Op::Insert(key, value)),
        200 => key().prop_map(Op::Remove),
        200 => key().prop_map(Op::Transfer),
        100 => (key(), any::<u32>()).prop_map(|(key, value)| Op::Entry(key, value)),
        4 => (2..9_u32).prop_map(Op::Retain),
        1 => Just(Op::Clear),
        1 => Just(Op::Drain),
        10 => Just(Op::Swap),
        10 => Just(Op::Move),
        20 => Just(Op::Start),
        60 => prop_oneof![0..3000_usize, 0..100_000_usize].prop_map(Op::Step),
    ];
    proptest::collection::vec(op, 1..1500)
}

/// Two maps in cells, so that they can be swapped and moved as values.
#[derive(Trace)]
struct Pair<'gc, H: 'static> {
    first: GcRefCell<'gc, GcMap<'gc, u32, Gc<'gc, Node<'gc>>, Owned, H>>,
    second: GcRefCell<'gc, GcMap<'gc, u32, Gc<'gc, Node<'gc>>, Owned, H>>,
}

fn check(map: &GcMap<'_, u32, Gc<'_, Node<'_>>, Owned, impl BuildHasher>, model: &HashMap<u32, u32>) {
    let map = map.borrow();
    assert_eq!(map.len(), model.len());
    let mut seen = 0;
    for (key, node) in map.iter() {
        assert_eq!(node.number, model[key]);
        node.check();
        seen += 1;
    }
    assert_eq!(seen, model.len());
    for (key, number) in model {
        assert_eq!(map.get(key).unwrap().number, *number);
    }
}

/// Runs `ops` on a heap without threads: the steps of its cycles lie between the operations.
fn run<H: BuildHasher + Default + 'static>(ops: &[Op], first_keys: u32) {
    let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
    let mut mutator = heap.mutator().unwrap();
    let pair: Root<Pair<'static, H>, Owned> = mutator.mutate(|mc| {
        let pair = Pair { first: GcRefCell::new(GcMap::default()), second: GcRefCell::new(GcMap::default()) };
        mc.root(mc.alloc(pair))
    });
    let mut models = (HashMap::new(), HashMap::new());
    for key in 0..first_keys {
        mutator.mutate(|mc| {
            pair.get(mc).first.borrow().insert(mc, key, node(mc, key));
        });
        models.0.insert(key, key);
    }
    for op in ops {
        match *op {
            Op::Start => mutator.start_collection(),
            Op::Step(bytes) => {
                mutator.collect_step(bytes);
            }
            _ => mutator.mutate(|mc| {
                let pair = pair.get(mc);
                let model = &mut models.0;
                match *op {
                    Op::Insert(key, value) => {
                        let old = pair.first.borrow().insert(mc, key, node(mc, value));
                        assert_eq!(old.map(|node| node.number), model.insert(key, value));
                    }
                    Op::Remove(key) => {
                        let old = pair.first.borrow().remove(mc, &key);
                        assert_eq!(old.map(|node| node.number), model.remove(&key));
                    }
                    Op::Transfer(key) => {
                        if let Some(node) = pair.first.borrow().remove(mc, &key) {
                            pair.second.borrow().insert(mc, key, node);
                            models.1.insert(key, model.remove(&key).unwrap());
                        }
                    }
                    Op::Entry(key, value) => {
                        let map = pair.first.borrow();
                        let mut map = map.borrow_mut(mc);
                        match map.entry(key) {
                            Entry::Occupied(mut entry) if value % 2 == 0 => {
                                entry.insert(node(mc, value));
                            }
                            Entry::Occupied(entry) => {
                                entry.remove_entry();
                            }
                            Entry::Vacant(entry) => {
                                *entry.insert(node(mc, 0)) = node(mc, value);
                            }
                        }
                        drop(map);
                        if model.remove(&key).is_none() || value % 2 == 0 {
                            model.insert(key, value);
                        }
                    }
                    Op::Retain(by) => {
                        pair.first.borrow().borrow_mut(mc).retain(|key, value| {
                            *value = node(mc, value.number ^ 1);
                            key % by != 0
                        });
                        model.retain(|key, value| {
                            *value ^= 1;
                            key % by != 0
                        });
                    }
                    Op::Clear => {
                        pair.first.borrow().borrow_mut(mc).clear();
                        model.clear();
                    }
                    Op::Drain => {
                        let map = pair.first.borrow();
                        let mut map = map.borrow_mut(mc);
                        let half = map.len() / 2;
                        for (key, node) in map.drain().take(half) {
                            assert_eq!(model.remove(&key), Some(node.number));
                        }
                        model.clear();
                    }
                    Op::Swap => {
                        let (mut first, mut second) = (pair.first.borrow_mut(mc), pair.second.borrow_mut(mc));
                        std::mem::swap(&mut *first, &mut *second);
                        drop((first, second));
                        std::mem::swap(&mut models.0, &mut models.1);
                    }
                    Op::Move => {
                        // Out of an object that may have been scanned, and into another part of it.
                        let map = pair.first.take(mc);
                        let other = pair.second.replace(mc, map);
                        pair.first.set(mc, other);
                        std::mem::swap(&mut models.0, &mut models.1);
                    }
                    Op::Start | Op::Step(_) => unreachable!("no step on the map"),
                }
            }),
        }
    }
    let check_both = |mutator: &mut Mutator<Owned>| {
        mutator.mutate(|mc| {
            let pair = pair.get(mc);
            check(&pair.first.borrow(), &models.0);
            check(&pair.second.borrow(), &models.1);
        });
    };
    check_both(&mut mutator);
    while !matches!(mutator.collect_step(usize::MAX), Slice::Idle) {}
    mutator.start_collection();
    while !matches!(mutator.collect_step(usize::MAX), Slice::Over) {}
    check_both(&mut mutator);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_map_is_what_std_s_is_while_cycles_are_on(ops in ops()) {
        run::<foldhash::fast::FixedState>(&ops, 0);
    }

    #[test]
    fn a_large_map_too(ops in ops()) {
        run::<PlainState>(&ops, 3000);
    }
}

/// Hashes that are all the same: nothing can be split for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Trace)]
struct Same(u32);

impl Hash for Same {
    fn hash<H: Hasher>(&self, state: &mut H) {
        0_u8.hash(state);
    }
}

#[test]
fn keys_of_one_hash_are_found() {
    let heap = LocalHeap::new();
    heap.mutator().unwrap().mutate(|mc| {
        let map = mc.alloc(GcMap::<Same, u32, Owned>::new());
        let mut map = map.borrow_mut(mc);
        for n in 0..2000 {
            assert_eq!(map.insert(Same(n), n), None);
        }
        for n in 0..2000 {
            assert_eq!(map.remove(&Same(n)), Some(n));
        }
        assert_eq!(map.iter().count(), 0);
    });
}

#[test]
fn every_element_is_dropped_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    #[derive(Trace)]
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| mc.root(mc.alloc(GcMap::<u32, Counted>::new())));
    let counted = || Counted(drops.clone());
    for key in 0..20_000 {
        mutator.mutate(|mc| drop(root.get(mc).insert(mc, key, counted())));
        if key % 1000 == 0 {
            mutator.start_collection();
        }
    }
    mutator.collect();
    assert_eq!(drops.load(Ordering::Relaxed), 0, "dropped while in the map");
    mutator.mutate(|mc| {
        let map = root.get(mc);
        for key in 0..100 {
            drop(map.remove(mc, &key));
            drop(map.insert(mc, key + 100, counted()));
        }
        assert_eq!(drops.load(Ordering::Relaxed), 200);
        map.borrow_mut(mc).drain().take(50).for_each(drop);
        assert_eq!(drops.load(Ordering::Relaxed), 250);
    });
    mutator.collect();
    assert_eq!(drops.load(Ordering::Relaxed), 20_100);
}

thread_local! {
    static HOOK: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// A key of a map, whose hash does what `HOOK` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Trace)]
struct Key(u32);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        HOOK.with_borrow(|hook| {
            if let Some(hook) = hook {
                hook();
            }
        });
        self.0.hash(state);
    }
}

/// What a map with keys of `Number` may be asked with: also something on the stack that knows `mc` and the map.
trait Question {
    fn number(&self) -> u32;
    fn compared(&self) {}
}

impl Hash for dyn Question + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number().hash(state);
    }
}

impl PartialEq for dyn Question + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.compared();
        other.compared();
        self.number() == other.number()
    }
}

impl Eq for dyn Question + '_ {}

#[derive(PartialEq, Eq, Hash, Trace)]
struct Number(u32);

impl Question for Number {
    fn number(&self) -> u32 {
        self.0
    }
}

impl<'a> std::borrow::Borrow<dyn Question + 'a> for Number {
    fn borrow(&self) -> &(dyn Question + 'a) {
        self
    }
}

struct Asking<F>(u32, F);

impl<F: Fn()> Question for Asking<F> {
    fn number(&self) -> u32 {
        self.0
    }

    fn compared(&self) {
        self.1();
    }
}

#[test]
fn map_key_reenters() {
    fn attack<'gc, S: Kind>(mc: &'gc Mutation<'gc, S>)
    where
        GcMap<'gc, Number, u32, S>: Storable<S>,
        Number: Storable<S>,
        u32: Storable<S>,
    {
        let map = mc.alloc(GcMap::<Number, u32, S>::new());
        map.insert(mc, Number(1), 1);
        let asked = Cell::new(0);
        let asking = Asking(1, || {
            asked.set(asked.get() + 1);
            assert!(map.try_borrow_mut(mc).is_err());
            let inserted = catch_unwind(AssertUnwindSafe(|| map.insert(mc, Number(2), 2)));
            assert!(inserted.is_err(), "changed under the eyes of who looks");
        });
        assert_eq!(map.get::<dyn Question>(&asking), Some(1));
        assert_eq!(map.remove::<dyn Question>(mc, &asking), Some(1));
        assert_eq!(asked.get(), 2);
        assert_eq!(map.insert(mc, Number(2), 3), None);
    }
    LocalHeap::new().mutator().unwrap().mutate(|mc| attack::<Owned>(mc));
    Heap::new().mutator().unwrap().mutate(|mc| attack::<Shared>(mc));
}

#[test]
fn a_hash_that_panics_in_a_split_leaves_the_map_whole() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let map = mc.alloc(GcMap::<Key, Rc<u32>, Owned>::new());
        let (left, counted) = (Rc::new(Cell::new(u32::MAX)), Rc::new(0));
        let hook = left.clone();
        HOOK.set(Some(Box::new(move || {
            hook.set(hook.get() - 1);
            assert!(hook.get() != 0, "a hash panics");
        })));
        let (mut panics, mut number) = (0, 0);
        while number < 3000 {
            left.set(number % 7 + 3);
            let inserted = catch_unwind(AssertUnwindSafe(|| map.insert(mc, Key(number), counted.clone())));
            left.set(u32::MAX);
            panics += u32::from(inserted.is_err());
            if inserted.is_err() {
                assert_eq!(map.borrow().len(), number as usize);
                map.insert(mc, Key(number), counted.clone());
            }
            number += 1;
        }
        assert!(panics > 10, "only {panics} splits were hit");
        HOOK.set(None);
        assert_eq!(Rc::strong_count(&counted), 3001);
        assert!((0..3000).all(|number| map.borrow().contains_key(&Key(number))));
        assert_eq!(map.borrow().iter().count(), 3000);
    });
    mutator.collect();
}

#[test]
fn leaked_guards_make_a_map_unusable_and_no_worse() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| {
        let map = mc.alloc(GcMap::<u32, Gc<'_, Node<'_>>, Owned>::new());
        for number in 0..1000 {
            map.insert(mc, number, node(mc, number));
        }
        std::mem::forget(map.borrow_mut(mc));
        mc.root(map)
    });
    for _ in 0..3 {
        mutator.collect();
    }
    mutator.mutate(|mc| {
        assert!(root.get(mc).try_borrow().is_err());
        assert_eq!(format!("{:?}", GcMap::<u32, u32, Owned>::new()), "{}");
    });
    assert!(heap.statistics().live_objects >= 2001, "what a locked map holds was freed");
}

#[test]
fn sizes_and_alignments() {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Trace)]
    #[repr(align(256))]
    struct Aligned(u32);

    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let large = mc.alloc(GcMap::<u32, [u64; 2000], Owned>::new());
        let aligned = mc.alloc(GcMap::<u32, Aligned, Owned>::new());
        let nothing = mc.alloc(GcMap::<(), (), Owned>::new());
        for n in 0..200 {
            large.insert(mc, n, [u64::from(n); 2000]);
            aligned.insert(mc, n, Aligned(n));
            assert_eq!(nothing.insert(mc, (), ()).is_none(), n == 0);
        }
        for n in 0..200 {
            assert_eq!(large.get(&n).unwrap()[1999], u64::from(n));
            let aligned = aligned.borrow();
            let value = aligned.get(&n).unwrap();
            assert!(value.0 == n && std::ptr::from_ref(value).addr().is_multiple_of(256));
        }
        assert_eq!(nothing.borrow().len(), 1);
    });
}

#[test]
fn threads_share_a_map_while_cycles_run() {
    let heap = Heap::with_config(Config::new().min_heap(1 << 20));
    let root: Root<GcMap<'static, u32, Gc<'static, Node<'static>>>> =
        heap.mutator().unwrap().mutate(|mc| mc.root(mc.alloc(GcMap::<u32, Gc<'_, Node<'_>>>::new())));
    std::thread::scope(|threads| {
        for thread in 0..3_u32 {
            let (heap, root) = (&heap, &root);
            threads.spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                for round in 0..6000 {
                    let key = round * 3 + thread;
                    mutator.mutate(|mc| {
                        let map = root.get(mc);
                        map.insert(mc, key, node(mc, key));
                        if round % 4 == 0 {
                            map.remove(mc, &(key / 2));
                        }
                        if let Some(found) = map.get(&(key / 3)) {
                            found.check();
                        }
                    });
                    if round % 500 == 0 {
                        mutator.start_collection();
                    }
                }
            });
        }
    });
    let mut mutator = heap.mutator().unwrap();
    mutator.collect();
    mutator.mutate(|mc| {
        let map = root.get(mc);
        for (&key, node) in map.borrow().iter() {
            assert_eq!(node.number, key);
            node.check();
        }
    });
}
