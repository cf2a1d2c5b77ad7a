//! [`GcDeque`] against std's `VecDeque` while cycles are on, and attacks on it from safe code.

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gc_core::{
    Config, Gc, GcDeque, GcMutex, GcRefCell, Heap, Kind, LocalHeap, Mutation, Mutator, Owned, Root, Shared, Slice,
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

#[derive(Trace)]
struct Node<'gc> {
    number: u32,
    behind: Gc<'gc, Witness>,
}

/// An element of `8 * (WORDS + 1)` bytes.
#[derive(Clone, Copy, Trace)]
struct Item<'gc, const WORDS: usize> {
    node: Gc<'gc, Node<'gc>>,
    filler: [u64; WORDS],
}

impl<const WORDS: usize> Item<'_, WORDS> {
    fn number(&self) -> u32 {
        self.node.behind.check();
        assert!(self.filler.iter().all(|&word| word == u64::from(self.node.number)));
        self.node.number
    }
}

fn item<'gc, S: Kind, const WORDS: usize>(mc: &Mutation<'gc, S>, number: u32) -> Item<'gc, WORDS>
where
    Node<'gc>: Storable<S>,
    Witness: Storable<S>,
{
    let node = mc.alloc(Node { number, behind: mc.alloc(Witness::new()) });
    Item { node, filler: [u64::from(number); WORDS] }
}

#[derive(Debug, Clone)]
enum Op {
    PushBack(usize),
    PushFront(usize),
    PopBack(usize),
    PopFront(usize),
    /// In at one end and out at the other.
    Slide(usize),
    Set(usize),
    SwapTwo(usize, usize),
    Every(usize, usize),
    Retain(u32),
    Clear,
    Drain,
    /// Out of one deque and into the other, whose segment may have been scanned.
    Transfer,
    SwapBoth,
    Move,
    Start,
    Step(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let some = || prop_oneof![8 => 1..4_usize, 2 => 1..40_usize, 1 => 1..600_usize];
    let op = prop_oneof![
        30 => some().prop_map(Op::PushBack),
        20 => some().prop_map(Op::PushFront),
        20 => some().prop_map(Op::PopBack),
        20 => some().prop_map(Op::PopFront),
        10 => some().prop_map(Op::Slide),
        20 => any::<usize>().prop_map(Op::Set),
        10 => (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Op::SwapTwo(a, b)),
        5 => (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Op::Every(a, b)),
        2 => (2..9_u32).prop_map(Op::Retain),
        1 => Just(Op::Clear),
        1 => Just(Op::Drain),
        30 => Just(Op::Transfer),
        5 => Just(Op::SwapBoth),
        5 => Just(Op::Move),
        10 => Just(Op::Start),
        40 => prop_oneof![0..3000_usize, 0..100_000_usize].prop_map(Op::Step),
    ];
    proptest::collection::vec(op, 1..300)
}

/// Two deques in cells, so that they can be swapped and moved as values.
#[derive(Trace)]
struct Pair<'gc, const WORDS: usize> {
    first: GcRefCell<'gc, GcDeque<'gc, Item<'gc, WORDS>, Owned>>,
    second: GcRefCell<'gc, GcDeque<'gc, Item<'gc, WORDS>, Owned>>,
}

fn check<const WORDS: usize>(deque: &GcDeque<'_, Item<'_, WORDS>, Owned>, model: &VecDeque<u32>) {
    let deque = deque.borrow();
    assert_eq!(deque.len(), model.len());
    assert!(deque.iter().map(Item::number).eq(model.iter().copied()));
    assert!(deque.iter().rev().map(Item::number).eq(model.iter().rev().copied()));
    for (index, &number) in model.iter().enumerate() {
        assert_eq!(deque[index].number(), number);
    }
    assert!(deque.get(model.len()).is_none());
}

