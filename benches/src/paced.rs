//! Requests at a fixed rate, their latencies counted from when each was due: a request that has to wait for the one before
//! pays for it (no coordinated omission).

use serde_json::Value;

use crate::clock::{Clock, Regions};
use crate::histogram::Histogram;
use crate::mmu::{Interruptions, Lost};
use crate::series::{HeapSeries, Series};

/// Latencies of requests, and the times they took once they had begun.
#[derive(Debug, Default)]
pub struct Paced {
    /// From when a request was due until its end.
    pub latency: Histogram,
    /// From its begin until its end.
    pub service: Histogram,
    /// What interruptions took, once it has run.
    pub lost: Lost,
    /// Latency and heap over time, once it has run.
    pub series: Value,
}

impl Paced {
    /// Runs `requests`, one every `period_ns`, and gives the nanoseconds that all took. Between them the thread spins on the
    /// clock. Each is noted as a region.
    pub fn run(
        &mut self,
        requests: u64,
        period_ns: u64,
        regions: &mut Regions,
        heap: HeapSeries<'_>,
        mut request: impl FnMut(u64),
    ) -> u64 {
        let mut series = Series::start(heap);
        let clock = Clock::new();
        let start = clock.ns();
        let mut interruptions = Interruptions::new(requests as usize, start);
        let mut before = start;
        for i in 0..requests {
            let due = start + i * period_ns;
            let mut began = clock.ns();
            interruptions.idle(before, began);
            while began < due {
                before = began;
                began = clock.ns();
                interruptions.idle(before, began);
            }
            request(i);
            let ended = clock.ns();
            self.latency.add(ended - due);
            self.service.add(ended - began);
            interruptions.request(began, ended);
            regions.note(ended - began);
            series.request(ended, ended - due);
            before = clock.ns();
        }
        let end = clock.ns();
        self.lost = interruptions.lost(start, end, &self.service);
        self.series = series.finish();
        end - start
    }
}
