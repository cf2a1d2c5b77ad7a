//! Breadth-first search over all states; the first wrong one is as near as any.

use std::time::{Duration, Instant};

use super::mutator_steps::beginnings;
use super::protocol::Protocol;
use super::state::{Key, Packer, State};
use super::steps::{Step, Steps, Who, Wrong, wrong};

/// How far a search may go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// States at most; each takes about 32 bytes.
    pub states: usize,
}

/// What a search found.
#[derive(Debug)]
pub struct Outcome {
    /// States met.
    pub states: usize,
    /// Steps taken.
    pub transitions: u64,
    /// The longest way from a beginning, in steps.
    pub depth: usize,
    /// Time taken.
    pub time: Duration,
    /// What it came to.
    pub verdict: Verdict,
}

/// What a search came to.
#[derive(Debug)]
pub enum Verdict {
    /// All states were met, and none is wrong.
    Safe,
    /// A shortest way to a wrong state.
    Unsafe(Wrong, Story),
    /// There are more states than the limit.
    TooLarge,
}

/// A way through the states: where it begins, then each step and where it leads.
#[derive(Debug)]
pub struct Story {
    /// The first state.
    pub beginning: State,
    /// The steps.
    pub steps: Vec<(Who, Step, State)>,
}

const NOWHERE: u32 = u32::MAX;

/// The states met so far, in the order in which they were, and where each came from.
struct Met {
    keys: Vec<Key>,
    from: Vec<u32>,
    /// Open addressing; a power of two long.
    table: Vec<u32>,
}

impl Met {
    fn new() -> Met {
        Met { keys: Vec::new(), from: Vec::new(), table: vec![NOWHERE; 1 << 16] }
    }

    fn slot(&self, key: Key) -> usize {
        let mixed = (key as u64 ^ ((key >> 64) as u64).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed >> (u64::BITS - self.table.len().trailing_zeros())) as usize
    }

    /// Adds a state; false if it was met before.
    fn add(&mut self, key: Key, from: u32) -> bool {
        if (self.keys.len() + 1) * 4 > self.table.len() * 3 {
            let len = self.table.len() * 2;
            self.table.clear();
            self.table.resize(len, NOWHERE);
            for at in 0..self.keys.len() {
                let mut slot = self.slot(self.keys[at]);
                while self.table[slot] != NOWHERE {
                    slot = (slot + 1) & (len - 1);
                }
                self.table[slot] = at as u32;
            }
        }
        let mut slot = self.slot(key);
        while self.table[slot] != NOWHERE {
            if self.keys[self.table[slot] as usize] == key {
                return false;
            }
            slot = (slot + 1) & (self.table.len() - 1);
        }
        self.table[slot] = self.keys.len() as u32;
        self.keys.push(key);
        self.from.push(from);
        true
    }
}

/// Searches all states of `protocol`.
pub fn search(protocol: &Protocol, limits: Limits) -> Outcome {
    let began = Instant::now();
    let packer = Packer::new(protocol);
    let mut met = Met::new();
    for state in beginnings(protocol) {
        met.add(packer.key(&state), NOWHERE);
    }
    let mut steps = Steps::new(protocol);
    let mut transitions = 0;
    let (mut depth, mut level_end) = (0, met.keys.len());
    let mut at = 0;
    let verdict = 'search: loop {
        if at == met.keys.len() {
            break Verdict::Safe;
        }
        if at == level_end {
            depth += 1;
            level_end = met.keys.len();
        }
        if met.keys.len() > limits.states {
            break Verdict::TooLarge;
        }
        let state = packer.state(met.keys[at]);
        steps.of(&state);
        transitions += steps.next.len() as u64;
        for (_, _, next) in &steps.next {
            let key = packer.key(next);
            if met.add(key, at as u32)
                && let Some(wrong) = wrong(protocol, next)
            {
                break 'search Verdict::Unsafe(wrong, tell(protocol, &packer, &met, key));
            }
        }
        at += 1;
    };
    Outcome { states: met.keys.len(), transitions, depth, time: began.elapsed(), verdict }
}

/// The way to the state that was met last, with the same names from beginning to end.
fn tell(protocol: &Protocol, packer: &Packer, met: &Met, last: Key) -> Story {
    let mut keys = vec![last];
    let mut from = *met.from.last().expect("at least the last");
    while from != NOWHERE {
        keys.push(met.keys[from as usize]);
        from = met.from[from as usize];
    }
    keys.reverse();
    let beginning = packer.state(keys[0]);
    let mut story = Story { beginning, steps: Vec::new() };
    let mut steps = Steps::new(protocol);
    let mut state = beginning;
    for &key in &keys[1..] {
        steps.of(&state);
        let step = steps.next.iter().find(|(_, _, next)| packer.key(next) == key);
        let step = *step.expect("a step leads on whatever the names");
        state = step.2;
        story.steps.push(step);
    }
    story
}

/// Checks of the first `states` states and all that follow them that keys can be read back.
///
/// # Panics
/// When one can't.
pub fn keys_are_stable(protocol: &Protocol, states: usize) {
    let packer = Packer::new(protocol);
    let mut met = Met::new();
    for state in beginnings(protocol) {
        met.add(packer.key(&state), NOWHERE);
    }
    let (mut steps, mut again) = (Steps::new(protocol), Steps::new(protocol));
    for at in 0..states.min(met.keys.len()) {
        steps.of(&packer.state(met.keys[at]));
        for (_, _, next) in &steps.next {
            let key = packer.key(next);
            assert_eq!(packer.key(&packer.state(key)), key, "{next:?}");
            again.of(next);
            let steps_here = again.next.len();
            again.of(&packer.state(key));
            assert_eq!(steps_here, again.next.len(), "{next:?}");
            met.add(key, at as u32);
        }
    }
}
