//! Threads that come, go, block, panic and race in every phase of a cycle of a shared heap.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread::{self, Scope};
use std::time::Instant;

use gc_core::{Config, Gc, GcCell, GcMutex, GcOnceCell, GcRwLock, Heap, Root, Trace};
use tests::{Leaf, PATIENCE, Tally};

#[derive(Trace)]
struct Node<'gc> {
    value: usize,
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
    leaf: Leaf,
}

fn list(heap: &Heap, length: usize, tally: &Tally) -> Root<Node<'static>> {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let mut head = None;
        for value in 0..length {
            head = Some(mc.alloc(Node { value, next: GcCell::new(head), leaf: tally.leaf() }));
        }
        mc.root(head.unwrap())
    })
}

fn length(heap: &Heap, root: &Root<Node<'static>>) -> usize {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        let mut count = 0;
        let mut at = Some(root.get(mc));
        while let Some(node) = at {
            count += 1;
            at = node.next.get();
        }
        count
    })
}

/// The handshakes of a cycle: H1, H2, H3, at least one wave, H4, H5.
const HANDSHAKES: usize = 6;

/// Runs `action` on another thread while the `nth` handshake of a cycle waits for a mutator in a region.
///
/// A mutator that leaves its region may be answered for before it is back in one. So each handshake has a holder of its
/// own: it joins while the one before waits, which counts as its answer to that, and the next finds it in its region.
fn while_handshake_waits(heap: &Heap, nth: usize, action: impl FnOnce() + Send) {
    let mut mutator = heap.mutator().unwrap();
    mutator.collect();
    let before = heap.statistics().cycles;
    thread::scope(|threads| {
        let (entered, inside) = mpsc::channel();
        let first = heap.clone();
        threads.spawn(move || hold(threads, first, 1, nth, entered, action));
        inside.recv_timeout(PATIENCE).unwrap();
        mutator.start_collection();
    });
    mutator.collect();
    assert!(heap.statistics().cycles > before);
}

/// Holds handshake `at`, up to the `nth`.
fn hold<'s>(
    threads: &'s Scope<'s, '_>,
    heap: Heap,
    at: usize,
    nth: usize,
    entered: mpsc::Sender<()>,
    action: impl FnOnce() + Send + 's,
) {
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        entered.send(()).unwrap();
        let since = Instant::now();
        while !mc.should_yield() {
            assert!(since.elapsed() < PATIENCE, "the cycle had no handshake {at}");
            thread::yield_now();
        }
        if at == nth {
            drop(heap);
            thread::scope(|threads| {
                threads.spawn(action);
            });
        } else {
            let (entered, inside) = mpsc::channel();
            // Boxed, or each step would be a type of its own.
            let action: Box<dyn FnOnce() + Send> = Box::new(action);
            threads.spawn(move || hold(threads, heap, at + 1, nth, entered, action));
            inside.recv_timeout(PATIENCE).unwrap();
        }
    });
}

#[test]
fn join_in_each_phase() {
    for nth in 1..=HANDSHAKES {
        let tally = Tally::new();
        let heap = Heap::new();
        let old = list(&heap, 100, &tally);
        let mut new = None;
        while_handshake_waits(&heap, nth, || {
            // Joins, links the old list behind a newborn one, and leaves within the phase.
            let mut mutator = heap.mutator().unwrap();
            new = Some(mutator.mutate(|mc| {
                let tail = old.get(mc).next.get();
                old.get(mc).next.set(mc, None);
                mc.root(mc.alloc(Node { value: 0, next: GcCell::new(tail), leaf: tally.leaf() }))
            }));
        });
        let new = new.unwrap();
        assert_eq!((length(&heap, &old), length(&heap, &new)), (1, 100), "at handshake {nth}");
        assert_eq!(tally.drops(), 0);
        drop((old, new));
        heap.mutator().unwrap().collect();
        assert_eq!(tally.drops(), 101);
    }
}

#[test]
fn leave_in_each_phase() {
    for nth in 1..=HANDSHAKES {
        let tally = Tally::new();
        let heap = Heap::new();
        let root = list(&heap, 100, &tally);
        let (leave, told) = mpsc::channel::<()>();
        let (gone, left) = mpsc::channel();
        thread::scope(|threads| {
            let (heap, root, tally) = (&heap, &root, &tally);
            threads.spawn(move || {
                // Was there before the cycle, is outside while modes change, has deletions to hand in as it goes.
                let mut mutator = heap.mutator().unwrap();
                mutator.mutate(|mc| {
                    mc.alloc(Node { value: 0, next: GcCell::new(None), leaf: tally.leaf() });
                });
                told.recv_timeout(PATIENCE).unwrap();
                let kept = mutator.mutate(|mc| {
                    let tail = root.get(mc).next.get();
                    root.get(mc).next.set(mc, None);
                    mc.root(tail.unwrap())
                });
                drop(mutator);
                gone.send(kept).unwrap();
            });
            let mut kept = None;
            let kept_here = &mut kept;
            while_handshake_waits(heap, nth, move || {
                leave.send(()).unwrap();
                *kept_here = Some(left.recv_timeout(PATIENCE).unwrap());
            });
            assert_eq!((length(heap, root), length(heap, &kept.unwrap())), (1, 99), "at handshake {nth}");
        });
        drop(root);
        heap.mutator().unwrap().collect();
        assert_eq!(tally.drops(), 101);
    }
}

