//! The clock, and the longest region.

use std::time::Instant;

/// Monotonic nanoseconds since it was made.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that shows zero.
    pub fn new() -> Self {
        Clock(Instant::now())
    }

    /// Nanoseconds.
    #[inline(always)]
    pub fn ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }

    /// Seconds.
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Times regions and keeps the longest: what the collector had to wait for at most. A region's two safepoints are inside
/// the figure.
#[derive(Debug)]
pub struct Regions {
    clock: Clock,
    longest: u64,
}

impl Regions {
    /// None so far.
    pub fn new() -> Self {
        Regions { clock: Clock::new(), longest: 0 }
    }

    /// Runs `region`.
    #[inline(always)]
    pub fn time<R>(&mut self, region: impl FnOnce() -> R) -> R {
        let since = self.clock.ns();
        let result = region();
        self.note(self.clock.ns() - since);
        result
    }

    /// A region of this many nanoseconds.
    #[inline(always)]
    pub fn note(&mut self, ns: u64) {
        self.longest = self.longest.max(ns);
    }

    /// Takes another thread's in.
    pub fn merge(&mut self, other: &Regions) {
        self.note(other.longest);
    }

    /// The longest, in microseconds.
    pub fn longest_us(&self) -> f64 {
        self.longest as f64 / 1e3
    }
}

impl Default for Regions {
    fn default() -> Self {
        Self::new()
    }
}
