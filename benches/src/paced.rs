//! Requests at a fixed rate, their latencies counted from when each was due: a request that has to wait for the one before
//! pays for it (no coordinated omission).

use crate::clock::{Clock, Regions};
use crate::histogram::Histogram;

/// Latencies of requests, and the times they took once they had begun.
#[derive(Debug, Default)]
pub struct Paced {
    /// From when a request was due until its end.
    pub latency: Histogram,
    /// From its begin until its end.
    pub service: Histogram,
}

impl Paced {
    /// Runs `requests`, one every `period_ns`, and gives the nanoseconds that all took. Between them the thread spins on the
    /// clock. Each is noted as a region.
    pub fn run(&mut self, requests: u64, period_ns: u64, regions: &mut Regions, mut request: impl FnMut(u64)) -> u64 {
        let clock = Clock::new();
        let start = clock.ns();
        for i in 0..requests {
            let due = start + i * period_ns;
            let mut began = clock.ns();
            while began < due {
                began = clock.ns();
            }
            request(i);
            let ended = clock.ns();
            self.latency.add(ended - due);
            self.service.add(ended - began);
            regions.note(ended - began);
        }
        clock.ns() - start
    }
}