#[test]
fn roots_cloned_and_dropped_in_each_phase() {
    for nth in 1..=HANDSHAKES {
        let tally = Tally::new();
        let heap = Heap::new();
        let root = list(&heap, 10, &tally);
        let mut moved = None;
        while_handshake_waits(&heap, nth, || {
            // Without a mutator: the last old handle goes, a new one stays.
            let copy = root.clone();
            drop(root);
            moved = Some(copy);
        });
        assert_eq!((length(&heap, moved.as_ref().unwrap()), tally.drops()), (10, 0), "at handshake {nth}");
        let last = moved.take().unwrap();
        while_handshake_waits(&heap, nth, || drop(last));
        heap.mutator().unwrap().collect();
        assert_eq!(tally.drops(), 10);
    }
}

#[test]
fn heap_ends_in_each_phase() {
    // All that is left of a heap while its collector waits for a handshake is the mutator that it waits for.
    for nth in 1..=HANDSHAKES {
        let tally = Tally::new();
        let heap = Heap::new();
        drop(list(&heap, 10, &tally));
        thread::scope(|threads| {
            let (entered, inside) = mpsc::channel();
            let (first, last) = (heap.clone(), heap.clone());
            threads.spawn(move || hold(threads, first, 1, nth, entered, move || drop(last)));
            inside.recv_timeout(PATIENCE).unwrap();
            heap.start_collection();
            drop(heap);
        });
        assert_eq!(tally.drops(), 10, "at handshake {nth}");
    }
}

#[test]
fn blocked_outside_while_modes_change() {
    let tally = Tally::new();
    let heap = Heap::new();
    let (wake, sleep) = mpsc::channel::<()>();
    let (ready, blocked) = mpsc::channel();
    thread::scope(|threads| {
        let (heap, tally) = (&heap, &tally);
        threads.spawn(move || {
            let mut mutator = heap.mutator().unwrap();
            mutator.scope(|scope| {
                let local = scope.mutate(|mc| mc.local(mc.alloc((7, tally.leaf()))));
                for _ in 0..3 {
                    ready.send(()).unwrap();
                    sleep.recv_timeout(PATIENCE).unwrap(); // between regions: the collector answers for it
                    scope.mutate(|mc| assert_eq!(local.get(mc).0, 7));
                }
            });
        });
        let mut mutator = heap.mutator().unwrap();
        for cycles in 1..=3 {
            blocked.recv_timeout(PATIENCE).unwrap();
            for _ in 0..cycles {
                mutator.collect();
            }
            assert_eq!(tally.drops(), 0);
            wake.send(()).unwrap();
        }
    });
    heap.mutator().unwrap().collect();
    assert_eq!(tally.drops(), 1);
}

#[test]
fn a_thread_that_dies_by_panic_leaves_nothing_behind() {
    let tally = Tally::new();
    let heap = Heap::new();
    for inside in [false, true] {
        for _ in 0..10 {
            heap.start_collection();
            let died = thread::scope(|threads| {
                threads
                    .spawn(|| {
                        let mut mutator = heap.mutator().unwrap();
                        mutator.scope(|scope| {
                            let local = scope.mutate(|mc| mc.local(mc.alloc(tally.leaf())));
                            scope.mutate(|mc| {
                                assert!(!inside, "inside of a region");
                                mc.alloc((local.get(mc), tally.leaf()));
                            });
                            panic!("between regions");
                        })
                    })
                    .join()
            });
            assert!(died.is_err());
        }
    }
    let mut mutator = heap.mutator().unwrap();
    mutator.collect();
    assert_eq!((tally.drops(), heap.statistics().mutators, heap.statistics().live_objects), (30, 1, 0));
}

