//! The same runs twice, in turns A B B A A B ..: what the laboratory's own figures are worth. The medians of two sets of the
//! same must lie no further apart than the runs within the sets.

use crate::all;
use crate::compare::FIGURES;
use crate::lines::{Run, Spread};

/// Prints the table; an error if the medians of anything are further apart than its runs.
pub(crate) fn table(quick: bool, rounds: usize, filter: &str) -> Result<(), String> {
    println!("| run | figure | median | spread | again | spread | apart by | |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut unlike = Vec::new();
    for (args, heap) in all::runs(quick, filter) {
        let mut sets: [Vec<Run>; 2] = Default::default();
        for turn in 0..2 * rounds.max(2) {
            let line = all::line_of(args, heap)?;
            let run = serde_json::from_slice(&line).map_err(|error| format!("{args}: {error}"))?;
            // A B, B A, A B: what drifts is in both.
            sets[(turn ^ (turn >> 1)) & 1].push(run);
        }
        for (name, figure) in FIGURES {
            let of = |runs: &[Run]| Spread::of(runs.iter().filter_map(figure));
            let (Some(first), Some(second)) = (of(&sets[0]), of(&sets[1])) else { continue };
            let (is_like, apart) = (are_like(first, second), (second.median - first.median).abs());
            let verdict = if is_like { "" } else { "**unlike**" };
            println!(
                "| {args}, {heap} | {name} | {:.3} | {:.3}-{:.3} | {:.3} | {:.3}-{:.3} | {apart:.3} | {verdict} |",
                first.median, first.least, first.greatest, second.median, second.least, second.greatest,
            );
            if !is_like {
                unlike.push(format!("{args}, {heap}: {name}"));
            }
        }
    }
    if unlike.is_empty() { Ok(()) } else { Err(format!("medians further apart than runs: {}", unlike.join("; "))) }
}

/// Whether the medians lie within the greater of both spreads; a figure that is the same in all runs of a set has none, and
/// is given a hundredth for the unit it is rounded to.
fn are_like(first: Spread, second: Spread) -> bool {
    let width = first.width().max(second.width()).max(first.median / 100.0);
    (first.median - second.median).abs() <= width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_like_within_the_spread_of_either() {
        let of = |values: &[f64]| Spread::of(values.iter().copied()).expect("some values");
        assert!(are_like(of(&[10.0, 11.0, 12.0]), of(&[12.0, 12.9, 13.0])));
        assert!(!are_like(of(&[10.0, 11.0, 12.0]), of(&[13.0, 13.1, 13.2])));
        assert!(are_like(of(&[10.0; 3]), of(&[10.05; 3])));
        assert!(!are_like(of(&[10.0; 3]), of(&[11.0; 3])));
    }

    #[test]
    fn turns_alternate_who_is_first() {
        let turns: Vec<usize> = (0..6).map(|turn: usize| (turn ^ (turn >> 1)) & 1).collect();
        assert_eq!(turns, [0, 1, 1, 0, 0, 1]);
    }
}
