//! Random programs against a model of reachability.
//!
//! The model is a plain graph of indices. A program allocates, links through every kind of cell, unlinks, roots, keeps
//! locals in nested scopes, collects and starts collections. Each object holds a leaf that counts its drop under the
//! object's index. Then:
//!
//! - in every region all that the model reaches is found in the heap, with the same content, and none of it was dropped;
//! - after `collect` exactly what the model does not reach was dropped, each once, and the statistics say so.
//!
//! With several threads there is no model of the order of their steps: at quiescence the graph itself, walked from all
//! roots, says what is reachable; and nobody ever comes upon an object that was dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use gc_core::{
    Config, Gc, GcCell, GcMutex, GcOnceCell, GcRefCell, GcRwLock, Heap, Local, LocalHeap, Mutation, Mutator, Owned,
    Root, Scope, Shared, Trace,
};
use proptest::prelude::*;

/// The most objects that a program makes.
const OBJECTS: usize = 4096;

/// Drops by object.
type Drops = Arc<Vec<AtomicU32>>;

fn no_drops() -> Drops {
    Arc::new((0..OBJECTS).map(|_| AtomicU32::new(0)).collect())
}

/// Counts the drop of the object that holds it.
#[derive(Trace)]
struct Witness {
    index: usize,
    drops: Drops,
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.drops[self.index].fetch_add(1, Ordering::SeqCst);
    }
}

impl Witness {
    fn check(&self) -> usize {
        assert_eq!(
            self.drops[self.index].load(Ordering::SeqCst),
            0,
            "object {} was dropped while reachable",
            self.index
        );
        self.index
    }
}

/// The lists of an object, by the cell they are in.
const LISTS: usize = 3;

#[derive(Debug, Clone)]
enum Op {
    /// A new object whose word is one that exists.
    Alloc {
        word: Option<usize>,
    },
    SetWord {
        of: usize,
        to: Option<usize>,
    },
    SwapWords {
        of: usize,
        with: usize,
    },
    Push {
        list: usize,
        of: usize,
        what: usize,
    },
    Pop {
        list: usize,
        of: usize,
    },
    Clear {
        list: usize,
        of: usize,
    },
    /// The whole list changes its owner, and the cell that it is in.
    Move {
        from: (usize, usize),
        to: (usize, usize),
    },
    SetOnce {
        of: usize,
        to: usize,
    },
    Root {
        what: usize,
    },
    CloneRoot {
        which: usize,
    },
    DropRoot {
        which: usize,
    },
    Keep {
        what: usize,
    },
    Rename {
        which: usize,
        what: usize,
    },
}

#[derive(Debug, Clone)]
enum Step {
    Region(Vec<Op>),
    Scope(Vec<Step>),
    Start,
    Safepoint,
    Collect,
}

fn op() -> impl Strategy<Value = Op> {
    let n = || 0..10_000_usize;
    let maybe = || proptest::option::weighted(0.7, n());
    prop_oneof![
        6 => maybe().prop_map(|word| Op::Alloc { word }),
        4 => (n(), maybe()).prop_map(|(of, to)| Op::SetWord { of, to }),
        2 => (n(), n()).prop_map(|(of, with)| Op::SwapWords { of, with }),
        6 => (0..LISTS, n(), n()).prop_map(|(list, of, what)| Op::Push { list, of, what }),
        3 => (0..LISTS, n()).prop_map(|(list, of)| Op::Pop { list, of }),
        1 => (0..LISTS, n()).prop_map(|(list, of)| Op::Clear { list, of }),
        3 => ((n(), 0..LISTS), (n(), 0..LISTS)).prop_map(|(from, to)| Op::Move { from, to }),
        1 => (n(), n()).prop_map(|(of, to)| Op::SetOnce { of, to }),
        2 => n().prop_map(|what| Op::Root { what }),
        1 => n().prop_map(|which| Op::CloneRoot { which }),
        2 => n().prop_map(|which| Op::DropRoot { which }),
        2 => n().prop_map(|what| Op::Keep { what }),
        1 => (n(), n()).prop_map(|(which, what)| Op::Rename { which, what }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        10 => proptest::collection::vec(op(), 1..12).prop_map(Step::Region),
        3 => Just(Step::Start),
        2 => Just(Step::Safepoint),
        2 => Just(Step::Collect),
    ];
    let step = leaf.prop_recursive(3, 60, 8, |inner| proptest::collection::vec(inner, 1..8).prop_map(Step::Scope));
    proptest::collection::vec(step, 1..40)
}

/// What an object holds, by index.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Content {
    word: Option<usize>,
    lists: [Vec<usize>; LISTS],
    once: Option<usize>,
}

