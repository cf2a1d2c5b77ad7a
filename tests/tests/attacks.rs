//! Attacks from safe code that compile and must do no harm: leaked guards, lying iterators, lookups that re-enter, stores
//! and borrows in every state of a cycle.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use gc_core::{
    Config, Gc, GcCell, GcMutex, GcOnceCell, GcRefCell, GcRwLock, LocalHeap, Mutation, Owned, Ref, RefMut, Root, Trace,
};
use tests::{Leaf, Tally, must_end};

/// Runs `step` in regions until `cycles` cycles have gone by, so that it meets every state of a cycle.
fn for_cycles(heap: &LocalHeap, cycles: u64, mut step: impl FnMut()) {
    let end = heap.statistics().cycles + cycles;
    while heap.statistics().cycles < end {
        heap.start_collection();
        step();
    }
}

#[derive(Trace)]
struct Node<'gc> {
    value: u64,
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

type Item<'gc> = Gc<'gc, (u64, Leaf)>;

#[test]
fn leaked_guards_then_cycles() {
    #[derive(Trace)]
    struct Cells<'gc> {
        local: GcRefCell<'gc, Vec<Item<'gc>>>,
        shared: GcRefCell<'gc, Vec<Item<'gc>>>,
        mutex: GcMutex<'gc, Vec<Item<'gc>>>,
        lock: GcRwLock<'gc, Vec<Item<'gc>>>,
    }
    struct Knot<'a> {
        guard: Cell<Option<RefMut<'a, Vec<Item<'a>>>>>,
        me: Cell<Option<Rc<Knot<'a>>>>,
    }
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| {
        let items = || vec![mc.alloc((1, tally.leaf()))];
        let cells = mc.alloc(Cells {
            local: GcRefCell::new(items()),
            shared: GcRefCell::new(items()),
            mutex: GcMutex::new(items()),
            lock: GcRwLock::new(items()),
        });
        mc.root(cells)
    });
    mutator.mutate(|mc| {
        let cells = Gc::as_ref(root.get(mc));
        // In a cycle of counts on the stack, which is never dropped.
        let knot = Rc::new(Knot { guard: Cell::new(Some(cells.local.borrow_mut(mc))), me: Cell::new(None) });
        knot.me.set(Some(knot.clone()));
        let Some(mut guard) = knot.guard.take() else { panic!() };
        guard.push(mc.alloc((2, tally.leaf())));
        knot.guard.set(Some(guard));
        drop(knot);
        Box::leak(Box::new(cells.mutex.lock(mc))).push(mc.alloc((2, tally.leaf())));
        mem::forget(cells.shared.borrow());
        mem::forget(cells.lock.write(mc));
    });
    for_cycles(&heap, 5, || {
        mutator.mutate(|mc| {
            let cells = root.get(mc);
            assert!(cells.local.try_borrow().is_err() && cells.shared.try_borrow_mut(mc).is_err());
            assert!(cells.mutex.try_lock(mc).is_none() && cells.lock.try_read().is_none());
            assert_eq!(cells.shared.borrow()[0].0, 1);
        });
    });
    assert_eq!(tally.drops(), 0);
    drop(root);
    mutator.collect();
    assert_eq!(tally.drops(), 6);
}

