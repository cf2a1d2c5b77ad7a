//! Interning: equal is identical while somebody holds it, and the table follows what lives.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::sync::Barrier;
use std::thread;

use gc_core::{Config, Gc, GcRefCell, Heap, Interner, LocalHeap, Owned, Root, Shared, Trace};

#[derive(Trace)]
struct Vm<'gc> {
    names: Interner<'gc, str>,
    kept: GcRefCell<'gc, Vec<Gc<'gc, str>>>,
}

fn vm(mutator: &mut gc_core::Mutator<Owned>) -> Root<Vm<'static>, Owned> {
    mutator.mutate(|mc| mc.root(mc.alloc(Vm { names: Interner::new(mc), kept: GcRefCell::new(Vec::new()) })))
}

#[test]
fn equal_is_identical_and_entries_follow_their_objects() {
    let heap = LocalHeap::with_config(Config::new().automatic(false));
    let mut mutator = heap.mutator().unwrap();
    let vm = vm(&mut mutator);
    const ALL: usize = 20_000;
    mutator.mutate(|mc| {
        let vm = vm.get(mc);
        for n in 0..ALL {
            let one = vm.names.intern(mc, &format!("name {n}"));
            assert_eq!(&*one, format!("name {n}"));
            assert!(Gc::ptr_eq(one, vm.names.intern(mc, &format!("name {n}"))));
            if n % 4 == 0 {
                vm.kept.borrow_mut(mc).push(one);
            }
        }
        assert_eq!(vm.names.len(), ALL);
    });
    let all = heap.statistics().objects_allocated;
    mutator.collect();
    mutator.mutate(|mc| {
        let vm = vm.get(mc);
        assert_eq!(vm.names.len(), ALL / 4);
        for n in 0..ALL {
            let found = vm.names.get(mc, format!("name {n}").as_str());
            assert_eq!(found.is_some(), n % 4 == 0, "name {n}");
            if let Some(found) = found {
                assert!(Gc::ptr_eq(found, vm.kept.borrow()[n / 4]));
            }
        }
        vm.kept.borrow_mut(mc).clear();
    });
    mutator.collect();
    // The table shrinks with what goes on in it: some buckets at each change.
    for round in 0..4000 {
        mutator.mutate(|mc| {
            let vm = vm.get(mc);
            vm.names.intern(mc, &format!("passing {round}"));
        });
        if round % 8 == 0 {
            mutator.collect();
        }
    }
    mutator.collect();
    let statistics = heap.statistics();
    assert_eq!(mutator.mutate(|mc| vm.get(mc).names.len()), 0);
    assert!(all > ALL as u64 && statistics.live_objects < 20, "{} objects are left", statistics.live_objects);
}

/// Gives all keys one hash.
#[derive(Default)]
struct Constant;

impl Hasher for Constant {
    fn finish(&self) -> u64 {
        7
    }

    fn write(&mut self, _: &[u8]) {}
}

#[test]
fn values_with_one_hash_are_told_apart() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let numbers = Interner::with_hasher(mc, BuildHasherDefault::<Constant>::default());
        let made: Vec<_> = (0..500_u32).map(|n| numbers.intern_value(mc, n)).collect();
        for (n, &one) in (0..500_u32).zip(&made) {
            assert!(Gc::ptr_eq(numbers.intern_value(mc, n), one) && *one == n);
        }
        assert_eq!(numbers.len(), 500);
        assert!(numbers.get(mc, &500).is_none());
    });
}

#[test]
fn slices_and_structs_are_interned_by_content() {
    #[derive(Trace, PartialEq, Eq, Hash)]
    struct Point(i32, i32);
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let shapes: Interner<'_, [u32]> = Interner::new(mc);
        assert!(Gc::ptr_eq(shapes.intern_slice(mc, &[1, 2]), shapes.intern_slice(mc, &[1, 2])));
        assert!(!Gc::ptr_eq(shapes.intern_slice(mc, &[1, 2]), shapes.intern_slice(mc, &[2, 1])));
        let points = Interner::new(mc);
        let a = points.intern_value(mc, Point(1, 2));
        assert!(Gc::ptr_eq(a, points.intern_value(mc, Point(1, 2))));
        assert!(!Gc::ptr_eq(a, points.intern_value(mc, Point(2, 1))));
        assert_eq!((points.len(), shapes.len()), (2, 2));
    });
}

#[test]
fn lookups_while_marking_keep_what_they_find() {
    // In slices, so that every phase is met; nothing but the interner names the strings when the cycle begins.
    let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
    let mut mutator = heap.mutator().unwrap();
    for budget in [1, 64, 1024, 1 << 20] {
        let vm = vm(&mut mutator);
        mutator.mutate(|mc| {
            let names = vm.get(mc).names;
            for n in 0..2000 {
                names.intern(mc, &n.to_string());
            }
        });
        mutator.start_collection();
        let mut next = 0;
        while mutator.collect_step(budget) != gc_core::Slice::Over {
            mutator.mutate(|mc| {
                let vm = vm.get(mc);
                let before = vm.names.get(mc, next.to_string().as_str());
                let one = vm.names.intern(mc, &next.to_string());
                assert!(before.is_none_or(|before| Gc::ptr_eq(before, one)));
                vm.kept.borrow_mut(mc).push(one);
                for n in 0..40 {
                    vm.names.intern(mc, &format!("new {next} {n}")); // splits
                }
                next += 1;
            });
        }
        mutator.mutate(|mc| {
            let vm = vm.get(mc);
            for (n, kept) in vm.kept.borrow().iter().enumerate() {
                assert_eq!(&**kept, n.to_string());
                assert!(Gc::ptr_eq(*kept, vm.names.get(mc, n.to_string().as_str()).unwrap()));
            }
        });
        mutator.collect();
        mutator.mutate(|mc| {
            let vm = vm.get(mc);
            assert_eq!(vm.names.len(), vm.kept.borrow().len());
        });
    }
}