/// Runs `ops` on a heap without threads: the steps of its cycles lie between the operations.
fn run<const WORDS: usize>(ops: &[Op], at_first: u32) {
    let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
    let mut mutator = heap.mutator().unwrap();
    let pair: Root<Pair<'static, WORDS>, Owned> = mutator.mutate(|mc| {
        mc.root(mc.alloc(Pair { first: GcRefCell::new(GcDeque::new()), second: GcRefCell::new(GcDeque::new()) }))
    });
    let mut models = (VecDeque::new(), VecDeque::new());
    let mut number = 0;
    mutator.mutate(|mc| {
        for n in 0..at_first {
            pair.get(mc).first.borrow().push_back(mc, item(mc, n));
        }
    });
    models.0.extend(0..at_first);
    for op in ops {
        number += 1000;
        match *op {
            Op::Start => mutator.start_collection(),
            Op::Step(bytes) => {
                mutator.collect_step(bytes);
            }
            _ => mutator.mutate(|mc| {
                let pair = pair.get(mc);
                let model = &mut models.0;
                let first = pair.first.borrow();
                match *op {
                    Op::PushBack(some) => {
                        for n in number..number + some as u32 {
                            first.push_back(mc, item(mc, n));
                            model.push_back(n);
                        }
                    }
                    Op::PushFront(some) => {
                        for n in number..number + some as u32 {
                            first.push_front(mc, item(mc, n));
                            model.push_front(n);
                        }
                    }
                    Op::PopBack(some) => {
                        for _ in 0..some {
                            assert_eq!(first.pop_back(mc).map(|item| item.number()), model.pop_back());
                        }
                    }
                    Op::PopFront(some) => {
                        for _ in 0..some {
                            assert_eq!(first.pop_front(mc).map(|item| item.number()), model.pop_front());
                        }
                    }
                    Op::Slide(some) => {
                        for n in number..number + some as u32 {
                            first.push_back(mc, item(mc, n));
                            model.push_back(n);
                            assert_eq!(first.pop_front(mc).map(|item| item.number()), model.pop_front());
                        }
                    }
                    Op::Set(at) if !model.is_empty() => {
                        let at = at % model.len();
                        let mut deque = first.borrow_mut(mc);
                        deque[at] = item(mc, number);
                        model[at] = number;
                    }
                    Op::SwapTwo(a, b) if !model.is_empty() => {
                        let (a, b) = (a % model.len(), b % model.len());
                        first.borrow_mut(mc).swap(a, b);
                        model.swap(a, b);
                    }
                    Op::Every(a, b) => {
                        let (a, b) = (a % (model.len() + 1), b % (model.len() + 1));
                        let range = a.min(b)..a.max(b);
                        let mut deque = first.borrow_mut(mc);
                        // From both ends, all at once.
                        let mut items = deque.range_mut(range.clone());
                        assert_eq!(items.len(), range.len());
                        let mut all = Vec::new();
                        while let Some(item) = items.next() {
                            all.push(item);
                            all.extend(items.next_back());
                        }
                        assert_eq!(all.len(), range.len());
                        for old in all {
                            let next = old.number() ^ 1;
                            *old = item(mc, next);
                        }
                        assert!(items.next_back().is_none());
                        model.range_mut(range).for_each(|number| *number ^= 1);
                    }
                    Op::Retain(by) => {
                        first.borrow_mut(mc).retain(|item| item.number() % by != 0);
                        model.retain(|number| number % by != 0);
                    }
                    Op::Clear => {
                        first.borrow_mut(mc).clear();
                        model.clear();
                    }
                    Op::Drain => {
                        let half = model.len() / 2;
                        let mut deque = first.borrow_mut(mc);
                        let mut drain = deque.drain();
                        assert_eq!(drain.next_back().map(|item| item.number()), model.pop_back());
                        for item in drain.take(half) {
                            assert_eq!(Some(item.number()), model.pop_front());
                        }
                        model.clear();
                    }
                    Op::Transfer => {
                        if let Some(item) = first.pop_front(mc) {
                            pair.second.borrow().push_front(mc, item);
                            models.1.push_front(model.pop_front().unwrap());
                        }
                    }
                    Op::SwapBoth => {
                        drop(first);
                        std::mem::swap(&mut *pair.first.borrow_mut(mc), &mut *pair.second.borrow_mut(mc));
                        std::mem::swap(&mut models.0, &mut models.1);
                    }
                    Op::Move => {
                        drop(first);
                        // Out of an object that may have been scanned, and into another part of it.
                        let deque = pair.first.take(mc);
                        let other = pair.second.replace(mc, deque);
                        pair.first.set(mc, other);
                        std::mem::swap(&mut models.0, &mut models.1);
                    }
                    Op::Set(_) | Op::SwapTwo(..) => {}
                    Op::Start | Op::Step(_) => unreachable!("no step on the deque"),
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
    fn a_deque_of_words_is_what_std_s_is(ops in ops()) {
        run::<0>(&ops, 0);
    }

    #[test]
    fn a_deque_of_large_elements_is_too(ops in ops()) {
        run::<127>(&ops, 510);
    }

    #[test]
    fn a_deque_of_elements_larger_than_half_a_segment_is_too(ops in ops()) {
        run::<300>(&ops, 120);
    }
}

/// What an operation takes out of a segment that no marker has come to yet, and puts where none will come in this cycle, stays.
#[test]
fn the_first_write_of_a_cycle_keeps_what_it_moves() {
    type Deque<'gc> = GcDeque<'gc, Item<'gc, 0>, Owned>;
    type Act = for<'gc> fn(&'gc Mutation<'gc, Owned>, &Deque<'gc>, &Deque<'gc>);
    let acts: [(&str, Act); 6] = [
        ("a push that may move", |mc, from, _| from.push_back(mc, item(mc, 0))),
        ("a push in front that may move", |mc, from, _| from.push_front(mc, item(mc, 0))),
        ("pops", |mc, from, to| {
            to.push_back(mc, from.pop_back(mc).unwrap());
            to.push_back(mc, from.pop_front(mc).unwrap());
        }),
        ("an overwrite", |mc, from, to| {
            let old = std::mem::replace(&mut from.borrow_mut(mc)[0], item(mc, 0));
            to.push_back(mc, old);
        }),
        ("overwrites of all, from both ends", |mc, from, to| {
            let mut from = from.borrow_mut(mc);
            let mut items = from.iter_mut();
            while let Some(first) = items.next() {
                to.push_back(mc, std::mem::replace(first, item(mc, 0)));
                if let Some(last) = items.next_back() {
                    to.push_back(mc, std::mem::replace(last, item(mc, 0)));
                }
            }
        }),
        ("a drain", |mc, from, to| to.borrow_mut(mc).extend(from.borrow_mut(mc).drain())),
    ];
    for (name, act) in acts {
        let sizes = [(4, 0), (4, 3), (64, 20), (512, 0), (512, 100), (512, 400), (600, 10), (2048, 0)];
        for ((len, wrapped), steps) in sizes.into_iter().flat_map(|size| (1..6).map(move |steps| (size, steps))) {
            let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
            let mut mutator = heap.mutator().unwrap();
            let pair: Root<Pair<'static, 0>, Owned> = mutator.mutate(|mc| {
                let (from, to) = (GcDeque::new(), GcDeque::new());
                for n in 0..len {
                    if n < wrapped { from.push_front(mc, item(mc, n)) } else { from.push_back(mc, item(mc, n)) }
                }
                mc.root(mc.alloc(Pair { first: GcRefCell::new(from), second: GcRefCell::new(to) }))
            });
            mutator.start_collection();
            for _ in 0..steps {
                mutator.collect_step(1);
            }
            mutator.mutate(|mc| {
                let pair = pair.get(mc);
                act(mc, &pair.first.borrow(), &pair.second.borrow());
            });
            while matches!(mutator.collect_step(usize::MAX), Slice::Spent | Slice::Waiting) {}
            mutator.mutate(|mc| {
                let pair = pair.get(mc);
                let both = [pair.first.borrow(), pair.second.borrow()];
                let left: usize = both.iter().map(|deque| deque.borrow().iter().map(Item::number).count()).sum();
                assert!(left >= len as usize, "{name}: {left} of {len} are left");
            });
        }
    }
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
    let root = mutator.mutate(|mc| mc.root(mc.alloc(GcDeque::<Counted>::new())));
    let counted = || Counted(drops.clone());
    for n in 0..20_000 {
        mutator.mutate(|mc| root.get(mc).push_back(mc, counted()));
        if n % 1000 == 0 {
            mutator.start_collection();
        }
    }
    mutator.collect();
    assert_eq!(drops.load(Ordering::Relaxed), 0, "dropped while in the deque");
    mutator.mutate(|mc| {
        let deque = root.get(mc);
        for _ in 0..1000 {
            drop(deque.pop_front(mc));
            drop(deque.pop_back(mc));
            deque.push_back(mc, counted());
        }
        assert_eq!(drops.load(Ordering::Relaxed), 2000);
        deque.borrow_mut(mc).truncate(18_900);
        assert_eq!(drops.load(Ordering::Relaxed), 2100);
        deque.borrow_mut(mc).drain().take(50).for_each(drop);
        assert_eq!(drops.load(Ordering::Relaxed), 2150);
    });
    mutator.collect();
    assert_eq!(drops.load(Ordering::Relaxed), 21_000);
}

/// Drops in the order of the collector, some with a panic, which is counted and hides no other.
#[test]
fn a_drop_that_panics_hides_no_other() {
    thread_local! {
        static DROPS: Cell<u32> = const { Cell::new(0) };
    }
    #[derive(Trace)]
    struct Panics(u32);
    impl Drop for Panics {
        fn drop(&mut self) {
            DROPS.set(DROPS.get() + 1);
            assert!(self.0 % 1000 != 7, "a drop panics");
        }
    }
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let deque = mc.alloc(GcDeque::<Panics, Owned>::new());
        for n in 0..3000 {
            deque.push_back(mc, Panics(n));
        }
        let mut deque = deque.borrow_mut(mc);
        let dropped = catch_unwind(AssertUnwindSafe(|| deque.retain(|item| item.0 != 7)));
        assert!(dropped.is_err());
        assert_eq!((deque.len(), DROPS.get()), (2999, 1));
        let kept =
            catch_unwind(AssertUnwindSafe(|| deque.retain(|item| item.0 < 2000 || item.0 / (2500 - item.0) < 10_000)));
        assert!(kept.is_err(), "`keep` divides by zero");
        assert_eq!((deque.len(), DROPS.get()), (2999, 1));
    });
    mutator.collect();
    mutator.collect();
    assert_eq!(DROPS.get(), 3000);
}

