//! The runs: what is to be safe, and what is broken and to be found.

use super::protocol::{Broken, Protocol};
use super::steps::Wrong;

/// What is to be safe.
#[derive(Debug)]
pub struct Safe {
    /// What it is about.
    pub name: &'static str,
    /// The protocol.
    pub protocol: Protocol,
}

const fn safe(name: &'static str, protocol: Protocol) -> Safe {
    Safe { name, protocol }
}

/// What takes seconds.
pub const SMALL: &[Safe] = &[
    safe("words", Protocol::new(2, 3)),
    safe("words, shaded at once, answered outside", Protocol::new(2, 3).immediate().outside_only()),
    safe("words, deferred, answered outside", Protocol::new(2, 3).outside_only()),
    safe("words, shaded at once, answered inside", Protocol::new(2, 3).immediate()),
    safe("words, joining", Protocol::new(2, 3).joining()),
    safe("words, three mutators", Protocol::new(3, 3)),
    safe("compound cells", Protocol::new(2, 3).all_compound()),
    safe(
        "compound cells, shaded at once, answered outside",
        Protocol::new(2, 3).all_compound().immediate().outside_only(),
    ),
    safe("one compound cell, two words", Protocol::new(2, 3).compound(0b001)),
    safe("two compound cells, one word", Protocol::new(2, 3).compound(0b011)),
    safe("H1 inside regions, mixed cells", Protocol::new(2, 3).compound(0b001).broken(Broken::SyncInRegion)),
    safe("all parts, words, two objects", Protocol::new(2, 2).roots().joining().weak()),
    safe("all parts, mixed cells, two objects", Protocol::new(2, 2).compound(0b01).roots().joining().weak()),
    safe("all parts, compound cells, two objects", Protocol::new(2, 2).all_compound().roots().joining().weak()),
    safe("local heap, words, global roots", Protocol::new(1, 3).local().roots()),
    safe(
        "local heap, mixed cells, all parts, two objects",
        Protocol::new(1, 2).local().compound(0b01).roots().joining().weak(),
    ),
];

/// What takes a minute or some, and gigabytes.
pub const LARGE: &[Safe] = &[
    safe("words, global roots", Protocol::new(2, 3).roots()),
    safe("words, global roots, joining", Protocol::new(2, 3).roots().joining()),
    safe("words, weak references", Protocol::new(2, 3).weak()),
    safe("words, weak references, joining", Protocol::new(2, 3).weak().joining()),
    safe("words, three mutators, joining", Protocol::new(3, 3).joining()),
    safe("words, four objects", Protocol::new(2, 4)),
    safe("compound cells, joining", Protocol::new(2, 3).all_compound().joining()),
    safe("H1 inside regions, compound cells", Protocol::new(2, 3).all_compound().broken(Broken::SyncInRegion)),
    safe(
        "local heap, words, global roots, weak references, joining",
        Protocol::new(1, 3).local().roots().weak().joining(),
    ),
    safe("local heap, compound cells, global roots", Protocol::new(1, 3).local().all_compound().roots()),
];

/// The protocol in which a broken one is found, and as what. `None`: it is not unsafe.
pub fn control(broken: Broken) -> Option<(Protocol, Wrong)> {
    let words = Protocol::new(2, 3);
    let (protocol, wrong) = match broken {
        Broken::NoSync
        | Broken::RootedIsTrace
        | Broken::ReadShadeWrite
        | Broken::NoWave
        | Broken::EarlyWave
        | Broken::UncountedHandIn
        | Broken::LateTerminating
        | Broken::MarkThenLook
        | Broken::BlackInSync
        | Broken::WhiteInRooted
        | Broken::BlackInRooted
        | Broken::WhiteInTrace
        | Broken::WhiteInEnded
        | Broken::SingleEnd
        | Broken::CachesKept
        | Broken::WaveKeepsEdges
        | Broken::RootedInRegion => (words, Wrong::ReachableWhite),
        Broken::EarlyClaim => (words.all_compound(), Wrong::ReachableWhite),
        Broken::EarlyScan | Broken::BlindClaim | Broken::TraceInRegion => {
            (words.all_compound(), Wrong::ReadWhileWritten)
        }
        Broken::UpgradeMarksFirst | Broken::UpgradeIgnoresDone | Broken::UpgradeAfterDone | Broken::UnsettledWeak => {
            (Protocol::new(2, 2).weak(), Wrong::ReachableWhite)
        }
        Broken::LeaverKeepsEdges | Broken::LateJoiner => (words.joining(), Wrong::ReachableWhite),
        Broken::UnpinnedRoots => (Protocol::new(1, 3).local().roots(), Wrong::ReachableWhite),
        Broken::StartInRegion => (Protocol::new(1, 3).local().roots(), Wrong::ReachableWhite),
        Broken::SyncInRegion => return None,
    };
    Some((protocol.broken(broken), wrong))
}