#[test]
fn shared_borrow_outer_exclusive_inner_while_marking() {
    type Inner<'gc> = GcRefCell<'gc, Vec<Item<'gc>>>;
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root: Root<GcRefCell<'static, Vec<Inner<'static>>>, Owned> = mutator.mutate(|mc| {
        let items = || (0..50).map(|n| mc.alloc((n, tally.leaf()))).collect();
        let inner: Vec<Inner<'_>> = (0..200).map(|_| Inner::new(items())).collect();
        mc.root(mc.alloc(GcRefCell::new(inner)))
    });
    let mut step = 0_usize;
    let mut made = 200 * 50;
    for_cycles(&heap, 30, || {
        step += 1;
        mutator.mutate(|mc| {
            let outer = root.get(mc);
            {
                let outer = outer.borrow();
                for cell in outer.iter().skip(step % 7).step_by(7) {
                    let mut items = cell.borrow_mut(mc);
                    let first = items.remove(0);
                    items.push(first);
                    items[1] = mc.alloc((items[1].0, tally.leaf()));
                    made += 1;
                }
            }
            // And the other way round: inner cells change places under the exclusive hold of the outer one.
            let mut outer = outer.borrow_mut(mc);
            outer.rotate_left(1);
            let taken = mem::replace(&mut outer[0], Inner::new(Vec::new()));
            outer[0].get_mut().extend(taken.into_inner());
        });
    });
    mutator.collect();
    assert_eq!(tally.drops(), made - 200 * 50);
    mutator.mutate(|mc| {
        for cell in root.get(mc).borrow().iter() {
            let values: BTreeSet<u64> = cell.borrow().iter().map(|item| item.0).collect();
            assert_eq!(values.len(), 50);
        }
    });
}

#[test]
fn stores_under_guards_are_shaded() {
    // `swap`, `take`, `clear`, `drain` and null stores: what goes out of one place is held by the region alone, then put in
    // another that the marker may have passed already.
    #[derive(Trace)]
    struct Places<'gc> {
        word: GcCell<'gc, Option<Item<'gc>>>,
        many: GcRefCell<'gc, Vec<Item<'gc>>>,
        boxed: GcMutex<'gc, Option<Box<Item<'gc>>>>,
    }
    let tally = Tally::new();
    let heap = LocalHeap::with_config(Config::new().automatic(false));
    let mut mutator = heap.mutator().unwrap();
    let roots: Vec<Root<Places<'static>, Owned>> = mutator.mutate(|mc| {
        let item = |n| mc.alloc((n, tally.leaf()));
        (0..500)
            .map(|n| {
                mc.root(mc.alloc(Places {
                    word: GcCell::new(Some(item(n))),
                    many: GcRefCell::new(vec![item(n)]),
                    boxed: GcMutex::new(Some(Box::new(item(n)))),
                }))
            })
            .collect()
    });
    let mut step = 0;
    for_cycles(&heap, 60, || {
        step += 1;
        mutator.mutate(|mc| {
            let (a, b) = (roots[step * 7 % 500].get(mc), roots[step * 13 % 500].get(mc));
            let word = a.word.get();
            a.word.set(mc, None);
            let cleared: Vec<_> = mem::take(&mut *a.many.borrow_mut(mc));
            let boxed = a.boxed.lock(mc).take();
            // A newborn takes them over, and they go on from there.
            let newborn =
                mc.alloc(Places { word: GcCell::new(word), many: GcRefCell::new(cleared), boxed: GcMutex::new(None) });
            *newborn.boxed.lock(mc) = boxed;
            if !Gc::ptr_eq(a, b) {
                mem::swap(&mut *newborn.many.borrow_mut(mc), &mut *b.many.borrow_mut(mc));
                mem::swap(&mut *newborn.boxed.lock(mc), &mut *b.boxed.lock(mc));
                let old = b.word.swap(mc, newborn.word.get());
                newborn.word.set(mc, old);
            }
            a.word.set(mc, newborn.word.get());
            *a.many.borrow_mut(mc) = newborn.many.borrow_mut(mc).drain(..).collect();
            *a.boxed.lock(mc) = newborn.boxed.lock(mc).take();
            newborn.many.borrow_mut(mc).clear();
            assert!(a.word.compare_exchange(mc, None, None).is_err());
        });
    });
    mutator.collect();
    assert_eq!(tally.drops(), 0);
    mutator.mutate(|mc| {
        let mut seen = vec![0; 500];
        for root in &roots {
            let places = root.get(mc);
            seen[places.word.get().unwrap().0 as usize] += 1;
            seen[places.many.borrow()[0].0 as usize] += 1;
            seen[places.boxed.lock(mc).as_ref().unwrap().0 as usize] += 1;
        }
        assert_eq!(seen, [3; 500]);
    });
}

