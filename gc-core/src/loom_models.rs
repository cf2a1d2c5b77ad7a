//! Models of this crate's protocols on the shipped types, explored by loom (`ci/loom`).
//!
//! Loom runs a model's threads in every order that matters, up to a number of preemptions (`LOOM_MAX_PREEMPTIONS`), and
//! lets each load read every value that C11 allows. Plain data that a protocol protects carries a
//! [`Witness`](crate::sync::Witness): loom fails when two accesses to it are not ordered. `SeqCst` accesses are weaker in
//! loom than in C11, fences are not; the code needs fences only.
//!
//! Most models run a whole heap (a space of a few pages, made anew for each execution), so that no step of the protocol is
//! left out. The collector's steps are taken by the model's main thread unless its thread is what the model is about.
//!
//! Each model's header says what it shows, with which threads, and which changes of the shipped code it was seen to fail
//! with. Lines `covers:` name the atomic fields that it exercises; `ci/loom-coverage` fails if a field has none.

mod births;
mod claims;
mod containers;
mod control;
mod ephemerons;
mod grey;
mod handshake;
mod limits;
mod locals;
mod once_cell;
mod registry;
mod roots;
mod termination;
mod weak;
mod weak_table;
mod words;

use std::sync::Arc;

use loom::thread;

use crate::cycle::{Budget, Collector};
use crate::heap::{Heap, HeapCore};
use crate::mode::Handshake;
use crate::sync::{Condvar, Mutex, Witness};
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;
use crate::{Config, Gc, GcCell, Mutation, Mutator, Root, Shared};

/// Explores `model`.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    explore_at_least(2, model);
}

/// Explores `model` with no fewer than `preemptions`. More branches than loom's default: a whole heap has hundreds of steps.
fn explore_at_least(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.max(Some(preemptions));
    builder.max_branches = 20_000;
    let executions = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = executions.clone();
    let since = std::time::Instant::now();
    builder.check(move || {
        // Relaxed: loom runs a model on one thread of the system.
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    let executions = executions.load(std::sync::atomic::Ordering::Relaxed);
    println!("{executions} executions, {:.1?}", since.elapsed());
    assert!(executions > 1, "a model with one order of its steps shows nothing");
}

/// As [`explore`], but nothing is explored before [`play`] begins and after it ends: until then each model takes one order
/// of its steps, so that registering and warming up do not count.
fn explore_play(model: impl Fn() + Sync + Send + 'static) {
    explore_play_at_least(2, model);
}

/// As [`explore_play`], with no fewer than `preemptions`.
fn explore_play_at_least(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    explore_at_least(preemptions, move || {
        loom::stop_exploring();
        model();
    });
}

/// What a player does with its mutator.
type Player = Box<dyn FnOnce(&mut Mutator<Shared>) + Send>;

/// Gives a mutator back from its thread.
struct HandedBack(Mutator<Shared>);

// SAFETY: loom runs all threads of a model on one thread of the system.
unsafe impl Send for HandedBack {}

/// Registers a mutator for each player, on a thread of its own, with a span that [`node`] allocates from; runs `stage` on the
/// main thread; then explores the players beside `main`.
fn play<T, R>(heap: &Heap, stage: impl FnOnce() -> T, players: Vec<Player>, main: impl FnOnce(&mut T) -> R) -> (T, R) {
    let gate = Arc::new((Mutex::new((0, false)), Condvar::new()));
    let count = players.len();
    let threads: Vec<_> = players
        .into_iter()
        .map(|player| {
            let (heap, gate) = (heap.clone(), gate.clone());
            thread::spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                mutator.mutate(|mc| {
                    node(mc);
                });
                {
                    let mut state = gate.0.lock();
                    state.0 += 1;
                    gate.1.notify_all();
                    while !state.1 {
                        gate.1.wait(&mut state);
                    }
                }
                player(&mut mutator);
                HandedBack(mutator)
            })
        })
        .collect();
    {
        let mut state = gate.0.lock();
        while state.0 < count {
            gate.1.wait(&mut state);
        }
    }
    let mut staged = stage();
    loom::explore();
    gate.0.lock().1 = true;
    gate.1.notify_all();
    let result = main(&mut staged);
    let mutators: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    loom::stop_exploring();
    drop(mutators);
    (staged, result)
}

