//! The configuration of a heap.

use std::sync::Arc;

use crate::budget::MemoryBudget;
use crate::event::{Callback, Event};
use crate::pacer::UNLIMITED;
use crate::pacing::Settings;

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
    pub(crate) settings: Settings,
    pub(crate) markers: usize,
    pub(crate) automatic: bool,
    pub(crate) threads: bool,
    pub(crate) zeal: Option<u32>,
    pub(crate) on_event: Option<Callback>,
    pub(crate) budget: Option<MemoryBudget>,
}

impl Config {
    /// The defaults: growth 100 %, a minimum heap of 4 MiB, a quarter of the cores for marking.
    pub fn new() -> Self {
        Config {
            settings: Settings {
                growth: 100,
                min_heap: 4 << 20,
                soft_limit: UNLIMITED,
                hard_limit: UNLIMITED,
                max_share: 50,
            },
            markers: cores().div_ceil(4),
            automatic: true,
            threads: true,
            zeal: None,
            on_event: None,
            budget: None,
        }
    }

    /// By how many percent of the live bytes the heap may grow before a cycle must have ended (Go's GOGC). Default 100.
    #[must_use]
    pub fn growth(mut self, percent: u32) -> Self {
        self.settings.growth = percent.max(1);
        self
    }

    /// The goal is never below this, in bytes: a heap of less is collected on demand only. Default 4 MiB.
    #[must_use]
    pub fn min_heap(mut self, bytes: usize) -> Self {
        self.settings.min_heap = bytes;
        self
    }

    /// A soft limit of the memory that the heap takes in all ([`Statistics::memory_bytes`](crate::Statistics::memory_bytes)):
    /// close to it cycles come more often, and free memory goes back to the system sooner. It is exceeded by what lives, and
    /// where the collector would need more than its share of the CPU ([`max_cpu`](Config::max_cpu)). `None`, the default: no
    /// limit. (Go's GOMEMLIMIT.) Changed later by [`Heap::set_soft_limit`](crate::Heap::set_soft_limit).
    #[must_use]
    pub fn soft_limit(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.settings.soft_limit = bytes.into().unwrap_or(UNLIMITED);
        self
    }

    /// A hard limit of the memory that the heap takes in all: objects, what spans and tables take around them, and the
    /// buffers outside the heap that are counted ([`GcAlloc`](crate::GcAlloc)). What would pass it fails: `try_alloc` with
    /// an [`AllocError`](crate::AllocError) whose cause is [`Limit`](crate::AllocCause::Limit), `alloc` with a panic,
    /// a `GcAlloc` with its own error. `None`, the default: no limit.
    ///
    /// Before that, when the limit is near (a sixteenth of it is left, at most 4 MiB), the mutators' next safepoints wait for
    /// an *emergency collection*. So what fails in the first region after a safepoint is lost; what fails later in a region may
    /// be tried once more after the next safepoint: the region has outrun the reserve. The embedder hears of both by
    /// [events](crate::Event).
    ///
    /// ```
    /// use gc_core::{AllocCause, AllocError, Config, LocalHeap};
    ///
    /// let heap = LocalHeap::with_config(Config::new().hard_limit(8 << 20));
    /// let mut mutator = heap.mutator().unwrap();
    /// let mut kept = Vec::new();
    /// let error: AllocError = loop {
    ///     match mutator.mutate(|mc| Ok(mc.root(mc.try_alloc([0_u64; 1000])?))) {
    ///         Ok(root) => kept.push(root),
    ///         Err(error) => break error,
    ///     }
    /// };
    /// assert!(error.cause == AllocCause::Limit && kept.len() > 800);
    /// kept.clear(); // the host lets go of the guest's objects, and goes on
    /// mutator.collect();
    /// mutator.mutate(|mc| assert!(mc.try_alloc([0_u64; 1000]).is_ok()));
    /// ```
    #[must_use]
    pub fn hard_limit(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.settings.hard_limit = bytes.into().unwrap_or(UNLIMITED);
        self
    }

    /// What the heap takes counts in `budget` too, and fails where that has no room: for the heaps of a tenant.
    #[must_use]
    pub fn budget(mut self, budget: &MemoryBudget) -> Self {
        self.budget = Some(budget.clone());
        self
    }

    /// The share of the CPU, in percent from 1 to 100, that the collector may use where a memory limit makes it work more
    /// than the growth would. Default 50. Of all processors; of a heap without threads, of the mutator's time. Beyond that
    /// the heap grows above a soft limit instead; and close to a hard one, where collections free next to nothing, memory is
    /// refused rather.
    #[must_use]
    pub fn max_cpu(mut self, percent: u32) -> Self {
        self.settings.max_share = percent.clamp(1, 100);
        self
    }

    /// Calls `callback` at [events](crate::Event): at the beginning and end of cycles, and when a limit is reached. It runs
    /// under no lock, on the thread that the event names, which it keeps waiting; a panic is caught and counted. It may
    /// allocate and use other heaps; it can't collect the heap it is told of. A handle of that heap in it would keep the heap
    /// for ever.
    #[must_use]
    pub fn on_event(mut self, callback: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Callback(Arc::new(callback)));
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