#[test]
fn guards_refuse_their_own_thread() {
    fn attack<'gc, S: Kind>(mc: &'gc Mutation<'gc, S>)
    where
        GcDeque<'gc, u32, S>: Storable<S>,
        u32: Storable<S>,
    {
        let deque = mc.alloc(GcDeque::<u32, S>::new());
        deque.push_back(mc, 1);
        let mut guard = deque.borrow_mut(mc);
        assert!(deque.try_borrow().is_err() && deque.try_borrow_mut(mc).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| deque.push_back(mc, 2))).is_err());
        assert_eq!(format!("{:?}", *deque), "[<borrowed>]");
        // An iterator that comes back to what it fills.
        let filled = catch_unwind(AssertUnwindSafe(|| guard.extend((0..9).inspect(|&n| deque.push_front(mc, n)))));
        assert!(filled.is_err());
        drop(guard);
        assert_eq!(format!("{:?}", *deque), "[1]");
    }
    LocalHeap::new().mutator().unwrap().mutate(|mc| attack::<Owned>(mc));
    Heap::new().mutator().unwrap().mutate(|mc| attack::<Shared>(mc));
}

#[test]
fn leaked_guards_and_drains_do_no_harm() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let (leaked, drained) = mutator.mutate(|mc| {
        let deques = [(); 2].map(|()| mc.alloc(GcDeque::<Item<'_, 0>, Owned>::new()));
        for n in 0..2000 {
            deques.iter().for_each(|deque| deque.push_front(mc, item(mc, n)));
        }
        std::mem::forget(deques[0].borrow_mut(mc));
        let mut guard = deques[1].borrow_mut(mc);
        let mut drain = guard.drain();
        assert_eq!(drain.next().unwrap().number(), 1999);
        let _ = drain; // what it has not handed out is the collector's
        drop(guard);
        (mc.root(deques[0]), mc.root(deques[1]))
    });
    for _ in 0..3 {
        mutator.collect();
    }
    let live = heap.statistics().live_objects;
    assert!((4000..4100).contains(&live), "{live} objects live: what the locked deque holds, and nothing else");
    mutator.mutate(|mc| {
        assert!(leaked.get(mc).try_borrow().is_err());
        let deque = drained.get(mc);
        assert!(deque.borrow().is_empty());
        deque.push_front(mc, item(mc, 5));
        assert_eq!(deque.get(0).unwrap().number(), 5);
    });
}

#[test]
fn sizes_and_alignments() {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Trace)]
    #[repr(align(4096))]
    struct Aligned(u32);
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Trace)]
    #[repr(align(64))]
    struct Nothing;

    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let large = mc.alloc(GcDeque::<[u64; 2000], Owned>::new());
        let aligned = mc.alloc(GcDeque::<Aligned, Owned>::new());
        let bytes = mc.alloc(GcDeque::<u8, Owned>::new());
        let nothing = mc.alloc(GcDeque::<Nothing, Owned>::new());
        for n in 0..300_u32 {
            large.push_back(mc, [u64::from(n); 2000]);
            aligned.push_front(mc, Aligned(n));
        }
        for n in 0..20_000_u32 {
            bytes.push_back(mc, n as u8);
            nothing.push_front(mc, Nothing);
        }
        for n in 0..300 {
            assert_eq!(large.get(n).unwrap()[1999], n as u64);
            let aligned = aligned.borrow();
            assert_eq!(aligned[299 - n], Aligned(n as u32));
            assert!(std::ptr::from_ref(&aligned[n]).is_aligned());
        }
        assert!(bytes.borrow().iter().enumerate().all(|(n, &byte)| byte == n as u8));
        assert_eq!(nothing.borrow().iter().count(), 20_000);
        let mut nothing = nothing.borrow_mut(mc);
        assert!(std::ptr::from_mut(&mut nothing[7000]).is_aligned());
        nothing.swap(3, 19_000);
        nothing.retain(|_| true);
        assert_eq!(nothing.drain().rev().count(), 20_000);
    });
}

