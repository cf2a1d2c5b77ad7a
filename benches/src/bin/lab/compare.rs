//! Two files of lines beside each other. Worse is what is above by more than 10 % and by more than either side's own runs
//! lie apart.

use std::path::Path;

use crate::lines::{Run, Spread, read};

/// Above this ratio a median may be worse.
const TOLERATED: f64 = 1.10;

pub(crate) type Figure = (&'static str, fn(&Run) -> Option<f64>);

/// What is compared; of all of it less is better. Not the maximum: one value of a run.
pub(crate) const FIGURES: [Figure; 5] = [
    ("ns/op", |run| Some(run.ns_per_op)),
    ("p50, us", |run| run.pause_p50_us),
    ("p99, us", |run| run.pause_p99_us),
    ("p99.9, us", |run| run.pause_p999_us),
    ("peak RSS, MiB", |run| run.peak_rss_mib),
];

/// Prints the table; an error if anything is worse.
pub(crate) fn table(before: &Path, after: &Path) -> Result<(), String> {
    let (before, after) = (read(before)?.runs, read(after)?.runs);
    println!("| workload | ops | who | figure | before | spread | after | spread | ratio | |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut worse = Vec::new();
    let mut compared = 0;
    for (key, old) in &before {
        let Some(new) = after.get(key) else { continue };
        for (name, figure) in FIGURES {
            let of = |runs: &[Run]| Spread::of(runs.iter().filter_map(figure));
            let (Some(old), Some(new)) = (of(old), of(new)) else { continue };
            compared += 1;
            let verdict = if is_worse(old, new) { "**worse**" } else { "" };
            println!(
                "| {} | {} | {} | {name} | {:.2} | {:.2}-{:.2} | {:.2} | {:.2}-{:.2} | {:.2} | {verdict} |",
                key.workload,
                key.ops,
                key.who,
                old.median,
                old.least,
                old.greatest,
                new.median,
                new.least,
                new.greatest,
                new.median / old.median,
            );
            if !verdict.is_empty() {
                worse.push(format!("{} ({}): {name}", key.workload, key.who));
            }
        }
    }
    if compared == 0 {
        return Err("the files have no run in common".into());
    }
    if worse.is_empty() { Ok(()) } else { Err(format!("worse: {}", worse.join("; "))) }
}

fn is_worse(old: Spread, new: Spread) -> bool {
    let more = new.median - old.median;
    more > old.width().max(new.width()) && new.median > old.median * TOLERATED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worse_is_beyond_both_spreads_and_a_tenth() {
        let of = |values: &[f64]| Spread::of(values.iter().copied()).expect("some values");
        assert!(is_worse(of(&[10.0, 10.1, 10.2]), of(&[12.0, 12.1, 12.2])));
        assert!(!is_worse(of(&[10.0, 10.1, 10.2]), of(&[10.9, 11.0, 11.1])), "within a tenth");
        assert!(!is_worse(of(&[10.0, 10.1, 13.2]), of(&[12.0, 12.1, 12.2])), "within the first's spread");
        assert!(!is_worse(of(&[10.0, 10.1, 10.2]), of(&[10.0, 12.1, 14.2])), "within the second's spread");
        assert!(!is_worse(of(&[12.0]), of(&[10.0])), "better");
    }
}
