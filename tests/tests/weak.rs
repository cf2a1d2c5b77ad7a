//! Weak references: exactly dead or alive, in every phase and mode.

use std::sync::atomic::{AtomicU64, Ordering};

use gc_core::{Config, Gc, GcCell, GcMutex, Heap, LocalHeap, Owned, Root, Shared, Slice, Trace, Weak, WeakRoot};

/// An object that says so if it is read after its end.
#[derive(Trace)]
struct Canary(AtomicU64);

const ALIVE: u64 = 0x5EED_0F11_FE00_0001;

impl Canary {
    fn new() -> Canary {
        Canary(AtomicU64::new(ALIVE))
    }

    fn check(&self) {
        assert_eq!(self.0.load(Ordering::Relaxed), ALIVE, "a dead object was upgraded");
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.0.store(0xDEAD, Ordering::Relaxed);
    }
}

#[test]
fn a_weak_reference_is_dead_exactly_when_its_target_is() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let made: Vec<(Option<Root<Canary, Owned>>, WeakRoot<Canary, Owned>)> = mutator.mutate(|mc| {
        let one = |n: usize| {
            let canary = mc.alloc(Canary::new());
            (n.is_multiple_of(3).then(|| mc.root(canary)), mc.weak_root(Gc::downgrade(canary, mc)))
        };
        (0..3000).map(one).collect()
    });
    for _ in 0..3 {
        mutator.collect();
        mutator.mutate(|mc| {
            for (root, weak) in &made {
                let target = weak.upgrade(mc);
                assert_eq!(target.is_some(), root.is_some());
                if let Some(target) = target {
                    target.check();
                }
            }
        });
    }
    assert_eq!(heap.statistics().live_objects, 1000 + 3000, "canaries, and a slot for each handle");
}

#[test]
fn handles_outlive_their_targets_in_cells_and_in_maps() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    #[derive(Trace)]
    struct Holder<'gc> {
        weak: GcCell<'gc, Option<Weak<'gc, Canary>>>,
        seen: std::collections::HashMap<Weak<'gc, Canary>, u32>,
    }
    let holder = mutator.mutate(|mc| {
        let (a, b) = (Gc::downgrade(mc.alloc(Canary::new()), mc), Gc::downgrade(mc.alloc(Canary::new()), mc));
        assert!(a != b && a == a);
        mc.root(mc.alloc(Holder { weak: GcCell::new(Some(a)), seen: [(a, 1), (b, 2)].into() }))
    });
    mutator.collect();
    mutator.mutate(|mc| {
        let holder = holder.get(mc);
        let weak = holder.weak.get().unwrap();
        assert!(weak.upgrade(mc).is_none());
        assert_eq!(holder.seen[&weak], 1);
        holder.weak.set(mc, None);
        assert!(holder.weak.get().is_none());
    });
}

trait Speak<'gc>: gc_core::DynTrace<'gc> {
    fn speak(&self) -> u32;
}
gc_core::gc_dyn!(Speak);

impl Speak<'_> for Canary {
    fn speak(&self) -> u32 {
        self.check();
        17
    }
}

#[test]
fn targets_may_be_unsized() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let (kept, text, slice, object) = mutator.mutate(|mc| {
        let text = mc.alloc_str("text");
        let slice = mc.alloc_slice((0..3_u32).map(|n| mc.alloc(n)));
        let object = gc_core::unsize!(mc.alloc(Canary::new()) => dyn Speak);
        let kept = (mc.root(text), mc.root(slice), mc.root(object));
        let weak = (Gc::downgrade(text, mc), Gc::downgrade(slice, mc), Gc::downgrade(object, mc));
        (kept, mc.weak_root(weak.0), mc.weak_root(weak.1), mc.weak_root(weak.2))
    });
    mutator.collect();
    mutator.mutate(|mc| {
        assert_eq!(&*text.upgrade(mc).unwrap(), "text");
        assert_eq!(*slice.upgrade(mc).unwrap()[2], 2);
        assert_eq!(object.upgrade(mc).unwrap().speak(), 17);
    });
    drop(kept);
    mutator.collect();
    mutator.mutate(|mc| {
        assert!(text.upgrade(mc).is_none() && slice.upgrade(mc).is_none() && object.upgrade(mc).is_none());
    });
}

#[test]
fn an_object_that_names_itself_weakly_dies() {
    #[derive(Trace)]
    struct Own<'gc> {
        me: GcCell<'gc, Option<Weak<'gc, Own<'gc>>>>,
    }
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let weak = mutator.mutate(|mc| {
        let own = mc.alloc(Own { me: GcCell::new(None) });
        own.me.set(mc, Some(Gc::downgrade(own, mc)));
        mc.weak_root(own.me.get().unwrap())
    });
    mutator.collect();
    mutator.mutate(|mc| assert!(weak.upgrade(mc).is_none()));
    drop(weak);
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 0);
}