#[test]
fn span_scan_skips_fresh_object() {
    // Newborns in spans that are being scanned, some never linked, with drop glue: each is dropped once, no free slot is.
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    #[derive(Trace)]
    struct Fresh<'gc> {
        next: GcRefCell<'gc, Option<Gc<'gc, Fresh<'gc>>>>,
        leaf: Leaf,
    }
    let root = mutator.mutate(|mc| mc.root(mc.alloc(Fresh { next: GcRefCell::new(None), leaf: tally.leaf() })));
    let mut made = 1;
    for_cycles(&heap, 50, || {
        mutator.mutate(|mc| {
            for n in 0..37 {
                let top = root.get(mc);
                let fresh = mc.alloc(Fresh { next: GcRefCell::new(top.next.get()), leaf: tally.leaf() });
                made += 1;
                if n % 3 == 0 {
                    top.next.set(mc, Some(fresh));
                }
                if n == 36 {
                    top.next.set(mc, None);
                }
            }
        });
    });
    mutator.collect();
    assert_eq!(tally.drops(), made - 1);
    drop((root, mutator, heap));
    assert_eq!(tally.drops(), made);
}

#[test]
fn slice_iter_panics() {
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    for length in [1_usize, 10, 1000, 100_000] {
        let before = tally.drops();
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            mutator.mutate(|mc| {
                mc.alloc_slice((0..length).map(|n| {
                    assert!(n < length / 2, "in the iterator");
                    (mc.alloc(n), tally.leaf())
                }));
            });
        }));
        assert!(unwound.is_err());
        assert_eq!(tally.drops() - before, length / 2);
        mutator.collect();
        assert_eq!(tally.drops() - before, length / 2);
        assert_eq!(heap.statistics().live_objects, 0);
    }
}

/// Says one length and has another.
struct Liar<I>(I, usize);

impl<I: Iterator> Iterator for Liar<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}

impl<I: Iterator> ExactSizeIterator for Liar<I> {}

#[test]
fn slice_iter_lies() {
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let roots = mutator.mutate(|mc| {
        let items = |real: u64, said| Liar((0..real).map(|n| (mc.alloc(n), tally.leaf())), said);
        [(10, 3), (3, 10), (0, 100), (100, 0), (50_000, 40_000), (40_000, 50_000)]
            .map(|(real, said)| mc.root(mc.alloc_slice(items(real, said))))
    });
    mutator.collect();
    mutator.mutate(|mc| {
        let lengths = roots.each_ref().map(|root| root.get(mc).len());
        assert_eq!(lengths, [3, 3, 0, 0, 40_000, 40_000]);
        for root in &roots {
            assert!(root.get(mc).iter().enumerate().all(|(index, item)| *item.0 == index as u64));
        }
        assert!(mc.try_alloc_slice(Liar([0_u64].into_iter(), usize::MAX)).is_err());
        assert!(mc.slice_builder::<u128>(usize::MAX / 16).is_err());
    });
    drop((roots, mutator, heap));
    // What was taken, once; behind the last item `take` takes none.
    assert_eq!(tally.drops(), 3 + 3 + 40_000 + 40_000);
}

