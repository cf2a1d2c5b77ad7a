//! Cleanups: once, after the object, where the embedder runs them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use gc_core::{Config, Gc, GcCell, Heap, LocalHeap, Root, Trace, WeakRoot};

#[derive(Trace)]
struct Node<'gc>(u32, GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>);

fn node<'gc>(n: u32) -> Node<'gc> {
    Node(n, GcCell::new(None))
}

#[test]
fn each_runs_once_after_its_object_has_died() {
    let heap = LocalHeap::new();
    let queue = heap.cleanups();
    let mut mutator = heap.mutator().unwrap();
    let ran = Rc::new(RefCell::new(Vec::new()));
    let roots: Vec<(Root<Node<'static>, _>, WeakRoot<Node<'static>, _>)> = mutator.mutate(|mc| {
        (0..2000)
            .map(|n| {
                let object = mc.alloc(node(n));
                object.1.set(mc, Some(object));
                for again in 0..2 {
                    let ran = ran.clone();
                    let _ = mc.add_cleanup(object, (n, again), move |value| ran.borrow_mut().push(value));
                }
                (mc.root(object), mc.weak_root(Gc::downgrade(object, mc)))
            })
            .collect()
    });
    mutator.collect();
    assert_eq!(queue.run(), 0);
    let mut kept = roots;
    let lost: Vec<_> = kept.extract_if(.., |(root, _)| mutator.mutate(|mc| root.get(mc).0 % 2 == 1)).collect();
    let weak: Vec<_> = lost.into_iter().map(|(_, weak)| weak).collect();
    for _ in 0..3 {
        mutator.collect();
        mutator.mutate(|mc| assert!(weak.iter().all(|weak| weak.upgrade(mc).is_none())));
    }
    assert!(ran.borrow().is_empty() && queue.len() == 2000);
    assert_eq!(queue.run_some(10), 10);
    assert_eq!(queue.run(), 1990);
    let mut seen = std::mem::take(&mut *ran.borrow_mut());
    seen.sort_unstable();
    assert!(seen.iter().copied().eq((0..2000).filter(|n| n % 2 == 1).flat_map(|n| [(n, 0), (n, 1)])));
    drop(kept);
    mutator.collect();
    assert_eq!((queue.run(), queue.run()), (2000, 0));
    assert_eq!(heap.statistics().cleanups, 4000);
}

#[test]
fn a_cancelled_cleanup_never_runs_and_drops_its_value() {
    let heap = LocalHeap::new();
    let queue = heap.cleanups();
    let mut mutator = heap.mutator().unwrap();
    let value = Rc::new(());
    let (first, second) = mutator.mutate(|mc| {
        let object = mc.alloc(1);
        let cleanup = |value: Rc<()>| mc.add_cleanup(object, value, |_| {});
        (cleanup(value.clone()), cleanup(value.clone()))
    });
    assert_eq!(Rc::strong_count(&value), 3);
    assert!(first.cancel());
    assert_eq!(Rc::strong_count(&value), 2);
    // Its slot is another's now.
    let third = mutator.mutate(|mc| mc.add_cleanup(mc.alloc(2), (), |()| {}));
    mutator.collect();
    assert!(!second.cancel(), "it is due");
    assert_eq!(queue.run(), 2);
    assert!(!third.cancel(), "it has run");
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn one_that_panics_is_counted_and_the_rest_run() {
    let heap = LocalHeap::new();
    let queue = heap.cleanups();
    let mut mutator = heap.mutator().unwrap();
    let ran = Rc::new(Cell::new(0));
    mutator.mutate(|mc| {
        for n in 0..10 {
            let ran = ran.clone();
            let _ = mc.add_cleanup(mc.alloc(n), n, move |n| {
                assert!(n % 3 != 0, "as the test wants");
                ran.set(ran.get() + 1);
            });
        }
    });
    mutator.collect();
    assert_eq!((queue.run(), ran.get()), (10, 6));
    assert_eq!((heap.statistics().cleanups, heap.statistics().cleanup_panics), (10, 4));
}

#[test]
fn cleanups_allocate_create_garbage_and_register_more() {
    let heap = Heap::new();
    let queue = heap.cleanups();
    let left = Arc::new(AtomicUsize::new(50));
    fn again(heap: &Heap, left: &Arc<AtomicUsize>) {
        let mut mutator = heap.mutator().unwrap();
        mutator.mutate(|mc| {
            let object = mc.alloc(node(1));
            object.1.set(mc, Some(mc.alloc(node(2))));
            let (heap, left) = (heap.clone(), left.clone());
            let _ = mc.add_cleanup(object, left, move |left| {
                if left.fetch_sub(1, Ordering::SeqCst) > 1 {
                    again(&heap, &left);
                }
            });
        });
        mutator.start_collection();
    }
    again(&heap, &left);
    while left.load(Ordering::SeqCst) > 0 {
        heap.mutator().unwrap().collect();
        queue.run();
    }
    assert_eq!(heap.statistics().cleanups, 50);
}

struct OnThread(ThreadId, Rc<Cell<u32>>);

impl Drop for OnThread {
    fn drop(&mut self) {
        assert_eq!(thread::current().id(), self.0, "dropped on another thread");
        self.1.set(self.1.get() + 1);
    }
}

#[test]
fn a_local_heaps_values_stay_on_their_thread_to_the_end() {
    let dropped = Rc::new(Cell::new(0));
    let value = || OnThread(thread::current().id(), dropped.clone());
    for queue_outlives in [false, true] {
        dropped.set(0);
        let heap = LocalHeap::new();
        let queue = queue_outlives.then(|| heap.cleanups());
        let mut mutator = heap.mutator().unwrap();
        let kept = mutator.mutate(|mc| {
            let kept = mc.alloc(1);
            for object in [kept, mc.alloc(2)] {
                let _ = mc.add_cleanup(object, value(), drop);
            }
            mc.root(kept)
        });
        mutator.collect();
        drop((mutator, heap));
        assert_eq!(dropped.get(), if queue_outlives { 0 } else { 2 });
        if let Some(queue) = queue {
            assert_eq!(queue.run_some(1), 1, "the dead one's; the other is due since the heap ended");
            assert_eq!(dropped.get(), 1);
            drop(queue);
            assert_eq!(dropped.get(), 2);
        }
        drop(kept);
    }
}

#[test]
fn a_thread_of_their_own_runs_them_all() {
    let heap = Heap::with_config(Config::new().min_heap(1 << 18));
    let queue = heap.cleanups();
    let background = thread::spawn(move || {
        let mut run = 0;
        while queue.wait() {
            run += queue.run();
        }
        run
    });
    let ran = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut mutator = heap.mutator().unwrap();
                for n in 0..5000 {
                    mutator.mutate(|mc| {
                        let object = mc.alloc(node(n));
                        let cleanup = mc.add_cleanup(object, ran.clone(), |ran| {
                            ran.fetch_add(1, Ordering::SeqCst);
                        });
                        if n % 5 == 0 {
                            assert!(cleanup.cancel(), "the object is held");
                        }
                    });
                    if n % 1000 == 0 {
                        mutator.start_collection();
                    }
                }
            });
        }
    });
    drop(heap);
    assert_eq!(background.join().unwrap(), 8000);
    assert_eq!(ran.load(Ordering::SeqCst), 8000);
}
