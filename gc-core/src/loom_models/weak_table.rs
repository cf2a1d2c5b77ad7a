//! An interner beside the end of marking: two mutators look one entry up and put it in again where it is lost.
//!
//! Shown: what was found is kept, black at Done; of two mutators that find nothing one puts its own in and both have it, and
//! nobody finds the old one after that; the collector empties the entry of a dead target and no other; the count is right.
//! Threads: the collector (main) and two mutators.
//!
//! Fails if: a target is not upgraded before it is compared; the collector empties what it finds without a look at the mark; a
//! new object is put in whatever was added meanwhile.
//!
//! covers: gc-core::weak::bucket::Bucket::tags
//! covers: gc-core::weak::bucket::Bucket::targets
//! covers: gc-core::weak::bucket::Bucket::hashes
//! covers: gc-core::weak::table::WeakTable::buckets
//! covers: gc-core::weak::table::WeakTable::mask
//! covers: gc-core::weak::table::WeakTable::additions
//! numbers: gc-core::weak::bucket::Count::entries
//! numbers: gc-core::weak::table::WeakTable::shown

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, OnceLock};

use super::{Cycle, Player, explore_play, heap, play};
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;
use crate::{Gc, Interner, Root};

/// Everything has one hash: a lookup compares.
#[derive(Default)]
struct Constant;

impl Hasher for Constant {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, _: &[u8]) {}
}

type Numbers<'gc> = Interner<'gc, u32, BuildHasherDefault<Constant>>;

struct Holder<'gc>(Numbers<'gc>);

// SAFETY: the one field is shown.
unsafe impl<'gc> Trace<'gc> for Holder<'gc> {
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.0);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl Rebrand for Holder<'_> {
    type With<'a> = Holder<'a>;
}

type Got = Arc<OnceLock<Root<u32>>>;

#[test]
fn two_lookups_beside_the_end() {
    explore_play(|| {
        let heap = heap();
        let space = heap.core().space;
        let mut mutator = heap.mutator().unwrap();
        let (holder, old) = mutator.mutate(|mc| {
            let numbers = Numbers::with_hasher(mc, BuildHasherDefault::default());
            let old = numbers.intern_value(mc, 1_u32);
            (Arc::new(mc.root(mc.alloc(Holder(numbers)))), Gc::addr(old))
        });
        drop(mutator);
        let got: [Got; 2] = Default::default();
        let players = got
            .iter()
            .map(|got| {
                let (holder, got) = (holder.clone(), got.clone());
                Box::new(move |mutator: &mut crate::Mutator| {
                    mutator.mutate(|mc| {
                        let one = holder.get(mc).0.intern_value(mc, 1);
                        assert!(got.set(mc.root(one)).is_ok());
                    });
                }) as Player
            })
            .collect();
        play(
            &heap,
            || Cycle::begin(heap.core()),
            players,
            |cycle| {
                cycle.mark();
                cycle.settle();
            },
        );
        let [a, b] = got.each_ref().map(|got| got.get().expect("the player has played"));
        assert!(Root::ptr_eq(a, b), "two equal objects are interned");
        let mut mutator = heap.mutator().unwrap();
        mutator.mutate(|mc| {
            let found = a.get(mc);
            let kept = Gc::addr(found) == old;
            assert_eq!(space.is_marked(old), kept, "kept and not black, or lost and not white");
            let numbers = holder.get(mc).0;
            assert!(numbers.get(mc, &1).is_some_and(|there| Gc::ptr_eq(there, found)), "an entry is lost");
            assert_eq!(numbers.len(), 1);
        });
    });
}
