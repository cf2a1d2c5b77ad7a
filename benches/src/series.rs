//! What changes during a run, for drawing: the longest latency by time, the heap beside its goal, the cycles.
//!
//! Y1. The room is bounded and there from the start. When it is full, neighbours become one and the step doubles: a long run
//!     has coarser curves, and maxima stay.
//! Y2. The heap is read by the thread that is measured, between two requests: about a microsecond every ten milliseconds.
//! Y3. A cycle is seen by the first reading after its end, so of several that end between two readings only the last is
//!     there, and the one that the run's end cuts off is not.

use gc_core::{CycleReport, Statistics};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::flavour::Flavour;

/// Readings of the heap at most, and cycles.
const READINGS: usize = 512;
/// Between two readings at least.
const READING_NS: u64 = 10_000_000;

/// The greatest value of each step of a run.
#[derive(Debug)]
struct Maxima {
    step: u64,
    greatest: Vec<u64>,
}

impl Maxima {
    const STEPS: usize = 1024;
    /// The first step: a millisecond.
    const FIRST_NS: u64 = 1_000_000;

    /// None so far.
    fn new() -> Self {
        Maxima { step: Self::FIRST_NS, greatest: Vec::with_capacity(Self::STEPS) }
    }

    /// A value, so many nanoseconds after the begin.
    #[inline]
    fn add(&mut self, at: u64, value: u64) {
        let mut index = (at / self.step) as usize;
        while index >= Self::STEPS {
            self.halve();
            index = (at / self.step) as usize;
        }
        if index >= self.greatest.len() {
            self.greatest.resize(index + 1, 0);
        }
        self.greatest[index] = self.greatest[index].max(value);
    }

    #[cold]
    fn halve(&mut self) {
        let half = self.greatest.len().div_ceil(2);
        for index in 0..half {
            let second = self.greatest.get(2 * index + 1).copied().unwrap_or(0);
            self.greatest[index] = self.greatest[2 * index].max(second);
        }
        self.greatest.truncate(half);
        self.step *= 2;
    }

    /// The step in milliseconds, and the maxima in microseconds.
    fn to_json(&self) -> Value {
        let us: Vec<f64> = self.greatest.iter().map(|&ns| (ns as f64 / 10.0).round() / 100.0).collect();
        json!({ "step_ms": self.step as f64 / 1e6, "max_us": us })
    }
}

/// Bytes in use and the goal, at a time.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: u64,
    heap: usize,
    goal: usize,
}

/// The heap and its cycles over a run.
pub struct HeapSeries<'h> {
    read: Box<dyn Fn() -> Statistics + 'h>,
    /// Since the heap was made, as cycles are.
    clock: Clock,
    interval: u64,
    due: u64,
    readings: Vec<Reading>,
    cycles: Vec<CycleReport>,
}

impl<'h> HeapSeries<'h> {
    /// Of a heap that was made just before `clock`, by which its cycles are dated.
    pub fn new<S: Flavour>(heap: &'h S::Heap, clock: Clock) -> Self {
        HeapSeries {
            read: Box::new(|| S::statistics(heap)),
            clock,
            interval: READING_NS,
            due: 0,
            readings: Vec::with_capacity(READINGS),
            cycles: Vec::with_capacity(READINGS),
        }
    }

    /// Reads the heap if it is time to. Outside what is timed.
    #[inline]
    pub fn look(&mut self) {
        if self.clock.ns() >= self.due {
            self.read();
        }
    }

    #[cold]
    fn read(&mut self) {
        let statistics = (self.read)();
        let at = self.clock.ns();
        if self.readings.len() == READINGS {
            let mut is_kept = false;
            self.readings.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.interval *= 2;
        }
        self.readings.push(Reading { at, heap: statistics.heap_bytes, goal: statistics.goal });
        let last = statistics.last;
        let is_new = self.cycles.last().map_or(last.number != 0, |seen| seen.number != last.number);
        if is_new && self.cycles.len() < READINGS {
            self.cycles.push(last);
        }
        self.due = at + self.interval;
    }