#[test]
fn slice_builders_leaked_and_nested() {
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let mut kept: Option<Root<[(u64, Leaf)], Owned>> = None;
    for_cycles(&heap, 10, || {
        kept = Some(mutator.mutate(|mc| {
            let mut leaked = mc.slice_builder(5).unwrap();
            leaked.push((mc.alloc(1), 2));
            mem::forget(leaked);
            let mut outer = mc.slice_builder(3).unwrap();
            for n in 0..3_u64 {
                let mut inner = mc.slice_builder(2000).unwrap();
                inner.push((n, tally.leaf()));
                drop(inner);
                // Enough to answer a handshake here, in the middle of the slice.
                mc.alloc_slice_copy(&[0_u8; 20_000]);
                outer.push((n, tally.leaf()));
            }
            let full = catch_unwind(AssertUnwindSafe(|| outer.push((4, tally.leaf()))));
            assert!(full.is_err());
            mc.root(outer.finish())
        }));
        mutator.mutate(|mc| assert_eq!(kept.as_ref().unwrap().get(mc).iter().map(|item| item.0).sum::<u64>(), 3));
    });
    drop((kept, mutator, heap));
    assert_eq!(tally.drops() % 7, 0);
}

#[test]
fn map_key_reenters() {
    /// A key that holds the map it is in, and the region's token, and borrows the map as it is hashed and compared.
    struct Key<'a, 'gc> {
        mc: &'a Mutation<'gc, Owned>,
        map: &'a Map<'gc>,
        name: &'static str,
        refused: &'a Cell<u32>,
    }
    #[derive(Trace)]
    struct Map<'gc>(GcRefCell<'gc, HashMap<Name, Gc<'gc, String>>>);
    #[derive(Trace, PartialEq, Eq, Hash, Debug, Clone)]
    struct Name(String);
    impl Hash for Key<'_, '_> {
        fn hash<H: Hasher>(&self, state: &mut H) {
            if self.map.0.try_borrow_mut(self.mc).is_err() {
                self.refused.set(self.refused.get() + 1);
            }
            self.mc.alloc(String::from("in the hash"));
            String::from(self.name).hash(state);
        }
    }
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| {
        let map = mc.alloc(Map(GcRefCell::new(HashMap::new())));
        map.0.borrow_mut(mc).insert(Name(String::from("a")), mc.alloc(String::from("A")));
        mc.root(map)
    });
    for_cycles(&heap, 5, || {
        mutator.mutate(|mc| {
            let map = Gc::as_ref(root.get(mc));
            let refused = Cell::new(0);
            let key = Key { mc, map, name: "a", refused: &refused };
            let hasher = map.0.borrow().hasher().clone();
            let guard = map.0.borrow_mut(mc);
            let hash = std::hash::BuildHasher::hash_one(&hasher, &key);
            assert_eq!(refused.get(), 1);
            assert_eq!(hash, std::hash::BuildHasher::hash_one(&hasher, Name(String::from("a"))));
            assert_eq!(*guard[&Name(String::from("a"))], "A");
        });
    });
}

#[test]
fn once_cell_reenters() {
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    for_cycles(&heap, 5, || {
        let before = tally.drops();
        mutator.mutate(|mc| {
            let cell = mc.alloc(GcOnceCell::new());
            let value: &(u32, Leaf) = cell.get_or_init(mc, || {
                let inner = cell.get_or_init(mc, || (1, tally.leaf()));
                assert_eq!(inner.0, 1);
                (2, tally.leaf())
            });
            assert_eq!(value.0, 1);
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                GcOnceCell::new().get_or_init(mc, || -> u8 { panic!("in the initialiser") });
            }));
            assert!(unwound.is_err());
        });
        mutator.collect();
        assert_eq!(tally.drops() - before, 2);
    });
}

#[test]
fn mapped_guards_keep_their_cells() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let cell = mc.alloc(GcRefCell::new((vec![mc.alloc(1)], 2)));
        let first = Ref::map(cell.borrow(), |pair| &pair.0[0]);
        let again = Ref::clone(&first);
        drop(first);
        assert!(cell.try_borrow_mut(mc).is_err());
        drop(again);
        let mut second = RefMut::map(cell.borrow_mut(mc), |pair| &mut pair.1);
        *second += 1;
        assert!(cell.try_borrow().is_err());
        drop(second);
        let unwound = catch_unwind(AssertUnwindSafe(|| drop(Ref::map(cell.borrow(), |_| -> &i32 { panic!("map") }))));
        assert!(unwound.is_err());
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            drop(RefMut::map(cell.borrow_mut(mc), |_| -> &mut i32 { panic!("map") }))
        }));
        assert!(unwound.is_err());
        assert_eq!(cell.borrow_mut(mc).1, 3);
        // A region's end frees no flag that a leak holds.
        mem::forget(RefMut::map(cell.borrow_mut(mc), |pair| &mut pair.1));
        assert!(cell.try_borrow().is_err());
    });
}

