//! Heaps without threads, and collection that is inhibited.

use std::rc::Rc;
use std::time::Duration;

use gc_core::{Config, Gc, GcCell, Heap, LocalHeap, Slice, Trace};

#[derive(Trace)]
struct Node<'gc> {
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
    load: [u64; 6],
}

impl<'gc> Node<'gc> {
    fn new(next: Option<Gc<'gc, Node<'gc>>>) -> Self {
        Node { next: GcCell::new(next), load: [7; 6] }
    }
}

fn length<'gc>(head: Gc<'gc, Node<'gc>>) -> usize {
    let (mut length, mut at) = (0, Some(head));
    while let Some(node) = at {
        assert_eq!(node.load, [7; 6]);
        length += 1;
        at = node.next.get();
    }
    length
}

#[test]
fn frames_collect_in_slices() {
    let heap = LocalHeap::with_config(Config::new().threads(false).min_heap(1 << 20));
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| {
        let list = (0..20_000).fold(Node::new(None), |node, _| Node::new(Some(mc.alloc(node))));
        mc.root(mc.alloc(list))
    });
    let (mut slices, mut peak) = (0, 0);
    while heap.statistics().cycles < 5 {
        mutator.mutate(|mc| {
            for _ in 0..500 {
                let head = root.get(mc);
                head.next.set(mc, Some(mc.alloc(Node::new(head.next.get().unwrap().next.get()))));
            }
        });
        if mutator.collect_for(Duration::from_micros(100)) != Slice::Idle {
            slices += 1;
        }
        peak = peak.max(heap.statistics().heap_bytes);
    }
    assert!(slices >= 5);
    assert!(peak < 16 << 20, "{peak} bytes for 1.2 MiB that live");
    assert_eq!(mutator.mutate(|mc| length(root.get(mc))), 20_001);
}

#[test]
fn a_heap_that_nobody_drives_stays_bounded() {
    let heap = LocalHeap::with_config(Config::new().threads(false).min_heap(1 << 20));
    let mut mutator = heap.mutator().unwrap();
    let counted = Rc::new(());
    let mut peak = 0;
    for _ in 0..2000 {
        mutator.mutate(|mc| {
            for _ in 0..100 {
                mc.alloc((Node::new(None), Rc::clone(&counted)));
            }
        });
        peak = peak.max(heap.statistics().heap_bytes);
    }
    let statistics = heap.statistics();
    assert!(statistics.bytes_allocated > 10 << 20 && statistics.cycles > 2, "{statistics:?}");
    assert!(peak < 8 << 20, "{peak}");
    mutator.collect();
    assert_eq!(Rc::strong_count(&counted), 1, "all were dropped, here");
}

#[test]
fn a_step_of_work_is_a_slice_too() {
    let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
    let mut mutator = heap.mutator().unwrap();
    assert_eq!(mutator.collect_step(usize::MAX), Slice::Idle, "nobody asked for a cycle");
    let root = mutator.mutate(|mc| {
        let list = (0..10_000).fold(Node::new(None), |node, _| Node::new(Some(mc.alloc(node))));
        mc.root(mc.alloc(list))
    });
    mutator.start_collection();
    let mut slices = 1;
    while mutator.collect_step(64 << 10) != Slice::Over {
        slices += 1;
    }
    assert!(slices > 8, "640,000 bytes in steps of 64 KiB took {slices} slices");
    assert_eq!(heap.statistics().live_objects, 10_001);
    drop(root);
}