#[test]
fn ranges_are_checked() {
    let heap = LocalHeap::new();
    heap.mutator().unwrap().mutate(|mc| {
        let deque = mc.alloc(GcDeque::<u32, Owned>::new());
        let mut deque = deque.borrow_mut(mc);
        deque.extend(0..100);
        let refused = |wrong: &dyn Fn()| assert!(catch_unwind(AssertUnwindSafe(wrong)).is_err());
        refused(&|| _ = deque.range(3..101));
        #[expect(clippy::reversed_empty_ranges, reason = "an attack")]
        refused(&|| _ = deque.range(5..4));
        refused(&|| _ = deque.range(..=usize::MAX));
        refused(&|| assert_eq!(deque[100], 0));
        assert_eq!(deque.range(98..).copied().collect::<Vec<_>>(), [98, 99]);
        assert_eq!(deque.range(..=1).rev().copied().collect::<Vec<_>>(), [1, 0]);
        assert!(deque.get_mut(100).is_none());
        assert!(catch_unwind(AssertUnwindSafe(|| deque.swap(0, 100))).is_err());
    });
}

/// A queue that elements pass through uses its segments again.
#[test]
fn a_queue_does_not_allocate_for_what_passes() {
    let heap = LocalHeap::with_config(Config::new().automatic(false));
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let deque = mc.alloc(GcDeque::<u64, Owned>::new());
        for n in 0..1000 {
            deque.push_back(mc, n);
        }
        for n in 1000..1_000_000 {
            deque.push_back(mc, n);
            assert_eq!(deque.pop_front(mc), Some(n - 1000));
        }
    });
    mutator.collect();
    let swept = heap.statistics().bytes_allocated;
    assert!(swept < 100 * 1024, "{swept} bytes were allocated for 8 KB of elements");
}

