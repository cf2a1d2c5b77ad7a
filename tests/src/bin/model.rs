//! The model of the protocol at any size: `cargo run --release -p tests --bin model -- PARTS`.
//!
//! - `small`, `large`, `all`: the runs of `tests::model::suite`, with the number of states of each.
//! - `controls`: what is broken on purpose, with the shortest counterexample of each; `controls brief` without.
//! - Anything else is one run: `model MUTATORS OBJECTS [PART..]`. Parts: `roots`, `joining`, `weak`, `local`, `compound` (all
//!   cells), `compound=N` (the first N), `immediate`, `outside`, `states=MILLIONS` (the limit; 32 bytes and some each), and
//!   the name of a `Broken`.

use std::process::ExitCode;

use tests::model::protocol::{Broken, Protocol};
use tests::model::search::{Limits, Outcome, Verdict, search};
use tests::model::state::set_of_all;
use tests::model::suite;

/// States at most, unless told otherwise: about three gigabytes.
const STATES: usize = 90_000_000;

fn run(name: &str, protocol: &Protocol, states: usize, tells: bool) -> Outcome {
    let outcome = search(protocol, Limits { states });
    let verdict = match &outcome.verdict {
        Verdict::Safe => "safe".to_owned(),
        Verdict::Unsafe(wrong, story) => format!("{wrong:?} in {} steps", story.steps.len()),
        Verdict::TooLarge => "more states than the limit".to_owned(),
    };
    let Outcome { states, transitions, depth, time, .. } = outcome;
    println!("{name:60} {states:>10} {transitions:>11} {depth:>4} {:>7.1}s  {verdict}", time.as_secs_f64());
    if let (true, Verdict::Unsafe(_, story)) = (tells, &outcome.verdict) {
        println!("{story}");
    }
    outcome
}

fn runs(runs: &[suite::Safe]) -> bool {
    runs.iter().fold(true, |good, safe| {
        let name = format!("{}/{} {}", safe.protocol.mutators, safe.protocol.objects, safe.name);
        good & matches!(run(&name, &safe.protocol, STATES, true).verdict, Verdict::Safe)
    })
}

fn controls(tells: bool) -> bool {
    Broken::ALL.into_iter().fold(true, |good, broken| {
        let Some((protocol, wrong)) = suite::control(broken) else { return good };
        let outcome = run(&format!("{broken:?}"), &protocol, STATES, tells);
        good & matches!(outcome.verdict, Verdict::Unsafe(found, _) if found == wrong)
    })
}

/// One run; `None` if an argument is not understood.
fn single(arguments: &[String]) -> Option<bool> {
    let [mutators, objects, parts @ ..] = arguments else { return None };
    let mut protocol = Protocol::new(mutators.parse().ok()?, objects.parse().ok()?);
    let mut states = STATES;
    for part in parts {
        protocol = match part.as_str() {
            "roots" => protocol.roots(),
            "joining" => protocol.joining(),
            "weak" => protocol.weak(),
            "local" => protocol.local(),
            "compound" => protocol.all_compound(),
            "immediate" => protocol.immediate(),
            "outside" => protocol.outside_only(),
            part => {
                if let Some(n) = part.strip_prefix("compound=") {
                    protocol.compound(set_of_all(n.parse().ok()?))
                } else if let Some(millions) = part.strip_prefix("states=") {
                    states = millions.parse::<usize>().ok()? * 1_000_000;
                    protocol
                } else {
                    protocol.broken(Broken::ALL.into_iter().find(|broken| format!("{broken:?}") == part)?)
                }
            }
        };
    }
    Some(matches!(run(&arguments.join(" "), &protocol, states, true).verdict, Verdict::Safe))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("{:60} {:>10} {:>11} {:>4} {:>8}", "mutators/objects", "states", "transitions", "deep", "time");
    let good = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["small"] => Some(runs(suite::SMALL)),
        ["large"] => Some(runs(suite::LARGE)),
        ["all"] => Some(runs(suite::SMALL) & runs(suite::LARGE) & controls(false)),
        ["controls"] => Some(controls(true)),
        ["controls", "brief"] => Some(controls(false)),
        _ => single(&arguments),
    };
    match good {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            eprintln!("model small|large|all|controls [brief] | MUTATORS OBJECTS [PART..]; see the head of its source");
            ExitCode::FAILURE
        }
    }
}
