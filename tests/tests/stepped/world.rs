//! The model: what every object holds, what every mutator holds, and what is decided to be done next.
//!
//! All steps happen one after the other, each of one mutator, so the model knows the whole graph exactly at any moment, and
//! draws the next step from a seed: a program is repeated by its seed alone.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// An object, in the order of their making.
pub(crate) type Id = usize;

/// Registers of a mutator in a region.
pub(crate) const REGISTERS: usize = 4;
/// Word cells of an object.
pub(crate) const WORDS: usize = 2;
/// Cells of an object that hold a list, each of another kind.
pub(crate) const LISTS: usize = 3;
/// The most objects that a program makes.
pub(crate) const OBJECTS: usize = 2048;
/// How many roots there are at most.
pub(crate) const ROOTS: usize = 6;
/// Locals of a mutator.
pub(crate) const LOCALS: usize = 4;

/// Drops by object.
pub(crate) type Drops = Arc<Vec<AtomicU32>>;

pub(crate) fn no_drops() -> Drops {
    Arc::new((0..OBJECTS).map(|_| AtomicU32::new(0)).collect())
}

/// One step of one mutator. Registers are named by number; `None` stores nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Do {
    // Outside regions.
    Enter,
    /// All locals go.
    EndScope,
    /// The mutator leaves and comes back.
    Rejoin,
    /// The collector takes one step, here.
    Step,
    // In a region.
    Leave,
    Alloc {
        to: usize,
        id: Id,
    },
    /// Garbage without pointers that fills some spans, so that the mutator comes to where it may answer in a region.
    Litter,
    Load {
        to: usize,
        from: usize,
        word: usize,
    },
    Store {
        of: usize,
        word: usize,
        what: Option<usize>,
    },
    /// Into `what`'s register comes what was there.
    Swap {
        of: usize,
        word: usize,
        what: usize,
    },
    CompareExchange {
        of: usize,
        word: usize,
        what: usize,
    },
    /// Holds the cell's guard until `Unlock` or the end of the region.
    Lock {
        of: usize,
        list: usize,
    },
    Unlock,
    /// Of the guard held.
    Push {
        what: usize,
    },
    Pop {
        to: usize,
    },
    Clear,
    /// Without a guard that stays, if the cell can be read.
    First {
        to: usize,
        from: usize,
        list: usize,
    },
    SetOnce {
        of: usize,
        what: usize,
    },
    GetOnce {
        to: usize,
        from: usize,
    },
    Downgrade {
        of: usize,
        what: usize,
    },
    Upgrade {
        to: usize,
        from: usize,
    },
    Forget {
        which: usize,
    },
    Root {
        place: usize,
        what: usize,
    },
    GetRoot {
        to: usize,
        place: usize,
    },
    /// A clone in one place, the original goes.
    MoveRoot {
        from: usize,
        to: usize,
    },
    DropRoot {
        place: usize,
    },
    Local {
        what: usize,
    },
    GetLocal {
        to: usize,
        which: usize,
    },
    SetLocal {
        which: usize,
        what: usize,
    },
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did {
    Nothing,
    /// A register was filled, or found empty.
    Found(Option<Id>),
    /// What the collector says.
    Slice(gc_core::Slice),
}

#[derive(Debug, Default, Clone)]
struct Object {
    words: [Option<Id>; WORDS],
    lists: [Vec<Id>; LISTS],
    locked: [bool; LISTS],
    once: Option<Id>,
    weak: Option<Id>,
}

#[derive(Debug, Default, Clone)]
struct Actor {
    inside: bool,
    registers: [Option<Id>; REGISTERS],
    guard: Option<(Id, usize)>,
    locals: Vec<Id>,
}

/// Xorshift with a multiplier (Vigna 2016), seeded through a multiplication so that small seeds differ.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// See the module documentation.
pub(crate) struct World {
    seed: u64,
    dice: Dice,
    pub(crate) drops: Drops,
    objects: Vec<Object>,
    roots: [Option<Id>; ROOTS],
    actors: Vec<Actor>,
    /// The step that is being done.
    doing: (usize, Do),
    /// What was done, for the report of a failure.
    log: String,
    left: usize,
    /// What a mutator does next, drawn before: the last first.
    plans: Vec<Vec<Do>>,
    /// The slice said that nothing was to do: a cycle is to be asked for.
    pub(crate) idle: bool,
    pub(crate) cycles: usize,
}

