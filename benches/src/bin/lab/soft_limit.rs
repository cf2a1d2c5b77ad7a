//! soft_limit: how much a program still gets done when its soft limit is close above what lives: the same churn without a limit
//! first, then under limits of 2, 1.25, 1.1 and 1.05 times what it took to hold what lives.

use benches::{Clock, Flavour, Line, Regions, Rng, Watch};
use gc_core::{Config, Gc, GcCell, Mutator, Root, Trace};
use serde_json::{Value, json};

use crate::options::Options;

/// Limits, in percent of what lives.
const LIMITS: [u64; 4] = [200, 125, 110, 105];
/// Objects made in one region.
const PER_REGION: u64 = 64;

#[derive(Trace)]
struct Node<'gc> {
    next: Option<Gc<'gc, Node<'gc>>>,
    load: [u64; 7],
}

type Slot<'gc> = GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>;
type Slots<'gc> = [Slot<'gc>];

fn churn<S: Flavour>(mutator: &mut Mutator<S>, slots: &Root<Slots<'static>, S>, rng: &mut Rng) {
    mutator.mutate(|mc| {
        let slots = Gc::as_ref(slots.get(mc));
        for n in 0..PER_REGION {
            let node = S::alloc(mc, Node { next: None, load: [n; 7] });
            // One in eight lives on, in the place of another.
            if n % 8 == 0 {
                slots[rng.below(slots.len() as u64) as usize].set(mc, Some(node));
            }
        }
    });
}

/// Objects made in so many seconds under a limit, and what came of it.
fn measure<S: Flavour>(config: Config, live: u64, percent: Option<u64>, seconds: u64) -> (u64, Value) {
    let heap = S::heap(config);
    let mut mutator = S::mutator(&heap);
    let mut rng = Rng::new();
    let slots: Root<Slots<'static>, S> =
        mutator.mutate(|mc| mc.root(S::alloc_slice(mc, (0..live as usize).map(|_| Slot::new(None)))));
    for from in (0..live).step_by(PER_REGION as usize) {
        mutator.mutate(|mc| {
            let slots = Gc::as_ref(slots.get(mc));
            for slot in &slots[from as usize..live.min(from + PER_REGION) as usize] {
                slot.set(mc, Some(S::alloc(mc, Node { next: None, load: [1; 7] })));
            }
        });
    }
    mutator.collect();
    let holds = S::statistics(&heap).memory_bytes as u64;
    let limit = percent.map(|percent| holds * percent / 100);
    S::set_soft_limit(&heap, limit.map(|limit| limit as usize));
    let watch = Watch::start::<S>(&heap);
    let clock = Clock::new();
    let (mut made, mut peak) = (0, 0);
    while clock.seconds() < seconds as f64 {
        for _ in 0..256 {
            churn(&mut mutator, &slots, &mut rng);
            made += PER_REGION;
        }
        peak = peak.max(S::statistics(&heap).memory_bytes as u64);
    }
    let extra = watch.finish::<S>(&heap, &Regions::new());
    let said = json!({
        "limit_percent": percent,
        "limit_mib": limit.map(|limit| limit as f64 / 1048576.0),
        "peak_memory_mib": peak as f64 / 1048576.0,
        "objects_per_second": made as f64 / clock.seconds(),
        "gc_cycles": extra["gc_cycles"],
        "collector_cpu_share": extra["collector_cpu_share"],
    });
    (made, said)
}

pub(crate) fn run<S: Flavour>(options: &Options, live: u64, seconds: u64) -> Result<Line, String> {
    if live == 0 || live >= 1 << 31 {
        return Err("from 1 to 2^31 - 1 objects".into());
    }
    let (free, first) = measure::<S>(options.config(), live, None, seconds);
    let mut runs = vec![first];
    let mut progress = serde_json::Map::new();
    for percent in LIMITS {
        let (made, run) = measure::<S>(options.config(), live, Some(percent), seconds);
        progress.insert(format!("{percent} %"), (made as f64 / free as f64).into());
        runs.push(run);
    }
    let mut extra = serde_json::Map::new();
    extra.insert("heap".into(), S::NAME.into());
    extra.insert("progress".into(), progress.into());
    extra.insert("runs".into(), runs.into());
    Ok(Line::new("soft_limit", seconds as f64, free, live, extra))
}