#[test]
fn a_long_slice_is_scanned_in_parts() {
    let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
    let mut mutator = heap.mutator().unwrap();
    const N: usize = 200_000;
    let root = mutator.mutate(|mc| mc.root(mc.alloc_slice((0..N).map(|_| GcCell::new(None::<Gc<'_, Node<'_>>>)))));
    mutator.start_collection();
    let mut slices = 0;
    while mutator.collect_step(16 << 10) != Slice::Over {
        // What is put into it, and taken out of it again, at whatever part of it the collector is.
        slices += 1;
        mutator.mutate(|mc| {
            let slice = Gc::as_ref(root.get(mc));
            let (from, to) = (slices * 997 % N, slices * 7919 % N);
            slice[to].set(mc, slice[from].get());
            slice[from].set(mc, Some(mc.alloc(Node::new(slice[(from + 1) % N].get()))));
        });
    }
    assert!(slices > 90, "{} bytes of pointers in steps of 16 KiB took {slices} slices", N * 8);
    mutator.collect();
    mutator.mutate(|mc| {
        for node in root.get(mc).iter().filter_map(GcCell::get) {
            assert_eq!(node.load, [7; 6]);
        }
    });
}

#[test]
fn a_scope_drives_by_time_and_by_work() {
    let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
    let mut mutator = heap.mutator().unwrap();
    mutator.scope(|scope| {
        let local = scope.mutate(|mc| mc.local(mc.alloc(Node::new(None))));
        heap.start_collection();
        while scope.collect_step(usize::MAX) != Slice::Over {}
        heap.start_collection();
        let soon = std::time::Instant::now() + Duration::from_secs(100);
        while scope.collect_until(soon) != Slice::Over {}
        assert_eq!(scope.mutate(|mc| local.get(mc).load), [7; 6]);
    });
    assert_eq!(heap.statistics().cycles, 2);
}

#[test]
fn mutators_of_a_shared_heap_drive_in_turns() {
    let heap = Heap::with_config(Config::new().threads(false).min_heap(1 << 20));
    std::thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                let mut mutator = heap.mutator().unwrap();
                let root = mutator.mutate(|mc| mc.root(mc.alloc(Node::new(None))));
                for round in 0..500 {
                    mutator.mutate(|mc| {
                        for _ in 0..100 {
                            root.get(mc).next.set(mc, Some(mc.alloc(Node::new(None))));
                        }
                    });
                    mutator.collect_for(Duration::from_micros(50));
                    if round % 100 == 99 {
                        mutator.collect();
                    }
                }
                assert_eq!(mutator.mutate(|mc| length(root.get(mc))), 2);
            });
        }
    });
    assert!(heap.statistics().cycles >= 5);
}

#[test]
fn a_heap_without_threads_ends_in_the_middle_of_a_cycle() {
    for steps in 0..20 {
        let heap = Heap::with_config(Config::new().threads(false).automatic(false));
        let mut mutator = heap.mutator().unwrap();
        let root = mutator.mutate(|mc| {
            let list = (0..2000).fold(Node::new(None), |node, _| Node::new(Some(mc.alloc(node))));
            mc.root(mc.alloc((list, String::from("dropped"))))
        });
        mutator.start_collection();
        for _ in 0..steps {
            mutator.collect_step(4096);
        }
        drop((mutator, heap));
        drop(root);
    }
}

#[test]
fn inhibited_collection_goes_on_afterwards() {
    let heap = LocalHeap::with_config(Config::new().min_heap(1 << 20));
    let mut mutator = heap.mutator().unwrap();
    let garbage = |mutator: &mut gc_core::Mutator<gc_core::Owned>| {
        mutator.mutate(|mc| {
            for _ in 0..1000 {
                mc.alloc(Node::new(None));
            }
        });
    };
    let inhibit = heap.inhibit();
    let again = heap.inhibit();
    for _ in 0..200 {
        garbage(&mut mutator);
    }
    drop(again);
    assert_eq!(heap.statistics().cycles, 0);
    mutator.collect();
    assert_eq!(heap.statistics().cycles, 1, "what is asked for explicitly is done");
    drop(inhibit);
    while heap.statistics().cycles < 3 {
        garbage(&mut mutator);
    }
}

#[test]
fn a_slice_may_have_all_the_time_in_the_world() {
    for threads in [false, true] {
        let heap = LocalHeap::with_config(Config::new().threads(threads).automatic(false));
        let mut mutator = heap.mutator().unwrap();
        assert_eq!(mutator.collect_for(Duration::MAX), Slice::Idle);
    }
}
