//! One cycle, from H1 to the end of its sweep.
//!
//! ```text
//! Idle --H1--> Sync --H2--> Rooted --H3--> Trace --waves until clean--> Done, settle weak --H4--> Ended --H5--> Idle + sweep
//! ```
//!
//! 1. **H1**: the barrier goes on everywhere before anything else happens. Dropped roots are pinned before.
//! 2. **H2**: each mutator shades its own roots. When all have, the global roots are walked.
//! 3. **H3**: everybody's roots are in; claims count; newborns are black. Only now do markers scan.
//! 4. **Waves**: with all queues empty, the word goes to Terminating, and each mutator hands in what it shaded. Clean: Done.
//! 5. **Settling**: weak references to what stayed white are emptied.
//! 6. **H4**: the barrier goes off; newborns stay black until all have answered.
//! 7. **H5**: newborns are white; caches are handed over. When all have answered, sweeping begins.
//!
//! On a local heap H1 to H3 are one handshake, and H4 with H5 (`mode` M1); the walk follows the first: the roots are
//! pinned since before it, so the walk finds whatever they named at that moment.
//!
//! Everything is swept and dropped before the next cycle begins.
//!
//! A cycle is taken in steps ([`Collector::step`]), each of which does something or says what it waits for. A thread of the
//! pool takes them one after the other ([`run_cycles`]); on a heap without threads its mutators do, in slices (`drive`).

use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allocator::{Allocated, SweepProgress};

use crate::clock::thread_time;
use crate::control::Control;
use crate::event::Event;
use crate::heap::HeapCore;
use crate::keys::KeyTables;
use crate::marker::Marker;
use crate::mode::Handshake;
use crate::pacer::Found;
use crate::pacing::{CycleFound, Settings};
use crate::pool::pool;
use crate::record::Record;
use crate::stats::CycleReport;
use crate::sync::yield_now;
use crate::team::{Marking, Team};
use crate::tracer::Unsettled;
use crate::weak::WeakSlot;

/// Spans swept in one step: some ten microseconds' work.
const SWEEP_BATCH: usize = 256;
/// Weak references settled in one step: some ten microseconds' work.
const SETTLE_BATCH: usize = 2048;
/// Tables of keys ended in one step.
const TABLE_BATCH: usize = 64;
/// How long the dead are dropped in one step of a slice that is bounded by work.
const DROP_SLICE: Duration = Duration::from_micros(40);
/// How long a thread of the pool marks before it looks whether it may go on.
const MARK_SLICE: Duration = Duration::from_millis(1);

/// How much a caller of [`Collector::step`] has to spend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// No step goes on after this.
    pub(crate) until: Option<Instant>,
    /// Bytes of objects to scan.
    pub(crate) bytes: usize,
}

impl Budget {
    pub(crate) const fn unbounded() -> Budget {
        Budget { until: None, bytes: usize::MAX }
    }

    pub(crate) const fn until(moment: Instant) -> Budget {
        Budget { until: Some(moment), bytes: usize::MAX }
    }

    /// For so long, beginning now; a time beyond what the clock can tell is no bound.
    pub(crate) fn lasting(time: Duration) -> Budget {
        Budget { until: Instant::now().checked_add(time), ..Budget::unbounded() }
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.bytes == 0 || self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Time that is left.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to do at once.
    Working,
    /// Nothing more before all mutators have answered.
    Waiting,
    /// Nothing more before a local heap's owner has dropped what died.
    Drops,
    /// The cycle is over.
    Over,
}

/// Where a cycle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// None is on.
    Rest,
    /// A handshake was requested.
    Asked(Handshake),
    /// The global roots are being walked; so many were seen.
    Walk(usize),
    /// Markers mark.
    Mark,
    /// Marking is done; weak references are being settled.
    Settle,
    /// The dead are swept and dropped.
    Sweep,
}

/// A job of the pool: runs cycles for as long as some are wanted.
pub(crate) fn run_cycles(heap: &Arc<HeapCore>) {
    let mut collector = Some(heap.control.begin_run());
    while let Some(number) = heap.control.next_cycle(&mut collector) {
        collector.as_mut().expect("given back at the end only").run(heap, number);
    }
    if heap.control.ends_on_collector() {
        crate::teardown::finish(heap);
    }
    pool().scavenge(heap.space);
}