impl Content {
    fn targets(&self) -> impl Iterator<Item = usize> {
        self.word.into_iter().chain(self.once).chain(self.lists.iter().flatten().copied())
    }
}

/// The model: every object ever made, and what is rooted.
#[derive(Default)]
struct Model {
    objects: Vec<Content>,
    /// Index of the object, by the handle's place.
    roots: Vec<usize>,
    /// Of all scopes, the outermost first.
    locals: Vec<usize>,
}

impl Model {
    fn reachable(&self) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut left: Vec<usize> = self.roots.iter().chain(&self.locals).copied().collect();
        while let Some(index) = left.pop() {
            if seen.insert(index) {
                left.extend(self.objects[index].targets());
            }
        }
        seen
    }
}

/// An object type and what programs do with it, for one kind of heap.
macro_rules! graph {
    ($graph:ident, $kind:ty, $cell:ident, |$borrowed:ident, $mc:ident| $borrow:expr) => {
        mod $graph {
            use super::*;

            #[derive(Trace)]
            pub(super) struct Object<'gc> {
                witness: Witness,
                word: GcCell<'gc, Option<Gc<'gc, Object<'gc>>>>,
                first: $cell<'gc, Vec<Gc<'gc, Object<'gc>>>>,
                mutex: GcMutex<'gc, Vec<Gc<'gc, Object<'gc>>>>,
                lock: GcRwLock<'gc, Vec<Gc<'gc, Object<'gc>>>>,
                once: GcOnceCell<'gc, Gc<'gc, Object<'gc>>>,
            }

            type Objects<'gc> = Vec<Gc<'gc, Object<'gc>>>;
            pub(super) type Handle = Root<Object<'static>, $kind>;

            impl<'gc> Object<'gc> {
                fn with<R>(
                    &self,
                    $mc: &Mutation<'gc, $kind>,
                    list: usize,
                    f: impl FnOnce(&mut Objects<'gc>) -> R,
                ) -> R {
                    match list {
                        0 => {
                            let $borrowed = &self.first;
                            f(&mut $borrow)
                        }
                        1 => f(&mut self.mutex.lock($mc)),
                        _ => f(&mut self.lock.write($mc)),
                    }
                }

                /// Without `Mutation` where that is possible, so that reading doesn't claim.
                fn content(&self, mc: &Mutation<'gc, $kind>) -> (Content, Objects<'gc>) {
                    let mut targets = Vec::new();
                    let mut see = |object: Gc<'gc, Object<'gc>>| {
                        targets.push(object);
                        object.witness.check()
                    };
                    let content = Content {
                        word: self.word.get().map(&mut see),
                        lists: [
                            self.with(mc, 0, |list| list.iter().map(|&object| see(object)).collect()),
                            self.with(mc, 1, |list| list.iter().map(|&object| see(object)).collect()),
                            self.lock.read().iter().map(|&object| see(object)).collect(),
                        ],
                        once: self.once.get().map(|&object| see(object)),
                    };
                    (content, targets)
                }
            }

            pub(super) fn make<'gc>(
                mc: &Mutation<'gc, $kind>,
                index: usize,
                drops: &Drops,
                word: Option<Gc<'gc, Object<'gc>>>,
            ) -> Gc<'gc, Object<'gc>> {
                mc.alloc(Object {
                    witness: Witness { index, drops: drops.clone() },
                    word: GcCell::new(word),
                    first: $cell::new(Vec::new()),
                    mutex: GcMutex::new(Vec::new()),
                    lock: GcRwLock::new(Vec::new()),
                    once: GcOnceCell::new(),
                })
            }

            /// All that is reached from `from`, with its content.
            pub(super) fn walk<'gc>(
                mc: &Mutation<'gc, $kind>,
                from: Objects<'gc>,
            ) -> BTreeMap<usize, (Gc<'gc, Object<'gc>>, Content)> {
                let mut seen = BTreeMap::new();
                let mut left = from;
                while let Some(object) = left.pop() {
                    let index = object.witness.check();
                    if !seen.contains_key(&index) {
                        let (content, targets) = object.content(mc);
                        left.extend(targets);
                        seen.insert(index, (object, content));
                    }
                }
                seen
            }

            /// One step on the heap alone; what it did, for the model: nothing is held of two cells at once.
            pub(super) fn apply<'gc>(mc: &Mutation<'gc, $kind>, held: &Objects<'gc>, op: &Op) {
                let at = |n: usize| held[n % held.len()];
                match *op {
                    Op::SetWord { of, to } => at(of).word.set(mc, to.map(at)),
                    Op::SwapWords { of, with } => {
                        let old = at(of).word.get();
                        let other = at(with).word.swap(mc, old);
                        at(of).word.set(mc, other);
                    }
                    Op::Push { list, of, what } => at(of).with(mc, list, |items| items.push(at(what))),
                    Op::Pop { list, of } => {
                        at(of).with(mc, list, |items| items.truncate(items.len().saturating_sub(1)))
                    }
                    Op::Clear { list, of } => at(of).with(mc, list, Vec::clear),
                    Op::Move { from, to } => {
                        let items = at(from.0).with(mc, from.1, std::mem::take);
                        at(to.0).with(mc, to.1, |place| *place = items);
                    }
                    Op::SetOnce { of, to } => {
                        let _ = at(of).once.set(mc, at(to));
                    }
                    _ => unreachable!("not a step on the graph"),
                }
            }

            /// What runs a program: the heap's side, and the model's.
            pub(super) struct Run<'h> {
                pub(super) start: &'h dyn Fn(),
                pub(super) model: Model,
                pub(super) roots: Vec<Handle>,
                pub(super) drops: Drops,
            }

            /// Puts the objects of all locals behind each other.
            type Outer<'a> = &'a dyn for<'gc> Fn(&Mutation<'gc, $kind>, &mut Objects<'gc>);

            impl Run<'_> {
                pub(super) fn steps<'s>(&mut self, scope: &mut Scope<'s, $kind>, steps: &[Step], outer: Outer<'_>) {
                    let mut locals: Vec<Local<'s, Object<'static>>> = Vec::new();
                    let base = self.model.locals.len();
                    for step in steps {
                        match step {
                            Step::Start => (self.start)(),
                            Step::Safepoint => scope.safepoint(),
                            Step::Collect => {
                                scope.collect();
                                self.check_drops();
                            }
                            Step::Region(ops) => scope.mutate(|mc| {
                                let mut held = Vec::new();
                                outer(mc, &mut held);
                                held.extend(locals.iter().map(|local| local.get(mc)));
                                let indices: Vec<_> = held.iter().map(|object| object.witness.check()).collect();
                                assert_eq!(indices, self.model.locals, "locals name other objects than they did");
                                let mut held = self.held(mc, held);
                                for op in ops {
                                    match *op {
                                        Op::Keep { what } if !held.is_empty() => {
                                            let object = held[what % held.len()];
                                            locals.push(mc.local(object));
                                            self.model.locals.push(object.witness.index);
                                        }
                                        Op::Rename { which, what } if !locals.is_empty() => {
                                            let (which, object) = (which % locals.len(), held[what % held.len()]);
                                            locals[which].set(mc, object);
                                            self.model.locals[base + which] = object.witness.index;
                                        }
                                        _ => self.op(mc, &mut held, op),
                                    }
                                }
                            }),
                            Step::Scope(steps) => {
                                let outer: Outer<'_> = &|mc, held| {
                                    outer(mc, held);
                                    held.extend(locals.iter().map(|local| local.get(mc)));
                                };
                                scope.scope(|scope| self.steps(scope, steps, outer));
                            }
                        }
                    }
                    self.model.locals.truncate(base);
                }

                /// All that is reachable, which must be what the model says.
                fn held<'gc>(&self, mc: &Mutation<'gc, $kind>, mut from: Objects<'gc>) -> Objects<'gc> {
                    from.extend(self.roots.iter().map(|root| root.get(mc)));
                    let found = walk(mc, from);
                    let reachable = self.model.reachable();
                    assert!(found.keys().eq(reachable.iter()), "the heap's graph is not the model's");
                    for (&index, (_, content)) in &found {
                        assert_eq!(*content, self.model.objects[index], "content of object {index}");
                    }
                    found.into_values().map(|(object, _)| object).collect()
                }

                fn op<'gc>(&mut self, mc: &Mutation<'gc, $kind>, held: &mut Objects<'gc>, op: &Op) {
                    let model = &mut self.model;
                    if let Op::Alloc { word } = *op {
                        if model.objects.len() < OBJECTS {
                            let word = word.filter(|_| !held.is_empty()).map(|word| held[word % held.len()]);
                            held.push(make(mc, model.objects.len(), &self.drops, word));
                            let word = word.map(|word| word.witness.index);
                            model.objects.push(Content { word, ..Content::default() });
                        }
                        return;
                    }
                    if held.is_empty() {
                        return;
                    }
                    let at = |n: usize| held[n % held.len()].witness.index;
                    match *op {
                        Op::Root { what } => {
                            self.roots.push(mc.root(held[what % held.len()]));
                            model.roots.push(at(what));
                        }
                        Op::CloneRoot { which } if !self.roots.is_empty() => {
                            let which = which % self.roots.len();
                            self.roots.push(self.roots[which].clone());
                            model.roots.push(model.roots[which]);
                        }
                        Op::DropRoot { which } if !self.roots.is_empty() => {
                            let which = which % self.roots.len();
                            drop(self.roots.swap_remove(which));
                            model.roots.swap_remove(which);
                        }
                        Op::CloneRoot { .. } | Op::DropRoot { .. } | Op::Keep { .. } | Op::Rename { .. } => {}
                        _ => {
                            apply(mc, held, op);
                            let objects = &mut model.objects;
                            match *op {
                                Op::SetWord { of, to } => objects[at(of)].word = to.map(at),
                                Op::SwapWords { of, with } => {
                                    let (old, other) = (objects[at(of)].word, objects[at(with)].word);
                                    objects[at(with)].word = old;
                                    objects[at(of)].word = other;
                                }
                                Op::Push { list, of, what } => objects[at(of)].lists[list].push(at(what)),
                                Op::Pop { list, of } => {
                                    objects[at(of)].lists[list].pop();
                                }
                                Op::Clear { list, of } => objects[at(of)].lists[list].clear(),
                                Op::Move { from, to } => {
                                    let items = std::mem::take(&mut objects[at(from.0)].lists[from.1]);
                                    objects[at(to.0)].lists[to.1] = items;
                                }
                                Op::SetOnce { of, to } => {
                                    objects[at(of)].once.get_or_insert(at(to));
                                }
                                _ => unreachable!("handled above"),
                            }
                        }
                    }
                }

                /// After a full collection: exactly what is not reachable was dropped, once.
                pub(super) fn check_drops(&self) {
                    let reachable = self.model.reachable();
                    for index in 0..self.model.objects.len() {
                        let dropped = self.drops[index].load(Ordering::SeqCst);
                        assert_eq!(dropped, u32::from(!reachable.contains(&index)), "drops of object {index}");
                    }
                }

                /// Objects of the heap that are reachable: those of the model, and the contents of once cells.
                pub(super) fn live(&self) -> u64 {
                    let reachable = self.model.reachable();
                    let contents = reachable.iter().filter(|&&index| self.model.objects[index].once.is_some()).count();
                    (reachable.len() + contents) as u64
                }
            }

            pub(super) fn run<'h>(mutator: &mut Mutator<$kind>, start: &'h dyn Fn(), steps: &[Step]) -> Run<'h> {
                let mut run = Run { start, model: Model::default(), roots: Vec::new(), drops: no_drops() };
                mutator.scope(|scope| run.steps(scope, steps, &|_, _| {}));
                mutator.collect();
                run.check_drops();
                run
            }
        }
    };
}

