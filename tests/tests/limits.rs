//! Limits, settings that change, events, budgets, and memory outside the heap.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use allocator_api2::vec::Vec as CountedVec;
use gc_core::{
    AllocCause, Charge, Config, Event, Gc, GcAlloc, GcCell, GcRefCell, Heap, Limit, LocalHeap, MemoryBudget, Mutator,
    Owned, Root, Trace,
};
use hashbrown::{DefaultHashBuilder, HashMap};
use tests::must_end;

const MIB: usize = 1 << 20;

#[derive(Trace)]
struct Node<'gc> {
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
    load: [u64; 30],
}

impl<'gc> Node<'gc> {
    fn new(next: Option<Gc<'gc, Node<'gc>>>) -> Self {
        Node { next: GcCell::new(next), load: [7; 30] }
    }
}

type List = Root<Node<'static>, Owned>;

/// Makes `n` nodes in front of a list; `Err`: the limit.
fn push(mutator: &mut Mutator<Owned>, list: &mut Option<List>, n: usize) -> Result<(), gc_core::AllocError> {
    for _ in 0..n {
        let longer = mutator.mutate(|mc| {
            let next = list.as_ref().map(|list| list.get(mc));
            Ok::<_, gc_core::AllocError>(mc.root(mc.try_alloc(Node::new(next))?))
        })?;
        *list = Some(longer);
    }
    Ok(())
}

/// Pushes until the limit; how many nodes there are then.
fn fill(mutator: &mut Mutator<Owned>, list: &mut Option<List>) -> usize {
    for n in 0.. {
        if let Err(error) = push(mutator, list, 1) {
            assert_eq!(error.cause, AllocCause::Limit);
            return n;
        }
    }
    unreachable!()
}

/// What a heap told, in a word each.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<&'static str>>>);

impl Told {
    fn observe(&self, config: Config) -> Config {
        let told = self.0.clone();
        config.on_event(move |event| {
            told.lock().unwrap().push(match event {
                Event::CycleBegan { .. } => "began",
                Event::CycleEnded { .. } => "ended",
                Event::EmergencyCollection { .. } => "emergency",
                Event::LimitReached { limit: Limit::Hard, .. } => "hard",
                Event::LimitReached { limit: Limit::Soft, .. } => "soft",
                _ => "?",
            });
        })
    }

    fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|&&told| told == what).count()
    }
}

#[test]
fn a_hard_limit_is_an_error_and_the_heap_goes_on() {
    for threads in [true, false] {
        must_end(move || {
            let told = Told::default();
            let heap = LocalHeap::with_config(told.observe(Config::new().threads(threads).hard_limit(16 * MIB)));
            let mut mutator = heap.mutator().unwrap();
            let mut list = None;
            let nodes = fill(&mut mutator, &mut list);
            assert!((15 * MIB / 256..16 * MIB / 240).contains(&nodes), "{nodes} nodes of 256 bytes in 16 MiB");
            let statistics = heap.statistics();
            assert!(statistics.memory_bytes <= 16 * MIB, "{statistics:?}");
            assert!(statistics.emergencies >= 1 && told.count("emergency") >= 1, "an emergency collection came before");
            assert_eq!(told.count("hard"), 1);
            // The host lets go, and the heap is as new.
            list = None;
            mutator.collect();
            assert!(heap.statistics().memory_bytes < MIB);
            assert!(fill(&mut mutator, &mut list) >= nodes - nodes / 50);
            assert_eq!(told.count("hard"), 2, "told again, for there was room between");
        });
    }
}

#[test]
fn garbage_is_no_reason_to_refuse() {
    for threads in [true, false] {
        must_end(move || {
            let heap = LocalHeap::with_config(Config::new().threads(threads).hard_limit(8 * MIB));
            let mut mutator = heap.mutator().unwrap();
            let mut list = None;
            push(&mut mutator, &mut list, 20_000).unwrap(); // 5 MB live
            for _ in 0..500_000 {
                mutator.mutate(|mc| mc.try_alloc(Node::new(None)).map(drop)).expect("120 MB of garbage fit one by one");
            }
            assert!(heap.statistics().memory_bytes <= 8 * MIB);
        });
    }
}