/// A shared heap that collects only when it is told to, with one marker.
fn heap() -> Heap {
    Heap::with_config(Config::new().markers(1).automatic(false))
}

/// Requests handshakes in turn and waits for their answers, as the collector does.
fn advance(core: &HeapCore, handshakes: impl IntoIterator<Item = Handshake>) {
    let mut asked = Vec::new();
    for handshake in handshakes {
        core.request(handshake, &mut asked);
        core.rendezvous.wait();
    }
}

/// A cycle in the hands of the model's main thread.
struct Cycle {
    core: Arc<HeapCore>,
    /// Taken from the heap, as the runner of its cycles does, and given back at the end.
    collector: Option<Collector>,
}

impl Cycle {
    /// H1 to H3 and the walk of the roots.
    fn begin(core: &Arc<HeapCore>) -> Cycle {
        let mut collector = core.control.begin_run();
        collector.root(core);
        Cycle { core: core.clone(), collector: Some(collector) }
    }

    /// A cycle begins; nothing is asked yet.
    fn open(core: &Arc<HeapCore>) -> Cycle {
        let mut collector = core.control.begin_run();
        collector.open(core, 0);
        Cycle { core: core.clone(), collector: Some(collector) }
    }

    /// One of H1 to H3, with what follows it.
    fn step(&mut self, handshake: Handshake) {
        advance(&self.core, [handshake]);
        let collector = self.collector.as_mut().expect("given back at the end");
        match handshake {
            Handshake::Rooted => collector.walk_roots(&self.core),
            Handshake::Trace => collector.begin_marking(&self.core),
            _ => {}
        }
    }

    /// Marks until nothing is grey, and ends nothing.
    fn mark_once(&mut self) {
        let collector = self.collector.as_mut().expect("given back at the end");
        while collector.team.mark(&mut Budget::unbounded()).is_none() {}
    }

    /// Settles what was found, after Done; asks for H4 then.
    fn settle(&mut self) {
        let collector = self.collector.as_mut().expect("given back at the end");
        collector.settle(&self.core);
    }

    /// Marks to Done.
    fn mark(&mut self) {
        let collector = self.collector.as_mut().expect("given back at the end");
        collector.finish_marking(&self.core);
    }
}

impl Drop for Cycle {
    fn drop(&mut self) {
        let more = self.core.control.next_cycle(&mut self.collector);
        assert_eq!(more, None, "the models' heaps collect when they are told to");
    }
}

/// An object with plain content that is written when it is made, and read when it is scanned.
#[derive(Debug)]
struct Node<'gc> {
    content: Witness,
    next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

impl<'gc> Node<'gc> {
    fn new(next: Option<Gc<'gc, Node<'gc>>>) -> Self {
        Node { content: Witness::new(), next: GcCell::new(next) }
    }
}

/// A node from the span that [`play`] has opened. Elsewhere the constant that names the type may have another address, and so
/// the cache another span.
#[inline(never)]
fn node<'gc>(mc: &Mutation<'gc, Shared>) -> Gc<'gc, Node<'gc>> {
    mc.alloc(Node::new(None))
}

// SAFETY: the one field that holds a `Gc` is shown.
unsafe impl<'gc> Trace<'gc> for Node<'gc> {
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        self.content.read();
        tracer.field(&self.next);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl Rebrand for Node<'_> {
    type With<'a> = Node<'a>;
}

type NodeRoot = Root<Node<'static>>;

/// The address of an object, for looking at its bits outside regions.
fn address<T>(object: Gc<'_, T>) -> usize {
    Gc::erased(object).addr().get()
}
