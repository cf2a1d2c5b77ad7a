//! frames: a game's loop on a heap without threads. Every 16 ms a frame makes objects, of which some live on, and gives the
//! collector a millisecond. A frame is late if it is not done when the next one is due.

use std::time::Duration;

use benches::{Clock, Flavour, HeapSeries, Histogram, Line, Paced, Regions, Rng, Watch};
use gc_core::{Gc, GcCell, Mutator, Root, Slice, Trace};

use crate::options::Options;

const PERIOD_NS: u64 = 16_000_000;
const SLICE: Duration = Duration::from_millis(1);
/// Objects made in one region.
const PER_REGION: u64 = 256;

#[derive(Trace)]
struct Entity<'gc> {
    target: GcCell<'gc, Option<Gc<'gc, Entity<'gc>>>>,
    state: [u64; 15],
}

type Slot<'gc> = GcCell<'gc, Option<Gc<'gc, Entity<'gc>>>>;
type Slots<'gc> = [Slot<'gc>];

fn make<S: Flavour>(mutator: &mut Mutator<S>, slots: &Root<Slots<'static>, S>, places: impl Iterator<Item = usize>) {
    mutator.mutate(|mc| {
        let slots = Gc::as_ref(slots.get(mc));
        for place in places {
            let target = GcCell::new(slots[(place * 31 + 7) % slots.len()].get());
            let entity = S::alloc(mc, Entity { target, state: [place as u64; 15] });
            if place % 4 == 0 || slots[place].get().is_none() {
                slots[place].set(mc, Some(entity));
            }
        }
        // What is pointed to through what is replaced may die.
        for slot in slots.iter().step_by(slots.len() / 16 + 1) {
            slot.get().inspect(|entity| entity.target.set(mc, None));
        }
    });
}

pub(crate) fn run<S: Flavour>(options: &Options, live_mib: u64, per_frame: u64, seconds: u64) -> Result<Line, String> {
    let live = live_mib * (1 << 20) / 128;
    if live == 0 || live >= 1 << 31 {
        return Err("from 1 MiB".into());
    }
    let heap = S::heap(options.config().threads(false));
    let born = Clock::new();
    let mut mutator = S::mutator(&heap);
    let mut rng = Rng::new();
    let slots: Root<Slots<'static>, S> =
        mutator.mutate(|mc| mc.root(S::alloc_slice(mc, (0..live as usize).map(|_| Slot::new(None)))));
    for from in (0..live).step_by(PER_REGION as usize) {
        make(&mut mutator, &slots, from as usize..live.min(from + PER_REGION) as usize);
    }
    mutator.collect();

    let mut slices = Histogram::new();
    let mut longest_beyond = Duration::ZERO;
    let (mut peak, mut cycles) = (0, 0);
    let mut paced = Paced::default();
    let mut regions = Regions::new();
    let frames = seconds * 1_000_000_000 / PERIOD_NS;
    let watch = Watch::start::<S>(&heap);
    let wall = paced.run(frames, PERIOD_NS, &mut regions, HeapSeries::new::<S>(&heap, born), |_| {
        let mut made = 0;
        while made < per_frame {
            make(&mut mutator, &slots, (0..PER_REGION).map(|_| rng.below(live) as usize));
            made += PER_REGION;
        }
        let since = std::time::Instant::now();
        cycles += u64::from(mutator.collect_for(SLICE) == Slice::Over);
        let took = since.elapsed();
        slices.add(took.as_nanos() as u64);
        longest_beyond = longest_beyond.max(took.saturating_sub(SLICE));
        peak = peak.max(S::statistics(&heap).memory_bytes);
    });
    let extra = watch.finish::<S>(&heap, &regions);
    let sum = mutator.mutate(|mc| slots.get(mc)[0].get().map_or(0, |entity| entity.state[0]));
    let late = paced.latency.count_above(PERIOD_NS);
    Ok(Line::new("frames", wall as f64 / 1e9, frames, sum, extra)
        .with_paced(&paced)
        .with("late_frames", late)
        .with("slice_p50_us", slices.quantile_us(0.5))
        .with("slice_p999_us", slices.quantile_us(0.999))
        .with("slice_beyond_budget_us", longest_beyond.as_secs_f64() * 1e6)
        .with("slices_that_ended_a_cycle", cycles)
        .with("peak_memory_mib", peak as f64 / 1048576.0))
}