#[test]
fn a_region_that_outruns_the_reserve_succeeds_after_the_next_safepoint() {
    let heap = LocalHeap::with_config(Config::new().hard_limit(8 * MIB));
    let mut mutator = heap.mutator().unwrap();
    let in_one_region = |mutator: &mut Mutator<Owned>| {
        mutator.mutate(|mc| (0..100_000).find_map(|_| mc.try_alloc(Node::new(None)).map(drop).err()))
    };
    assert_eq!(in_one_region(&mut mutator).unwrap().cause, AllocCause::Limit);
    mutator.mutate(|mc| mc.try_alloc(Node::new(None)).map(drop)).unwrap();
}

#[test]
#[should_panic(expected = "the memory limit is reached; `try_alloc` gives an error instead")]
fn alloc_panics_at_the_limit() {
    let heap = LocalHeap::with_config(Config::new().hard_limit(2 * MIB));
    let mut mutator = heap.mutator().unwrap();
    mutator.mutate(|mc| {
        for _ in 0..1_000_000 {
            mc.alloc(Node::new(None));
        }
    });
}

#[test]
fn limits_change_while_the_heap_runs() {
    let heap = LocalHeap::with_config(Config::new());
    let mut mutator = heap.mutator().unwrap();
    let mut list = None;
    push(&mut mutator, &mut list, 20_000).unwrap();
    heap.set_hard_limit(MIB);
    push(&mut mutator, &mut list, 1000).expect_err("a limit below what lives");
    mutator.mutate(|mc| assert_eq!(list.as_ref().unwrap().get(mc).load, [7; 30], "what lives stays"));
    heap.set_hard_limit(None);
    push(&mut mutator, &mut list, 20_000).unwrap();
    // In the middle of a cycle, again and again.
    for n in 0..200 {
        heap.start_collection();
        heap.set_hard_limit((8 + n % 16) * MIB);
        heap.set_soft_limit((n % 3 != 0).then_some(4 * MIB));
        heap.set_growth(1 + n as u32);
        heap.set_min_heap(n * 1000);
        heap.set_max_cpu(n as u32);
        let _ = push(&mut mutator, &mut None, 1000);
    }
    heap.set_hard_limit(0);
    push(&mut mutator, &mut list, 1000).expect_err("nothing more");
    heap.set_hard_limit(None);
    heap.set_soft_limit(None);
    heap.set_growth(100);
    drop(list);
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 0);
    assert_eq!(heap.statistics().goal, 199_000, "the least goal that was set last");
}

#[test]
fn a_soft_limit_lowers_the_goal_and_is_told_when_it_is_passed() {
    let told = Told::default();
    let heap = LocalHeap::with_config(told.observe(Config::new().soft_limit(12 * MIB)));
    let mut mutator = heap.mutator().unwrap();
    let mut list = None;
    push(&mut mutator, &mut list, 36_000).unwrap(); // 9.2 MB
    mutator.collect();
    let goal = heap.statistics().goal;
    assert!(goal < 12 * MIB, "a goal of {goal}");
    assert_eq!(told.count("soft"), 0);
    push(&mut mutator, &mut list, 20_000).unwrap();
    mutator.collect();
    mutator.collect();
    assert_eq!(told.count("soft"), 1);
    heap.set_soft_limit(None);
    mutator.collect();
    assert!(heap.statistics().goal > 24 * MIB);
}

// ---- outside the heap

#[derive(Trace)]
struct Owner<'gc> {
    items: GcRefCell<'gc, CountedVec<Gc<'gc, Node<'gc>>, GcAlloc>>,
    map: GcRefCell<'gc, HashMap<u64, Gc<'gc, Node<'gc>>, DefaultHashBuilder, GcAlloc>>,
}

