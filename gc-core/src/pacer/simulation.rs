//! The pacer in simulation: programs of many shapes, in simulated time, against the shipped arithmetic.
//!
//! A program allocates at its rate, its marker scans at its speed, and mutators assist as `assist` has them: in quanta, after
//! each refill, once the marker's credit is used up. What is simulated around the arithmetic is linear; what it shows is
//! that the trigger, the ratio and the estimate of what lives bring marking to its end at the goal.

use super::*;

const MIB: f64 = 1048576.0;
/// Microseconds of a step.
const TICK: f64 = 10.0;
/// Bytes between two chances to assist, and how long each is, in microseconds, below and beyond the goal.
const REFILL: f64 = 8192.0;
const QUANTUM: [f64; 2] = [15.0, 50.0];
/// Bytes that are marked in a microsecond: 64-byte objects at 16 ns each.
const MARKED: f64 = 4000.0;

/// What a program does: `at` is microseconds since its begin.
struct Program {
    /// Bytes allocated in a microsecond of its own time.
    rate: fn(at: f64) -> f64,
    /// Bytes that are reachable.
    live: fn(at: f64) -> f64,
    roots: f64,
    growth: u32,
    seconds: f64,
}

/// Size at the end of marking as a multiple of the goal, of each cycle, and the highest size.
struct Outcome {
    overshoots: Vec<f64>,
    peak: f64,
    /// Of all time, the mutator's share that assists took.
    assisted: f64,
}

impl Outcome {
    /// The overshoot that 99 % of the cycles stay below.
    fn p99(&self) -> f64 {
        let mut sorted = self.overshoots.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[(sorted.len() - 1) * 99 / 100]
    }
}

fn run(program: &Program) -> Outcome {
    let mut history = History::default();
    let decide = |live: f64, survival: usize, history: &History| {
        plan(Inputs {
            live: live as usize,
            roots: program.roots as usize,
            growth: program.growth,
            min_heap: 4 << 20,
            bound: UNLIMITED,
            allocated_per_scanned: history.allocated_per_scanned(),
            survival,
        })
    };
    let mut next = decide(0.0, 0, &history);
    let (mut at, mut heap, mut live_before, mut expected) = (0.0, 0.0, 0.0, 0.0);
    let mut outcome = Outcome { overshoots: Vec::new(), peak: 0.0, assisted: 0.0 };
    // (in use at the begin, to scan, scanned, credit, born black) of the cycle that is on.
    let mut cycle: Option<(f64, f64, f64, f64, f64)> = None;
    while at < program.seconds * 1e6 {
        let rate = (program.rate)(at);
        let Some((began_at, to_scan, scanned, credit, born)) = &mut cycle else {
            heap += rate * TICK;
            at += TICK;
            if heap >= next.trigger as f64 {
                let reachable = (program.live)(at).min(heap);
                cycle = Some((heap, reachable, 0.0, 0.0, 0.0));
            }
            outcome.peak = outcome.peak.max(heap);
            continue;
        };
        let goal = next.goal as f64;
        *scanned += MARKED * TICK;
        *credit += MARKED * TICK;
        let ratio = assist_ratio(AssistInputs {
            expected: if expected == 0.0 { *began_at } else { expected } as usize,
            most: *began_at as usize,
            scanned: *scanned as usize,
            heap: heap as usize,
            goal: next.goal,
        }) as f64
            / 1024.0;
        // Refill by refill until the tick is over.
        let mut left = TICK;
        while left > 0.0 && rate > 0.0 {
            let bytes = REFILL.min(rate * left);
            left -= bytes / rate;
            heap += bytes;
            *born += bytes;
            let owed = bytes * ratio;
            let paid = owed.min(*credit);
            *credit -= paid;
            let quantum = QUANTUM[usize::from(heap > goal)] * bytes / REFILL;
            let took = ((owed - paid) / MARKED).min(quantum);
            *scanned += took * MARKED;
            left -= took;
            outcome.assisted += took;
        }
        at += TICK - left.min(0.0);
        outcome.peak = outcome.peak.max(heap);
        if *scanned >= *to_scan {
            outcome.overshoots.push(heap / goal);
            let found =
                Found { began_at: *began_at as usize, live: (*to_scan + *born) as usize, born_black: *born as usize };
            let live = estimate_live(found, live_before as usize);
            history.add(*born as usize, found.marked());
            let survival = found.survival(live_before as usize);
            expected = *to_scan;
            heap = *to_scan + *born;
            live_before = live as f64;
            next = decide(live as f64, survival, &history);
            cycle = None;
        }
    }
    outcome.assisted /= at;
    outcome
}

