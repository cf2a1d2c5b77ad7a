//! Every pass of every point fails once, in a program that goes through all of the crate; what it meets is an error with
//! size and cause, what it held it still holds, and at the end nothing is lost.

use std::collections::BTreeMap;

use crate::fault::{self, Point};
use crate::{AllocError, Arena, Cache, Cause, Owner, PAGE_SIZE, SizeClass, Space, SweepProgress};

/// Two owners, the second with visits.
const OWNERS: [Owner; 3] = [
    Owner { word: 0, attributes: 0 },
    Owner { word: 64, attributes: 1 },
    Owner { word: 128, attributes: Owner::VISIT },
];

/// Sizes of every kind: tiny, odd, of the largest class, large objects.
const SIZES: [usize; 6] = [16, 100, 4000, 32 << 10, 40_000, 200_000];

/// The errors that a pass of a point may end in.
fn causes(point: Point) -> &'static [Cause] {
    match point {
        Point::Reserve => &[Cause::AddressSpace],
        Point::Release => &[Cause::Release],
        Point::Pages => &[Cause::Exhausted],
        Point::Descriptor => &[Cause::Descriptors],
        Point::Tables => &[Cause::Tables],
    }
}

/// What a program met.
#[derive(Default)]
struct Met {
    errors: Vec<AllocError>,
}

impl Met {
    /// Tries twice: the second time nothing fails, as a plan has one failure.
    fn again<T>(&mut self, size: usize, mut request: impl FnMut() -> Result<T, AllocError>) -> T {
        request().unwrap_or_else(|error| {
            assert!(size == usize::MAX || error.size == size, "{error:?} of a request of {size}");
            self.errors.push(error);
            request().expect("one failure at a time")
        })
    }
}

fn allocate(met: &mut Met, cache: &mut Cache, owner: Owner, size: usize) -> (usize, usize) {
    let (slot, room) = match SizeClass::of(size, 16) {
        Some(class) => (met.again(class.slot_size(), || cache.refill(owner, class)), class.slot_size()),
        None => (met.again(size, || cache.alloc_large_zeroed(owner, size, 16)), size),
    };
    // SAFETY: the slot is ours.
    unsafe { slot.write_bytes(size as u8, room) };
    (slot.addr().get(), room)
}

/// A program in a space of its own: fills, lets most die in two cycles, releases, fills again, tears down.
fn program() -> Met {
    let mut met = Met::default();
    let space = met.again(2048 * PAGE_SIZE, || Space::private(2048));
    let space: &'static Space = Box::leak(Box::new(space));
    let arena = met.again(usize::MAX, || Arena::new(space));
    let mut caches = [0; 2].map(|_| Cache::new(&arena));
    let mut objects = BTreeMap::new();
    for round in 0..3 {
        for (i, size) in SIZES.into_iter().enumerate() {
            for n in 0..12 {
                let (addr, room) = allocate(&mut met, &mut caches[n % 2], OWNERS[(i + n) % 3], size);
                assert!(objects.range(..addr + room).next_back().is_none_or(|(&before, &had)| before + had <= addr));
                objects.insert(addr, room);
            }
        }
        // Every fourth lives.
        let live: BTreeMap<usize, usize> = objects.into_iter().step_by(4).collect();
        live.keys().for_each(|&addr| assert!(space.mark(addr)));
        let epoch = arena.flip();
        caches.iter_mut().for_each(|cache| cache.hand_over(epoch));
        arena.allow_sweep();
        while let Some(mut span) = arena.take_visit() {
            while span.next_dead().is_some() {}
            span.finish();
        }
        if round == 1 {
            // Refills sweep for themselves.
            objects = live;
            let (addr, room) = allocate(&mut met, &mut caches[0], OWNERS[0], 100);
            objects.insert(addr, room);
        } else {
            objects = live;
        }
        assert_eq!(arena.sweep(usize::MAX, &mut |_| {}), SweepProgress::Done);
        met.again(usize::MAX, || arena.release_free_pages());
        met.again(usize::MAX, || space.release_free(usize::MAX));
        for &addr in objects.keys() {
            assert_eq!(space.slot_bits(addr), (true, false));
        }
    }
    drop(caches);
    let mut visited = 0;
    arena.teardown(&mut |owner, slot| {
        assert!(owner.visit() && objects.contains_key(&slot.addr().get()));
        visited += 1;
    });
    assert!(visited > 0);
    let counters = space.page_heap().counters();
    assert_eq!((counters.in_use, counters.cached, counters.releasing, counters.inside_bytes), (0, 0, 0, 0));
    for class in arena.class_stats() {
        assert_eq!((class.spans, class.bytes, class.released_bytes), (0, 0, 0));
    }
    // All pages, in one run.
    met.again(2048 * PAGE_SIZE, || space.page_heap().alloc(2048));
    met
}