#[test]
fn what_buffers_take_counts_to_the_byte_and_their_pointers_are_traced() {
    let heap = LocalHeap::with_config(Config::new());
    let mut mutator = heap.mutator().unwrap();
    let owner = mutator.mutate(|mc| {
        let items = CountedVec::new_in(mc.allocator());
        let map = HashMap::with_hasher_in(DefaultHashBuilder::default(), mc.allocator());
        let owner = mc.alloc(Owner { items: GcRefCell::new(items), map: GcRefCell::new(map) });
        for n in 0..1000 {
            owner.items.borrow_mut(mc).push(mc.alloc(Node::new(None)));
            owner.map.borrow_mut(mc).insert(n, mc.alloc(Node::new(None)));
        }
        mc.root(owner)
    });
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 2001);
    let (capacity, map) = mutator.mutate(|mc| {
        let owner = owner.get(mc);
        assert!(owner.items.borrow().iter().chain(owner.map.borrow().values()).all(|node| node.load == [7; 30]));
        (owner.items.borrow().capacity(), owner.map.borrow().allocation_size())
    });
    assert_eq!(heap.statistics().external_bytes, GcAlloc::cost(capacity * 8) + GcAlloc::cost(map));
    mutator.mutate(|mc| owner.get(mc).items.borrow_mut(mc).shrink_to(0));
    assert_eq!(heap.statistics().external_bytes, GcAlloc::cost(8000) + GcAlloc::cost(map));
    drop(owner);
    mutator.collect();
    assert_eq!(heap.statistics().external_bytes, 0);
}

#[test]
fn buffers_pace_the_collector() {
    must_end(|| {
        let heap = LocalHeap::new();
        let mut mutator = heap.mutator().unwrap();
        // Few objects, which fill no span: it is the buffers that ask for cycles.
        while heap.statistics().cycles < 5 {
            mutator.mutate(|mc| {
                let mut bytes = CountedVec::new_in(mc.allocator());
                bytes.resize(100_000, 1_u8);
                mc.alloc(bytes);
            });
        }
        assert!(heap.statistics().bytes_allocated < 4 << 20, "or the objects did");
    });
}

#[test]
fn buffers_end_at_the_hard_limit_on_any_thread() {
    let heap = Heap::with_config(Config::new().hard_limit(8 * MIB));
    let peak = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let alloc = heap.allocator();
                let mut all = Vec::new();
                loop {
                    let mut one: CountedVec<u8, GcAlloc> = CountedVec::new_in(alloc.clone());
                    if one.try_reserve_exact(100 + all.len() % 5000).is_err() {
                        break;
                    }
                    all.push(one);
                    peak.fetch_max(heap.statistics().memory_bytes, Ordering::Relaxed);
                }
                assert!(!all.is_empty());
            });
        }
    });
    assert!((7 * MIB..=8 * MIB).contains(&peak.load(Ordering::Relaxed)), "{peak:?}");
    assert_eq!(heap.statistics().external_bytes, 0);
    // All of it can be had by one.
    let mut one: CountedVec<u8, GcAlloc> = CountedVec::new_in(heap.allocator());
    one.try_reserve_exact(8 * MIB - 1000).unwrap();
    one.try_reserve_exact(8 * MIB).unwrap_err();
}

#[test]
fn an_allocator_outlives_its_heap() {
    let heap = LocalHeap::with_config(Config::new().hard_limit(8 * MIB));
    let alloc = heap.allocator();
    let mut bytes: CountedVec<u8, GcAlloc> = CountedVec::new_in(alloc.clone());
    bytes.resize(MIB, 1);
    let charge = alloc.charge(MIB).unwrap();
    drop(heap);
    bytes.resize(2 * MIB, 2);
    bytes.try_reserve_exact(16 * MIB).unwrap_err();
    drop((bytes, charge));
    assert_eq!(format!("{alloc:?}"), "GcAlloc { bytes: 0 }");
}

#[test]
fn adjustments_of_many_threads_cancel_out() {
    let heap = Heap::new();
    let alloc = heap.allocator();
    std::thread::scope(|threads| {
        for sign in [1, -1] {
            let (alloc, heap) = (alloc.clone(), &heap);
            threads.spawn(move || {
                for _ in 0..100_000 {
                    alloc.adjust(sign * 64);
                    assert!(heap.statistics().external_bytes < 1 << 40, "what is taken back was counted before");
                }
            });
        }
    });
    alloc.adjust(isize::MIN);
    assert_eq!(heap.statistics().external_bytes, 0);
}

