//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use gc_core::Config;

/// Runs a workload and prints one line of JSON.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
pub(crate) struct Options {
    /// The workload.
    #[command(subcommand)]
    pub(crate) workload: Workload,
    /// The kind of heap; by default local, and shared for several mutators.
    #[arg(long, global = true, value_enum)]
    pub(crate) heap: Option<HeapKind>,
    /// Mutator threads, where a workload has any number of them.
    #[arg(long, global = true)]
    pub(crate) mutators: Option<u64>,
    /// Marker threads; by default the library's default, and one per CPU in full_mark.
    #[arg(long, global = true, env = "COLLECTOR_THREADS")]
    pub(crate) markers: Option<usize>,
    /// How far the heap grows before it is collected, in percent of what lives.
    #[arg(long, global = true, value_name = "PERCENT")]
    pub(crate) growth: Option<u32>,
    /// A control beside the run: `spin` is a thread that spins on the clock. It takes a core.
    #[arg(long, global = true, value_enum)]
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

    /// What was asked for beyond the defaults, for the run's line: runs are compared with runs of the same.
    pub(crate) fn said(&self) -> Option<String> {
        let markers = self.markers.map(|markers| format!("--markers {markers}"));
        let growth = self.growth.map(|growth| format!("--growth {growth}"));
        let mutators = self.mutators.map(|mutators| format!("--mutators {mutators}"));
        let said: Vec<String> = [mutators, markers, growth].into_iter().flatten().collect();
        (!said.is_empty()).then(|| said.join(" "))
    }
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum Workload {
    /// Many binary trees, short-lived, beside a long-lived one.
    BinaryTrees {
        /// Levels of the long-lived tree.
        #[arg(default_value_t = 18)]
        depth: u64,
    },
    /// The same by several threads.
    BinaryTreesMt {
        /// Levels of the long-lived tree.
        #[arg(default_value_t = 18)]
        depth: u64,
        /// Mutator threads, unless `--mutators` says so.
        #[arg(default_value_t = 2)]
        threads: u64,
    },
    /// Boehm's GCBench: trees built from the top and from the bottom, and a large array.
    Gcbench,
    /// Allocations of one size into a ring of 1024.
    AllocMicro {
        /// Bytes per object: 16, 32, 64, 256 or 4096.
        #[arg(default_value_t = 16)]
        size: u64,
        /// Pointers per object: 0 or 2.
        #[arg(default_value_t = 2)]
        pointers: u64,
        /// How many.
        #[arg(default_value_t = 10_000_000)]
        n: u64,
    },
    /// Messages into a ring of 200,000, each timed.
    LatencyRing {
        /// How many.
        #[arg(default_value_t = 2_000_000)]
        n: u64,
    },
    /// 10,000 requests a second on 10 million live objects, timed from when each is due.
    LatencyGraph {
        /// For how long.
        #[arg(default_value_t = 10)]
        seconds: u64,
        /// Bytes of short-lived buffers per request.
        #[arg(default_value_t = 8192)]
        garbage: u64,
    },
    /// Forced collections of a random graph.
    FullMark {
        /// Objects.
        #[arg(default_value_t = 5_000_000)]
        n: u64,
    },
    /// Pointer stores at random, with the collector idle and busy.
    Barrier {
        /// How many.
        #[arg(default_value_t = 10_000_000)]
        n: u64,
    },
    /// Stores all over a large array, and changes of a large map, while both are marked.
    BigArray {
        /// For how long.
        #[arg(default_value_t = 10)]
        seconds: u64,
        /// Slots of the array.
        #[arg(default_value_t = 16 << 20)]
        slots: u64,
        /// Entries of the map.
        #[arg(default_value_t = 4 << 20)]
        entries: u64,
    },
    /// A long list, marked and then dropped at once.
    Deep {
        /// Nodes.
        #[arg(default_value_t = 50_000_000)]
        n: u64,
    },
    /// Objects of a thousand types in turn.
    ManyTypes {
        /// Objects.
        #[arg(default_value_t = 10_000_000)]
        n: u64,
    },
    /// Mutators come and go a thousand times a second while the collector marks.
    Threads {
        /// For how long.
        #[arg(default_value_t = 5)]
        seconds: u64,
    },
    /// One thread stays in its region for a second at a time; another serves requests.
    SlowMutator {
        /// For how long.
        #[arg(default_value_t = 5)]
        seconds: u64,
    },
    /// Objects with destructors die at once, under requests.
    Drops {
        /// Objects.
        #[arg(default_value_t = 1_000_000)]
        n: u64,
        /// Seconds of requests.
        #[arg(default_value_t = 3)]
        seconds: u64,
    },
    /// A cache of weak values whose owners come and go, under requests.
    WeakCache {
        /// Values, and owners.
        #[arg(default_value_t = 200_000)]
        n: u64,
        /// Seconds of requests.
        #[arg(default_value_t = 5)]
        seconds: u64,
    },
    /// Guests that allocate as fast as they can under a hard limit, until they are refused.
    LimitGuest {
        /// The limit, in MiB.
        #[arg(default_value_t = 64)]
        limit_mib: u64,
        /// Guests, one after another.
        #[arg(default_value_t = 12)]
        guests: u64,
    },
    /// What a program gets done under soft limits close to what lives.
    SoftLimit {
        /// Live objects, 64 bytes each.
        #[arg(default_value_t = 1_000_000)]
        live: u64,
        /// Seconds under each limit.
        #[arg(default_value_t = 3)]
        seconds: u64,
    },
    /// A game's loop: frames of 16 ms, with a millisecond of collection in each, without threads.
    Frames {
        /// What lives, in MiB.
        #[arg(default_value_t = 200)]
        live_mib: u64,
        /// Objects of 128 bytes made in a frame.
        #[arg(default_value_t = 16384)]
        per_frame: u64,
        /// For how long.
        #[arg(default_value_t = 20)]
        seconds: u64,
    },
    /// Every workload in a process of its own: a table.
    All {
        /// At sizes that together take a minute or two.
        #[arg(long)]
        quick: bool,
        /// Append the runs' lines to this file.
        #[arg(long, value_name = "FILE")]
        lines: Option<PathBuf>,
        /// Only runs whose arguments contain this.
        #[arg(default_value = "")]
        filter: String,
    },
    /// How figures grow with the live objects, with mutators and with markers: tables, with the exponents that fit best.
    Growth {
        /// Up to 100 million objects.
        #[arg(long)]
        full: bool,
        /// Append the runs' lines to this file.
        #[arg(long, value_name = "FILE")]
        lines: Option<PathBuf>,
    },
    /// A page of tables and drawings from lines of runs.
    Report {
        /// Lines of this or other programs' runs.
        runs: PathBuf,
        /// The page.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Two files of lines beside each other; fails if anything is worse by more than the spread and 10 %.
    Compare {
        /// Lines of runs before a change.
        before: PathBuf,
        /// Lines of runs after it.
        after: PathBuf,
    },
    /// The same runs twice, in turns: a table; fails if the medians of the two are further apart than the runs of either.
    Repeat {
        /// At sizes that take some seconds each.
        #[arg(long)]
        quick: bool,
        /// Runs of each of the two.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Only runs whose arguments contain this.
        #[arg(default_value = "")]
        filter: String,
    },
    /// Single operations beside their baselines, interleaved: a table.
    Micro {
        /// Only groups whose name contains this.
        #[arg(default_value = "")]
        filter: String,
        /// Rounds; each runs every operation once.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
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
