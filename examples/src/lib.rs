//! What the examples share: the report of what the collector did.

#![forbid(unsafe_code)]

/// The programs in the user's documents are compiled and run.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    mod readme {}
    #[doc = include_str!("../../docs/embedding.md")]
    mod embedding {}
}

use std::fmt::Write;
use std::time::Duration;

use gc_core::{Cause, CycleReport, Distribution, Statistics};

/// Widest bar of a histogram, in characters.
const BAR: u64 = 40;

/// The pause report: cycles, bytes, and how long the program was interrupted, by cause.
pub fn report(statistics: &Statistics) -> String {
    let mut out = String::new();
    write_report(&mut out, statistics).expect("a string takes any text");
    out
}

/// A cycle in a line.
pub fn cycle_line(cycle: &CycleReport) -> String {
    format!(
        "{:>4} at {:>8.3} s: {} -> {} live ({} objects, goal {}); start {}, mark {}, end {}, sweep {}; {} waves",
        cycle.number,
        cycle.began.as_secs_f64(),
        bytes(cycle.began_at as u64),
        bytes(cycle.live_bytes as u64),
        cycle.live_objects,
        bytes(cycle.goal as u64),
        time(cycle.start),
        time(cycle.mark),
        time(cycle.end),
        time(cycle.sweep),
        cycle.waves,
    )
}

fn write_report(out: &mut String, statistics: &Statistics) -> std::fmt::Result {
    let total = &statistics.total;
    writeln!(out, "-- the collector")?;
    writeln!(
        out,
        "cycles {}; allocated {} in {} objects; live after the last cycle {} in {}; in use now {}",
        statistics.cycles,
        bytes(statistics.bytes_allocated),
        statistics.objects_allocated,
        bytes(statistics.live_bytes as u64),
        statistics.live_objects,
        bytes(statistics.heap_bytes as u64),
    )?;
    writeln!(
        out,
        "beside the program: marking {}, sweeping {}; the slowest handshake took {}",
        time(total.mark),
        time(total.sweep),
        time(total.slowest_handshake),
    )?;
    let all = statistics.all_interruptions();
    writeln!(out, "interruptions of the program: {}, {} in all", all.count(), time(all.total()))?;
    if all.count() == 0 {
        return Ok(());
    }
    writeln!(out, "  {:<10} {:>9} {:>10} {:>10} {:>10} {:>10}", "cause", "count", "p50", "p99", "p99.9", "max")?;
    for cause in Cause::ALL {
        row(out, cause.name(), &statistics.interruptions(cause))?;
    }
    row(out, "all", &all)?;
    histogram(out, &all)
}

fn row(out: &mut String, name: &str, distribution: &Distribution) -> std::fmt::Result {
    if distribution.count() == 0 {
        return Ok(());
    }
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|q| time(distribution.quantile(q)));
    writeln!(
        out,
        "  {name:<10} {:>9} {p50:>10} {p99:>10} {p999:>10} {:>10}",
        distribution.count(),
        time(distribution.max())
    )
}

/// A bar per power of two; its length is the logarithm of the count, so that the few long ones are seen.
fn histogram(out: &mut String, distribution: &Distribution) -> std::fmt::Result {
    let steps = distribution.by_powers_of_two();
    let most = steps.iter().map(|&(_, count)| magnitude(count)).max().unwrap_or(0).max(1);
    for (end, count) in steps {
        let length = if count == 0 { 0 } else { 1 + (BAR - 1) * magnitude(count) / most };
        writeln!(out, "  up to {:>10} {count:>9} {}", time(end), "#".repeat(length as usize))?;
    }
    Ok(())
}

/// The logarithm of a count to the base 2, rounded down; 0 for none.
fn magnitude(count: u64) -> u64 {
    count.checked_ilog2().unwrap_or(0).into()
}

/// Bytes with a unit.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64),
        _ => format!("{:.2} GiB", bytes as f64 / (1 << 30) as f64),
    }
}

/// A time with a unit.
pub fn time(time: Duration) -> String {
    let ns = time.as_nanos();
    match ns {
        0..1000 => format!("{ns} ns"),
        1000..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", time.as_secs_f64()),
    }
}