#[test]
fn adjustments_neither_wrap_nor_refuse() {
    let heap = LocalHeap::with_config(Config::new().hard_limit(8 * MIB).automatic(false));
    let mut mutator = heap.mutator().unwrap();
    let external = || heap.statistics().external_bytes;
    mutator.mutate(|mc| {
        mc.adjust_external(-1000);
        assert_eq!(external(), 0);
        mc.adjust_external(1000);
        mc.adjust_external(isize::MIN);
        assert_eq!(external(), 0);
        for _ in 0..3 {
            mc.adjust_external(isize::MAX);
        }
        assert!(external() >= 1 << 47);
        mc.allocator().charge(1).unwrap_err();
        mc.allocator().charge(usize::MAX).unwrap_err();
        mc.adjust_external(isize::MIN);
        assert_eq!(external(), 0);
        let mut charge: Charge = mc.allocator().charge(100).unwrap();
        charge.resize(usize::MAX).unwrap_err();
        charge.resize(5000).unwrap();
        assert_eq!((charge.bytes(), external()), (5000, 5000));
    });
    assert_eq!(external(), 0);
}

#[test]
fn a_drop_may_allocate_at_the_limit() {
    /// Allocates as it is dropped, on the collector's thread.
    #[derive(Trace)]
    struct Last(GcAlloc);
    impl Drop for Last {
        fn drop(&mut self) {
            let mut bytes: CountedVec<u8, GcAlloc> = CountedVec::new_in(self.0.clone());
            let _ = bytes.try_reserve_exact(64 << 10);
            self.0.charge(usize::MAX >> 1).unwrap_err();
        }
    }
    must_end(|| {
        let heap = Heap::with_config(Config::new().hard_limit(4 * MIB));
        let mut mutator = heap.mutator().unwrap();
        let mut kept = Vec::new();
        while let Ok(root) =
            mutator.mutate(|mc| Ok::<_, gc_core::AllocError>(mc.root(mc.try_alloc(Last(mc.allocator()))?)))
        {
            kept.push(root);
            if kept.len() == 40_000 {
                break;
            }
        }
        heap.set_hard_limit(heap.statistics().memory_bytes);
        drop(kept);
        mutator.collect();
        assert_eq!(heap.statistics().live_objects, 0);
        assert_eq!(heap.statistics().drop_panics, 0);
    });
}

// ---- budgets

#[test]
fn heaps_share_a_budget_and_one_that_ends_gives_its_part_back() {
    must_end(|| {
        let budget = MemoryBudget::new(16 * MIB);
        let config = || Config::new().budget(&budget);
        let (one, other) = (LocalHeap::with_config(config()), LocalHeap::with_config(config()));
        let (mut first, mut second) = (one.mutator().unwrap(), other.mutator().unwrap());
        let (mut list, mut rest) = (None, None);
        push(&mut first, &mut list, 40_000).unwrap();
        let nodes = fill(&mut second, &mut rest);
        assert!(nodes < 25_000, "{nodes} nodes of 256 bytes beside 10 MB in 16 MiB");
        assert!(budget.used() <= 16 * MIB && budget.used() > 15 * MIB);
        push(&mut first, &mut list, 5000).expect_err("nothing is left for the first one either");
        let alloc = one.allocator();
        drop((list, first, one));
        assert!(budget.used() < 7 * MIB, "{} bytes", budget.used());
        drop(alloc);
        fill(&mut second, &mut rest);
        assert!(budget.used() > 15 * MIB && budget.used() <= budget.limit());
        budget.set_limit(32 * MIB);
        push(&mut second, &mut rest, 20_000).unwrap();
        budget.set_limit(None);
        push(&mut second, &mut rest, 20_000).unwrap();
        drop((rest, second, other));
        assert_eq!(budget.used(), 0);
    });
}

// ---- events