/// Producers and consumers on threads of their own, while cycles run.
#[test]
fn threads_share_a_deque_while_cycles_run() {
    const EACH: u32 = 20_000;
    #[derive(Trace)]
    struct Channel<'gc> {
        deque: GcDeque<'gc, Item<'gc, 0>>,
        /// Beside it a deque that is moved as a value.
        moved: GcMutex<'gc, GcDeque<'gc, Item<'gc, 0>>>,
    }
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    let root: Arc<Root<Channel<'static>>> = Arc::new(
        mutator.mutate(|mc| mc.root(mc.alloc(Channel { deque: GcDeque::new(), moved: GcMutex::new(GcDeque::new()) }))),
    );
    let sum = AtomicU64::new(0);
    drop(mutator);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (heap, root, sum) = (&heap, &root, &sum);
            scope.spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                for n in 0..EACH {
                    mutator.mutate(|mc| {
                        let channel = root.get(mc);
                        match (n + thread) % 3 {
                            0 => channel.deque.push_front(mc, item(mc, n)),
                            _ => channel.deque.push_back(mc, item(mc, n)),
                        }
                        if n % 2 == 0 {
                            let popped = channel.deque.pop_front(mc).unwrap();
                            sum.fetch_add(u64::from(popped.number()), Ordering::Relaxed);
                            channel.moved.lock(mc).push_back(mc, popped);
                        }
                        if n % 1000 == 0 {
                            let moved = std::mem::take(&mut *channel.moved.lock(mc));
                            while let Some(item) = moved.pop_back(mc) {
                                item.number();
                            }
                        }
                    });
                    if n % 500 == 0 {
                        mutator.start_collection();
                    }
                }
            });
        }
    });
    let mut mutator = heap.mutator().unwrap();
    mutator.collect();
    mutator.mutate(|mc| {
        let rest: u64 = root.get(mc).deque.borrow().iter().map(|item| u64::from(item.number())).sum();
        assert_eq!(rest + sum.load(Ordering::Relaxed), u64::from(EACH) * u64::from(EACH - 1));
    });
}

/// Memory ends in the middle: what is there stays, and what was refused is dropped once.
#[test]
fn memory_that_ends_leaves_the_deque_whole() {
    let counted = Rc::new(());
    let heap = LocalHeap::with_config(Config::new().hard_limit(4 << 20));
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let deque = mc.alloc(GcDeque::<Rc<()>, Owned>::new());
        let mut deque = deque.borrow_mut(mc);
        let mut held = 0;
        while deque.try_push_back(counted.clone()).is_ok() {
            held += 1;
            assert!(held < 1 << 20, "no limit");
        }
        assert!(deque.try_push_front(counted.clone()).is_err() || deque.pop_front().is_some());
        assert_eq!((deque.len(), Rc::strong_count(&counted)), (held, held + 1));
        assert_eq!(deque.iter().count(), held);
        assert!(deque.pop_back().is_some());
    });
}
