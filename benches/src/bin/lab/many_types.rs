//! many_types: objects of a thousand types, allocated in turn. What is kept per type (spans, caches) must not get in the way.

use benches::{Flavour, Line, Regions, Watch};
use gc_core::{Gc, GcCell, Mutation, Root, Trace};

use crate::options::Options;

/// Objects kept of every type.
const KEPT: usize = 64;

#[derive(Trace)]
struct Typed<'gc, const A: usize, const B: usize, const C: usize> {
    before: Option<Gc<'gc, u64>>,
    number: u64,
}

type Slots<'gc> = [GcCell<'gc, Option<Gc<'gc, u64>>>];

/// Allocates one object of a type, and keeps what it points to in the slot: the number of the object before.
type Make<S> = for<'gc> fn(&Mutation<'gc, S>, &GcCell<'gc, Option<Gc<'gc, u64>>>, u64) -> u64;

fn make<'gc, S: Flavour, const A: usize, const B: usize, const C: usize>(
    mc: &Mutation<'gc, S>,
    slot: &GcCell<'gc, Option<Gc<'gc, u64>>>,
    number: u64,
) -> u64 {
    let object = S::alloc(mc, Typed::<A, B, C> { before: slot.get(), number });
    slot.set(mc, Some(S::alloc(mc, number)));
    object.number.wrapping_add(object.before.map_or(0, |before| *before))
}

macro_rules! ten {
    ($S:ident; $($digits:literal)*) => {
        [$(ten!(@of $S; $digits)),*]
    };
    (@of $S:ident; $a:literal) => {
        [
            ten!(@row $S; $a, 0), ten!(@row $S; $a, 1), ten!(@row $S; $a, 2), ten!(@row $S; $a, 3), ten!(@row $S; $a, 4),
            ten!(@row $S; $a, 5), ten!(@row $S; $a, 6), ten!(@row $S; $a, 7), ten!(@row $S; $a, 8), ten!(@row $S; $a, 9),
        ]
    };
    (@row $S:ident; $a:literal, $b:literal) => {
        [
            make::<$S, $a, $b, 0>, make::<$S, $a, $b, 1>, make::<$S, $a, $b, 2>, make::<$S, $a, $b, 3>,
            make::<$S, $a, $b, 4>, make::<$S, $a, $b, 5>, make::<$S, $a, $b, 6>, make::<$S, $a, $b, 7>,
            make::<$S, $a, $b, 8>, make::<$S, $a, $b, 9>,
        ]
    };
}

pub(crate) fn run<S: Flavour>(options: &Options, n: u64) -> Line {
    let types: [[[Make<S>; 10]; 10]; 10] = ten!(S; 0 1 2 3 4 5 6 7 8 9);
    let types: Vec<Make<S>> = types.into_iter().flatten().flatten().collect();
    let heap = S::heap(options.config());
    let mut mutator = S::mutator(&heap);
    let mut regions = Regions::new();
    let slots: Root<[GcCell<'static, Option<Gc<'static, u64>>>], S> =
        mutator.mutate(|mc| mc.root(S::alloc_slice(mc, (0..KEPT).map(|_| GcCell::new(None::<Gc<'_, u64>>)))));
    let watch = Watch::start::<S>(&heap);
    let clock = benches::Clock::new();
    let (mut i, mut sum) = (0, 0u64);
    while i < n {
        regions.time(|| {
            mutator.mutate(|mc| {
                let slots: &Slots<'_> = Gc::as_ref(slots.get(mc));
                let end = n.min(i + 4096);
                while i < end && !mc.should_yield() {
                    for _ in 0..64.min(end - i) {
                        let make = types[(i * 7) as usize % types.len()];
                        sum = sum.wrapping_add(make(mc, &slots[i as usize % KEPT], i));
                        i += 1;
                    }
                }
            });
        });
    }
    let seconds = clock.seconds();
    Line::new("many_types", seconds, n, sum, watch.finish::<S>(&heap, &regions)).with("types", types.len())
}