impl World {
    pub(crate) fn new(seed: u64, actors: usize, steps: usize) -> World {
        World {
            seed,
            dice: Dice((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            drops: no_drops(),
            objects: Vec::new(),
            roots: [None; ROOTS],
            actors: vec![Actor::default(); actors],
            doing: (0, Do::Enter),
            log: String::new(),
            left: steps,
            plans: vec![Vec::new(); actors],
            idle: true,
            cycles: 0,
        }
    }

    fn fail(&self, what: &str) -> ! {
        let tail: Vec<_> = self.log.lines().rev().take(400).collect();
        let tail: Vec<_> = tail.into_iter().rev().collect();
        panic!("{what}; seed {}\n{}", self.seed, tail.join("\n"));
    }

    fn reachable(&self) -> BTreeSet<Id> {
        let held = self.actors.iter().flat_map(|actor| {
            let guard = actor.guard.map(|(id, _)| id);
            actor.registers.iter().flatten().copied().chain(guard).chain(actor.locals.iter().copied())
        });
        let mut left: Vec<Id> = self.roots.iter().flatten().copied().chain(held).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = left.pop() {
            if seen.insert(id) {
                let object = &self.objects[id];
                left.extend(object.words.iter().flatten().chain(&object.once).chain(object.lists.iter().flatten()));
            }
        }
        seen
    }

    /// Nothing that can be reached was dropped.
    fn check(&self) {
        for id in self.reachable() {
            if self.drops[id].load(Ordering::SeqCst) != 0 {
                self.fail(&format!("object {id} was dropped while it could be reached"));
            }
        }
    }

    /// After a full collection with nobody in a region: what can't be reached was dropped, once.
    pub(crate) fn check_exactly(&self) {
        let reachable = self.reachable();
        for id in 0..self.objects.len() {
            let drops = self.drops[id].load(Ordering::SeqCst);
            if drops != u32::from(!reachable.contains(&id)) {
                self.fail(&format!("object {id}: dropped {drops} times, reachable: {}", reachable.contains(&id)));
            }
        }
    }

    /// A mutator's thread has panicked.
    pub(crate) fn lost(&self) -> ! {
        let (who, step) = self.doing;
        self.fail(&format!("mutator {who} panicked in {step:?}"))
    }

    /// All mutators are gone, and their locals.
    pub(crate) fn end_scopes(&mut self) {
        self.actors.iter_mut().for_each(|actor| actor.locals.clear());
    }

    pub(crate) fn made(&self) -> usize {
        self.objects.len()
    }

    /// The next step: whose, and which. `None`: the program is over.
    pub(crate) fn draw(&mut self) -> Option<(usize, Do)> {
        if self.left == 0 {
            return self.wind_up();
        }
        self.left -= 1;
        let who = self.dice.below(self.actors.len());
        let step = match self.plans[who].pop() {
            Some(step) => step,
            None if self.actors[who].inside => self.draw_inside(who),
            None => self.draw_outside(),
        };
        self.note(who, step);
        Some((who, step))
    }

    fn note(&mut self, who: usize, step: Do) {
        self.doing = (who, step);
        let _ = writeln!(self.log, "{who}: {step:?}");
    }

    /// Everybody leaves.
    fn wind_up(&mut self) -> Option<(usize, Do)> {
        let who = self.actors.iter().position(|actor| actor.inside)?;
        self.note(who, Do::Leave);
        Some((who, Do::Leave))
    }

    fn draw_outside(&mut self) -> Do {
        match self.dice.below(24) {
            0 => Do::EndScope,
            1 => Do::Rejoin,
            2..=12 => Do::Step,
            _ => Do::Enter,
        }
    }

    fn draw_inside(&mut self, who: usize) -> Do {
        let actor = self.actors[who].clone();
        if actor.guard.is_none()
            && self.dice.one_in(4)
            && let Some(step) = self.plan_theft(who)
        {
            return step;
        }
        let dice = &mut self.dice;
        let any = dice.below(REGISTERS);
        let full: Vec<usize> = (0..REGISTERS).filter(|&register| actor.registers[register].is_some()).collect();
        let place = dice.below(ROOTS);
        if let Some((id, list)) = actor.guard {
            let what = full.get(dice.below(full.len().max(1))).copied();
            match dice.below(6) {
                0 | 1 => return Do::Unlock,
                2 if what.is_some() => return Do::Push { what: what.unwrap_or(0) },
                3 if !self.objects[id].lists[list].is_empty() => return Do::Pop { to: any },
                4 if dice.one_in(4) => return Do::Clear,
                _ => {}
            }
        }
        if full.is_empty() || dice.one_in(6) {
            return match dice.below(8) {
                0..=2 => Do::GetRoot { to: any, place },
                3 if !actor.locals.is_empty() => Do::GetLocal { to: any, which: dice.below(actor.locals.len()) },
                4 | 5 if self.objects.len() < OBJECTS => Do::Alloc { to: any, id: self.objects.len() },
                6 => Do::DropRoot { place },
                _ => Do::Leave,
            };
        }
        let of = full[dice.below(full.len())];
        let what = full[dice.below(full.len())];
        let word = dice.below(WORDS);
        let list = dice.below(LISTS);
        let id = actor.registers[of].unwrap_or(0);
        match dice.below(32) {
            0..=2 => Do::Leave,
            3..=6 => Do::Load { to: any, from: of, word },
            7..=9 => Do::Store { of, word, what: Some(what) },
            10 | 11 => Do::Store { of, word, what: None },
            12 => Do::Swap { of, word, what },
            13 => Do::CompareExchange { of, word, what },
            14..=16 if actor.guard.is_none() && !self.objects[id].locked[list] => Do::Lock { of, list },
            17 | 18 if !self.objects[id].locked[list] => Do::First { to: any, from: of, list },
            19 => Do::SetOnce { of, what },
            20 => Do::GetOnce { to: any, from: of },
            21 => Do::Downgrade { of, what },
            22 | 23 => Do::Upgrade { to: any, from: of },
            24 | 25 => Do::Forget { which: of },
            26 => Do::Root { place, what },
            27 => Do::MoveRoot { from: place, to: dice.below(ROOTS) },
            28 if actor.locals.len() < LOCALS => Do::Local { what },
            29 if !actor.locals.is_empty() => Do::SetLocal { which: dice.below(actor.locals.len()), what },
            30 if dice.one_in(4) => Do::Litter,
            _ => Do::Forget { which: of },
        }
    }

    /// Takes something out of the cell that holds it and hides it where the collector may have been already: what a barrier
    /// is for. The first step; the others are planned.
    fn plan_theft(&mut self, who: usize) -> Option<Do> {
        let registers = self.actors[who].registers;
        let full = || (0..REGISTERS).filter(|&register| registers[register].is_some());
        let from = full().nth(self.dice.below(REGISTERS))?;
        let to = (0..REGISTERS).find(|&register| register != from)?;
        let id = registers[from]?;
        let object = &self.objects[id];
        let word = (0..WORDS).find(|&word| object.words[word].is_some());
        let list = (0..LISTS).find(|&list| !object.locked[list] && !object.lists[list].is_empty());
        let (take, then) = match (word, list) {
            (Some(word), None) => (Do::Load { to, from, word }, vec![Do::Store { of: from, word, what: None }]),
            (Some(word), Some(_)) if self.dice.one_in(2) => {
                (Do::Load { to, from, word }, vec![Do::Store { of: from, word, what: None }])
            }
            // The list is free when its turn comes, or the plan is dropped (see `done`).
            (_, Some(list)) => (Do::Lock { of: from, list }, vec![Do::Pop { to }, Do::Unlock]),
            (None, None) => return None,
        };
        let hide = match self.dice.below(3) {
            0 if self.actors[who].locals.len() < LOCALS => Do::Local { what: to },
            1 => Do::Root { place: self.dice.below(ROOTS), what: to },
            _ => {
                let of = full().filter(|&register| register != to).nth(self.dice.below(REGISTERS)).unwrap_or(from);
                Do::Store { of, word: self.dice.below(WORDS), what: Some(to) }
            }
        };
        let mut plan = vec![hide];
        plan.extend(then.into_iter().rev());
        self.plans[who] = plan;
        Some(take)
    }

    /// What the step came to on the heap must be what it comes to here.
    pub(crate) fn done(&mut self, did: Did) {
        let (who, step) = self.doing;
        let expected = self.take(who, step, did);
        if did == Did::Found(None) {
            // Another was faster; a guard is still to be given back.
            self.plans[who].retain(|step| matches!(step, Do::Unlock));
        }
        if let Did::Slice(slice) = did {
            self.idle = slice == gc_core::Slice::Idle;
            self.cycles += usize::from(slice == gc_core::Slice::Over);
        } else if did != expected {
            self.fail(&format!("{who} did {step:?} and found {did:?}; the model says {expected:?}"));
        }
        self.check();
    }

    fn take(&mut self, who: usize, step: Do, did: Did) -> Did {
        let World { objects, actors, roots, .. } = self;
        let actor = &mut actors[who];
        let at = |registers: &[Option<Id>; REGISTERS], register: usize| registers[register].expect("a full register");
        let fill = |to: usize, found: Option<Id>, registers: &mut [Option<Id>; REGISTERS]| {
            registers[to] = found;
            Did::Found(found)
        };
        let registers = &mut actor.registers;
        match step {
            Do::Enter => actor.inside = true,
            Do::EndScope | Do::Rejoin => actor.locals.clear(),
            Do::Step | Do::Litter => {}
            Do::Leave => {
                if let Some((id, list)) = actor.guard.take() {
                    objects[id].locked[list] = false;
                }
                *registers = [None; REGISTERS];
                actor.inside = false;
            }
            Do::Alloc { to, id } => {
                objects.push(Object::default());
                registers[to] = Some(id);
            }
            Do::Load { to, from, word } => return fill(to, objects[at(registers, from)].words[word], registers),
            Do::Store { of, word, what } => {
                objects[at(registers, of)].words[word] = what.map(|what| at(registers, what));
            }
            Do::Swap { of, word, what } => {
                let new = registers[what];
                let old = std::mem::replace(&mut objects[at(registers, of)].words[word], new);
                return fill(what, old, registers);
            }
            Do::CompareExchange { of, word, what } => {
                // Between the look and the exchange nobody does anything, so it succeeds.
                objects[at(registers, of)].words[word] = registers[what];
            }
            Do::Lock { of, list } => {
                let id = at(registers, of);
                objects[id].locked[list] = true;
                actor.guard = Some((id, list));
            }
            Do::Unlock => {
                let (id, list) = actor.guard.take().expect("a guard is held");
                objects[id].locked[list] = false;
            }
            Do::Push { what } => {
                let (id, list) = actor.guard.expect("a guard is held");
                objects[id].lists[list].push(at(registers, what));
            }
            Do::Pop { to } => {
                let (id, list) = actor.guard.expect("a guard is held");
                return fill(to, objects[id].lists[list].pop(), registers);
            }
            Do::Clear => {
                let (id, list) = actor.guard.expect("a guard is held");
                objects[id].lists[list].clear();
            }
            Do::First { to, from, list } => {
                return fill(to, objects[at(registers, from)].lists[list].first().copied(), registers);
            }
            Do::SetOnce { of, what } => {
                let what = at(registers, what);
                objects[at(registers, of)].once.get_or_insert(what);
            }
            Do::GetOnce { to, from } => return fill(to, objects[at(registers, from)].once, registers),
            Do::Downgrade { of, what } => objects[at(registers, of)].weak = registers[what],
            Do::Upgrade { to, from } => {
                let Some(target) = objects[at(registers, from)].weak else { return fill(to, None, registers) };
                // Only what can't be reached may be lost; what is found is held from here on.
                if did == Did::Found(None) && !self.reachable().contains(&target) {
                    self.actors[who].registers[to] = None;
                    return did;
                }
                return fill(to, Some(target), &mut self.actors[who].registers);
            }
            Do::Forget { which } => registers[which] = None,
            Do::Root { place, what } => roots[place] = registers[what],
            Do::GetRoot { to, place } => return fill(to, roots[place], registers),
            Do::MoveRoot { from, to } => {
                if from != to {
                    roots[to] = roots[from].take();
                }
            }
            Do::DropRoot { place } => roots[place] = None,
            Do::Local { what } => actor.locals.push(at(registers, what)),
            Do::GetLocal { to, which } => {
                let local = actor.locals[which];
                return fill(to, Some(local), registers);
            }
            Do::SetLocal { which, what } => actor.locals[which] = at(registers, what),
        }
        Did::Nothing
    }
}