/// What the runner of a heap's cycles keeps from one to the next, and from one step to the next.
pub(crate) struct Collector {
    pub(crate) team: Team,
    phase: Phase,
    /// The mutators asked in a handshake, kept for its memory.
    asked: Vec<Arc<Record>>,
    /// Slots of weak references that are to be settled.
    weak_slots: Vec<NonNull<()>>,
    /// Other objects that are to be settled.
    to_settle: Vec<Unsettled>,
    /// Where ephemerons hung, to be ended.
    key_tables: KeyTables,
    /// How many registered cleanups were looked at; `None`: all.
    cleanups_seen: Option<usize>,
    /// Hand-ins seen when the wave that is on was requested.
    handed_in: u64,
    report: CycleReport,
    /// When the part of the cycle that is measured began.
    part: Instant,
    /// When the handshake was requested.
    asked_at: Instant,
    /// Bytes ever allocated when the cycle began.
    allocated_at_begin: u64,
    /// Drops ever run when it began.
    drops_at_begin: u64,
    /// Bytes of objects in use then, and outside the heap.
    objects_at_begin: usize,
    external_at_begin: usize,
    /// When the last cycle ended; the age of the heap.
    ended_at: Duration,
    /// CPU time of the steps since.
    busy: Duration,
    /// Bytes born black in it.
    born_black: usize,
    /// What had been allocated when the last cycle handed the caches over.
    allocated_before: Allocated,
    /// What survived it.
    live: Allocated,
}

// SAFETY: the addresses of slots are the collector's to use, on whichever thread it runs.
unsafe impl Send for Collector {}

impl Collector {
    pub(crate) fn new(marking: &Arc<Marking>, marker: Marker) -> Collector {
        let now = Instant::now();
        Collector {
            team: Team::new(marking, marker),
            phase: Phase::Rest,
            asked: Vec::new(),
            weak_slots: Vec::new(),
            to_settle: Vec::new(),
            key_tables: KeyTables::default(),
            cleanups_seen: None,
            handed_in: 0,
            report: CycleReport::default(),
            part: now,
            asked_at: now,
            allocated_at_begin: 0,
            drops_at_begin: 0,
            objects_at_begin: 0,
            external_at_begin: 0,
            ended_at: Duration::ZERO,
            busy: Duration::ZERO,
            born_black: 0,
            allocated_before: Allocated::default(),
            live: Allocated::default(),
        }
    }

    /// Runs a whole cycle on this thread.
    fn run(&mut self, heap: &Arc<HeapCore>, number: u64) {
        self.begin(heap, number);
        loop {
            heap.control.pause();
            let mut budget = Budget::lasting(MARK_SLICE);
            match self.step(heap, &mut budget) {
                Step::Working => {}
                Step::Waiting => heap.rendezvous.wait(),
                Step::Drops => {
                    if !Control::await_drops(heap) {
                        return self.end(heap); // the heap ends; its teardown drops what is left
                    }
                }
                Step::Over => return,
            }
        }
    }

    /// The heap ends, in whatever phase: nobody is asked for anything any more.
    pub(crate) fn abandon(&mut self) {
        self.asked.clear();
    }

