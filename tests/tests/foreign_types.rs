//! What objects hold of std and of the crates behind gc-core's features: it is traced, so that it lives, and dropped once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use gc_core::{ByPtr, Gc, GcCell, LocalHeap, Mutation, Owned, Rebrand, Root, Trace};

/// A target that counts itself.
#[derive(Trace)]
struct Leaf(u32, #[allow(dead_code, reason = "for what its drop does")] Counted);

/// Counted by its number of copies.
#[derive(Trace)]
struct Counted(#[allow(dead_code, reason = "for what its drop does")] Arc<()>);

type Target<'gc> = Gc<'gc, Leaf>;

/// Puts three targets into a container, collects, reads them back, lets go of the container, and sees them gone.
macro_rules! holds {
    ($name:ident, $type:ty, |$mc:ident, $targets:ident| $make:expr, |$held:ident| $read:expr) => {
        #[test]
        fn $name() {
            #[derive(Trace)]
            struct Holder<'gc> {
                held: $type,
                _brand: GcCell<'gc, Option<Target<'gc>>>,
            }
            fn make<'gc>($mc: &'gc Mutation<'gc, Owned>, $targets: [Target<'gc>; 3]) -> $type {
                $make
            }
            fn read<'gc>($held: &$type) -> Vec<u32>
            where
                $type: Rebrand,
            {
                $read
            }
            let counted = Arc::new(());
            let heap = LocalHeap::new();
            let mut mutator = heap.mutator().unwrap();
            let root: Root<Holder<'static>, Owned> = mutator.mutate(|mc| {
                let targets = [1, 2, 3].map(|n| mc.alloc(Leaf(n, Counted(counted.clone()))));
                mc.root(mc.alloc(Holder { held: make(mc, targets), _brand: GcCell::new(None) }))
            });
            for _ in 0..2 {
                mutator.collect();
                // What was freed by mistake would be overwritten.
                mutator.mutate(|mc| {
                    for n in 0..1000 {
                        mc.alloc(Leaf(n, Counted(counted.clone())));
                    }
                });
                let mut seen = mutator.mutate(|mc| read(&root.get(mc).held));
                seen.sort_unstable();
                assert_eq!(seen, [1, 2, 3]);
            }
            drop(root);
            mutator.collect();
            assert_eq!(Arc::strong_count(&counted), 1, "everything was dropped, once");
        }
    };
}

