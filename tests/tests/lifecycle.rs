//! Heaps, mutators, roots and drops, from their beginning to their end, in every order that safe code can put them in.

use std::cell::{Cell, RefCell};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, ThreadId};

use gc_core::{Config, Gc, GcCell, Heap, LocalHeap, Mutator, MutatorError, Owned, Root, Static, Trace};
use tests::{PATIENCE, Tally, must_end};

#[test]
fn second_mutator_errors() {
    let local = LocalHeap::new();
    let mutator = local.mutator().unwrap();
    assert_eq!(local.mutator().unwrap_err(), MutatorError::SecondOnThread);
    drop(mutator);
    let shared = Heap::new();
    let mutator = shared.mutator().unwrap();
    assert_eq!(shared.mutator().unwrap_err(), MutatorError::SecondOnThread);
    thread::scope(|threads| threads.spawn(|| drop(shared.mutator().unwrap())).join().unwrap());
    drop(mutator);
    drop((local.mutator().unwrap(), shared.mutator().unwrap()));
}

#[test]
fn a_forgotten_mutator_stays() {
    let heap = LocalHeap::new();
    mem::forget(heap.mutator().unwrap());
    assert!(heap.mutator().is_err());
    let shared = Heap::new();
    thread::scope(|threads| {
        threads.spawn(|| mem::forget(shared.mutator().unwrap())).join().unwrap();
    });
    // The collector answers for it.
    let mut mutator = shared.mutator().unwrap();
    mutator.collect();
    assert_eq!(shared.statistics().mutators, 2);
}

#[test]
#[should_panic(expected = "this root belongs to another heap")]
fn root_of_other_heap_panics() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    let root = a.mutate(|mc| mc.root(mc.alloc(1)));
    b.mutate(|mc| {
        root.get(mc);
    });
}

#[test]
#[should_panic(expected = "this local belongs to another mutator")]
fn local_of_other_heap_panics() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.scope(|a| {
        let local = a.mutate(|mc| mc.local(mc.alloc(1)));
        // The check comes before the index: this stack is empty.
        b.mutate(|mc| {
            local.get(mc);
        });
    });
}

#[test]
#[should_panic(expected = "this local belongs to another mutator")]
fn local_set_of_other_heap_panics() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.scope(|a| {
        let local = a.mutate(|mc| mc.local(mc.alloc(1)));
        b.mutate(|mc| local.set(mc, mc.alloc(2)));
    });
}

#[test]
fn root_of_an_ended_heap_is_inert() {
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| mc.root(mc.alloc(tally.leaf())));
    drop((mutator, heap));
    assert_eq!(tally.drops(), 1);
    // Another heap, perhaps at the old one's place.
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let copy = root.clone();
    assert!(
        catch_unwind(AssertUnwindSafe(|| mutator.mutate(|mc| {
            root.get(mc);
        })))
        .is_err()
    );
    drop((root, copy));
    assert_eq!(tally.drops(), 1);
}

#[test]
fn roots_keep_a_shared_heap() {
    let tally = Tally::new();
    let root: Root<tests::Leaf> = {
        let heap = Heap::new();
        let mut mutator = heap.mutator().unwrap();
        let root = mutator.mutate(|mc| mc.root(mc.alloc(tally.leaf())));
        mutator.collect();
        root
    };
    assert_eq!(tally.drops(), 0);
    thread::spawn(move || drop(root)).join().unwrap();
    assert_eq!(tally.drops(), 1);
}

#[test]
fn root_in_a_thread_local_dropped_at_exit() {
    thread_local! {
        static KEPT: RefCell<Vec<Root<tests::Leaf>>> = const { RefCell::new(Vec::new()) };
    }
    let tally = Tally::new();
    let heap = Heap::new();
    thread::scope(|threads| {
        threads
            .spawn(|| {
                let mut mutator = heap.mutator().unwrap();
                KEPT.with_borrow_mut(|kept| kept.push(mutator.mutate(|mc| mc.root(mc.alloc(tally.leaf())))));
            })
            .join()
            .unwrap();
    });
    let mut mutator = heap.mutator().unwrap();
    mutator.collect();
    assert_eq!((tally.drops(), heap.statistics().roots), (1, 0));
}

