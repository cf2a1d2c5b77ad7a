//! The thin path: allocate, link, root, collect, drop, on both kinds of heap.

use std::sync::atomic::{AtomicUsize, Ordering};

use gc_core::{Gc, GcCell, GcRefCell, Heap, LocalHeap, Trace};

#[derive(Trace)]
struct Node<'gc> {
    value: usize,
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

#[test]
fn list() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| {
        let mut head = None;
        for value in 0..1000 {
            head = Some(mc.alloc(Node { value, next: GcCell::new(head) }));
        }
        mc.root(head.unwrap())
    });
    for _ in 0..3 {
        mutator.collect();
        mutator.mutate(|mc| {
            let mut sum = 0;
            let mut at = Some(root.get(mc));
            while let Some(node) = at {
                sum += node.value;
                at = node.next.get();
            }
            assert_eq!(sum, 999 * 1000 / 2);
            for value in 0..10_000 {
                mc.alloc(Node { value, next: GcCell::new(None) });
            }
        });
    }
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 1000);
    drop(root);
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 0);
}

#[test]
fn garbage_is_collected_while_the_program_runs() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| mc.root(mc.alloc(Node { value: 7, next: GcCell::new(None) })));
    let mut made = 0;
    while heap.statistics().cycles < 3 {
        mutator.mutate(|mc| {
            for value in 0..10_000 {
                let node = mc.alloc(Node { value, next: GcCell::new(None) });
                root.get(mc).next.set(mc, Some(node));
                made += 1;
                if mc.should_yield() {
                    break;
                }
            }
        });
        assert!(made < 1_000_000_000, "no cycle ever ended");
    }
    mutator.mutate(|mc| assert_eq!(root.get(mc).value, 7));
}

#[test]
fn drops_run_once() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    #[derive(Trace)]
    struct Leaf(u8);
    impl Drop for Leaf {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| {
        let all = mc.alloc(GcRefCell::new(Vec::new()));
        for i in 0..100 {
            all.borrow_mut(mc).push(mc.alloc(Leaf(i)));
        }
        mc.root(all)
    });
    mutator.collect();
    assert_eq!(DROPS.load(Ordering::Relaxed), 0);
    mutator.mutate(|mc| {
        let all = root.get(mc);
        assert_eq!(all.borrow()[99].0, 99);
        all.borrow_mut(mc).truncate(50);
    });
    mutator.collect();
    assert_eq!(DROPS.load(Ordering::Relaxed), 50);
    drop(root);
    drop(mutator);
    drop(heap);
    assert_eq!(DROPS.load(Ordering::Relaxed), 100);
}

#[test]
fn threads_share_a_heap() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| mc.root(mc.alloc(Node { value: 0, next: GcCell::new(None) })));
    std::thread::scope(|threads| {
        for _ in 0..3 {
            let (heap, root) = (heap.clone(), root.clone());
            threads.spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                for round in 0..200 {
                    mutator.mutate(|mc| {
                        let top = root.get(mc);
                        for value in 0..1000 {
                            let node = mc.alloc(Node { value, next: GcCell::new(top.next.get()) });
                            top.next.set(mc, if value % 100 == 0 { None } else { Some(node) });
                        }
                    });
                    if round % 50 == 0 {
                        mutator.collect();
                    }
                }
            });
        }
        drop(mutator);
    });
    assert!(heap.statistics().cycles >= 4);
}