#[test]
fn stack_cells_join_the_heap_in_every_mode() {
    // A cell filled on the stack, with its claim of an earlier cycle or of none, moves into an object.
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    type Cells<'gc> = GcRefCell<'gc, Option<Box<GcRefCell<'gc, Vec<Item<'gc>>>>>>;
    let (a, b): (Root<Cells<'static>, Owned>, Root<Cells<'static>, Owned>) = mutator.mutate(|mc| {
        let inner = GcRefCell::new((0..20).map(|n| mc.alloc((n, tally.leaf()))).collect::<Vec<Item<'_>>>());
        (mc.root(mc.alloc(Cells::new(Some(Box::new(inner))))), mc.root(mc.alloc(Cells::new(None))))
    });
    for_cycles(&heap, 50, || {
        mutator.mutate(|mc| {
            let (a, b) = (root_pair(&a, &b, mc).0, root_pair(&a, &b, mc).1);
            let (from, to) = if a.borrow().is_some() { (a, b) } else { (b, a) };
            let mut moved = from.take(mc).unwrap();
            moved.get_mut().rotate_left(3);
            let stack = GcRefCell::new(mem::take(moved.get_mut()));
            stack.borrow_mut(mc).swap(0, 1);
            to.set(mc, Some(Box::new(stack)));
        });
    });
    mutator.collect();
    assert_eq!(tally.drops(), 0);

    fn root_pair<'gc>(
        a: &Root<Cells<'static>, Owned>,
        b: &Root<Cells<'static>, Owned>,
        mc: &Mutation<'gc, Owned>,
    ) -> (Gc<'gc, Cells<'gc>>, Gc<'gc, Cells<'gc>>) {
        (a.get(mc), b.get(mc))
    }
}

