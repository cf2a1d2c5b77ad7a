//! Every workload, each in a process of its own, one after another: a table.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A workload's arguments, and the kinds of heap it runs on.
struct Run {
    /// Everything but the heap, at its full size.
    full: &'static str,
    /// The same in some seconds.
    quick: &'static str,
    heaps: &'static [&'static str],
}

const BOTH: &[&str] = &["local", "shared"];
const LOCAL: &[&str] = &["local"];
const SHARED: &[&str] = &["shared"];

const RUNS: &[Run] = &[
    Run { full: "binary_trees 18", quick: "binary_trees 16", heaps: BOTH },
    Run { full: "binary_trees_mt 18 2", quick: "binary_trees_mt 16 2", heaps: SHARED },
    Run { full: "gcbench", quick: "gcbench", heaps: BOTH },
    Run { full: "alloc_micro 16 0 10000000", quick: "alloc_micro 16 0 1000000", heaps: BOTH },
    Run { full: "alloc_micro 16 2 10000000", quick: "alloc_micro 16 2 1000000", heaps: LOCAL },
    Run { full: "alloc_micro 32 0 10000000", quick: "alloc_micro 32 0 1000000", heaps: LOCAL },
    Run { full: "alloc_micro 32 2 10000000", quick: "alloc_micro 32 2 1000000", heaps: LOCAL },
    Run { full: "alloc_micro 64 0 10000000", quick: "alloc_micro 64 0 1000000", heaps: LOCAL },
    Run { full: "alloc_micro 64 2 10000000", quick: "alloc_micro 64 2 1000000", heaps: BOTH },
    Run { full: "alloc_micro 256 0 10000000", quick: "alloc_micro 256 0 1000000", heaps: LOCAL },
    Run { full: "alloc_micro 256 2 10000000", quick: "alloc_micro 256 2 1000000", heaps: LOCAL },
    Run { full: "alloc_micro 4096 0 500000", quick: "alloc_micro 4096 0 50000", heaps: BOTH },
    Run { full: "alloc_micro 4096 2 500000", quick: "alloc_micro 4096 2 50000", heaps: LOCAL },
    Run { full: "latency_ring 2000000", quick: "latency_ring 500000", heaps: BOTH },
    Run { full: "latency_graph 10 8192", quick: "latency_graph 3 8192", heaps: BOTH },
    Run { full: "full_mark 5000000", quick: "full_mark 500000", heaps: BOTH },
    Run { full: "barrier 10000000", quick: "barrier 1000000", heaps: BOTH },
    Run { full: "big_array 10", quick: "big_array 2 1048576 262144", heaps: BOTH },
    Run { full: "deep 50000000", quick: "deep 2000000", heaps: BOTH },
    Run { full: "many_types 10000000", quick: "many_types 1000000", heaps: BOTH },
    Run { full: "threads 5", quick: "threads 1", heaps: SHARED },
    Run { full: "slow_mutator 5", quick: "slow_mutator 2", heaps: SHARED },
    Run { full: "drops 1000000 3", quick: "drops 200000 1", heaps: BOTH },
    Run { full: "limit_guest 64 12", quick: "limit_guest 64 4", heaps: BOTH },
    Run { full: "soft_limit 1000000 3", quick: "soft_limit 200000 1", heaps: BOTH },
    Run { full: "frames 200 16384 20", quick: "frames 50 1024 3", heaps: BOTH },
    Run { full: "weak_cache 200000 5", quick: "weak_cache 200000 2", heaps: BOTH },
];

/// A file to append lines to.
pub(crate) fn appended(path: &Path) -> Result<File, String> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| format!("{}: {error}", path.display()))
}

/// Appends a line.
pub(crate) fn append(lines: &mut File, line: &[u8]) -> Result<(), String> {
    lines.write_all(line).map_err(|error| format!("the lines: {error}"))
}

/// The line that this program prints in a process of its own.
pub(crate) fn child(args: &[&str]) -> Result<Vec<u8>, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|error| format!("{}: {error}", args.join(" ")))?;
    if output.status.success() && !output.stdout.is_empty() {
        return Ok(output.stdout);
    }
    Err(format!("{}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr)))
}

/// The arguments of all runs that contain `filter`: (without the heap, the heap).
pub(crate) fn runs(quick: bool, filter: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = RUNS.iter().flat_map(move |run| {
        let args = if quick { run.quick } else { run.full };
        run.heaps.iter().map(move |&heap| (args, heap))
    });
    all.filter(move |(args, _)| args.contains(filter))
}

/// Such a run's line.
pub(crate) fn line_of(args: &str, heap: &str) -> Result<Vec<u8>, String> {
    let whole: Vec<&str> = args.split(' ').chain(["--heap", heap]).collect();
    child(&whole)
}

/// Runs them all and prints the table; appends the lines to a file.
pub(crate) fn table(quick: bool, lines: Option<&Path>, filter: &str) -> Result<(), String> {
    let mut lines = lines.map(appended).transpose()?;
    println!(
        "| workload | heap | ns/op | p50 / p99 / p99.9 / max, us | an empty request's | longest interruption, us | cycles | \
         peak RSS, MiB | MMU at 1 ms / on its processor (control) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut failed = Vec::new();
    for (args, heap) in runs(quick, filter) {
        match line_of(args, heap) {
            Ok(line) => {
                let parsed = serde_json::from_slice(&line).map_err(|error| format!("{args}: {error}"))?;
                println!("{}", row(args, heap, &parsed));
                if let Some(lines) = &mut lines {
                    append(lines, &line)?;
                }
            }
            Err(why) => {
                println!("| {args} | {heap} | failed | | | | | | |");
                failed.push(why);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn row(args: &str, heap: &str, line: &Value) -> String {
    let number =
        |value: &Value, digits: usize| value.as_f64().map_or(String::new(), |value| format!("{value:.digits$}"));
    let latencies = |of: &Value, prefix: &str| {
        let all = ["p50", "p99", "p999", "max"].map(|which| number(&of[format!("{prefix}_{which}_us")], 1));
        if all[0].is_empty() { String::new() } else { all.join(" / ") }
    };
    let extra = &line["extra"];
    let share = |of: &Value, name: &str| number(&of[name]["1ms"], 3);
    let utilisation = match share(extra, "mmu") {
        own if own.is_empty() => own,
        own => format!("{own} / {} ({})", share(extra, "mmu_on_cpu"), share(&extra["control"], "mmu")),
    };
    // None is not one of no length.
    let interruptions = Some(&extra["interruptions"]["all"]).filter(|all| all["count"] != 0);
    let longest = interruptions.map_or(String::new(), |all| number(&all["max_us"], 1));
    format!(
        "| {args} | {heap} | {} | {} | {} | {longest} | {} | {} | {utilisation} |",
        number(&line["ns_per_op"], 1),
        latencies(line, "pause"),
        latencies(&extra["control"], "empty"),
        number(&extra["gc_cycles"], 0),
        number(&line["peak_rss_mib"], 0),
    )
}
