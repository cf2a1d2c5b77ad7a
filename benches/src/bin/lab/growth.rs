//! How figures grow: with the live objects, with mutators, with markers; and the exponents that fit best.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::all;
use crate::lines::{Run, Spread};

type Figure = (&'static str, fn(&Run) -> Option<f64>);

/// What grows, how it is run, and what is looked at.
struct Growth {
    /// As a line's `extra.growth` has it.
    name: &'static str,
    /// What is counted along it.
    with: &'static str,
    count: fn(&Run) -> Option<f64>,
    figures: &'static [Figure],
}

const PEAK: Figure = ("peak RSS, MiB", |run| run.peak_rss_mib);

const GROWTHS: [Growth; 4] = [
    Growth {
        name: "objects",
        with: "objects",
        count: |run| Some(run.ops as f64),
        figures: &[
            ("marking, ms", mark_ms),
            ("forced collection, ms", |run| Some(run.seconds * 1e3)),
            PEAK,
            ("objects built a second", |run| Some(run.ops as f64 / run.extra["build_s"].as_f64()?)),
        ],
    },
    // An array of so many slots, each with its object, under requests that store into it while it is marked.
    Growth {
        name: "requests",
        with: "objects under requests",
        count: |run| run.extra["slots"].as_f64(),
        figures: &[
            ("longest interruption, us", |run| run.extra["interruptions"]["all"]["max_us"].as_f64()),
            ("p99.9 of requests, us", |run| run.pause_p999_us),
            ("time lost on its processor, ms a second", |run| {
                Some(run.extra["lost"]["on_cpu_ms"].as_f64()? / run.seconds)
            }),
        ],
    },
    Growth {
        name: "mutators",
        with: "mutators",
        count: |run| run.extra["mutators"].as_f64(),
        figures: &[
            ("objects allocated a second", |run| Some(run.ops as f64 / run.seconds)),
            ("marking, ms in all", |run| run.extra["phases_ms"]["total"]["mark"].as_f64()),
            ("longest interruption, us", |run| run.extra["interruptions"]["all"]["max_us"].as_f64()),
            PEAK,
        ],
    },
    Growth {
        name: "markers",
        with: "markers",
        count: |run| run.extra["markers"].as_f64(),
        figures: &[("marking, ms", mark_ms), ("forced collection, ms", |run| Some(run.seconds * 1e3)), PEAK],
    },
];

/// The median of a run's collections.
fn mark_ms(run: &Run) -> Option<f64> {
    let all = run.extra["mark_ms"].as_array()?;
    Some(Spread::of(all.iter().filter_map(Value::as_f64))?.median)
}

/// A figure by what grows.
pub(crate) struct Curves {
    pub(crate) with: &'static str,
    pub(crate) figure: &'static str,
    /// By program, ascending. Medians of runs of the same.
    pub(crate) curves: BTreeMap<String, Vec<(f64, f64)>>,
}

/// The curves that lines of `growth` have, of at least two points.
pub(crate) fn curves(runs: &[Run]) -> Vec<Curves> {
    let mut all = Vec::new();
    for growth in &GROWTHS {
        for &(figure, value) in growth.figures {
            let mut values: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
            for run in runs.iter().filter(|run| run.extra["growth"] == growth.name) {
                if let (Some(count), Some(value)) = ((growth.count)(run), value(run)) {
                    let heap = run.extra["heap"].as_str().unwrap_or_default();
                    values.entry(format!("{}, {heap}", run.peer)).or_default().push((count, value));
                }
            }
            let medians = values.into_iter().map(|(who, mut points)| {
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                let same = points.chunk_by(|a, b| a.0 == b.0);
                let medians =
                    same.filter_map(|same| Some((same[0].0, Spread::of(same.iter().map(|point| point.1))?.median)));
                (who, medians.collect::<Vec<_>>())
            });
            let curves: BTreeMap<_, _> = medians.filter(|(_, points)| points.len() > 1).collect();
            if !curves.is_empty() {
                all.push(Curves { with: growth.with, figure, curves });
            }
        }
    }
    all
}

/// The exponent of the power that fits best: least squares on logarithms.
pub(crate) fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> =
        points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0).map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / logs.len() as f64;
    let (x_mean, y_mean) = (mean(|log| log.0), mean(|log| log.1));
    let variance: f64 = logs.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let covariance: f64 = logs.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    (variance > 0.0).then(|| covariance / variance)
}

/// The runs: what grows, and the arguments.
fn plan(full: bool, cores: usize) -> Vec<(&'static str, String)> {
    let sizes: Vec<u64> = (4..=if full { 8 } else { 7 }).map(|power| 10_u64.pow(power)).collect();
    // One, two, four, until there are as many as cores.
    let threads: Vec<usize> = std::iter::successors(Some(1), |&n| (n < cores).then_some(2 * n)).collect();
    let mut plan = Vec::new();
    plan.extend(sizes.iter().map(|size| ("objects", format!("full_mark {size}"))));
    plan.extend(sizes.iter().map(|size| ("requests", format!("big_array 2 {size} 0"))));
    plan.extend(threads.iter().map(|n| ("mutators", format!("binary_trees_mt 16 --mutators {n}"))));
    plan.extend(threads.iter().map(|n| ("markers", format!("full_mark 2000000 --markers {n}"))));
    plan
}

/// Runs the sizes and prints the curves; appends the lines to a file.
pub(crate) fn table(full: bool, lines: Option<&Path>) -> Result<(), String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut runs: Vec<Run> = Vec::new();
    let mut file = lines.map(all::appended).transpose()?;
    for (what, args) in plan(full, cores) {
        let line = all::child(&args.split(' ').collect::<Vec<_>>())?;
        let failed = |error: serde_json::Error| format!("{args}: {error}");
        let mut line: Value = serde_json::from_slice(&line).map_err(failed)?;
        line["extra"]["growth"] = what.into();
        if let Some(file) = &mut file {
            all::append(file, format!("{line}\n").as_bytes())?;
        }
        runs.push(serde_json::from_value(line).map_err(failed)?);
    }
    let mut before = "";
    for Curves { with, figure, curves } in curves(&runs) {
        for points in curves.values() {
            if with != before {
                let counts: Vec<String> = points.iter().map(|point| point.0.to_string()).collect();
                println!(
                    "\n| by {with} | {} | exponent |\n|---|{}",
                    counts.join(" | "),
                    "---|".repeat(counts.len() + 1)
                );
                before = with;
            }
            let values: Vec<String> = points.iter().map(|(_, value)| format!("{value:.2}")).collect();
            let exponent = exponent(points).map_or(String::new(), |exponent| format!("{exponent:.2}"));
            println!("| {figure} | {} | {exponent} |", values.join(" | "));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_have_their_exponents() {
        let points = |power: i32| [10.0, 100.0, 1000.0].map(|x: f64| (x, 3.0 * x.powi(power)));
        for power in [-1, 0, 1, 2] {
            let exponent = exponent(&points(power)).expect("three sizes");
            assert!((exponent - f64::from(power)).abs() < 1e-9, "{exponent}");
        }
        assert_eq!(exponent(&[(10.0, 1.0)]), None);
    }

    #[test]
    fn threads_double_until_every_core_has_one() {
        let of = |cores| plan(false, cores).into_iter().filter(|(what, _)| *what == "markers").count();
        assert_eq!([1, 2, 3, 4, 8].map(of), [1, 2, 3, 3, 4]);
    }
}