#[test]
fn local_heap_in_thread_local_at_exit() {
    thread_local! {
        static HEAP: RefCell<Option<(Mutator<Owned>, LocalHeap)>> = const { RefCell::new(None) };
    }
    /// Takes a mutator of another heap as it is dropped, in a destructor of a thread-local.
    #[derive(Trace)]
    struct Busy {
        tally: Tally,
        not_send: Rc<()>,
    }
    impl Drop for Busy {
        fn drop(&mut self) {
            let other = LocalHeap::new();
            let mut mutator = other.mutator().unwrap();
            mutator.mutate(|mc| {
                mc.alloc(1);
            });
            assert_eq!(Rc::strong_count(&self.not_send), 1);
            self.tally.count();
        }
    }
    let tally = Tally::new();
    must_end({
        let tally = tally.clone();
        move || {
            let heap = LocalHeap::new();
            let mut mutator = heap.mutator().unwrap();
            mutator.mutate(|mc| {
                for _ in 0..10 {
                    mc.alloc(Busy { tally: tally.clone(), not_send: Rc::new(()) });
                }
            });
            heap.start_collection();
            HEAP.set(Some((mutator, heap)));
        }
    });
    assert_eq!(tally.drops(), 10);
}

/// Tells on which thread it was dropped.
#[derive(Trace)]
struct Teller {
    sender: mpsc::Sender<ThreadId>,
    not_send: Rc<Cell<u32>>,
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.not_send.set(self.not_send.get() + 1);
        // The receiver may be gone.
        let _ = self.sender.send(thread::current().id());
    }
}

#[test]
fn rc_dropped_on_owner() {
    let (sender, receiver) = mpsc::channel();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let drops = Rc::new(Cell::new(0));
    for round in 0..20 {
        mutator.mutate(|mc| {
            for _ in 0..1000 {
                mc.alloc(Teller { sender: sender.clone(), not_send: drops.clone() });
            }
        });
        if round % 5 == 4 {
            mutator.collect();
            assert_eq!(drops.get(), (round + 1) * 1000);
        } else {
            // In quanta, at the safepoints to come.
            heap.start_collection();
        }
    }
    drop((mutator, heap));
    assert!(receiver.try_iter().all(|dropper| dropper == thread::current().id()));
    assert_eq!((drops.get(), Rc::strong_count(&drops)), (20_000, 1));
}

#[test]
fn local_heap_forgotten_never_drops_elsewhere() {
    let (sender, receiver) = mpsc::channel();
    let owner = must_end({
        let sender = sender.clone();
        move || {
            let heap = LocalHeap::new();
            let mut mutator = heap.mutator().unwrap();
            let drops = Rc::new(Cell::new(0));
            mutator.mutate(|mc| {
                mc.alloc(Teller { sender: sender.clone(), not_send: drops.clone() });
            });
            mutator.collect(); // one that drops it here
            mutator.mutate(|mc| {
                mc.alloc(Teller { sender, not_send: drops });
            });
            mutator.start_collection(); // and one that would have to
            drop(mutator);
            mem::forget(heap);
            thread::current().id()
        }
    });
    drop(sender);
    // The sender in the leaked object keeps the channel open. Other heaps, and a cycle of each, come and go.
    for _ in 0..20 {
        let heap = Heap::new();
        heap.mutator().unwrap().collect();
    }
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [owner]);
}

#[test]
fn last_handle_inside_own_object() {
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        mc.alloc((Static(heap), tally.leaf()));
        mc.alloc(tally.leaf());
    });
    let kept = mutator.mutate(|mc| mc.root(mc.alloc(tally.leaf())));
    mutator.collect(); // drops the handle: the mutator keeps the heap
    assert_eq!(tally.drops(), 2);
    mutator.mutate(|mc| {
        mc.alloc(tally.leaf());
        kept.get(mc);
    });
    mutator.collect();
    assert_eq!(tally.drops(), 3);
    drop(mutator);
    assert_eq!(tally.drops(), 4);
}

