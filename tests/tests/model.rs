//! The protocol's model: what is to be safe is, what is broken is found, and its tables are gc-core's.

use tests::model::protocol::{Broken, Colour, Handshake, Mode};
use tests::model::search::{Limits, Verdict, keys_are_stable, search};
use tests::model::suite::{SMALL, control};

/// Two gigabytes.
const LIMITS: Limits = Limits { states: 60_000_000 };

fn all_safe(part: impl Fn(usize) -> bool) {
    for (_, safe) in SMALL.iter().enumerate().filter(|(at, _)| part(*at)) {
        let outcome = search(&safe.protocol, LIMITS);
        match outcome.verdict {
            Verdict::Safe => println!("{}: {} states, {} steps", safe.name, outcome.states, outcome.transitions),
            Verdict::Unsafe(wrong, story) => panic!("{}: {wrong:?}\n{story}", safe.name),
            Verdict::TooLarge => panic!("{}: more than {} states", safe.name, outcome.states),
        }
    }
}

#[test]
fn the_protocol_is_safe_first_half() {
    all_safe(|at| at % 2 == 0);
}

#[test]
fn the_protocol_is_safe_second_half() {
    all_safe(|at| at % 2 == 1);
}

/// Each counterexample is printed (`--nocapture`).
#[test]
fn whatever_is_broken_is_found() {
    for broken in Broken::ALL {
        let Some((protocol, wrong)) = control(broken) else { continue };
        match search(&protocol, LIMITS).verdict {
            Verdict::Unsafe(found, story) => {
                println!("{broken:?}: {found:?} in {} steps\n{story}", story.steps.len());
                assert_eq!(found, wrong, "{broken:?}");
            }
            verdict => panic!("{broken:?} is not found: {verdict:?}"),
        }
    }
}

/// A key stands for its state under every name: the state read back from it has the same key, and the same number of steps.
#[test]
fn a_key_stands_for_its_state() {
    for safe in SMALL.iter().filter(|safe| safe.protocol.objects == 2) {
        keys_are_stable(&safe.protocol, 20_000);
    }
}

#[test]
fn modes_are_those_of_gc_core() {
    let bits = |colour| match colour {
        Colour::White => "Alloc",
        Colour::Grey => "Both",
        Colour::Black => "Mark",
    };
    let here = Mode::ALL.map(|mode| (format!("{mode:?}"), mode.shades(), bits(mode.birth()).to_owned()));
    assert_eq!(gc_core::__model::modes().collect::<Vec<_>>(), here);
}

#[test]
fn handshakes_are_those_of_gc_core() {
    let here = Handshake::ALL.map(|handshake| {
        let (from, to) = handshake.modes();
        (format!("{handshake:?}"), format!("{from:?}"), format!("{to:?}"), handshake.suits_regions())
    });
    assert_eq!(gc_core::__model::handshakes().collect::<Vec<_>>(), here);
}
