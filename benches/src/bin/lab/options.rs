//! The command line.

use clap::{Parser, ValueEnum};
use gc_core::Config;

/// Runs a workload and prints one line of JSON.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
pub(crate) struct Options {
    /// The workload.
    #[arg(value_enum)]
    pub(crate) workload: Workload,
    /// Its numbers: depth, seconds, bytes, or how many.
    pub(crate) args: Vec<u64>,
    /// The kind of heap; by default local, and shared for several mutators.
    #[arg(long, value_enum)]
    pub(crate) heap: Option<HeapKind>,
    /// Mutator threads, where a workload has any number of them.
    #[arg(long)]
    pub(crate) mutators: Option<u64>,
    /// Marker threads; by default the library's default, and one per CPU in full_mark.
    #[arg(long, env = "COLLECTOR_THREADS")]
    pub(crate) markers: Option<usize>,
    /// How far the heap grows before it is collected, in percent of what lives.
    #[arg(long, value_name = "PERCENT")]
    pub(crate) growth: Option<u32>,
    /// A control beside the run: `spin` is a thread that spins on the clock. It takes a core.
    #[arg(long, value_enum)]
    pub(crate) control: Option<ControlKind>,
}

impl Options {
    /// The heap's configuration: the defaults, but for what was asked for.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        if let Some(markers) = self.markers {
            config = config.markers(markers);
        }
        if let Some(growth) = self.growth {
            config = config.growth(growth);
        }
        config
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Workload {
    /// DEPTH: many binary trees, short-lived, beside a long-lived one.
    BinaryTrees,
    /// DEPTH THREADS: the same by several threads.
    BinaryTreesMt,
    /// Boehm's GCBench: trees built from the top and from the bottom, and a large array.
    Gcbench,
    /// SIZE POINTERS N: allocations of one size into a ring of 1024.
    AllocMicro,
    /// N: messages into a ring of 200,000, each timed.
    LatencyRing,
    /// SECONDS GARBAGE: 10,000 requests a second on 10 million live objects, timed from when each is due.
    LatencyGraph,
    /// N: forced collections of a random graph.
    FullMark,
    /// N: pointer stores, with the collector idle and busy.
    Barrier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeapKind {
    Local,
    Shared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ControlKind {
    Spin,
}