#[test]
fn long_regions_allocate_through_whole_cycles() {
    // A region that allocates answers the end of a cycle where it allocates: what it holds lives on.
    let tally = Tally::new();
    let heap = LocalHeap::with_config(Config::new().min_heap(1 << 20));
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| mc.root(mc.alloc(GcRefCell::new(Vec::<Item<'_>>::new()))));
    let mut round = 0;
    while round < 20 || heap.statistics().cycles <= 5 {
        mutator.mutate(|mc| {
            let held: Vec<Item<'_>> = (0..100).map(|n| mc.alloc((n, tally.leaf()))).collect();
            let old: Vec<Item<'_>> = mem::take(&mut *root.get(mc).borrow_mut(mc));
            for _ in 0..if cfg!(debug_assertions) { 40_000 } else { 200_000 } {
                mc.alloc([0_u64; 8]);
            }
            assert!(held.iter().enumerate().all(|(n, item)| item.0 == n as u64));
            assert!(old.iter().enumerate().all(|(n, item)| item.0 == n as u64));
            *root.get(mc).borrow_mut(mc) = held;
        });
        assert!(tally.drops() <= round * 100, "{} of {round} rounds", tally.drops());
        round += 1;
        assert!(round < 10_000, "no cycle came to its end beside the regions");
    }
    mutator.collect();
    assert_eq!(tally.drops(), (round - 1) * 100);
}

#[test]
fn recursive_types_const() {
    #[derive(Trace)]
    enum Json {
        Null,
        Array(Vec<Json>),
        Map(HashMap<String, Json>),
    }
    const { assert!(!<Json as Trace<'static>>::HOLDS_GC) };
    #[derive(Trace)]
    enum Tree<'gc> {
        Leaf(u8),
        Owned(Vec<Tree<'gc>>),
        Shared(Gc<'gc, Tree<'gc>>),
    }
    const { assert!(<Tree<'static> as Trace<'static>>::HOLDS_GC) };
    const { assert!(<Vec<Option<(u8, Tree<'static>)>> as Trace<'static>>::HOLDS_GC) };
    const { assert!(!<Vec<Option<(u8, Json)>> as Trace<'static>>::HOLDS_GC) };
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    fn leaves(tree: &Tree<'_>) -> u32 {
        match tree {
            Tree::Leaf(value) => u32::from(*value),
            Tree::Owned(all) => all.iter().map(leaves).sum(),
            Tree::Shared(tree) => leaves(tree),
        }
    }
    let root = mutator.mutate(|mc| {
        let mut map = HashMap::new();
        map.insert(String::from("k"), Json::Null);
        let json = mc.alloc(Json::Array(vec![Json::Map(map), Json::Null]));
        let Json::Array(items) = &*json else { panic!() };
        assert!(matches!(&items[0], Json::Map(map) if matches!(map["k"], Json::Null)));
        let mut tree = mc.alloc(Tree::Leaf(1));
        for _ in 0..15 {
            tree =
                mc.alloc(Tree::Owned(vec![Tree::Shared(tree), Tree::Owned(vec![Tree::Leaf(1), Tree::Shared(tree)])]));
        }
        mc.root(tree)
    });
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 16);
    mutator.mutate(|mc| assert_eq!(leaves(&root.get(mc)), (1 << 16) - 1));
}

#[test]
fn a_list_of_ten_million_needs_no_stack() {
    // Marked, dropped and freed on threads whose stacks would not hold a tenth of it.
    let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(|| {
        let count: u64 = if cfg!(debug_assertions) { 2_000_000 } else { 10_000_000 };
        let heap = LocalHeap::new();
        let mut mutator = heap.mutator().unwrap();
        let root = mutator.mutate(|mc| mc.root(mc.alloc(Node { value: 0, next: GcCell::new(None) })));
        let mut made = 0;
        while made < count {
            mutator.mutate(|mc| {
                let top = root.get(mc);
                let mut head = top.next.get();
                while made < count && !mc.should_yield() {
                    head = Some(mc.alloc(Node { value: made, next: GcCell::new(head) }));
                    made += 1;
                }
                top.next.set(mc, head);
            });
        }
        mutator.collect();
        assert_eq!(heap.statistics().live_objects, count + 1);
        mutator.mutate(|mc| {
            let mut at = root.get(mc).next.get();
            let mut left = count;
            while let Some(node) = at {
                left -= 1;
                assert_eq!(node.value, left);
                at = node.next.get();
            }
            assert_eq!(left, 0);
        });
        drop(root);
        mutator.collect();
        assert_eq!(heap.statistics().live_objects, 0);
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn drops_in_slices_and_boxes_run_once() {
    let tally = Tally::new();
    must_end({
        let tally = tally.clone();
        move || {
            let heap = LocalHeap::new();
            let mut mutator = heap.mutator().unwrap();
            let kept = mutator.mutate(|mc| {
                mc.alloc_slice((0..100).map(|_| Box::new(tally.leaf())));
                mc.alloc(vec![Some(tally.leaf()), None, Some(tally.leaf())]);
                mc.root(mc.alloc_slice((0..10).map(|_| (mc.alloc(tally.leaf()), tally.leaf()))))
            });
            mutator.collect();
            assert_eq!(tally.drops(), 102);
            mutator.mutate(|mc| assert_eq!(kept.get(mc).len(), 10));
            drop(kept);
            mutator.collect();
            assert_eq!(tally.drops(), 122);
        }
    });
}