#[test]
fn last_handle_inside_own_object_of_a_shared_heap() {
    /// The channel is closed when the last one is dropped.
    #[derive(Trace)]
    struct Open(#[allow(dead_code, reason = "kept for its end")] mpsc::Sender<()>);
    let (sender, receiver) = mpsc::channel();
    {
        let heap = Heap::new();
        let mut mutator = heap.mutator().unwrap();
        let last = mutator.mutate(|mc| {
            mc.alloc((Static(heap.clone()), Open(sender.clone())));
            mc.root(mc.alloc(Open(sender)))
        });
        // The collector's thread sweeps the handle, perhaps when all others are gone already.
        mutator.start_collection();
        drop(last);
        drop(mutator);
        drop(heap);
    }
    assert_eq!(receiver.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn reenter_drop() {
    #[derive(Trace)]
    struct Reenters {
        tally: Tally,
        heap: Rc<LocalHeap>,
        root: Root<i32, Owned>,
        other: Rc<RefCell<Mutator<Owned>>>,
    }
    impl Drop for Reenters {
        fn drop(&mut self) {
            assert!(self.heap.mutator().is_err());
            self.heap.start_collection();
            assert!(self.heap.statistics().mutators <= 1);
            drop(self.root.clone());
            // A region, and a whole collection, of another heap.
            let mut other = self.other.borrow_mut();
            other.mutate(|mc| {
                mc.alloc(String::from("other"));
            });
            if self.tally.drops() == 0 {
                other.collect();
            }
            self.tally.count();
        }
    }
    let other = Rc::new(RefCell::new(LocalHeap::new().mutator().unwrap()));
    let tally = Tally::new();
    let heap = Rc::new(LocalHeap::new());
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| mc.root(mc.alloc(5)));
    mutator.mutate(|mc| {
        for _ in 0..100 {
            mc.alloc(Reenters { tally: tally.clone(), heap: heap.clone(), root: root.clone(), other: other.clone() });
        }
    });
    mutator.collect();
    assert_eq!((tally.drops(), Rc::strong_count(&heap)), (100, 1));
    mutator.mutate(|mc| assert_eq!(*root.get(mc), 5));
}

#[test]
fn reenter_drop_of_a_shared_heap() {
    /// On the collector's thread, while it sweeps: takes a mutator, reads a root, allocates.
    #[derive(Trace)]
    struct Reenters {
        tally: Tally,
        heap: Heap,
        root: Root<i32>,
    }
    impl Drop for Reenters {
        fn drop(&mut self) {
            let mut mutator = self.heap.mutator().unwrap();
            let again = mutator.mutate(|mc| {
                assert_eq!(*self.root.get(mc), 5);
                for text in 0..100 {
                    mc.alloc(format!("{text}"));
                }
                mc.root(mc.alloc(6))
            });
            mutator.mutate(|mc| assert_eq!(*again.get(mc), 6));
            self.tally.count();
        }
    }
    let tally = Tally::new();
    must_end({
        let tally = tally.clone();
        move || {
            let heap = Heap::with_config(Config::new().zeal(50));
            let mut mutator = heap.mutator().unwrap();
            let root = mutator.mutate(|mc| mc.root(mc.alloc(5)));
            mutator.mutate(|mc| {
                for _ in 0..100 {
                    mc.alloc(Reenters { tally: tally.clone(), heap: heap.clone(), root: root.clone() });
                }
            });
            mutator.collect();
            assert_eq!(tally.drops(), 100);
            mutator.collect();
            assert_eq!(heap.statistics().drop_panics, 0);
        }
    });
    assert_eq!(tally.drops(), 100);
}

#[test]
fn collect_in_a_drop_does_not_wait_for_itself() {
    #[derive(Trace)]
    struct Collects {
        tally: Tally,
        heap: Heap,
    }
    impl Drop for Collects {
        fn drop(&mut self) {
            self.tally.count();
            // On the collector's own thread: it can't wait for a cycle that it would have to run.
            self.heap.mutator().unwrap().collect();
        }
    }
    let tally = Tally::new();
    must_end({
        let tally = tally.clone();
        move || {
            let heap = Heap::new();
            let mut mutator = heap.mutator().unwrap();
            mutator.mutate(|mc| {
                mc.alloc(Collects { tally: tally.clone(), heap: heap.clone() });
            });
            mutator.collect();
            assert_eq!(heap.statistics().drop_panics, 1);
            mutator.collect();
        }
    });
    assert_eq!(tally.drops(), 1);
}

#[test]
fn drop_panics_are_counted() {
    #[derive(Trace)]
    struct Panics(Tally);
    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.count();
            std::panic::panic_any(self.0.clone());
        }
    }
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        for _ in 0..10 {
            mc.alloc(Panics(tally.clone()));
            mc.alloc(tally.leaf());
        }
        // The others of a slice are dropped too.
        mc.alloc_slice([Static(()), Static(())]);
    });
    mutator.collect();
    assert_eq!(tally.drops(), 20);
    assert_eq!(heap.statistics().drop_panics, 10);
    mutator.mutate(|mc| {
        mc.alloc(Panics(tally.clone()));
    });
    drop((mutator, heap)); // and in the teardown
    assert_eq!(tally.drops(), 21);
}