    /// Readings and cycles of the time since the run began, when the heap was `began` nanoseconds old.
    fn to_json(&self, began: u64) -> Value {
        let ms = |at: u64| round((at as f64 - began as f64) / 1e6, 1e2);
        let mib = |bytes: usize| round(bytes as f64 / (1 << 20) as f64, 1e1);
        let readings =
            self.readings.iter().map(|reading| json!([ms(reading.at), mib(reading.heap), mib(reading.goal)]));
        let cycles = self.cycles.iter().filter_map(|cycle| {
            let times = [cycle.start, cycle.mark, cycle.end, cycle.sweep];
            let ends = times.iter().scan(cycle.began, |at, &length| {
                *at += length;
                Some(at.as_nanos() as u64)
            });
            let ends: Vec<u64> = ends.collect();
            (ends[3] >= began).then(|| {
                json!({
                    "mark_from_ms": ms(ends[0]), "mark_to_ms": ms(ends[1]), "swept_ms": ms(ends[3]),
                    "trigger_mib": mib(cycle.began_at), "peak_mib": mib(cycle.ended_at),
                    "live_mib": mib(cycle.live_bytes), "goal_mib": mib(cycle.goal),
                })
            })
        });
        json!({ "heap": readings.collect::<Vec<_>>(), "cycles": cycles.collect::<Vec<_>>() })
    }
}

impl std::fmt::Debug for HeapSeries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeapSeries")
            .field("readings", &self.readings)
            .field("cycles", &self.cycles)
            .finish_non_exhaustive()
    }
}

/// What is drawn over time: begun with the run.
#[derive(Debug)]
pub struct Series<'h> {
    heap: HeapSeries<'h>,
    began: u64,
    latency: Maxima,
}

impl<'h> Series<'h> {
    /// The run begins.
    pub fn start(mut heap: HeapSeries<'h>) -> Self {
        heap.read();
        Series { began: heap.clock.ns(), heap, latency: Maxima::new() }
    }

    /// A request has ended so many nanoseconds after the run's begin, with this latency. Reads the heap if it is time to.
    #[inline]
    pub fn request(&mut self, ended: u64, latency: u64) {
        self.latency.add(ended, latency);
        self.heap.look();
    }

    /// All of it.
    pub fn finish(mut self) -> Value {
        self.heap.read();
        let mut all = self.heap.to_json(self.began);
        all["latency"] = self.latency.to_json();
        all
    }
}

fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use gc_core::{Config, Owned};

    #[test]
    fn maxima_keep_the_greatest_at_its_time_in_bounded_room() {
        let mut maxima = Maxima::new();
        for at in 0..10_000_u64 {
            maxima.add(at * 1_000_000, if at == 7_777 { 500_000 } else { 1_000 });
        }
        let json = maxima.to_json();
        assert_eq!(json["step_ms"], 16.0);
        let all: Vec<f64> = json["max_us"].as_array().expect("numbers").iter().filter_map(Value::as_f64).collect();
        assert_eq!(all.len(), 10_000_usize.div_ceil(16));
        assert!(all.iter().enumerate().all(|(at, &us)| us == if at == 7_777 / 16 { 500.0 } else { 1.0 }), "{all:?}");
    }

    #[test]
    fn readings_thin_out_and_cycles_are_those_of_the_run() {
        let heap = Owned::heap(Config::new());
        let clock = Clock::new();
        let mut mutator = Owned::mutator(&heap);
        mutator.collect();
        let mut series = Series::start(HeapSeries::new::<Owned>(&heap, clock));
        let began = clock.ns();
        mutator.collect();
        for _ in 0..READINGS + 10 {
            series.heap.read();
        }
        assert_eq!(series.heap.interval, 2 * READING_NS);
        let json = series.finish();
        let readings = json["heap"].as_array().expect("readings");
        assert!((READINGS / 2..READINGS).contains(&readings.len()), "{}", readings.len());
        let times: Vec<f64> = readings.iter().filter_map(|reading| reading[0].as_f64()).collect();
        assert!(times.is_sorted() && times[0] <= 0.0, "{times:?}");
        let cycles = json["cycles"].as_array().expect("cycles");
        assert_eq!(cycles.len(), 1, "{cycles:?}");
        let at = |name: &str| cycles[0][name].as_f64().expect(name);
        let now = (clock.ns() - began) as f64 / 1e6 + 1.0;
        assert!(at("mark_from_ms") <= at("mark_to_ms") && at("mark_to_ms") <= at("swept_ms"), "{cycles:?}");
        assert!(at("swept_ms") <= now, "{cycles:?} {now}");
    }
}
