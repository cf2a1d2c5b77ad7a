//! A run's line of JSON, and what the collector says about the run in its `extra`.

use std::time::Duration;

use gc_core::{Cause, Distribution, Statistics};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::clock::{Clock, Regions};
use crate::flavour::Flavour;
use crate::histogram::Histogram;
use crate::mmu::Lost;
use crate::paced::Paced;
use crate::process::{collector_cpu, peak_rss_mib, rss_mib};

/// The line that a run prints. Times that don't apply are null.
#[derive(Debug, Serialize)]
pub struct Line {
    workload: String,
    peer: String,
    seconds: f64,
    peak_rss_mib: Option<f64>,
    ops: u64,
    ns_per_op: f64,
    pause_p50_us: Option<f64>,
    pause_p99_us: Option<f64>,
    pause_p999_us: Option<f64>,
    pause_max_us: Option<f64>,
    checksum: String,
    extra: Map<String, Value>,
}

impl Line {
    /// A line without latencies.
    pub fn new(workload: impl Into<String>, seconds: f64, ops: u64, checksum: u64, extra: Map<String, Value>) -> Self {
        Line {
            workload: workload.into(),
            peer: std::env::var("PEER_NAME").unwrap_or_else(|_| "gc-core".into()),
            seconds,
            peak_rss_mib: peak_rss_mib(),
            ops,
            ns_per_op: seconds * 1e9 / ops as f64,
            pause_p50_us: None,
            pause_p99_us: None,
            pause_p999_us: None,
            pause_max_us: None,
            checksum: format!("{checksum:016x}"),
            extra,
        }
    }

    /// With the latencies of its requests.
    #[must_use]
    pub fn with_latencies(mut self, latencies: &Histogram) -> Self {
        self.pause_p50_us = Some(latencies.quantile_us(0.5));
        self.pause_p99_us = Some(latencies.quantile_us(0.99));
        self.pause_p999_us = Some(latencies.quantile_us(0.999));
        self.pause_max_us = Some(latencies.max_us());
        self.with("latencies", latencies.coarse())
    }

    /// With what paced requests saw: latencies, in all and over time, and what interruptions took.
    #[must_use]
    pub fn with_paced(self, paced: &Paced) -> Self {
        self.with_latencies(&paced.latency).with_lost(&paced.lost).with("series", paced.series.clone())
    }

    /// With what interruptions took.
    #[must_use]
    pub fn with_lost(self, lost: &Lost) -> Self {
        self.with("mmu", lost.mmu.clone()).with("mmu_on_cpu", lost.mmu_on_cpu.clone()).with("lost", lost.sums.clone())
    }

    /// Adds to `extra`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// The line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a line of numbers and strings is JSON")
    }
}

/// Watches the collector over the measured part of a run.
#[derive(Debug)]
pub struct Watch {
    clock: Clock,
    cpu: Option<Duration>,
    before: Statistics,
}

impl Watch {
    /// The measured part begins.
    pub fn start<S: Flavour>(heap: &S::Heap) -> Self {
        Watch { cpu: collector_cpu(), before: S::statistics(heap), clock: Clock::new() }
    }

    /// The measured part is over: what goes into `extra`.
    ///
    /// All of it is of the measured part, but for `in_all`: the whole life of the heap, the build of its live objects
    /// included.
    pub fn finish<S: Flavour>(&self, heap: &S::Heap, regions: &Regions) -> Map<String, Value> {
        let wall = self.clock.seconds();
        let cpu = collector_cpu();
        let statistics = S::statistics(heap);
        let share = match (self.cpu, cpu) {
            (Some(before), Some(after)) => Some((after.saturating_sub(before)).as_secs_f64() / wall),
            _ => None,
        };
        let before = &self.before;
        let latency = statistics.handshake_latency().since(&before.handshake_latency());
        let mut extra = Map::new();
        extra.insert("heap".into(), S::NAME.into());
        extra.insert("stw_max_us".into(), 0.into());
        extra.insert("gc_cycles".into(), (statistics.cycles - before.cycles).into());
        extra.insert("collector_cpu_share".into(), share.map(round3).into());
        extra.insert("longest_region_us".into(), round3(regions.longest_us()).into());
        let since = |cause| statistics.interruptions(cause).since(&before.interruptions(cause));
        extra.insert("interruptions".into(), by_cause(since));
        extra.insert("handshake_latency".into(), distribution(&latency));
        extra.insert("phases_ms".into(), phases(before, &statistics));
        extra.insert("heap_mib".into(), heap_sizes(&statistics));
        extra.insert("rss_mib".into(), rss_mib().map(round3).into());
        extra.insert("in_all".into(), in_all(&statistics));
        extra
    }
}

fn in_all(statistics: &Statistics) -> Value {
    json!({
        "gc_cycles": statistics.cycles,
        "interruptions": by_cause(|cause| statistics.interruptions(cause)),
        "slowest_handshake_us": us(statistics.total.slowest_handshake),
        "worst_overshoot": round3(statistics.worst_overshoot),
    })
}

fn by_cause(times_of: impl Fn(Cause) -> Distribution) -> Value {
    let mut by_cause = Map::new();
    let mut all = Distribution::default();
    for cause in Cause::ALL {
        let times = times_of(cause);
        if times.count() != 0 {
            by_cause.insert(cause.name().into(), distribution(&times));
            all.merge(&times);
        }
    }
    by_cause.insert("all".into(), distribution(&all));
    Value::Object(by_cause)
}

fn distribution(times: &Distribution) -> Value {
    json!({
        "count": times.count(),
        "p50_us": us(times.quantile(0.5)),
        "p99_us": us(times.quantile(0.99)),
        "p999_us": us(times.quantile(0.999)),
        "max_us": us(times.max()),
    })
}

/// Phases: the sum over the cycles of the measured part, and the last cycle's.
fn phases(before: &Statistics, now: &Statistics) -> Value {
    let (from, to, last) = (&before.total, &now.total, &now.last);
    json!({
        "total": {
            "start": ms(to.start - from.start),
            "mark": ms(to.mark - from.mark),
            "end": ms(to.end - from.end),
            "sweep": ms(to.sweep - from.sweep),
            "waves": to.waves - from.waves,
            "marked": to.marked - from.marked,
        },
        "last": {
            "start": ms(last.start),
            "mark": ms(last.mark),
            "end": ms(last.end),
            "sweep": ms(last.sweep),
            "waves": last.waves,
            "marked": last.marked,
        },
    })
}

fn heap_sizes(statistics: &Statistics) -> Value {
    let mib = |bytes: usize| round3(bytes as f64 / (1 << 20) as f64);
    let last = &statistics.last;
    json!({
        "now": mib(statistics.heap_bytes),
        "peak": mib(statistics.peak_bytes),
        "goal": mib(statistics.goal),
        "last_live": mib(last.live_bytes),
        "last_goal": mib(last.goal),
        "last_ended_at": mib(last.ended_at),
        "last_overshoot": if last.goal == 0 { Value::Null } else { round3(last.ended_at as f64 / last.goal as f64).into() },
    })
}

fn us(time: Duration) -> f64 {
    round3(time.as_secs_f64() * 1e6)
}

fn ms(time: Duration) -> f64 {
    round3(time.as_secs_f64() * 1e3)
}

fn round3(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