thread_local! {
    static DURING: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// Runs what the test wants whenever it is compared.
#[derive(Trace)]
struct Meddling(u32);

impl PartialEq for Meddling {
    fn eq(&self, other: &Self) -> bool {
        let during = DURING.take();
        if let Some(during) = during {
            during();
        }
        self.0 == other.0
    }
}

impl Eq for Meddling {}

impl Hash for Meddling {
    fn hash<H: Hasher>(&self, state: &mut H) {
        0.hash(state);
    }
}

#[test]
fn what_makes_an_object_may_intern_it_itself() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let names: Interner<'_, str> = Interner::new(mc);
        let inner = std::cell::Cell::new(None);
        let outer = names.get_or_insert_with(mc, "same", || {
            inner.set(Some(names.intern(mc, "same")));
            mc.alloc_str("same")
        });
        assert!(Gc::ptr_eq(outer, inner.get().unwrap()));
        assert_eq!(names.len(), 1);
    });
    let shared = Heap::new();
    let mut mutator = shared.mutator().unwrap();
    mutator.mutate(|mc| {
        let names: Interner<'_, str> = Interner::new(mc);
        let outer = names.get_or_insert_with(mc, "same", || {
            names.intern(mc, "same");
            mc.alloc_str("same")
        });
        assert!(Gc::ptr_eq(outer, names.intern(mc, "same")));
        assert_eq!(names.len(), 1);
    });
}

#[test]
fn eq_that_panics_leaves_the_table_as_it_was() {
    fn run<S: gc_core::Kind>(mut mutator: gc_core::Mutator<S>)
    where
        Meddling: gc_core::Storable<S>,
        u32: gc_core::Storable<S>,
    {
        mutator.mutate(|mc| {
            let all: Interner<'_, Meddling> = Interner::new(mc);
            let one = all.intern_value(mc, Meddling(1));
            DURING.set(Some(Box::new(|| panic!("as the test wants"))));
            let failed =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| all.intern_value(mc, Meddling(2)))).is_err();
            assert!(failed);
            assert_eq!(all.len(), 1);
            assert!(Gc::ptr_eq(one, all.intern_value(mc, Meddling(1))));
            assert!(!Gc::ptr_eq(one, all.intern_value(mc, Meddling(2))));
        });
    }
    run(Heap::new().mutator().unwrap());
    let local = LocalHeap::new();
    run(local.mutator().unwrap());
}

#[derive(Trace)]
struct Board<'gc> {
    names: Interner<'gc, str>,
}

#[test]
fn threads_agree_on_what_is_the_same() {
    const THREADS: usize = 3;
    let heap = Heap::with_config(Config::new().min_heap(1 << 18));
    let mut mutator = heap.mutator().unwrap();
    let board: Root<Board<'static>, Shared> =
        mutator.mutate(|mc| mc.root(mc.alloc(Board { names: Interner::new(mc) })));
    let barrier = Barrier::new(THREADS);
    let rounds = 300_usize;
    let found: Vec<Vec<Root<str>>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|me| {
                let (heap, board, barrier) = (heap.clone(), board.clone(), &barrier);
                scope.spawn(move || {
                    let mut mutator = heap.mutator().unwrap();
                    let mut found = Vec::new();
                    barrier.wait();
                    for round in 0..rounds {
                        mutator.mutate(|mc| {
                            let names = board.get(mc).names;
                            for n in 0..100 {
                                names.intern(mc, &format!("{me} {round} {n}"));
                            }
                            let common = names.intern(mc, &format!("common {round}"));
                            assert!(Gc::ptr_eq(common, names.intern(mc, &format!("common {round}"))));
                            found.push(mc.root(common));
                        });
                    }
                    found
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for others in &found[1..] {
        assert!(found[0].iter().zip(others).all(|(one, other)| Root::ptr_eq(one, other)));
    }
    mutator.collect();
    mutator.mutate(|mc| assert_eq!(board.get(mc).names.len(), rounds));
    drop(found);
    mutator.collect();
    mutator.mutate(|mc| assert!(board.get(mc).names.is_empty()));
    assert!(heap.statistics().cycles > 2, "the heap collected while they interned");
}

/// As a `HashMap` that keeps everything, over random programs.
#[test]
fn interning_agrees_with_a_map() {
    let heap = LocalHeap::with_config(Config::new().min_heap(1 << 17));
    let mut mutator = heap.mutator().unwrap();
    let vm = vm(&mut mutator);
    let hasher = std::hash::RandomState::new();
    let mut model: HashMap<String, usize> = HashMap::new();
    for step in 0..30_000_u64 {
        let key = (hasher.hash_one(step) % 3000).to_string();
        mutator.mutate(|mc| {
            let vm = vm.get(mc);
            vm.names.intern(mc, &format!("garbage {step}"));
            let found = vm.names.intern(mc, &key);
            let mut kept = vm.kept.borrow_mut(mc);
            let place = *model.entry(key).or_insert_with(|| {
                kept.push(found);
                kept.len() - 1
            });
            assert!(Gc::ptr_eq(kept[place], found));
        });
    }
    mutator.collect();
    mutator.mutate(|mc| assert_eq!(vm.get(mc).names.len(), model.len()));
    let cycles = heap.statistics().cycles;
    assert!(cycles >= 2, "it collected while it interned, and at the end: {cycles} cycles");
}
