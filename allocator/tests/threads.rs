//! Mutators that allocate, a collector that ends cycles, a thread that returns memory to the system: all at once, with the
//! hand-shakes that the crate asks for. Each object holds its own address and its owner's number; what is reachable must
//! hold them for as long as it is.
#![cfg(not(loom))]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use allocator::{Arena, Birth, Cache, Owner, SizeClass, Space, SweepProgress};

const MUTATORS: usize = 3;
const CYCLES: usize = 25;
/// 32 MiB.
const PAGES: u32 = 1 << 12;
/// Objects that each mutator holds on to, in a ring.
const RING: usize = 500;

/// What the threads share.
struct Heap {
    arena: Arc<Arena>,
    /// The handshake asked for: 3 in each cycle. Written by the collector.
    asked: AtomicU32,
    /// Mutators that have answered it.
    answered: AtomicUsize,
    over: AtomicBool,
}

struct Mutator<'a> {
    heap: &'a Heap,
    number: usize,
    cache: Cache,
    seen: u32,
    ring: Vec<Option<(usize, usize)>>,
    seed: u64,
}

impl Mutator<'_> {
    fn random(&mut self, n: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) as usize % n
    }

    fn check(&self, (addr, words): (usize, usize)) {
        let object = self.heap.arena.space().pointer(addr).cast::<usize>();
        for (at, value) in [(0, addr), (words - 1, self.number ^ addr)] {
            // SAFETY: the object is reachable, ours, and `words` long.
            let found = unsafe { *object.wrapping_add(at) };
            assert_eq!(found, value, "word {at} of an object of {words} words");
        }
    }

    fn allocate(&mut self) {
        let words = [2, 2, 3, 4, 8, 50, 512, 6000][self.random(8)];
        let owner = Owner { word: 64 * self.random(4), attributes: 0 };
        let slot = match SizeClass::of(words * 8, 8) {
            Some(class) => self.cache.refill(owner, class),
            None => self.cache.alloc_large_exact(owner, words * 8, 8).map(|large| large.start),
        };
        let Ok(slot) = slot else {
            // The collector is behind: the next cycle brings memory.
            std::thread::yield_now();
            return;
        };
        let addr = slot.addr().get();
        let object = self.heap.arena.space().pointer(addr).cast::<usize>();
        // The last word last: of two it may be the second.
        for (at, value) in [(0, addr), (words - 1, self.number ^ addr)] {
            // SAFETY: the slot is ours and `words` long.
            unsafe { *object.wrapping_add(at) = value };
        }
        let at = self.random(RING);
        if let Some(old) = self.ring[at].replace((addr, words)) {
            self.check(old);
        }
    }

    /// Answers a handshake: births marked, roots marked, hand-over.
    fn answer(&mut self) {
        let asked = self.heap.asked.load(Ordering::Acquire);
        if asked == self.seen {
            return;
        }
        self.seen = asked;
        match asked % 3 {
            1 => self.cache.set_birth(Birth::Mark),
            2 => {
                for &(addr, _) in self.ring.iter().flatten() {
                    self.heap.arena.space().mark(addr);
                }
            }
            _ => {
                self.cache.hand_over(self.heap.arena.epoch());
                self.cache.set_birth(Birth::Alloc);
            }
        }
        self.heap.answered.fetch_add(1, Ordering::Release);
    }

    fn run(mut self) {
        /// Ends the test for all when one thread fails.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _end = End(&self.heap.over);
        while !self.heap.over.load(Ordering::Relaxed) {
            for _ in 0..20 {
                self.allocate();
            }
            self.answer();
        }
        self.ring.iter().flatten().for_each(|&object| self.check(object));
    }
}

fn ask(heap: &Heap) {
    heap.answered.store(0, Ordering::Relaxed);
    heap.asked.fetch_add(1, Ordering::Release);
    while heap.answered.load(Ordering::Acquire) < MUTATORS {
        assert!(!heap.over.load(Ordering::Relaxed), "a mutator failed");
        std::thread::yield_now();
    }
}

#[test]
fn what_is_reachable_is_kept_while_everything_goes_on() {
    let space: &'static Space = Box::leak(Box::new(Space::private(PAGES as usize).unwrap()));
    let arena = Arena::new(space).unwrap();
    let heap = Heap { arena, asked: AtomicU32::new(0), answered: AtomicUsize::new(0), over: AtomicBool::new(false) };
    let returned = std::thread::scope(|scope| {
        for number in 0..MUTATORS {
            let cache = Cache::new(&heap.arena);
            let seed = 77 + number as u64;
            let mutator = Mutator { heap: &heap, number, cache, seen: 0, ring: vec![None; RING], seed };
            scope.spawn(move || mutator.run());
        }
        let releaser = scope.spawn(|| {
            let mut returned = 0;
            while !heap.over.load(Ordering::Relaxed) {
                returned += heap.arena.release_free_pages().unwrap();
                returned += space.release_free(1 << 20).unwrap();
            }
            returned
        });
        for _ in 0..CYCLES {
            ask(&heap);
            ask(&heap);
            heap.arena.flip();
            ask(&heap);
            heap.arena.allow_sweep();
            while heap.arena.sweep(7, &mut |_| {}) == SweepProgress::More {
                std::thread::yield_now();
            }
        }
        heap.over.store(true, Ordering::Relaxed);
        releaser.join().unwrap()
    });
    assert!(returned > 0);
    heap.arena.teardown(&mut |_, _| {});
    let counters = space.page_heap().counters();
    assert_eq!((counters.in_use, counters.cached, counters.releasing, counters.inside_bytes), (0, 0, 0, 0));
    assert!(space.page_heap().alloc(PAGES).is_ok());
}
