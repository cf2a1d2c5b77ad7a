//! The table of single operations: every operation and baseline of a group in turns, round after round; medians of times,
//! and of the rounds' ratios, with their spread.

use benches::ops::{Group, REACH, Reach, groups};

/// Runs the groups whose name contains `filter` and prints the table.
pub(crate) fn table(filter: &str, rounds: usize) {
    println!("| operation | ns | spread | baseline | times | spread | to reach |");
    println!("|---|---|---|---|---|---|---|");
    for group in groups().into_iter().filter(|group| group.name.contains(filter)) {
        rows(&group, rounds.max(1));
    }
}

fn rows(group: &Group, rounds: usize) {
    let mut runs: Vec<_> = group.ops.iter().map(|op| (op.make)()).collect();
    // The first round warms up and doesn't count.
    let times: Vec<Vec<f64>> = (0..=rounds)
        .map(|_| {
            let ns = |n: u64, run: &mut benches::ops::Run| run(n).as_secs_f64() * 1e9 / n as f64;
            runs.iter_mut().map(|run| ns(group.per_round, run)).collect()
        })
        .skip(1)
        .collect();
    let baseline = group.ops.len() - 1;
    for (index, op) in group.ops.iter().enumerate() {
        let own = Spread::of(times.iter().map(|round| round[index]));
        let name = format!("{}: {}", group.name, op.name);
        if index == baseline {
            println!("| {name} | {:.2} | {:.2}-{:.2} | | | | |", own.median, own.least, own.greatest);
            continue;
        }
        let ratio = Spread::of(times.iter().map(|round| round[index] / round[baseline]));
        println!(
            "| {name} | {:.2} | {:.2}-{:.2} | {} | {:.2} | {:.2}-{:.2} | {} |",
            own.median,
            own.least,
            own.greatest,
            group.ops[baseline].name,
            ratio.median,
            ratio.least,
            ratio.greatest,
            reach(group.name, op.name, own.median, ratio.median),
        );
    }
}

/// What is wanted of the operation, and whether it is so.
fn reach(group: &str, op: &str, ns: f64, times: f64) -> String {
    let verdicts: Vec<String> = REACH
        .iter()
        .filter(|(of_group, of_op, _)| (*of_group, *of_op) == (group, op))
        .map(|(_, _, bound)| {
            let (text, met) = match *bound {
                Reach::Ns(most) => (format!("<= {most} ns"), ns <= most),
                Reach::Times(most) => (format!("<= {most}x"), times <= most),
            };
            format!("{text} {}", if met { "yes" } else { "**no**" })
        })
        .collect();
    verdicts.join(", ")
}

struct Spread {
    least: f64,
    median: f64,
    greatest: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Spread { least: values[0], median: values[values.len() / 2], greatest: values[values.len() - 1] }
    }
}