holds!(vec, Vec<Target<'gc>>, |_mc, t| t.into(), |h| h.iter().map(|t| t.0).collect());
holds!(boxed_slice, Box<[Target<'gc>]>, |_mc, t| Box::new(t), |h| h.iter().map(|t| t.0).collect());
holds!(array, [Target<'gc>; 3], |_mc, t| t, |h| h.iter().map(|t| t.0).collect());
holds!(tuple, (Target<'gc>, (Target<'gc>, u8), [Target<'gc>; 1]), |_mc, t| (t[0], (t[1], 9), [t[2]]), |h| vec![
    h.0.0, h.1.0.0, h.2[0].0
]);
holds!(option_of_box, Option<Box<[Target<'gc>; 3]>>, |_mc, t| Some(Box::new(t)), |h| {
    h.iter().flat_map(|b| b.iter()).map(|t| t.0).collect()
});
holds!(result, Result<[Target<'gc>; 3], String>, |_mc, t| Ok(t), |h| {
    h.as_ref().unwrap().iter().map(|t| t.0).collect()
});
holds!(vec_deque, VecDeque<Target<'gc>>, |_mc, t| t.into(), |h| h.iter().map(|t| t.0).collect());
holds!(linked_list, LinkedList<Target<'gc>>, |_mc, t| t.into(), |h| h.iter().map(|t| t.0).collect());
holds!(
    hash_map,
    HashMap<String, Target<'gc>>,
    |_mc, t| t.into_iter().map(|t| (t.0.to_string(), t)).collect(),
    |h| h.values().map(|t| t.0).collect()
);
holds!(hash_map_keys, HashMap<ByPtr<'gc, Leaf>, ()>, |_mc, t| t.map(|t| (ByPtr(t), ())).into(), |h| h
    .keys()
    .map(|t| t.0.0)
    .collect());
holds!(hash_set, HashSet<ByPtr<'gc, Leaf>>, |_mc, t| t.map(ByPtr).into(), |h| h.iter().map(|t| t.0.0).collect());
holds!(
    btree_map,
    BTreeMap<u32, Target<'gc>>,
    |_mc, t| t.map(|t| (t.0, t)).into(),
    |h| h.values().map(|t| t.0).collect()
);
holds!(btree_set, BTreeSet<Gc<'gc, u32>>, |mc, t| t.map(|t| mc.alloc(t.0)).into(), |h| h.iter().map(|n| **n).collect());
holds!(binary_heap, BinaryHeap<Gc<'gc, u32>>, |mc, t| t.map(|t| mc.alloc(t.0)).into(), |h| h
    .iter()
    .map(|n| **n)
    .collect());
holds!(range, std::ops::Range<(u32, Target<'gc>)>, |_mc, t| (t[2].0, t[0])..(t[2].0, t[1]), |h| vec![
    h.start.1.0,
    h.end.1.0,
    h.start.0
]);

holds!(arrayvec_, arrayvec::ArrayVec<Target<'gc>, 5>, |_mc, t| t.into_iter().collect(), |h| h
    .iter()
    .map(|t| t.0)
    .collect());
holds!(smallvec_inline, smallvec::SmallVec<[Target<'gc>; 4]>, |_mc, t| t.into_iter().collect(), |h| {
    h.iter().map(|t| t.0).collect()
});
holds!(smallvec_spilled, smallvec::SmallVec<[Target<'gc>; 1]>, |_mc, t| t.into_iter().collect(), |h| {
    h.iter().map(|t| t.0).collect()
});
holds!(thin_vec_, thin_vec::ThinVec<Target<'gc>>, |_mc, t| t.into_iter().collect(), |h| h
    .iter()
    .map(|t| t.0)
    .collect());
holds!(either_, either::Either<u8, [Target<'gc>; 3]>, |_mc, t| either::Either::Right(t), |h| {
    h.as_ref().right().unwrap().iter().map(|t| t.0).collect()
});
holds!(
    hashbrown_map,
    hashbrown::HashMap<u32, Target<'gc>, std::hash::RandomState>,
    |_mc, t| t.into_iter().map(|t| (t.0, t)).collect(),
    |h| h.values().map(|t| t.0).collect()
);
holds!(
    indexmap_,
    indexmap::IndexMap<u32, Target<'gc>, std::hash::RandomState>,
    |_mc, t| t.into_iter().map(|t| (t.0, t)).collect(),
    |h| h.values().map(|t| t.0).collect()
);
holds!(
    slotmap_,
    slotmap::SlotMap<slotmap::DefaultKey, Target<'gc>>,
    |_mc, t| {
        let mut map = slotmap::SlotMap::new();
        for target in t {
            map.insert(target);
        }
        map
    },
    |h| h.values().map(|t| t.0).collect()
);

/// Leaves of other crates, beside what is traced.
#[test]
fn leaves_of_other_crates() {
    #[derive(Trace)]
    struct Leaves<'gc> {
        target: Target<'gc>,
        bytes: bytes::Bytes,
        compact: compact_str::CompactString,
        big: num_bigint::BigInt,
        ordered: ordered_float::OrderedFloat<f64>,
        path: PathBuf,
        cow: Cow<'static, str>,
        shared: Arc<str>,
    }
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let root = mutator.mutate(|mc| {
        mc.root(mc.alloc(Leaves {
            target: mc.alloc(Leaf(7, Counted(Arc::new(())))),
            bytes: bytes::Bytes::from_static(b"bytes"),
            compact: "a string that does not fit into three words".into(),
            big: num_bigint::BigInt::from(3).pow(100),
            ordered: 1.5.into(),
            path: "a/path".into(),
            cow: Cow::Owned("cow".into()),
            shared: "shared".into(),
        }))
    });
    mutator.collect();
    mutator.mutate(|mc| {
        let all = root.get(mc);
        assert_eq!((all.target.0, &all.bytes[..], all.compact.len(), all.ordered.0), (7, &b"bytes"[..], 43, 1.5));
        assert_eq!(
            (all.big.bits(), all.path.to_str(), &*all.cow, &*all.shared),
            (159, Some("a/path"), "cow", "shared")
        );
    });
}
