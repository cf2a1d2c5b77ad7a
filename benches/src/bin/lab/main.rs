//! The laboratory: whole workloads, run as other collectors' programs run them, one line of JSON each.
//!
//! ```text
//! lab WORKLOAD [ARGS] [--heap local|shared] [--mutators N] [--markers N] [--growth P] [--control spin]
//! lab micro [FILTER]
//! ```
//!
//! Regions are kept short as a careful user would: at most 100 microseconds where latency is measured, 10 milliseconds
//! elsewhere; the longest is printed.

#![forbid(unsafe_code)]

mod alloc_micro;
mod barrier;
mod full_mark;
mod graph;
mod options;
mod ring;
mod single;
mod trees;

use clap::Parser;

use crate::options::{HeapKind, Options, Workload};
use benches::{Flavour, Line};
use gc_core::{Owned, Shared};

fn main() {
    let options = Options::parse();
    if let Workload::Micro { filter, rounds } = &options.workload {
        return single::table(filter, *rounds);
    }
    match run(&options) {
        Ok(line) => println!("{}", line.to_json()),
        // What a program can't do is no failure: the runner of all programs goes on.
        Err(why) => eprintln!("null: {why}"),
    }
}

fn run(options: &Options) -> Result<Line, String> {
    let several = matches!(options.workload, Workload::BinaryTreesMt { .. });
    if !several && options.mutators.is_some_and(|n| n != 1) {
        return Err("this workload has one mutator".into());
    }
    // One mutator is what a local heap is for; several threads need the shared one.
    match (options.heap, several) {
        (Some(HeapKind::Local), true) => Err("a local heap has one mutator".into()),
        (Some(HeapKind::Shared), _) | (None, true) => run_on::<Shared>(options),
        (Some(HeapKind::Local) | None, false) => run_on::<Owned>(options),
    }
}

fn run_on<S: Flavour>(options: &Options) -> Result<Line, String> {
    match options.workload {
        Workload::BinaryTrees { depth } => Ok(trees::binary_trees::<S>(options, depth)),
        Workload::BinaryTreesMt { depth, threads } => {
            trees::binary_trees_mt(options, depth, options.mutators.unwrap_or(threads))
        }
        Workload::Gcbench => Ok(trees::gcbench::<S>(options)),
        Workload::AllocMicro { size, pointers, n } => alloc_micro::run::<S>(options, size, pointers, n),
        Workload::LatencyRing { n } => Ok(ring::run::<S>(options, n)),
        Workload::LatencyGraph { seconds, garbage } => Ok(graph::run::<S>(options, seconds, garbage)),
        Workload::FullMark { n } => Ok(full_mark::run::<S>(options, n)),
        Workload::Barrier { n } => Ok(barrier::run::<S>(options, n)),
        Workload::Micro { .. } => unreachable!("a table, not a run"),
    }
}