graph!(local, Owned, GcRefCell, |cell, mc| cell.borrow_mut(mc));
graph!(shared, Shared, GcMutex, |cell, mc| cell.lock(mc));

/// The last words: what is left over when all roots go, and when the heap goes.
fn all_dropped(drops: &Drops, made: usize) {
    let wrong: Vec<_> =
        drops[..made].iter().enumerate().filter(|(_, drops)| drops.load(Ordering::SeqCst) != 1).collect();
    assert!(wrong.is_empty(), "dropped not exactly once: {wrong:?}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 60 } else { 300 },
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn local_heap(steps in steps(), zeal in prop_oneof![3 => Just(0_u32), 1 => 1..5_u32], keep in any::<bool>()) {
        let heap = LocalHeap::with_config(Config::new().zeal(zeal));
        let mut mutator = heap.mutator().unwrap();
        let start = || heap.start_collection();
        let run = local::run(&mut mutator, &start, &steps);
        prop_assert_eq!(heap.statistics().live_objects, run.live());
        let made = run.model.objects.len();
        let drops = run.drops.clone();
        drop(run);
        if keep {
            drop((mutator, heap));
        } else {
            mutator.collect();
        }
        all_dropped(&drops, made);
    }

    #[test]
    fn shared_heap_of_one(steps in steps(), zeal in prop_oneof![3 => Just(0_u32), 1 => 1..5_u32], markers in 1..4_usize) {
        let heap = Heap::with_config(Config::new().zeal(zeal).markers(markers));
        let mut mutator = heap.mutator().unwrap();
        let start = || heap.start_collection();
        let run = shared::run(&mut mutator, &start, &steps);
        prop_assert_eq!(heap.statistics().live_objects, run.live());
        let made = run.model.objects.len();
        let drops = run.drops.clone();
        drop(run);
        drop((mutator, heap));
        all_dropped(&drops, made);
    }
}

/// Steps of one thread of several: indices are taken modulo whatever it finds.
#[derive(Debug, Clone)]
struct Part {
    ops: Vec<Vec<Op>>,
}

fn part() -> impl Strategy<Value = Part> {
    proptest::collection::vec(proptest::collection::vec(op(), 1..20), 1..40).prop_map(|ops| Part { ops })
}

/// One thread's part of the graph: its roots. It reaches the others' through the hub.
fn mutate_part(
    mutator: &mut Mutator<Shared>,
    hub: &shared::Handle,
    mine: &mut Vec<shared::Handle>,
    part: &Part,
    next: &NextIndex,
) {
    for (round, ops) in part.ops.iter().enumerate() {
        mutator.mutate(|mc| {
            let from = mine.iter().map(|root| root.get(mc)).chain([hub.get(mc)]).collect();
            let mut held: Vec<_> = shared::walk(mc, from).into_values().map(|(object, _)| object).collect();
            for op in ops {
                match *op {
                    Op::Alloc { word } => {
                        if let Some(index) = next.take() {
                            let word = word.map(|word| held[word % held.len()]);
                            held.push(shared::make(mc, index, &next.drops, word));
                        }
                    }
                    Op::Root { what } => mine.push(mc.root(held[what % held.len()])),
                    Op::CloneRoot { which } if !mine.is_empty() => mine.push(mine[which % mine.len()].clone()),
                    Op::DropRoot { which } if !mine.is_empty() => drop(mine.swap_remove(which % mine.len())),
                    Op::CloneRoot { .. } | Op::DropRoot { .. } | Op::Keep { .. } | Op::Rename { .. } => {}
                    _ => shared::apply(mc, &held, op),
                }
            }
        });
        match round % 8 {
            3 => mutator.start_collection(),
            7 => mutator.collect(),
            _ => {}
        }
    }
}

/// Hands out indices to all threads.
struct NextIndex {
    next: AtomicU32,
    drops: Drops,
}

impl NextIndex {
    fn take(&self) -> Option<usize> {
        let index = self.next.fetch_add(1, Ordering::SeqCst) as usize;
        (index < OBJECTS).then_some(index)
    }

    fn taken(&self) -> usize {
        (self.next.load(Ordering::SeqCst) as usize).min(OBJECTS)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 25 } else { 150 },
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn shared_heap_of_several(
        parts in proptest::collection::vec((part(), part()), 2..4),
        markers in 1..4_usize,
    ) {
        let heap = Heap::with_config(Config::new().markers(markers));
        let next = NextIndex { next: AtomicU32::new(0), drops: no_drops() };
        let mut mutator = heap.mutator().unwrap();
        let hub = mutator.mutate(|mc| mc.root(shared::make(mc, next.take().unwrap(), &next.drops, None)));
        let mut roots: Vec<Vec<shared::Handle>> = parts.iter().map(|_| Vec::new()).collect();
        for half in 0..2 {
            let together = Barrier::new(parts.len());
            thread::scope(|threads| {
                for (part, mine) in parts.iter().zip(&mut roots) {
                    let (heap, hub, next, together) = (&heap, &hub, &next, &together);
                    threads.spawn(move || {
                        together.wait();
                        let mut mutator = heap.mutator().unwrap();
                        mutate_part(&mut mutator, hub, mine, if half == 0 { &part.0 } else { &part.1 }, next);
                    });
                }
            });
            // Quiescence: the graph says what is reachable.
            mutator.collect();
            let (reachable, contents) = mutator.mutate(|mc| {
                let from = roots.iter().flatten().map(|root| root.get(mc)).chain([hub.get(mc)]).collect();
                let found = shared::walk(mc, from);
                let contents = found.values().filter(|(_, content)| content.once.is_some()).count();
                (found.into_keys().collect::<BTreeSet<_>>(), contents)
            });
            for index in 0..next.taken() {
                let dropped = next.drops[index].load(Ordering::SeqCst);
                prop_assert_eq!(dropped, u32::from(!reachable.contains(&index)), "drops of object {}", index);
            }
            prop_assert_eq!(heap.statistics().live_objects, (reachable.len() + contents) as u64);
        }
        let made = next.taken();
        drop((roots, hub, mutator, heap));
        all_dropped(&next.drops, made);
    }
}
