//! Counterexamples in words.

use std::fmt;

use super::search::Story;
use super::state::{FREE, NULL, Set, State, each};
use super::steps::{Step, Who};

fn name(object: usize) -> char {
    char::from(b'A' + object as u8)
}

fn maybe(object: &Option<usize>) -> String {
    object.map_or("null".to_owned(), |object| name(object).to_string())
}

fn names(set: Set) -> String {
    if set == 0 { "-".to_owned() } else { each(set).map(name).collect() }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Collector => f.pad("collector"),
            Who::Marker => f.pad("marker"),
            Who::Holder => f.pad("holder"),
            Who::Mutator(at) => f.pad(&format!("mutator {}", at + 1)),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Ask(handshake) => write!(f, "asks for {handshake:?}"),
            Step::Walk(object) => write!(f, "walks root {}", name(*object)),
            Step::WalkOver => write!(f, "goes on: all have answered, or all roots are walked"),
            Step::SeeQuiet => write!(f, "sees the queues empty"),
            Step::SeeHandIn => write!(f, "sees that something was handed in: Tracing"),
            Step::SeeClean => write!(f, "sees that nothing was handed in"),
            Step::Decide(true) => write!(f, "moves the word to Done"),
            Step::Decide(false) => write!(f, "finds the word at Tracing: goes on"),
            Step::Sweep(dead) => write!(f, "sweeps; frees {}", names(*dead)),
            Step::Take(object) => write!(f, "scans {}", name(*object)),
            Step::Read(object) => write!(f, "reads the content of {}, finishes the claim", name(*object)),
            Step::Skip(object) => write!(f, "skips {}: claimed or scanned", name(*object)),
            Step::Mark(object) => write!(f, "marks and queues {}", name(*object)),
            Step::DropRoot(object) => write!(f, "drops the global root {}", name(*object)),
            Step::Join(mode) => write!(f, "joins in {mode:?}"),
            Step::Retire => write!(f, "begins to leave the heap"),
            Step::Left => write!(f, "hands in what it shaded, and is gone"),
            Step::BeginAnswer(handshake, held) => write!(f, "begins to answer {handshake:?}, holding {}", names(*held)),
            Step::Answered(mode) => write!(f, "has answered: {mode:?}"),
            Step::Resume(object, true) => write!(f, ".. {}: moves the word to Tracing", name(*object)),
            Step::Resume(object, false) => write!(f, ".. {}: leaves the word as it is", name(*object)),
            Step::Shade(object) => write!(f, ".. {}: marks it", name(*object)),
            Step::ShadeAndHandIn(object) => write!(f, ".. {}: marks it, hands in", name(*object)),
            Step::StorePlain(object, value) => write!(f, "stores {} into {}, plainly", maybe(value), name(*object)),
            Step::StoreShading(object, value, old) => {
                write!(f, "stores {} into {}; {} came out", maybe(value), name(*object), maybe(old))
            }
            Step::LoadOld(object, old) => write!(f, "is to store into {}, sees {} there", name(*object), maybe(old)),
            Step::StoreLate(object, value) => write!(f, ".. stores {} into {}", maybe(value), name(*object)),
            Step::Alloc(object) => write!(f, "allocates {}", name(*object)),
            Step::MakeRoot(object) => write!(f, "makes {} a global root", name(*object)),
            Step::MakeWeak(object) => write!(f, "makes a weak reference to {}", name(*object)),
            Step::Upgrade(object) => write!(f, "upgrades {}: it has it", name(*object)),
            Step::UpgradeLooks(object, true) => write!(f, "upgrades {}: marked, so it has it", name(*object)),
            Step::UpgradeLooks(object, false) => write!(f, "upgrades {}: not marked", name(*object)),
            Step::UpgradeReads(object, word) => write!(f, ".. {}: reads {word:?}", name(*object)),
            Step::UpgradeMarks(object) => write!(f, ".. {}: marks it", name(*object)),
            Step::Lock(object) => write!(f, "holds {} exclusively", name(*object)),
            Step::Seen(object) => write!(f, "locks {}, sees it unscanned", name(*object)),
            Step::Claim(object) => write!(f, "claims {}", name(*object)),
            Step::Finish(object) => write!(f, "notes the content of {}, finishes the claim", name(*object)),
            Step::Unlock(object) => write!(f, "gives {} back", name(*object)),
            Step::Write(object, value) => write!(f, "writes {} into {}", maybe(value), name(*object)),
        }
    }
}

/// The heap and its mutators, on one line.
struct Sight<'a>(&'a State);

impl fmt::Display for Sight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0;
        for (object, &content) in state.content.iter().enumerate() {
            match content {
                FREE => {}
                NULL => write!(f, "{} ", name(object))?,
                content => write!(f, "{}>{} ", name(object), name(content as usize - 1))?,
            }
        }
        write!(f, "| marked {} grey {} | {:?}", names(state.marked), names(state.queued), state.word)?;
        if state.roots != 0 {
            write!(f, " | roots {}", names(state.roots))?;
        }
        for (at, mutator) in state.mutators.iter().enumerate() {
            if *mutator != super::state::Mutator::ABSENT {
                write!(f, " | {}: {:?}", at + 1, mutator.mode)?;
                let sets = [
                    ("holds", mutator.held),
                    ("edges", mutator.edges),
                    ("shades", mutator.shades),
                    ("guards", mutator.guards),
                ];
                for (what, set) in sets.into_iter().filter(|(_, set)| *set != 0) {
                    write!(f, " {what} {}", names(set))?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:68} {}", "  0 beginning", Sight(&self.beginning))?;
        for (at, (who, step, state)) in self.steps.iter().enumerate() {
            let line = format!("{:3} {who:10} {step}", at + 1);
            writeln!(f, "{line:68} {}", Sight(state))?;
        }
        Ok(())
    }
}
