//! The laboratory: whole workloads, run as other collectors' programs run them, one line of JSON each.
//!
//! ```text
//! lab WORKLOAD [ARGS] [--heap local|shared] [--mutators N] [--markers N] [--growth P] [--control spin]
//! lab micro [FILTER]
//! lab all [--quick] [--lines FILE] [FILTER]
//! lab growth [--full] [--lines FILE]
//! lab report RUNS.jsonl -o report.html
//! lab compare A.jsonl B.jsonl
//! lab repeat [--quick] [--rounds N] [FILTER]
//! ```
//!
//! Regions are kept short as a careful user would: at most 100 microseconds where latency is measured, 10 milliseconds
//! elsewhere; the longest is printed.

#![forbid(unsafe_code)]

mod all;
mod alloc_micro;
mod barrier;
mod big;
mod chart;
mod company;
mod compare;
mod deep;
mod drops;
mod frames;
mod full_mark;
mod graph;
mod growth;
mod html;
mod limit_guest;
mod lines;
mod many_types;
mod options;
mod repeat;
mod ring;
mod single;
mod soft_limit;
mod trees;
mod weak_cache;

use std::process::ExitCode;

use clap::Parser;

use crate::options::{HeapKind, Options, Workload};
use benches::{Flavour, Line};
use gc_core::{Owned, Shared};

fn main() -> ExitCode {
    let options = Options::parse();
    match &options.workload {
        Workload::Micro { filter, rounds } => {
            single::table(filter, *rounds);
            return ExitCode::SUCCESS;
        }
        Workload::All { quick, lines, filter } => return ended(all::table(*quick, lines.as_deref(), filter)),
        Workload::Growth { full, lines } => return ended(growth::table(*full, lines.as_deref())),
        Workload::Report { runs, output } => return ended(html::write(runs, output)),
        Workload::Repeat { quick, rounds, filter } => return ended(repeat::table(*quick, *rounds, filter)),
        Workload::Compare { before, after } => return ended(compare::table(before, after)),
        _ => {}
    }
    match run(&options) {
        Ok(line) => {
            let line = options.said().into_iter().fold(line, |line, said| line.with("options", said));
            println!("{}", line.to_json());
        }
        // What a program can't do is no failure: the runner of all programs goes on.
        Err(why) => eprintln!("null: {why}"),
    }
    ExitCode::SUCCESS
}

/// A failure is said on standard error.
fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Line, String> {
    let several = matches!(
        options.workload,
        Workload::BinaryTreesMt { .. } | Workload::Threads { .. } | Workload::SlowMutator { .. }
    );
    if !matches!(options.workload, Workload::BinaryTreesMt { .. }) && options.mutators.is_some() {
        return Err("this workload has as many mutators as it has".into());
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
        // What a container of a heap of the kind `S` may hold is known of each kind, not of `S`.
        Workload::BigArray { seconds, slots, entries } if S::SHARED => {
            big::run::<Shared>(options, seconds, slots, entries)
        }
        Workload::BigArray { seconds, slots, entries } => big::run::<Owned>(options, seconds, slots, entries),
        Workload::Deep { n } => Ok(deep::run::<S>(options, n)),
        Workload::ManyTypes { n } => Ok(many_types::run::<S>(options, n)),
        Workload::Threads { seconds } => Ok(company::threads(options, seconds)),
        Workload::SlowMutator { seconds } => Ok(company::slow_mutator(options, seconds)),
        Workload::Drops { n, seconds } => Ok(drops::run::<S>(options, n, seconds)),
        Workload::WeakCache { n, seconds } => weak_cache::run::<S>(options, n, seconds),
        Workload::LimitGuest { limit_mib, guests } => Ok(limit_guest::run::<S>(options, limit_mib, guests)),
        Workload::SoftLimit { live, seconds } => soft_limit::run::<S>(options, live, seconds),
        Workload::Frames { live_mib, per_frame, seconds } => frames::run::<S>(options, live_mib, per_frame, seconds),
        Workload::Micro { .. }
        | Workload::All { .. }
        | Workload::Growth { .. }
        | Workload::Report { .. }
        | Workload::Compare { .. }
        | Workload::Repeat { .. } => unreachable!("a table, not a run"),
    }
}