#[test]
fn drop_panics_during_unwind() {
    // A drop that panics while its thread unwinds would abort the process: none runs then.
    #[derive(Trace)]
    struct Panics(Tally);
    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.count();
            panic!("in a drop");
        }
    }
    let tally = Tally::new();
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        mutator.mutate(|mc| {
            for _ in 0..100 {
                mc.alloc(Panics(tally.clone()));
            }
        });
        heap.start_collection();
        // The region is left by a panic.
        mutator.mutate(|_| panic!("out of a region"));
    }));
    assert!(unwound.is_err());
    mutator.collect();
    assert_eq!(tally.drops(), 100);
    // The whole heap ends while its thread unwinds: its objects are leaked, on purpose.
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        mutator.mutate(|mc| {
            mc.alloc(Panics(tally.clone()));
        });
        let _dropped_by_the_panic = (mutator, heap);
        panic!("with a heap on the stack");
    }));
    assert_eq!(*unwound.unwrap_err().downcast::<&str>().unwrap(), "with a heap on the stack");
}

#[test]
fn collect_during_unwind_ends() {
    struct Collects<'a>(&'a mut Mutator<Owned>);
    impl Drop for Collects<'_> {
        fn drop(&mut self) {
            self.0.collect();
        }
    }
    let tally = Tally::new();
    must_end({
        let tally = tally.clone();
        move || {
            let heap = LocalHeap::new();
            let mut mutator = heap.mutator().unwrap();
            mutator.mutate(|mc| {
                mc.alloc(tally.leaf());
            });
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                let _collects = Collects(&mut mutator);
                panic!("over a collection");
            }));
            assert!(unwound.is_err());
            mutator.collect();
            assert_eq!(tally.drops(), 1);
        }
    });
}

#[test]
fn shared_heap_ended_by_an_unwinding_thread_drops_its_objects() {
    let tally = Tally::new();
    let unwound = thread::spawn({
        let tally = tally.clone();
        move || {
            let heap = Heap::new();
            let mut mutator = heap.mutator().unwrap();
            mutator.mutate(|mc| {
                mc.alloc(tally.leaf());
            });
            panic!("with a heap on the stack");
        }
    })
    .join();
    assert!(unwound.is_err());
    assert_eq!(tally.drops(), 1);
}

#[test]
fn nested_scopes_and_panic() {
    let heap = LocalHeap::with_config(Config::new().zeal(2));
    let mut mutator = heap.mutator().unwrap();
    let tally = Tally::new();
    mutator.scope(|outer| {
        let kept = outer.mutate(|mc| mc.local(mc.alloc((1, tally.leaf()))));
        for depth in 0..20 {
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                outer.scope(|inner| {
                    let lost = inner.mutate(|mc| mc.local(mc.alloc((2, tally.leaf()))));
                    inner.nested(|inner| {
                        let deeper = inner.mutate(|mc| mc.local(mc.alloc((3, tally.leaf()))));
                        inner.safepoint();
                        inner.mutate(|mc| {
                            assert_eq!((kept.get(mc).0, lost.get(mc).0, deeper.get(mc).0), (1, 2, 3));
                            if depth % 2 == 0 {
                                panic!("out of two scopes");
                            }
                        });
                        deeper
                    });
                });
            }));
            assert_eq!(unwound.is_err(), depth % 2 == 0);
        }
        outer.collect();
        assert_eq!(tally.drops(), 40);
        outer.mutate(|mc| assert_eq!(kept.get(mc).0, 1));
    });
    mutator.collect();
    assert_eq!(tally.drops(), 41);
}

