//! Sizes, alignments, address space and its end.

use allocator::fault::{self, Point};
use allocator::{MAX_SMALL, SizeClass};
use gc_core::{Config, Gc, LocalHeap, Owned, Root, SliceBuilder, Trace};
use tests::{Leaf, Tally};

#[test]
fn zst_identity_and_drop() {
    thread_local! {
        static DROPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }
    #[derive(Trace)]
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPS.set(DROPS.get() + 1);
        }
    }
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let roots = mutator.mutate(|mc| {
        let (a, b, unit) = (mc.alloc(Nothing), mc.alloc(Nothing), mc.alloc(()));
        assert!(!Gc::ptr_eq(a, b) && Gc::addr(unit) != Gc::addr(a));
        mc.alloc(Nothing);
        let units = mc.alloc_slice_copy(&[(); usize::MAX]);
        assert_eq!(units.len(), usize::MAX);
        (mc.root(a), mc.root(b), mc.root(mc.alloc_slice([Nothing, Nothing])), mc.root(units))
    });
    mutator.collect();
    assert_eq!(DROPS.get(), 1);
    mutator.mutate(|mc| assert_eq!((roots.2.get(mc).len(), roots.3.get(mc).len()), (2, usize::MAX)));
    drop(roots);
    mutator.collect();
    assert_eq!(DROPS.get(), 5);
}

#[test]
fn align_page() {
    macro_rules! check {
        ($align:literal, $type:ty, $value:expr) => {{
            let heap = LocalHeap::new();
            let mut mutator = heap.mutator().unwrap();
            let roots: (Vec<Root<$type, Owned>>, Vec<Root<[$type], Owned>>) = mutator.mutate(|mc| {
                let ones = (0..20).map(|_| mc.root(mc.alloc($value))).collect();
                (ones, (0..20).map(|length| mc.root(mc.alloc_slice(vec![$value; length]))).collect())
            });
            mutator.collect();
            mutator.mutate(|mc| {
                for root in &roots.0 {
                    assert!(Gc::addr(root.get(mc)).is_multiple_of($align));
                    assert_eq!(*root.get(mc), $value);
                }
                for (length, root) in roots.1.iter().enumerate() {
                    assert!(Gc::addr(root.get(mc)).is_multiple_of($align));
                    assert_eq!(*root.get(mc), *vec![$value; length]);
                }
            });
            drop(roots);
            mutator.collect();
            assert_eq!(heap.statistics().live_objects, 0);
        }};
    }
    macro_rules! aligned {
        ($($align:literal)*) => {$({
            #[derive(Trace, Clone, Copy, PartialEq, Debug)]
            #[repr(align($align))]
            struct One(u8);
            #[derive(Trace, Clone, Copy, PartialEq, Debug)]
            #[repr(align($align))]
            struct Nothing;
            check!($align, One, One(1));
            check!($align, [One; 3], [One(1), One(2), One(3)]);
            check!($align, Nothing, Nothing);
        })*};
    }
    aligned! { 1 2 4 8 16 32 64 128 256 512 1024 2048 4096 }
}

/// The content of the slice of this length, to tell overlaps.
fn pattern(length: usize) -> impl Iterator<Item = u8> {
    (0..length).map(move |at| (at.wrapping_mul(31) ^ length ^ (length >> 8)) as u8)
}

#[test]
fn sizes_around_every_class_edge() {
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let mut lengths = vec![0, 1];
    let mut size = 1;
    while let Some(class) = SizeClass::of(size, 8) {
        let edge = class.slot_size();
        lengths.extend((edge - 10..=edge + 2).filter(|length| *length < edge + 3));
        size = edge + 1;
    }
    lengths.extend([MAX_SMALL * 2 - 9, MAX_SMALL * 2 - 8, MAX_SMALL * 2, 1 << 20, (1 << 20) + 1]);
    let make = |mutator: &mut gc_core::Mutator<Owned>| -> Vec<Root<[u8], Owned>> {
        mutator.mutate(|mc| {
            let slice = |&length: &usize| mc.root(mc.alloc_slice(pattern(length).collect::<Vec<_>>()));
            lengths.iter().map(slice).collect()
        })
    };
    let first = make(&mut mutator);
    drop(make(&mut mutator));
    mutator.collect();
    let second = make(&mut mutator); // in what the dropped ones left
    mutator.collect();
    mutator.mutate(|mc| {
        for roots in [&first, &second] {
            for (root, &length) in roots.iter().zip(&lengths) {
                assert!(root.get(mc).iter().copied().eq(pattern(length)), "slice of {length}");
            }
        }
    });
    assert_eq!(heap.statistics().live_objects, 2 * lengths.len() as u64);
}