#[test]
fn two_threads_store_to_one_cell() {
    // Each takes what the other has put there, and keeps it alive: a lost deletion would free it.
    let tally = Tally::new();
    let heap = Heap::with_config(Config::new().min_heap(1 << 18));
    #[derive(Trace)]
    struct Cells<'gc> {
        word: GcCell<'gc, Option<Gc<'gc, (usize, Leaf)>>>,
        locked: GcMutex<'gc, Vec<Gc<'gc, (usize, Leaf)>>>,
        read: GcRwLock<'gc, Option<Gc<'gc, (usize, Leaf)>>>,
    }
    let root = heap.mutator().unwrap().mutate(|mc| {
        mc.root(mc.alloc(Cells {
            word: GcCell::new(None),
            locked: GcMutex::new(Vec::new()),
            read: GcRwLock::new(None),
        }))
    });
    let rounds = if cfg!(debug_assertions) { 2000 } else { 20_000 };
    let made = AtomicUsize::new(0);
    thread::scope(|threads| {
        for me in 0..3 {
            let (heap, root, tally, made) = (&heap, &root, &tally, &made);
            threads.spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                let kept = mutator.mutate(|mc| mc.root(mc.alloc(GcMutex::new(Vec::<Gc<'_, (usize, Leaf)>>::new()))));
                for round in 0..rounds {
                    mutator.mutate(|mc| {
                        let cells = root.get(mc);
                        made.fetch_add(1, Ordering::Relaxed);
                        let new = mc.alloc((round * 3 + me, tally.leaf()));
                        let mut out: Vec<_> = cells.word.swap(mc, Some(new)).into_iter().collect();
                        if let Some(seen) = cells.word.get() {
                            out.extend(cells.word.compare_exchange(mc, Some(seen), None).ok().flatten());
                        }
                        cells.locked.lock(mc).push(new);
                        if round % 4 == 0 {
                            out.append(&mut cells.locked.lock(mc));
                        }
                        let old = *cells.read.read();
                        out.extend(old);
                        *cells.read.write(mc) = Some(new);
                        let kept = kept.get(mc);
                        let mut kept = kept.lock(mc);
                        kept.extend(out);
                        if kept.len() > 200 {
                            let keep = kept.split_off(150);
                            *kept = keep;
                        }
                        assert!(kept.iter().all(|item| item.0 < rounds * 3));
                    });
                    if round % 500 == 0 {
                        mutator.collect();
                    }
                }
            });
        }
    });
    drop(root);
    heap.mutator().unwrap().collect();
    assert_eq!(tally.drops(), made.into_inner());
}

#[test]
fn racing_initialisers_agree() {
    let tally = Tally::new();
    let heap = Heap::new();
    for _ in 0..50 {
        let root = heap.mutator().unwrap().mutate(|mc| mc.root(mc.alloc(GcOnceCell::<(usize, Leaf)>::new())));
        let together = Barrier::new(3);
        let winners: Vec<usize> = thread::scope(|threads| {
            let (heap, root, tally, together) = (&heap, &root, &tally, &together);
            let spawn = |me| {
                threads.spawn(move || {
                    let mut mutator = heap.mutator().unwrap();
                    together.wait();
                    mutator.mutate(|mc| Gc::as_ref(root.get(mc)).get_or_init(mc, || (me, tally.leaf())).0)
                })
            };
            let all: Vec<_> = (0..3).map(spawn).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(winners.iter().all(|winner| *winner == winners[0]), "{winners:?}");
    }
    let before = tally.drops();
    heap.mutator().unwrap().collect();
    assert!(before <= tally.drops() && tally.drops() >= 50);
    assert_eq!(heap.statistics().live_objects, 0);
}

#[test]
fn scoped_threads_read_while_their_region_writes() {
    let heap = Heap::with_config(Config::new().min_heap(1 << 18));
    let tally = Tally::new();
    let root = list(&heap, 1, &tally);
    let mut mutator = heap.mutator().unwrap();
    let rounds = if cfg!(debug_assertions) { 20 } else { 200 };
    for _ in 0..rounds {
        mutator.mutate(|mc| {
            let top = root.get(mc);
            let done = AtomicBool::new(false);
            thread::scope(|threads| {
                for _ in 0..2 {
                    threads.spawn(|| {
                        while !done.load(Ordering::Acquire) {
                            let mut at = top.next.get();
                            for _ in 0..100 {
                                let Some(node) = at else { break };
                                assert!(node.value < 2000);
                                at = node.next.get();
                            }
                        }
                    });
                }
                for value in 0..2000 {
                    let next = if value % 50 == 0 { None } else { top.next.get() };
                    let node = mc.alloc(Node { value, next: GcCell::new(next), leaf: tally.leaf() });
                    top.next.set(mc, Some(node));
                }
                done.store(true, Ordering::Release);
            });
        });
    }
    drop(mutator);
    assert_eq!(length(&heap, &root), 51);
}

#[test]
fn a_panic_under_a_lock_unlocks() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| mc.root(mc.alloc((GcMutex::new(vec![1]), GcRwLock::new(2)))));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        mutator.mutate(|mc| {
            let both = root.get(mc);
            let (mut first, _second) = (both.0.lock(mc), both.1.write(mc));
            first.push(2);
            panic!("with two guards");
        })
    }));
    assert!(unwound.is_err());
    mutator.mutate(|mc| {
        let both = root.get(mc);
        assert_eq!((both.0.lock(mc).len(), *both.1.read()), (2, 2));
    });
}
