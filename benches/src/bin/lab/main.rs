//! The laboratory: whole workloads, run as other collectors' programs run them, one line of JSON each.
//!
//! ```text
//! lab WORKLOAD [ARGS] [--heap local|shared] [--mutators N] [--markers N] [--growth P] [--control spin]
//! ```
//!
//! Regions are kept short as a careful user would: at most 100 microseconds where latency is measured, 10 milliseconds
//! elsewhere; the longest is printed.

#![forbid(unsafe_code)]

mod barrier;
mod full_mark;
mod graph;
mod micro;
mod options;
mod ring;
mod trees;

use clap::Parser;

use crate::options::{HeapKind, Options, Workload};
use benches::{Flavour, Line};
use gc_core::{Owned, Shared};

fn main() {
    let options = Options::parse();
    match run(&options) {
        Ok(line) => println!("{}", line.to_json()),
        // What a program can't do is no failure: the runner of all programs goes on.
        Err(why) => eprintln!("null: {why}"),
    }
}

fn run(options: &Options) -> Result<Line, String> {
    let several = options.workload == Workload::BinaryTreesMt;
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
    let arg = |index: usize, default: u64| options.args.get(index).copied().unwrap_or(default);
    match options.workload {
        Workload::BinaryTrees => Ok(trees::binary_trees::<S>(options, arg(0, 18))),
        Workload::BinaryTreesMt => trees::binary_trees_mt(options, arg(0, 18), options.mutators.unwrap_or(arg(1, 2))),
        Workload::Gcbench => Ok(trees::gcbench::<S>(options)),
        Workload::AllocMicro => micro::run::<S>(options, arg(0, 16), arg(1, 2), arg(2, 10_000_000)),
        Workload::LatencyRing => Ok(ring::run::<S>(options, arg(0, 2_000_000))),
        Workload::LatencyGraph => Ok(graph::run::<S>(options, arg(0, 10), arg(1, 8192))),
        Workload::FullMark => Ok(full_mark::run::<S>(options, arg(0, 5_000_000))),
        Workload::Barrier => Ok(barrier::run::<S>(options, arg(0, 10_000_000))),
    }
}