#[test]
fn a_full_gibibyte_of_pointers_is_scanned() {
    const COUNT: usize = (1 << 30) / 8;
    /// Between two objects that the slice alone holds.
    const APART: usize = COUNT / 64;
    let heap = LocalHeap::with_config(Config::new().automatic(false));
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| {
        let mut pointers: SliceBuilder<'_, Option<Gc<'_, usize>>> = mc.slice_builder(COUNT).unwrap();
        let nothing = [None; 1 << 16];
        for begin in (0..COUNT).step_by(APART) {
            pointers.push(Some(mc.alloc(begin)));
            let mut left = APART - 1;
            while left > 0 {
                let now = left.min(nothing.len());
                pointers.extend_from_slice(&nothing[..now]);
                left -= now;
            }
        }
        mc.root(pointers.finish())
    });
    mutator.collect();
    assert_eq!(heap.statistics().live_objects, 65);
    mutator.mutate(|mc| {
        let pointers = root.get(mc);
        assert_eq!(pointers.len(), COUNT);
        assert!((0..COUNT).step_by(APART).all(|at| pointers[at].is_some_and(|number| *number == at)));
    });
    drop(root);
    mutator.collect();
    assert_eq!((heap.statistics().live_objects, heap.statistics().heap_bytes), (0, 0));
}

#[test]
fn objects_of_a_gibibyte() {
    const GIB: usize = 1 << 30;
    #[derive(Trace, Clone, Copy)]
    #[repr(align(64))]
    struct Line<'gc>(Gc<'gc, u64>);
    let heap = LocalHeap::with_config(Config::new().automatic(false));
    let mut mutator = heap.mutator().unwrap();
    let roots = mutator.mutate(|mc| {
        let mut bytes = mc.slice_builder::<u8>(GIB).unwrap();
        bytes.extend_from_slice(b"few are touched");
        let mut words: SliceBuilder<'_, Gc<'_, u64>> = mc.slice_builder(GIB / 8).unwrap();
        (0..10_000).for_each(|n| words.push(mc.alloc(n)));
        // The length stands behind the last of the slot's elements.
        let mut lines: SliceBuilder<'_, Line<'_>> = mc.slice_builder(GIB / 64).unwrap();
        (0..1000).for_each(|n| lines.push(Line(mc.alloc(n))));
        (mc.root(bytes.finish()), mc.root(words.finish()), mc.root(lines.finish()))
    });
    assert!(heap.statistics().heap_bytes >= 3 * GIB);
    for _ in 0..2 {
        mutator.collect();
        mutator.mutate(|mc| {
            assert_eq!(&*roots.0.get(mc), b"few are touched");
            assert!(roots.1.get(mc).iter().map(|word| **word).eq(0..10_000));
            assert!(roots.2.get(mc).iter().map(|line| *line.0).eq(0..1000));
        });
    }
    assert_eq!(heap.statistics().live_objects, 11_003);
    drop(roots);
    mutator.collect();
    assert_eq!((heap.statistics().live_objects, heap.statistics().heap_bytes), (0, 0));
}

#[test]
fn allocation_fails_at_every_point() {
    // The n-th request for pages or a descriptor fails: the value comes to nothing, the heap goes on.
    for point in [Point::Pages, Point::Descriptor] {
        let mut strikes = 0;
        for skip in 0.. {
            let tally = Tally::new();
            let heap = LocalHeap::new();
            let mut mutator = heap.mutator().unwrap();
            let mut made = 0;
            let mut failed = 0;
            let mut kept: Vec<Root<(u64, Leaf), Owned>> = Vec::new();
            let ((), passes) = fault::with(point, skip, 1, || {
                mutator.mutate(|mc| {
                    for n in 0..3000_u64 {
                        made += 1;
                        match mc.try_alloc((n, tally.leaf())) {
                            Ok(object) => kept.push(mc.root(object)),
                            Err(_) => failed += 1,
                        }
                        if n % 1000 == 0 {
                            failed += usize::from(mc.try_alloc([n; 5000]).is_err());
                            failed += usize::from(mc.try_alloc_slice((0..20_000).map(|_| n)).is_err());
                            failed += usize::from(mc.slice_builder::<u8>(100).is_err());
                        }
                    }
                });
            });
            strikes += usize::from(failed > 0);
            assert!(failed <= 1 && tally.drops() <= 1);
            mutator.collect();
            assert_eq!(made - tally.drops(), kept.len());
            mutator.mutate(|mc| kept.iter().for_each(|root| assert!(root.get(mc).0 < 3000)));
            drop((kept, mutator, heap));
            assert_eq!(tally.drops(), made);
            if passes <= skip {
                break;
            }
        }
        assert!(strikes > 0, "{point:?} was never passed");
    }
}

#[test]
fn a_heap_without_address_space_is_an_error() {
    let (_, passes) = fault::with(Point::Descriptor, 0, usize::MAX, || {
        let heap = LocalHeap::new();
        let mut mutator = heap.mutator().unwrap();
        mutator.mutate(|mc| assert!(mc.try_alloc(1).is_err() && mc.try_alloc([0_u8; 100_000]).is_err()));
        mutator.collect();
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            mutator.mutate(|mc| {
                mc.alloc(1);
            })
        }));
        assert!(unwound.is_err());
    });
    assert!(passes > 0);
}