/// At each step of a cycle one target is upgraded and kept from then on. What was upgraded lives; what was lost stays lost.
#[test]
fn upgrades_at_every_step_of_a_cycle() {
    let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
    let mut mutator = heap.mutator().unwrap();
    #[derive(Trace)]
    struct Link<'gc>(Option<Gc<'gc, Link<'gc>>>, Canary);
    let ballast = mutator.mutate(|mc| {
        let list = (0..4000).fold(None, |next, _| Some(mc.alloc(Link(next, Canary::new()))));
        mc.root(list.unwrap())
    });
    let weak: Vec<WeakRoot<Canary, Owned>> =
        mutator.mutate(|mc| (0..400).map(|_| mc.weak_root(Gc::downgrade(mc.alloc(Canary::new()), mc))).collect());
    let mut kept = Vec::new();
    let mut lost = 0;
    mutator.start_collection();
    for weak in &weak {
        let over = mutator.collect_step(1024) == Slice::Over;
        match mutator.mutate(|mc| weak.upgrade(mc).map(|target| mc.root(target))) {
            Some(root) => {
                assert_eq!(lost, 0, "targets are lost from one moment on");
                kept.push(root);
            }
            None => lost += 1,
        }
        if over {
            break;
        }
    }
    assert!(kept.len() > 3, "the cycle took few steps: {} were kept", kept.len());
    mutator.collect();
    mutator.collect();
    mutator.mutate(|mc| {
        kept.iter().for_each(|root| root.get(mc).check());
        for (n, weak) in weak.iter().enumerate() {
            assert_eq!(weak.upgrade(mc).is_some(), n < kept.len());
        }
        let links = std::iter::successors(Some(ballast.get(mc)), |link| link.0);
        assert_eq!(links.inspect(|link| link.1.check()).count(), 4000);
    });
}

/// Cells that are looked at all the time.
const HOT: usize = 64;
/// Cells in all; most are not looked at in a cycle, and their targets die.
const COLD: usize = 1 << 14;

/// Threads publish targets weakly and let go of them, upgrade each other's, and collect, all at once.
#[test]
fn upgrades_race_with_collections() {
    #[derive(Trace)]
    struct Board<'gc> {
        weak: Vec<GcCell<'gc, Option<Weak<'gc, Canary>>>>,
        strong: GcMutex<'gc, Vec<Gc<'gc, Canary>>>,
    }
    let heap = Heap::with_config(Config::new().min_heap(64 << 10));
    let board: Root<Board<'static>, Shared> = heap.mutator().unwrap().mutate(|mc| {
        let weak = (0..COLD).map(|_| GcCell::new(None)).collect();
        mc.root(mc.alloc(Board { weak, strong: GcMutex::new(Vec::new()) }))
    });
    // The cycle that the workers do their share of.
    const OVER: u64 = u64::MAX;
    let round = AtomicU64::new(0);
    let (upgraded, lost) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|threads| {
        for worker in 0..3_u64 {
            let (heap, board, round, upgraded, lost) = (&heap, &board, &round, &upgraded, &lost);
            threads.spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                let mut random = worker + 1;
                let (mut seen, mut left) = (0, 0);
                while seen != OVER {
                    let now = round.load(Ordering::Relaxed);
                    if now != seen {
                        (seen, left) = (now, 100);
                    }
                    if left == 0 {
                        std::thread::yield_now();
                        continue;
                    }
                    left -= 1;
                    mutator.mutate(|mc| {
                        let board = board.get(mc);
                        for _ in 0..20 {
                            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                            let cells = if random >> 38 & 3 == 0 { COLD } else { HOT };
                            let cell = &board.weak[(random >> 40) as usize % cells];
                            match random >> 60 {
                                0..4 => cell.set(mc, Some(Gc::downgrade(mc.alloc(Canary::new()), mc))),
                                4..12 => match cell.get().map(|weak| weak.upgrade(mc)) {
                                    Some(Some(target)) => {
                                        target.check();
                                        upgraded.fetch_add(1, Ordering::Relaxed);
                                        if random >> 63 == 0 {
                                            board.strong.lock(mc).push(target);
                                        }
                                    }
                                    Some(None) => {
                                        lost.fetch_add(1, Ordering::Relaxed);
                                    }
                                    None => {}
                                },
                                _ => {
                                    let mut strong = board.strong.lock(mc);
                                    strong.iter().for_each(|target| target.check());
                                    let half = strong.len() / 2;
                                    strong.truncate(half);
                                }
                            }
                        }
                    });
                }
            });
        }
        let mut mutator = heap.mutator().unwrap();
        let seen = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut n = 0;
        while n < 30 || seen(&upgraded) <= 100 || seen(&lost) <= 10 {
            n += 1;
            assert!(n < 100_000, "{} upgraded, {} lost", seen(&upgraded), seen(&lost));
            round.store(n, Ordering::Relaxed);
            mutator.collect();
        }
        round.store(OVER, Ordering::Relaxed);
    });
    assert!(heap.statistics().cycles >= 30);
}
