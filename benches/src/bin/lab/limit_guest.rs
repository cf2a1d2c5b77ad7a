//! limit_guest: guests that allocate as fast as they can under a hard limit, vectors and maps that their objects own included,
//! until they are refused; and what the process takes meanwhile. The host then lets go of a guest and runs the next one in
//! the same heap.

use allocator_api2::vec::Vec as CountedVec;
use benches::{Clock, Flavour, Histogram, Line, Regions, Rng, Watch, peak_rss_mib};
use gc_core::{AllocCause, Gc, GcAlloc, GcMutex, Mutation, Mutator, Root, Trace};
use hashbrown::{DefaultHashBuilder, HashMap};

use crate::options::Options;

type Map<'gc> = HashMap<u64, Option<Gc<'gc, Thing<'gc>>>, DefaultHashBuilder, GcAlloc>;

/// What guests make.
#[derive(Trace)]
enum Thing<'gc> {
    Pair(Option<Gc<'gc, Thing<'gc>>>, [u64; 5]),
    Bytes(CountedVec<u8, GcAlloc>),
    Table(Map<'gc>),
}

#[derive(Trace)]
struct Guest<'gc> {
    kept: GcMutex<'gc, CountedVec<Gc<'gc, Thing<'gc>>, GcAlloc>>,
}

/// What a guest makes most of.
#[derive(Debug, Clone, Copy)]
enum Taste {
    Pairs,
    Bytes,
    Tables,
    All,
}

/// In turn: what one guest leaves behind is of another kind than what the next one wants.
const TASTES: [Taste; 4] = [Taste::All, Taste::Pairs, Taste::Bytes, Taste::Tables];

/// Why a guest had to stop.
struct Refused;

fn thing<'gc, S: Flavour>(mc: &Mutation<'gc, S>, rng: &mut Rng, taste: Taste) -> Result<Gc<'gc, Thing<'gc>>, Refused> {
    let kind = match taste {
        Taste::Pairs => 0,
        Taste::Bytes => 1,
        Taste::Tables => 2,
        Taste::All => rng.below(3),
    };
    let thing = match kind {
        0 => Thing::Pair(None, [rng.next(); 5]),
        1 => {
            let mut bytes = CountedVec::new_in(mc.allocator());
            // Many small ones, and a large one now and then.
            let powers = if rng.below(64) == 0 { 14 } else { 6 };
            let len = 32 << rng.below(powers);
            bytes.try_reserve_exact(len as usize).map_err(|_| Refused)?;
            bytes.resize(len as usize, kind as u8);
            Thing::Bytes(bytes)
        }
        _ => {
            let mut map = Map::with_hasher_in(DefaultHashBuilder::default(), mc.allocator());
            for key in 0..rng.below(100) {
                map.try_reserve(1).map_err(|_| Refused)?;
                map.insert(key, None);
            }
            Thing::Table(map)
        }
    };
    let made = S::try_alloc(mc, thing);
    made.map_err(|error| {
        assert_eq!(error.cause, AllocCause::Limit, "{error}");
        Refused
    })
}

/// A few things more; half of them the guest keeps.
fn work<S: Flavour>(
    mutator: &mut Mutator<S>,
    guest: &Root<Guest<'static>, S>,
    rng: &mut Rng,
    taste: Taste,
) -> Result<(), Refused> {
    mutator.mutate(|mc| {
        for _ in 0..16 {
            let thing = thing(mc, rng, taste)?;
            if rng.below(2) == 0 {
                let guest = Gc::as_ref(guest.get(mc));
                let mut kept = guest.kept.lock(mc);
                kept.try_reserve(1).map_err(|_| Refused)?;
                kept.push(thing);
            }
        }
        Ok(())
    })
}

pub(crate) fn run<S: Flavour>(options: &Options, limit_mib: u64, guests: u64) -> Line {
    let limit = (limit_mib as usize) << 20;
    let heap = S::heap(options.config().hard_limit(limit));
    let mut mutator = S::mutator(&heap);
    let mut rng = Rng::new();
    let mut steps = Histogram::new();
    let (mut ops, mut least) = (0, usize::MAX);
    let watch = Watch::start::<S>(&heap);
    let clock = Clock::new();
    for guest in 0..guests {
        let taste = TASTES[guest as usize % TASTES.len()];
        let root = mutator.mutate(|mc| {
            let kept = GcMutex::new(CountedVec::new_in(mc.allocator()));
            mc.root(S::alloc(mc, Guest { kept }))
        });
        let mut refused_before = false;
        loop {
            let since = clock.ns();
            let refused = work(&mut mutator, &root, &mut rng, taste).is_err();
            steps.add(clock.ns() - since);
            // What is refused may be tried again after a safepoint, which was the end of the region.
            if refused && refused_before {
                break;
            }
            refused_before = refused;
            ops += 16;
        }
        least = least.min(S::statistics(&heap).memory_bytes);
        drop(root);
        mutator.collect();
    }
    let wall = clock.seconds();
    let after = S::statistics(&heap);
    assert_eq!(after.live_objects, 0, "the host let go of everything");
    let extra = watch.finish::<S>(&heap, &Regions::new());
    let bound = limit_mib as f64 * 1.1 + 8.0;
    let peak = peak_rss_mib();
    Line::new("limit_guest", wall, ops, guests, extra)
        .with_latencies(&steps)
        .with("rss_bound_mib", bound)
        .with("rss_is_within", peak.map(|peak| peak <= bound))
        .with("least_memory_when_refused_mib", least as f64 / 1048576.0)
        .with("memory_after_mib", after.memory_bytes as f64 / 1048576.0)
        .with("emergencies", after.emergencies)
}
