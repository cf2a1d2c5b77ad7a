//! How figures grow with the number of live objects: full_mark at sizes ten times apart, and the exponents that fit best.

use std::collections::BTreeMap;
use std::path::Path;

use crate::all;
use crate::lines::{Run, Runs, Spread};

/// Objects, in all but the longest form.
const SIZES: [&str; 4] = ["10000", "100000", "1000000", "10000000"];
const LONGEST: &str = "100000000";

type Figure = (&'static str, fn(&Run) -> Option<f64>);

const FIGURES: [Figure; 4] = [
    ("collection, ms", |run| Some(run.seconds * 1e3)),
    ("longest interruption, us", |run| run.extra["in_all"]["interruptions"]["all"]["max_us"].as_f64()),
    ("peak RSS, MiB", |run| run.peak_rss_mib),
    ("objects built a second", |run| Some(run.ops as f64 / run.extra["build_s"].as_f64()?)),
];

/// Points by program, by figure.
type Curves = Vec<(&'static str, BTreeMap<String, Vec<(f64, f64)>>)>;

/// The curves that lines of full_mark have, of programs that ran it at several sizes. Medians.
pub(crate) fn curves(runs: &Runs) -> Curves {
    FIGURES
        .map(|(name, figure)| {
            let mut curves: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
            for (key, same) in runs.iter().filter(|(key, _)| key.workload == "full_mark") {
                if let Some(values) = Spread::of(same.iter().filter_map(figure)) {
                    curves.entry(key.who.clone()).or_default().push((key.ops as f64, values.median));
                }
            }
            curves.retain(|_, points| points.len() > 1);
            (name, curves)
        })
        .into()
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

/// Runs the sizes and prints the curves; appends the lines to a file.
pub(crate) fn table(full: bool, lines: Option<&Path>) -> Result<(), String> {
    let mut runs = Runs::new();
    let mut file = lines.map(all::appended).transpose()?;
    for size in SIZES.into_iter().chain(full.then_some(LONGEST)) {
        let line = all::child(&["full_mark", size])?;
        if let Some(file) = &mut file {
            all::append(file, &line)?;
        }
        let run: Run = serde_json::from_slice(&line).map_err(|error| format!("full_mark {size}: {error}"))?;
        runs.entry(run.key()).or_default().push(run);
    }
    println!("| figure | {} | exponent |", runs.keys().map(|key| key.ops.to_string()).collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---|".repeat(runs.len() + 1));
    for (name, curves) in curves(&runs) {
        for points in curves.values() {
            let values: Vec<String> = points.iter().map(|(_, value)| format!("{value:.2}")).collect();
            let exponent = exponent(points).map_or(String::new(), |exponent| format!("{exponent:.2}"));
            println!("| {name} | {} | {exponent} |", values.join(" | "));
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
}
