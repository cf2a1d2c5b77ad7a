//! The configuration of a heap.

/// How a heap behaves. Make one with [`Config::new`], change what you need, and pass it to
/// [`Heap::with_config`](crate::Heap::with_config) or [`LocalHeap::with_config`](crate::LocalHeap::with_config).
///
/// ```
/// use gc_core::{Config, LocalHeap};
///
/// let heap = LocalHeap::with_config(Config::new().growth(50).min_heap(1 << 20));
/// # let _ = heap;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    pub(crate) growth: u32,
    pub(crate) min_heap: usize,
    pub(crate) markers: usize,
    pub(crate) automatic: bool,
    pub(crate) threads: bool,
    pub(crate) zeal: Option<u32>,
}

impl Config {
    /// The defaults: growth 100 %, a minimum heap of 4 MiB, a quarter of the cores for marking.
    pub fn new() -> Self {
        Config {
            growth: 100,
            min_heap: 4 << 20,
            markers: cores().div_ceil(4),
            automatic: true,
            threads: true,
            zeal: None,
        }
    }

    /// By how many percent of the live bytes the heap may grow before a cycle must have ended (Go's GOGC). Default 100.
    #[must_use]
    pub fn growth(mut self, percent: u32) -> Self {
        self.growth = percent.max(1);
        self
    }

    /// The goal is never below this, in bytes: a heap of less is collected on demand only. Default 4 MiB.
    #[must_use]
    pub fn min_heap(mut self, bytes: usize) -> Self {
        self.min_heap = bytes;
        self
    }

    /// Threads that mark at once, the collector's own included. Default: a quarter of the cores, at least one.
    #[must_use]
    pub fn markers(mut self, threads: usize) -> Self {
        self.markers = threads.clamp(1, 64);
        self
    }

    /// Whether cycles start by themselves. Default true; without, only `collect` and `start_collection` start one.
    #[must_use]
    pub fn automatic(mut self, yes: bool) -> Self {
        self.automatic = yes;
        self
    }

    /// Whether the collector has threads of its own. Default true; without, its work is done in the slices that the mutators
    /// give it ([`Mutator::collect_for`](crate::Mutator::collect_for) and its like), in [`collect`](crate::Mutator::collect),
    /// and, once the heap has outgrown its goal, at safepoints and allocations, some ten microseconds each.
    #[must_use]
    pub fn threads(mut self, yes: bool) -> Self {
        self.threads = yes;
        self
    }

    /// Runs a full collection before every `nth` region and at every `nth` safepoint, to find bugs early: a program that
    /// behaves otherwise under zeal has one. Slow.
    #[must_use]
    pub fn zeal(mut self, nth: u32) -> Self {
        self.zeal = (nth > 0).then_some(nth);
        self
    }
}

/// Processors that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
