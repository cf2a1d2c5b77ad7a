//! One cycle, from H1 to the end of its sweep.
//!
//! ```text
//! Idle --H1--> Sync --H2--> Rooted --H3--> Trace --waves until clean--> Done --H4--> Ended --H5--> Idle + sweep
//! ```
//!
//! 1. **H1**: the barrier goes on everywhere before anything else happens. Dropped roots are pinned before.
//! 2. **H2**: each mutator shades its own roots. When all have, the global roots are walked.
//! 3. **H3**: everybody's roots are in; claims count; newborns are black. Only now do markers scan.
//! 4. **Waves**: with all queues empty, the word goes to Terminating, and each mutator hands in what it shaded. Clean: Done.
//! 5. **H4**: the barrier goes off; newborns stay black until all have answered.
//! 6. **H5**: newborns are white; caches are handed over. When all have answered, sweeping begins.
//!
//! On a local heap H1 to H3 are one handshake, and H4 with H5 (`mode` M1); the walk follows the first: the roots are
//! pinned since before it, so the walk finds whatever they named at that moment.
//!
//! Everything is swept and dropped before the next cycle begins.

use std::sync::Arc;
use std::time::Instant;

use allocator::{Allocated, SweepProgress};

use crate::control::Control;
use crate::heap::HeapCore;
use crate::marker::Marker;
use crate::mode::Handshake;
use crate::pacer::Found;
use crate::record::Record;
use crate::stats::CycleReport;
use crate::team::{Marking, Team};

/// Spans swept in one go before the thread looks up.
const SWEEP_BATCH: usize = 256;

/// A job of the pool: runs cycles for as long as some are wanted.
pub(crate) fn run_cycles(heap: &Arc<HeapCore>) {
    let mut collector = Some(heap.control.begin_run());
    while let Some(number) = heap.control.next_cycle(&mut collector) {
        collector.as_mut().expect("given back at the end only").run(heap, number);
    }
    if heap.control.ends_on_collector() {
        crate::teardown::finish(heap);
    }
}

/// What the runner of a heap's cycles keeps from one to the next.
pub(crate) struct Collector {
    pub(crate) team: Team,
    /// The mutators asked in a handshake, kept for its memory.
    asked: Vec<Arc<Record>>,
    /// What had been allocated when the last cycle handed the caches over.
    allocated_before: Allocated,
    /// What survived it.
    live: Allocated,
}

impl Collector {
    pub(crate) fn new(marking: &Arc<Marking>, marker: Marker) -> Collector {
        Collector {
            team: Team::new(marking, marker),
            asked: Vec::new(),
            allocated_before: Allocated::default(),
            live: Allocated::default(),
        }
    }

    fn run(&mut self, heap: &Arc<HeapCore>, number: u64) {
        let mut report = CycleReport {
            number,
            began: heap.age(),
            began_at: heap.pacing.heap_bytes(&heap.arena),
            goal: heap.pacing.goal(),
            ..CycleReport::default()
        };
        let allocated_at_begin = heap.arena.allocated_bytes();
        let drops_before = heap.drops.run();

        let since = Instant::now();
        self.root(heap, &mut report);
        report.start = since.elapsed();

        let since = Instant::now();
        self.mark(heap, &mut report);
        report.mark = since.elapsed();
        report.ended_at = heap.pacing.heap_bytes(&heap.arena);

        let since = Instant::now();
        if heap.shared {
            self.ask(heap, Handshake::Ended, &mut report);
            self.ask(heap, Handshake::Idle, &mut report);
        } else {
            self.ask(heap, Handshake::Finish, &mut report);
        }
        heap.shades.clear();
        report.end = since.elapsed();
        let allocated_before = heap.arena.allocated_before();
        let born_black = heap.pacing.take_born_black();

        let since = Instant::now();
        sweep(heap);
        report.sweep = since.elapsed();
        report.live_bytes = heap.arena.live_bytes() as usize;
        report.live_objects = heap.arena.live_objects();
        report.drops = heap.drops.run() - drops_before;
        let born = Allocated {
            bytes: allocated_before.bytes - self.allocated_before.bytes,
            objects: allocated_before.objects - self.allocated_before.objects,
        };
        report.freed_bytes = (self.live.bytes + born.bytes).saturating_sub(report.live_bytes as u64);
        report.freed_objects = (self.live.objects + born.objects).saturating_sub(report.live_objects);
        self.live = Allocated { bytes: report.live_bytes as u64, objects: report.live_objects };
        self.allocated_before = allocated_before;
        heap.pacing.cycle_over(Found {
            began_at: report.began_at,
            live: report.live_bytes,
            born_black,
            during: allocated_before.bytes.saturating_sub(allocated_at_begin) as usize,
            allocated_before: allocated_before.bytes,
        });

        heap.control.cycle_over(|statistics| statistics.add_cycle(report));
    }

    fn ask(&mut self, heap: &HeapCore, handshake: Handshake, report: &mut CycleReport) {
        let took = heap.handshake(handshake, &mut self.asked);
        report.slowest_handshake = report.slowest_handshake.max(took);
    }

    /// H1 to H3, and the walk of the global roots.
    pub(crate) fn root(&mut self, heap: &HeapCore, report: &mut CycleReport) {
        heap.shades.termination.reset();
        heap.advance_epoch();
        heap.marking.progress.begin(report.began_at);
        heap.roots.pin();
        if heap.shared {
            self.ask(heap, Handshake::Sync, report);
            self.ask(heap, Handshake::Rooted, report);
            self.walk_roots(heap);
            self.ask(heap, Handshake::Trace, report);
        } else {
            self.ask(heap, Handshake::Start, report);
            self.walk_roots(heap);
        }
    }

    fn walk_roots(&mut self, heap: &HeapCore) {
        let marker = self.team.marker();
        heap.roots.walk(|target| marker.root(target));
        marker.flush();
    }

    /// Marks until a wave is clean.
    pub(crate) fn mark(&mut self, heap: &HeapCore, report: &mut CycleReport) {
        let termination = &heap.shades.termination;
        self.team.begin(heap.epoch());
        loop {
            let handed_in = self.team.mark_until_quiet();
            termination.begin_wave();
            self.ask(heap, Handshake::Wave, report);
            report.waves += 1;
            if heap.shades.handed_in() == handed_in && termination.settle() {
                break;
            }
            termination.reset();
        }
        report.marked = self.team.end();
    }
}

/// Sweeps everything, and has everything dead dropped.
fn sweep(heap: &HeapCore) {
    heap.arena.allow_sweep();
    loop {
        // `More`: spans wait whose dead have to be dropped, or a mutator is just sweeping one for itself.
        match heap.arena.sweep(SWEEP_BATCH, &mut |_| {}) {
            SweepProgress::Done => return,
            SweepProgress::More if heap.shared => heap.drops.run_all(heap),
            SweepProgress::More => {
                if heap.arena.sweep(usize::MAX, &mut |_| {}) == SweepProgress::Done {
                    return;
                }
                if !Control::await_drops(heap) {
                    return; // the heap ends; its teardown drops what is left
                }
            }
        }
    }
}