#[test]
fn each_failure_is_one_error_and_loses_nothing() {
    for point in [Point::Reserve, Point::Release, Point::Pages, Point::Descriptor, Point::Tables] {
        let (calm, passes) = fault::with(point, usize::MAX, 0, program);
        assert!(calm.errors.is_empty());
        assert!(passes > 1, "the program does not pass {point:?}");
        let mut seen = 0;
        for n in 0..passes {
            let (met, _) = fault::with(point, n, 1, program);
            // Some failures have a way around: a page cache without a window, a list given back one by one.
            assert!(met.errors.len() <= 1, "pass {n} of {point:?}: {:?}", met.errors);
            assert!(met.errors.iter().all(|error| causes(point).contains(&error.cause)), "{:?}", met.errors);
            seen += met.errors.len();
        }
        assert!(seen * 2 > passes, "{seen} of {passes} failures of {point:?} were errors");
    }
}

#[test]
fn failures_that_go_on_leave_what_there_is() {
    for point in [Point::Pages, Point::Descriptor, Point::Tables] {
        let space: &'static Space = Box::leak(Box::new(Space::private(2048).unwrap()));
        let arena = Arena::new(space).unwrap();
        let mut cache = Cache::new(&arena);
        let class = SizeClass::of(64, 16).unwrap();
        let first = cache.refill(OWNERS[1], class).unwrap().addr().get();
        let (count, _) = fault::with(point, 0, usize::MAX, || {
            let mut count = 0;
            while cache.refill(OWNERS[1], class).is_ok() {
                count += 1;
            }
            for _ in 0..3 {
                assert!(cache.refill(OWNERS[1], class).is_err());
                assert!(cache.refill(OWNERS[2], SizeClass::of(4096, 16).unwrap()).is_err());
                assert!(cache.alloc_large(OWNERS[0], 100_000, 16).is_err());
            }
            count
        });
        // What the cache had, it has used: at least the rest of the first span.
        assert!(count >= PAGE_SIZE / 64 - 1);
        assert_eq!(space.slot_bits(first), (true, false));
        assert!(cache.refill(OWNERS[1], class).is_ok());
        cache.close_runs();
        assert_eq!(cache.objects_allocated() as usize, count + 2);
        drop(cache);
        arena.teardown(&mut |_, _| {});
        assert_eq!(space.page_heap().counters().in_use, 0);
    }
}

#[test]
fn smaller_ranges_are_tried_until_one_is_granted() {
    for refusals in [0, 1, 3, 16] {
        let (space, _) = fault::with(Point::Reserve, 0, refusals, Space::reserve_most);
        assert_eq!(space.unwrap().reserved_bytes(), (1 << 40) >> refusals);
    }
    let (space, passes) = fault::with(Point::Reserve, 0, usize::MAX, Space::reserve_most);
    assert_eq!(space.unwrap_err(), AllocError { size: 16 << 20, cause: Cause::AddressSpace });
    assert_eq!(passes, 17, "from 1 TiB down to 16 MiB");
}
