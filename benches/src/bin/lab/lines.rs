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
    /// The program, and its heap if it says so.
    pub(crate) who: String,
}

impl Run {
    pub(crate) fn key(&self) -> Key {
        let who = match self.extra["heap"].as_str() {
            Some(heap) => format!("{}, {heap}", self.peer),
            None => self.peer.clone(),
        };
        Key { workload: self.workload.clone(), ops: self.ops, who }
    }
}

/// Runs of the same thing beside each other, in the order of their keys.
pub(crate) type Runs = BTreeMap<Key, Vec<Run>>;

/// A file of lines; empty ones don't count.
pub(crate) fn read(path: &Path) -> Result<Runs, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut runs = Runs::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let run: Run =
            serde_json::from_str(line).map_err(|error| format!("{}, line {}: {error}", path.display(), number + 1))?;
        runs.entry(run.key()).or_default().push(run);
    }
    if runs.is_empty() { Err(format!("{}: no lines", path.display())) } else { Ok(runs) }
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