    /// Whether no cycle is on.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.phase == Phase::Rest
    }

    /// A cycle begins: everything up to the request of the first handshake.
    pub(crate) fn begin(&mut self, heap: &HeapCore, number: u64) {
        let pacing = heap.pacing.report();
        heap.observer.tell(Event::CycleBegan { number, heap_bytes: heap.heap_bytes(), pacing: &pacing });
        self.open(heap, number);
        self.ask(heap, if heap.shared { Handshake::Sync } else { Handshake::Start });
    }

    /// What precedes H1.
    pub(crate) fn open(&mut self, heap: &HeapCore, number: u64) {
        debug_assert!(self.is_at_rest());
        self.report = CycleReport {
            number,
            began: heap.age(),
            began_at: heap.heap_bytes(),
            goal: heap.pacing.goal(),
            ..CycleReport::default()
        };
        self.part = Instant::now();
        self.allocated_at_begin = heap.arena.allocated_bytes();
        self.objects_at_begin = heap.pacing.object_bytes(&heap.arena);
        self.external_at_begin = heap.external.roughly();
        self.drops_at_begin = heap.drops.run();
        heap.shades.termination.reset();
        heap.advance_epoch();
        heap.marking.progress.begin(self.objects_at_begin);
        // MUTATION(roots-unpinned) skip
        heap.roots.pin();
    }

    /// Takes the next step of the cycle that is on, and takes what it scans off the budget.
    pub(crate) fn step(&mut self, heap: &HeapCore, budget: &mut Budget) -> Step {
        let since = thread_time();
        let step = self.take_step(heap, budget);
        self.busy += thread_time() - since;
        if step == Step::Over {
            self.end(heap);
        }
        step
    }

    fn take_step(&mut self, heap: &HeapCore, budget: &mut Budget) -> Step {
        match self.phase {
            Phase::Rest => Step::Over,
            Phase::Asked(handshake) => {
                if !heap.rendezvous.is_complete() {
                    return Step::Waiting;
                }
                let took = self.asked_at.elapsed();
                // Asked whatever the clock says: a model takes the same steps each time.
                let own = |record: &Arc<Record>| Some((record.latency()?, record.name.clone()));
                let slowest = self.asked.iter().filter_map(own).max_by_key(|&(latency, _)| latency);
                if took > self.report.slowest_handshake {
                    self.report.slowest_handshake = took;
                    self.report.slowest_thread = slowest.and_then(|(_, name)| name);
                }
                self.asked.clear();
                self.answered(heap, handshake);
                Step::Working
            }
            Phase::Walk(seen) => {
                let marker = self.team.marker();
                // MUTATION(roots-unmarked) marker.root(target) ==> ()
                match heap.roots.walk_stride(seen, |target| marker.root(target)) {
                    Some(seen) => self.phase = Phase::Walk(seen),
                    None => {
                        marker.flush();
                        if heap.shared {
                            self.ask(heap, Handshake::Trace);
                        } else {
                            self.begin_marking(heap);
                        }
                    }
                }
                Step::Working
            }
            Phase::Mark => {
                if let Some(handed_in) = self.team.mark(budget) {
                    self.handed_in = handed_in;
                    // MUTATION(terminating-after-the-wave) skip
                    heap.shades.termination.begin_wave();
                    self.ask(heap, Handshake::Wave);
                }
                Step::Working
            }
            Phase::Settle => {
                let left = self.weak_slots.len().saturating_sub(SETTLE_BATCH);
                for slot in self.weak_slots.drain(left..) {
                    // SAFETY: a slot that was scanned in this cycle, and nothing is swept yet.
                    // MUTATION(weak-unsettled) skip
                    unsafe { WeakSlot::<()>::settle(slot, |target| heap.space.is_marked(target)) };
                }
                let objects_left = self.to_settle.len().saturating_sub(SETTLE_BATCH / 16);
                for Unsettled { object, how } in self.to_settle.drain(objects_left..) {
                    // SAFETY: as above, and what it said of itself.
                    unsafe { how(object, heap.space) };
                }
                if let Some(seen) = self.cleanups_seen {
                    self.cleanups_seen = heap.cleanups.settle_stride(seen, |target| heap.space.is_marked(target));
                }
                let ended = (0..TABLE_BATCH).all(|_| self.key_tables.end_one(heap.space));
                if left == 0 && objects_left == 0 && !ended && self.cleanups_seen.is_none() {
                    self.report.mark = self.take_time();
                    self.report.ended_at = heap.heap_bytes();
                    self.ask(heap, if heap.shared { Handshake::Ended } else { Handshake::Finish });
                }
                Step::Working
            }
            Phase::Sweep => self.sweep(heap, budget),
        }
    }

    /// All mutators have answered.
    fn answered(&mut self, heap: &HeapCore, handshake: Handshake) {
        match handshake {
            Handshake::Sync => self.ask(heap, Handshake::Rooted),
            Handshake::Rooted | Handshake::Start => self.phase = Phase::Walk(0),
            Handshake::Trace => self.begin_marking(heap),
            Handshake::Wave => {
                self.report.waves += 1;
                let termination = &heap.shades.termination;
                // MUTATION(wave-looks-at-no-hand-in) heap.shades.handed_in() == self.handed_in ==> true
                // MUTATION(terminating-after-the-wave) termination.settle() ==> { termination.begin_wave(); termination.settle() }
                if heap.shades.handed_in() == self.handed_in && termination.settle() {
                    let found = self.team.end();
                    self.report.marked = found.marked;
                    self.weak_slots = found.weak_slots;
                    self.to_settle = found.to_settle;
                    self.key_tables = found.key_tables;
                    self.cleanups_seen = Some(0);
                    self.report.weak_slots = self.weak_slots.len();
                    self.phase = Phase::Settle;
                } else {
                    termination.reset();
                    self.phase = Phase::Mark;
                }
            }
            Handshake::Ended => self.ask(heap, Handshake::Idle),
            Handshake::Idle | Handshake::Finish => {
                heap.shades.clear();
                self.report.end = self.take_time();
                self.born_black = heap.pacing.take_born_black();
                heap.arena.allow_sweep();
                self.phase = Phase::Sweep;
            }
        }
    }

    pub(crate) fn begin_marking(&mut self, heap: &HeapCore) {
        self.report.start = self.take_time();
        self.team.begin(heap.epoch());
        self.phase = Phase::Mark;
    }

    fn ask(&mut self, heap: &HeapCore, handshake: Handshake) {
        self.asked_at = Instant::now();
        heap.request(handshake, &mut self.asked);
        self.phase = Phase::Asked(handshake);
    }

    /// Time since this was asked last, or since the cycle began.
    fn take_time(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.part, now)
    }

    /// Sweeps some, and has some of the dead dropped where that is this thread's business.
    fn sweep(&mut self, heap: &HeapCore, budget: &Budget) -> Step {
        // Not done: spans wait whose dead have to be dropped, or a mutator is just sweeping one for itself.
        if heap.arena.sweep(SWEEP_BATCH, &mut |_| {}) == SweepProgress::Done {
            return Step::Over;
        }
        if heap.shared || !heap.config.threads {
            let before = heap.drops.run();
            heap.drops.run_for(heap, budget.time_left().or((budget.bytes != usize::MAX).then_some(DROP_SLICE)));
            if heap.drops.run() == before {
                yield_now(); // what is left may be a span that a mutator is just sweeping
            }
            return Step::Working;
        }
        if heap.arena.sweep(usize::MAX, &mut |_| {}) == SweepProgress::Done {
            return Step::Over;
        }
        Step::Drops
    }

    /// The cycle is over.
    fn end(&mut self, heap: &HeapCore) {
        self.phase = Phase::Rest;
        let mut report = std::mem::take(&mut self.report);
        report.sweep = self.take_time();
        report.live_bytes = heap.arena.live_bytes() as usize;
        report.live_objects = heap.arena.live_objects();
        report.drops = heap.drops.run() - self.drops_at_begin;
        let allocated_before = heap.arena.allocated_before();
        let born = Allocated {
            bytes: allocated_before.bytes - self.allocated_before.bytes,
            objects: allocated_before.objects - self.allocated_before.objects,
        };
        report.freed_bytes = (self.live.bytes + born.bytes).saturating_sub(report.live_bytes as u64);
        report.freed_objects = (self.live.objects + born.objects).saturating_sub(report.live_objects);
        self.live = Allocated { bytes: report.live_bytes as u64, objects: report.live_objects };
        self.allocated_before = allocated_before;
        let external = heap.external.roughly();
        report.external_bytes = external;
        report.memory_bytes = heap.limits.quota.charged();
        report.cpu = std::mem::take(&mut self.busy) + self.team.take_time();
        let now = heap.age();
        let wall = now - std::mem::replace(&mut self.ended_at, now);
        let born = allocated_before.bytes.saturating_sub(self.allocated_at_begin) as usize;
        let (pacing, retained) = heap.pacing.cycle_over(CycleFound {
            objects: Found { began_at: self.objects_at_begin, live: report.live_bytes, born_black: self.born_black },
            during: born + external.saturating_sub(self.external_at_begin),
            allocated_before: allocated_before.bytes,
            external,
            roots: heap.root_bytes(),
            taken: report.memory_bytes,
            goal_limit: heap.limits.goal_limit(),
            wall,
            busy: report.cpu,
            processors: if heap.config.threads { heap.processors } else { 1 },
            now,
        });
        pool().change_goal(retained);
        let Settings { soft_limit, max_share, .. } = heap.pacing.settings();
        heap.limits.cycle_over(report.number, now + report.cpu * (100 - max_share) / max_share);
        heap.release_if_near(usize::MAX, pacing.goal.saturating_sub(report.live_bytes + external));
        heap.soft_limit_passed(soft_limit, report.memory_bytes);
        heap.observer.tell(Event::CycleEnded { report: &report, pacing: &pacing });
        heap.control.cycle_over(|statistics| statistics.add_cycle(report));
    }
}