#[test]
fn nested_results_survive_in_order() {
    let heap = LocalHeap::with_config(Config::new().zeal(1));
    let mut mutator = heap.mutator().unwrap();
    mutator.scope(|scope| {
        let mut all = Vec::new();
        for count in 0..30 {
            // A result that stands first, in the middle, or last among the locals of its scope; as a fat pointer too.
            let text = scope.nested(|scope| {
                let locals: Vec<_> =
                    (0..=count).map(|n| scope.mutate(|mc| mc.local(mc.alloc_str(&"y".repeat(n))))).collect();
                locals[count / 2]
            });
            all.push((count / 2, text));
        }
        scope.collect();
        scope.mutate(|mc| all.iter().for_each(|(length, text)| assert_eq!(text.get(mc).len(), *length)));
    });
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 0);
}

#[test]
fn mutator_inside_an_object_of_another_heap() {
    let tally = Tally::new();
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let mut in_a = a.mutator().unwrap();
    let mut in_b = b.mutator().unwrap();
    in_b.mutate(|mc| {
        mc.alloc(tally.leaf());
    });
    drop(b);
    in_a.mutate(|mc| {
        mc.alloc(Static(in_b));
    });
    in_a.collect(); // drops the mutator of `b`, which ends `b`
    assert_eq!(tally.drops(), 1);
}

#[test]
fn mutator_dropped_inside_a_region_of_another_heap() {
    let tally = Tally::new();
    let (a, b) = (Heap::new(), Heap::new());
    let mut in_a = a.mutator().unwrap();
    in_a.mutate(|outer| {
        let kept = outer.alloc(1);
        let mut in_b = b.mutator().unwrap();
        in_b.mutate(|mc| {
            mc.alloc(tally.leaf());
        });
        in_b.collect();
        drop((in_b, b));
        assert_eq!((*kept, tally.drops()), (1, 1));
    });
}

#[test]
fn regions_left_by_panics_leave_nothing_behind() {
    #[derive(Trace)]
    struct Node<'gc> {
        next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
    }
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| mc.root(mc.alloc(Node { next: GcCell::new(None) })));
    for _ in 0..50 {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            mutator.mutate(|mc| {
                let node = mc.alloc(Node { next: GcCell::new(root.get(mc).next.get()) });
                root.get(mc).next.set(mc, Some(node));
                panic!("out of a region");
            })
        }));
        assert!(unwound.is_err());
        heap.start_collection();
    }
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 51);
}

#[test]
fn two_heaps_hold_each_others_last_handle() {
    use std::sync::{Arc, Barrier, Weak};

    /// Meets the other heap's when it is dropped; then the last handle of that heap goes.
    #[derive(Trace)]
    struct Link {
        meet: Arc<Barrier>,
        _other: Heap,
    }

    impl Drop for Link {
        fn drop(&mut self) {
            self.meet.wait();
        }
    }

    #[derive(Trace)]
    struct Sentinel {
        _alive: Arc<()>,
    }

    let alive: Weak<()> = {
        let (a, b) = (Heap::new(), Heap::new());
        let (meet, alive) = (Arc::new(Barrier::new(2)), Arc::new(()));
        let (mut in_a, mut in_b) = (a.mutator().unwrap(), b.mutator().unwrap());
        let link = |other: &Heap| Link { meet: meet.clone(), _other: other.clone() };
        let sentinel = || Sentinel { _alive: alive.clone() };
        in_a.mutate(|mc| mc.alloc(link(&b)).meet.clone());
        in_b.mutate(|mc| mc.alloc(link(&a)).meet.clone());
        let roots = (in_a.mutate(|mc| mc.root(mc.alloc(sentinel()))), in_b.mutate(|mc| mc.root(mc.alloc(sentinel()))));
        let inhibit = (a.inhibit(), b.inhibit());
        a.start_collection();
        b.start_collection();
        drop((roots, in_a, in_b, a, b));
        // The guards are the last owners outside. Each heap's cycle drops the other's last handle, at the same moment.
        drop(inhibit);
        Arc::downgrade(&alive)
    };
    let since = std::time::Instant::now();
    while alive.strong_count() != 0 {
        assert!(since.elapsed().as_secs() < 60, "{} objects of ended heaps are alive", alive.strong_count());
        std::thread::yield_now();
    }
}