#[test]
fn events_come_in_order_and_their_panics_are_counted() {
    let heap = LocalHeap::with_config(Config::new().on_event(|event| panic!("{event:?}")));
    let mut mutator = heap.mutator().unwrap();
    mutator.collect();
    mutator.collect();
    assert_eq!(heap.statistics().event_panics, 4);
    assert_eq!(heap.statistics().cycles, 2);

    let told = Told::default();
    let heap = Heap::with_config(told.observe(Config::new()));
    heap.mutator().unwrap().collect();
    assert_eq!(*told.0.lock().unwrap(), ["began", "ended"]);
}

#[test]
fn a_cycle_tells_what_the_pacer_decided_and_who_was_slow() {
    let seen = Arc::new(Mutex::new(None));
    let kept = seen.clone();
    let heap = Heap::with_config(Config::new().on_event(move |event| {
        if let Event::CycleEnded { report, pacing, .. } = event {
            *kept.lock().unwrap() = Some(((*report).clone(), **pacing));
        }
    }));
    let release = Arc::new(AtomicBool::new(false));
    let slow = {
        let (heap, release) = (heap.clone(), release.clone());
        std::thread::Builder::new().name("slow coach".into()).spawn(move || {
            heap.mutator().unwrap().mutate(|mc| {
                while !mc.should_yield() {
                    std::hint::spin_loop();
                }
                release.store(true, Ordering::Release);
                let since = std::time::Instant::now();
                while since.elapsed() < std::time::Duration::from_millis(200) {
                    std::hint::spin_loop();
                }
            });
        })
    };
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| mc.root(mc.alloc([1_u64; 1000])));
    while !release.load(Ordering::Acquire) {
        heap.start_collection();
    }
    mutator.collect();
    slow.unwrap().join().unwrap();
    let (report, pacing) = seen.lock().unwrap().clone().unwrap();
    assert!(report.live_bytes >= 8000 && pacing.live == report.live_bytes);
    assert_eq!((pacing.growth, pacing.goal, pacing.is_bounded), (100, heap.statistics().goal, false));
    assert!(pacing.roots > 0 && pacing.trigger <= pacing.goal);
    let statistics = heap.statistics();
    assert!(statistics.total.slowest_handshake.as_millis() >= 150);
    assert_eq!(statistics.total.slowest_thread.as_deref(), Some("slow coach"));
    drop(root);
}

#[test]
fn a_callback_may_use_the_heap_and_drop_it() {
    must_end(|| {
        let slot: Arc<Mutex<Option<Heap>>> = Arc::default();
        let (seen, met) = (slot.clone(), Arc::new(AtomicUsize::new(0)));
        let count = met.clone();
        let heap = Heap::with_config(Config::new().on_event(move |event| {
            let heap = seen.lock().unwrap().take();
            let Some(heap) = heap else { return };
            heap.start_collection();
            heap.set_growth(50);
            let _ = heap.statistics();
            if matches!(event, Event::CycleEnded { .. }) {
                let mut mutator = heap.mutator().unwrap(); // on the collector's own thread
                mutator.mutate(|mc| assert!(mc.try_alloc(1_u64).is_ok()));
                count.fetch_add(1, Ordering::Relaxed);
                return; // with what may be the last handle
            }
            *seen.lock().unwrap() = Some(heap);
        }));
        *slot.lock().unwrap() = Some(heap.clone());
        heap.start_collection();
        drop(heap);
        while met.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_callback_that_collects_its_own_heap_is_told_so() {
    must_end(|| {
        let slot: Arc<Mutex<Option<Heap>>> = Arc::default();
        let seen = slot.clone();
        let heap = Heap::with_config(Config::new().on_event(move |event| {
            if let Event::CycleEnded { .. } = event {
                let heap = seen.lock().unwrap().take();
                heap.unwrap().mutator().unwrap().collect();
            }
        }));
        *slot.lock().unwrap() = Some(heap.clone());
        heap.mutator().unwrap().collect();
        assert_eq!(heap.statistics().event_panics, 1);
        assert_eq!(heap.statistics().cycles, 1);
    });
}