#[cfg(all(test, loom))]
impl Collector {
    /// H1 to H3 and the walk of the roots, for models.
    pub(crate) fn root(&mut self, heap: &HeapCore) {
        self.begin(heap, 1);
        while self.phase != Phase::Mark {
            if self.step(heap, &mut Budget::unbounded()) == Step::Waiting {
                heap.rendezvous.wait();
            }
        }
    }

    /// Walks all roots, for models.
    pub(crate) fn walk_roots(&mut self, heap: &HeapCore) {
        let marker = self.team.marker();
        let mut at = Some(0);
        while let Some(seen) = at {
            at = heap.roots.walk_stride(seen, |target| marker.root(target));
        }
        marker.flush();
    }

    /// Waves of the cycle that is on, for models.
    pub(crate) fn waves(&self) -> u32 {
        self.report.waves
    }

    /// Settles all that is to be settled; asks for the first handshake of the end. For models.
    pub(crate) fn settle(&mut self, heap: &HeapCore) {
        while self.phase == Phase::Settle {
            self.step(heap, &mut Budget::unbounded());
        }
    }

    /// Marks to Done; asks for the first handshake of the end. For models.
    pub(crate) fn finish_marking(&mut self, heap: &HeapCore) {
        while matches!(self.phase, Phase::Mark | Phase::Asked(Handshake::Wave)) {
            if self.step(heap, &mut Budget::unbounded()) == Step::Waiting {
                heap.rendezvous.wait();
            }
        }
    }
}
