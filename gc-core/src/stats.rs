//! What the collector and the mutators measured: interruptions by cause, handshakes, cycles, bytes.
//!
//! Each mutator records into its own histograms under its own lock, which nobody else takes but a reader of statistics.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Why a mutator's thread did the collector's work instead of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// It answered a handshake, or waited for the collector that was just answering for it.
    Handshake,
    /// It took a new span to allocate from, lazy sweeping of that span included.
    Refill,
    /// It dropped dead objects of a [`LocalHeap`](crate::LocalHeap).
    Sweep,
    /// It marked, because the heap had outgrown its goal.
    Assist,
    /// It shaded the content of a compound cell before writing to it. Contents of less than a hundred pointers are counted
    /// among the barrier hits only: they take less than a reading of the clock is worth.
    Claim,
    /// It waited for a marker that was just reading the cell it wanted to write.
    Busy,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 6] =
        [Cause::Handshake, Cause::Refill, Cause::Sweep, Cause::Assist, Cause::Claim, Cause::Busy];

    /// The cause in a word.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Handshake => "handshake",
            Cause::Refill => "refill",
            Cause::Sweep => "sweep",
            Cause::Assist => "assist",
            Cause::Claim => "claim",
            Cause::Busy => "busy",
        }
    }
}

/// A distribution of durations, as a high-dynamic-range histogram with two significant digits.
#[derive(Clone)]
pub struct Distribution(Histogram<u64>);

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max())
            .finish()
    }
}

impl Default for Distribution {
    fn default() -> Self {
        Distribution(Histogram::new(2).expect("two digits are a valid precision"))
    }
}

impl Distribution {
    pub(crate) fn record(&mut self, value: Duration) {
        self.record_ns(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn record_ns(&mut self, ns: u64) {
        // Above an hour only the size of the histogram is at stake.
        let ns = ns.min(3_600_000_000_000);
        self.0.record(ns).expect("an auto-resizing histogram takes any value");
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Distribution) {
        self.0.add(&other.0).expect("an auto-resizing histogram takes any value");
    }

    /// What was recorded since `earlier`, a reading of the same distribution.
    #[must_use]
    pub fn since(&self, earlier: &Distribution) -> Distribution {
        let mut later = self.clone();
        later.0.subtract(&earlier.0).expect("a distribution only grows");
        later
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The duration that the fraction `q` of all stay below (0.5, 0.99, ..); zero if there is none.
    pub fn quantile(&self, q: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(q))
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    /// The sum, within the histogram's precision.
    pub fn total(&self) -> Duration {
        Duration::from_nanos((self.0.mean() * self.0.len() as f64) as u64)
    }

    /// How many durations fall into each of the ranges that end at a power of two nanoseconds, from the first that has
    /// any to the last: (end of the range, count).
    pub fn by_powers_of_two(&self) -> Vec<(Duration, u64)> {
        self.0
            .iter_log(1, 2.0)
            .map(|step| (Duration::from_nanos(step.value_iterated_to()), step.count_since_last_iteration()))
            .skip_while(|&(_, count)| count == 0)
            .collect()
    }
}

/// One mutator's measurements.
#[derive(Debug, Default, Clone)]
pub(crate) struct Recorder {
    causes: [Option<Box<Distribution>>; Cause::ALL.len()],
    latency: Option<Box<Distribution>>,
}

impl Recorder {
    pub(crate) fn interrupted(&mut self, cause: Cause, time: Duration) {
        self.causes[cause as usize].get_or_insert_default().record(time);
    }

    pub(crate) fn answered(&mut self, latency_ns: u64) {
        self.latency.get_or_insert_default().record_ns(latency_ns);
    }

    pub(crate) fn merge(&mut self, other: &Recorder) {
        for (mine, theirs) in self.causes.iter_mut().zip(&other.causes) {
            if let Some(theirs) = theirs {
                mine.get_or_insert_default().merge(theirs);
            }
        }
        if let Some(theirs) = &other.latency {
            self.latency.get_or_insert_default().merge(theirs);
        }
    }

    pub(crate) fn interruptions(&self, cause: Cause) -> Distribution {
        self.causes[cause as usize].as_deref().cloned().unwrap_or_default()
    }

    pub(crate) fn latency(&self) -> Distribution {
        self.latency.as_deref().cloned().unwrap_or_default()
    }
}

/// One cycle, measured.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CycleReport {
    /// The cycle's number, from 1.
    pub number: u64,
    /// When it began, since the heap was made.
    pub began: Duration,
    /// From the request of H1 until all had answered H3, and the roots were walked.
    pub start: Duration,
    /// From H3 until marking was done.
    pub mark: Duration,
    /// From the request of H4 until all had answered H5.
    pub end: Duration,
    /// Sweeping, until every span was swept and everything dead was dropped.
    pub sweep: Duration,
    /// Waves that marking took.
    pub waves: u32,
    /// Bytes in use when it began, outside the heap too.
    pub began_at: usize,
    /// .. when marking was done.
    pub ended_at: usize,
    /// Objects marked. Those born black while it ran are not among them.
    pub marked: u64,
    /// Weak references that were settled.
    pub weak_slots: usize,
    /// Bytes that survived, slots' sizes.
    pub live_bytes: usize,
    /// Objects that survived.
    pub live_objects: u64,
    /// Bytes that died, slots' sizes.
    pub freed_bytes: u64,
    /// Objects that died.
    pub freed_objects: u64,
    /// The goal that the cycle was paced for.
    pub goal: usize,
    /// Objects dropped because of it.
    pub drops: u64,
    /// The longest time from a handshake's request to its last answer.
    pub slowest_handshake: Duration,
    /// The name of the thread that gave that answer, if it has one and gave it itself.
    pub slowest_thread: Option<Arc<str>>,
    /// Bytes outside the heap that the surviving objects own.
    pub external_bytes: usize,
    /// What the heap takes in all when it is over ([`Statistics::memory_bytes`]).
    pub memory_bytes: usize,
    /// CPU time of the cycle: of the collector's threads and of mutators that assisted.
    pub cpu: Duration,
}

/// Everything measured since the heap was made.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// Full cycles completed.
    pub cycles: u64,
    /// Bytes allocated, slots' sizes.
    pub bytes_allocated: u64,
    /// Objects allocated.
    pub objects_allocated: u64,
    /// Bytes that survived the last cycle.
    pub live_bytes: usize,
    /// Objects that survived the last cycle.
    pub live_objects: u64,
    /// Bytes in use now: what survived and what was allocated since, and what objects own outside the heap.
    pub heap_bytes: usize,
    /// Bytes outside the heap that objects own, as far as they are counted ([`GcAlloc`](crate::GcAlloc)).
    pub external_bytes: usize,
    /// What the heap takes in all, as the limits see it: the pages of its spans with what tables take for them, and the
    /// bytes outside. (With some that are set aside: by each mutator for its next spans, and for buffers to come.)
    pub memory_bytes: usize,
    /// Emergency collections, ever ([`Config::hard_limit`](crate::Config::hard_limit)).
    pub emergencies: u64,
    /// Callbacks of [events](crate::Event) that panicked, ever; each was caught.
    pub event_panics: u64,
    /// The goal of the next cycle.
    pub goal: usize,
    /// The most bytes ever in use at a cycle's end.
    pub peak_bytes: usize,
    /// The most bytes ever in use at the end of a cycle's marking, as a multiple of that cycle's goal.
    pub worst_overshoot: f64,
    /// Objects marked by barriers and local roots, ever.
    pub shaded: u64,
    /// Stores, borrows and locks that had something to shade, ever.
    pub barrier_hits: u64,
    /// Drops run, ever.
    pub drops: u64,
    /// Drops that panicked, ever; each was caught.
    pub drop_panics: u64,
    /// Cleanups that were run.
    pub cleanups: u64,
    /// How many of them panicked.
    pub cleanup_panics: u64,
    /// Global roots now.
    pub roots: usize,
    /// Mutators now.
    pub mutators: usize,
    /// Time that cycles took, by phase, in all (the number of the report is the count of cycles).
    pub total: CycleReport,
    /// The last cycle.
    pub last: CycleReport,
    pub(crate) recorder: Recorder,
}

impl Statistics {
    /// Takes a finished cycle in.
    pub(crate) fn add_cycle(&mut self, report: CycleReport) {
        self.cycles = report.number;
        self.live_bytes = report.live_bytes;
        self.live_objects = report.live_objects;
        self.peak_bytes = self.peak_bytes.max(report.ended_at);
        self.worst_overshoot = self.worst_overshoot.max(report.ended_at as f64 / report.goal.max(1) as f64);
        let total = &mut self.total;
        total.number = report.number;
        total.start += report.start;
        total.mark += report.mark;
        total.end += report.end;
        total.sweep += report.sweep;
        total.waves += report.waves;
        total.marked += report.marked;
        total.freed_bytes += report.freed_bytes;
        total.freed_objects += report.freed_objects;
        total.drops += report.drops;
        total.cpu += report.cpu;
        if report.slowest_handshake > total.slowest_handshake {
            total.slowest_handshake = report.slowest_handshake;
            total.slowest_thread.clone_from(&report.slowest_thread);
        }
        self.last = report;
    }