const STEADY: Program = Program { rate: |_| 200.0, live: |_| 100.0 * MIB, roots: 0.0, growth: 100, seconds: 20.0 };

#[track_caller]
fn ends_at_its_goal(program: Program) -> Outcome {
    let outcome = run(&program);
    let (cycles, p99) = (outcome.overshoots.len(), outcome.p99());
    assert!(cycles >= 20, "{cycles} cycles");
    assert!(p99 <= 1.05, "p99 of {cycles} cycles is {p99}");
    outcome
}

#[test]
fn steady_programs_of_every_rate() {
    for rate in [|_| 20.0, |_| 100.0, |_| 400.0, |_| 1000.0] as [fn(f64) -> f64; 4] {
        let outcome = ends_at_its_goal(Program { rate, seconds: 400.0, ..STEADY });
        // The last cycle in which all of it lived still plans for growth.
        assert!(outcome.peak <= 200.0 * MIB * 1.25, "{} MiB", outcome.peak / MIB);
    }
}

#[test]
fn a_calm_program_never_assists() {
    let calm = Program { rate: |_| 100.0, seconds: 100.0, ..STEADY };
    assert!(run(&calm).assisted < 0.001);
}

#[test]
fn every_growth() {
    for growth in [25, 50, 200, 400] {
        ends_at_its_goal(Program { growth, seconds: 100.0, ..STEADY });
    }
}

#[test]
fn bursts() {
    // Twenty times the rate for 5 ms out of 50; and for half a second out of five.
    ends_at_its_goal(Program { rate: |at| if at % 50e3 < 5e3 { 1000.0 } else { 50.0 }, seconds: 100.0, ..STEADY });
    ends_at_its_goal(Program { rate: |at| if at % 5e6 < 5e5 { 1000.0 } else { 50.0 }, seconds: 100.0, ..STEADY });
}

#[test]
fn growing_and_shrinking() {
    ends_at_its_goal(Program { live: |at| 10.0 * MIB + at * 20.0, ..STEADY });
    ends_at_its_goal(Program { live: |at| (400.0 * MIB - at * 20.0).max(8.0 * MIB), seconds: 40.0, ..STEADY });
}

#[test]
fn a_cache() {
    ends_at_its_goal(Program { live: |_| 2000.0 * MIB, rate: |_| 500.0, seconds: 200.0, ..STEADY });
}

#[test]
fn batches() {
    // All of a batch lives until its end, and then nothing.
    ends_at_its_goal(Program { live: |at| MIB + at % 1e6 * 100.0, rate: |_| 150.0, seconds: 100.0, ..STEADY });
}

#[test]
fn tiny_heaps() {
    let tiny = ends_at_its_goal(Program { live: |_| 0.5 * MIB, rate: |_| 500.0, seconds: 2.0, ..STEADY });
    assert!(tiny.peak < 5.0 * MIB);
    ends_at_its_goal(Program { live: |_| 0.0, rate: |_| 1000.0, seconds: 1.0, ..STEADY });
}

#[test]
fn huge_roots() {
    let rooted = Program { live: |_| 20.0 * MIB, roots: 100.0 * MIB, ..STEADY };
    let outcome = ends_at_its_goal(rooted);
    assert!(outcome.peak > 130.0 * MIB, "the roots give room");
}
