//! Lines of runs, read back: any program's that the workloads' definition covers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// What a line says, as far as it is compared or drawn. What a program doesn't say is null.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Run {
    pub(crate) workload: String,
    pub(crate) peer: String,
    pub(crate) ops: u64,
    pub(crate) seconds: f64,
    pub(crate) ns_per_op: f64,
    pub(crate) peak_rss_mib: Option<f64>,
    pub(crate) pause_p50_us: Option<f64>,
    pub(crate) pause_p99_us: Option<f64>,
    pub(crate) pause_p999_us: Option<f64>,
    pub(crate) pause_max_us: Option<f64>,
    #[serde(default)]
    pub(crate) extra: Value,
}

/// What runs have in common that are runs of the same thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) workload: String,
    pub(crate) ops: u64,
    /// The program, its heap if it says so, and what it was told.
    pub(crate) who: String,
    pub(crate) peer: String,
}

impl Run {
    pub(crate) fn key(&self) -> Key {
        let said = ["heap", "options"].into_iter().filter_map(|name| self.extra[name].as_str());
        let who: Vec<&str> = std::iter::once(self.peer.as_str()).chain(said).collect();
        Key { workload: self.workload.clone(), ops: self.ops, who: who.join(", "), peer: self.peer.clone() }
    }
}

/// Runs of the same thing beside each other, in the order of their keys.
pub(crate) type Runs = BTreeMap<Key, Vec<Run>>;

/// A file's lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) runs: Runs,
    /// Those of `growth`, which differ in what grows.
    pub(crate) growth: Vec<Run>,
}

/// Reads a file of lines. Empty ones don't count, nor do those that say why a program does not do a workload (`null`).
pub(crate) fn read(path: &Path) -> Result<Lines, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lines = Lines::default();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let failed = |error: serde_json::Error| format!("{}, line {}: {error}", path.display(), number + 1);
        let line: Value = serde_json::from_str(line).map_err(failed)?;
        if line.get("null").is_some() {
            continue;
        }
        let run: Run = serde_json::from_value(line).map_err(failed)?;
        if run.extra["growth"].is_string() {
            lines.growth.push(run);
        } else {
            lines.runs.entry(run.key()).or_default().push(run);
        }
    }
    if lines.runs.is_empty() && lines.growth.is_empty() {
        return Err(format!("{}: no lines", path.display()));
    }
    Ok(lines)
}

/// The least, the median and the greatest of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) greatest: f64,
}

impl Spread {
    /// Nothing of no values.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, greatest) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) };
        Some(Spread { least, median, greatest })
    }

    /// From the least to the greatest.
    pub(crate) fn width(&self) -> f64 {
        self.greatest - self.least
    }
}