    /// The interruptions of mutators by `cause`.
    pub fn interruptions(&self, cause: Cause) -> Distribution {
        self.recorder.interruptions(cause)
    }

    /// The interruptions of mutators by all causes.
    pub fn all_interruptions(&self) -> Distribution {
        let mut all = Distribution::default();
        for cause in Cause::ALL {
            all.merge(&self.recorder.interruptions(cause));
        }
        all
    }

    /// From a handshake's request until a mutator inside a region answered it.
    pub fn handshake_latency(&self) -> Distribution {
        self.recorder.latency()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_since_an_earlier_reading_has_what_came_later() {
        let mut times = Distribution::default();
        times.record(Duration::from_micros(500));
        let earlier = times.clone();
        times.record(Duration::from_micros(3));
        times.record(Duration::from_millis(20));
        let later = times.since(&earlier);
        assert_eq!(later.count(), 2);
        assert!(later.quantile(0.5) < Duration::from_micros(4), "{:?}", later.quantile(0.5));
        assert!(later.max() >= Duration::from_millis(20), "{:?}", later.max());
        assert_eq!(times.since(&times.clone()).count(), 0);
        assert_eq!(times.since(&times.clone()).max(), Duration::ZERO);
    }

    #[test]
    fn the_worst_overshoot_is_of_the_cycle_furthest_above_its_own_goal() {
        let mut statistics = Statistics::default();
        for (goal, ended_at) in [(100, 90), (10, 12), (1000, 1100)] {
            statistics.add_cycle(CycleReport { goal, ended_at, ..CycleReport::default() });
        }
        assert!((statistics.worst_overshoot - 1.2).abs() < 1e-9, "{}", statistics.worst_overshoot);
    }
}
