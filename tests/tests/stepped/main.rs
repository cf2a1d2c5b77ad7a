//! Random programs with a cycle held open at every point of it, and taken on step by step: what no timing brings about happens
//! in a heap of some dozen objects, and a program is repeated by its seed.
//!
//! The heaps have no threads. A program is a sequence of steps, each of one mutator: one load, one store, one lock, one root,
//! the beginning or the end of a region; or one step of the collector, which marks one page at most, or asks for a
//! handshake, or settles, or sweeps. So all mutators of a shared heap are in all combinations of modes, in regions and out
//! of them, with guards held across the others' steps and the collector's. `world` is the model and draws the steps, `actor`
//! takes them.
//!
//! Checked after each step: what can be reached, from roots, locals and the registers of open regions, was not dropped, and
//! a load finds what the model says; an upgrade finds what can be reached. At the end: what can't be reached was dropped, once.
//!
//! `STEPPED_SEEDS=from..to` runs other programs than those of the short form, `STEPPED_STEPS` makes them longer.

mod actor;
mod world;

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gc_core::{Config, Heap, LocalHeap, Slice};

use world::{Did, Do, World};

fn seeds() -> std::ops::Range<u64> {
    let default = if cfg!(debug_assertions) { 0..60 } else { 0..400 };
    let Ok(seeds) = std::env::var("STEPPED_SEEDS") else { return default };
    let (from, to) = seeds.split_once("..").expect("STEPPED_SEEDS=from..to");
    from.parse().expect("a number")..to.parse().expect("a number")
}

fn steps() -> usize {
    std::env::var("STEPPED_STEPS").map_or(600, |steps| steps.parse().expect("a number"))
}

fn config() -> Config {
    Config::new().threads(false).automatic(false)
}

/// One mutator, in one thread: the world is asked for the next step where the last one ended.
macro_rules! alone {
    ($name:ident, $actor:ident, $heap:ident) => {
        #[test]
        fn $name() {
            let mut cycles = 0;
            for seed in seeds() {
                let heap = $heap::with_config(config());
                let mut world = World::new(seed, 1, steps());
                let drops = world.drops.clone();
                let roots: actor::$actor::Roots = Mutex::default();
                let mut first = true;
                let mut turn = |did| {
                    if !std::mem::take(&mut first) {
                        world.done(did);
                    }
                    let (_, step) = world.draw()?;
                    if matches!(step, Do::Step) && world.idle {
                        heap.start_collection();
                    }
                    Some(step)
                };
                loop {
                    let mut mutator = heap.mutator().unwrap();
                    if !actor::$actor::serve(&mut mutator, &roots, &drops, &mut turn) {
                        break;
                    }
                }
                world.end_scopes();
                heap.mutator().unwrap().collect();
                world.check_exactly();
                cycles += world.cycles;
                drop((roots, heap));
                all_dropped(&world);
            }
            assert!(cycles > seeds().count(), "{cycles} cycles");
        }
    };
}

alone!(local_heap, local, LocalHeap);
alone!(local_heap_on_few_pages, local_close, LocalHeap);
alone!(shared_heap_of_one, shared, Heap);

/// Each mutator on its thread; one thread at a time does its step, and all others wait for their turns.
macro_rules! together {
    ($name:ident, $actor:ident, $mutators:expr) => {
        #[test]
        fn $name() {
            let mut cycles = 0;
            for seed in seeds() {
                let heap = Heap::with_config(config());
                let mut world = World::new(seed, $mutators, steps());
                let roots: Arc<actor::$actor::Roots> = Arc::default();
                std::thread::scope(|threads| {
                    let actors: Vec<_> = (0..$mutators)
                        .map(|_| {
                            let ((say, hear), (answer, answers)) = (channel(), channel());
                            let (heap, roots, drops) = (heap.clone(), roots.clone(), world.drops.clone());
                            threads.spawn(move || {
                                let mut turn = |did: Did| -> Option<Do> {
                                    // The receiver is gone if the program failed.
                                    let _ = answer.send(did);
                                    hear.recv().ok()
                                };
                                loop {
                                    let mut mutator = heap.mutator().unwrap();
                                    if !actor::$actor::serve(&mut mutator, &roots, &drops, &mut turn) {
                                        break;
                                    }
                                }
                            });
                            answers.recv().expect("it registers");
                            (say, answers)
                        })
                        .collect();
                    // The collector's steps are taken by one more, which is never in a region.
                    let mut driver = heap.mutator().unwrap();
                    while let Some((who, step)) = world.draw() {
                        let did = if matches!(step, Do::Step) {
                            if world.idle {
                                heap.start_collection();
                            }
                            Did::Slice(driver.collect_for(Duration::ZERO))
                        } else {
                            let (say, answers): &(std::sync::mpsc::Sender<Do>, std::sync::mpsc::Receiver<Did>) =
                                &actors[who];
                            say.send(step).expect("it waits for its turn");
                            answers.recv().unwrap_or_else(|_| world.lost())
                        };
                        world.done(did);
                    }
                });
                world.end_scopes();
                let mut mutator = heap.mutator().unwrap();
                mutator.collect();
                world.check_exactly();
                cycles += world.cycles;
                drop((roots, mutator, heap));
                all_dropped(&world);
            }
            assert!(cycles > seeds().count() / 4, "{cycles} cycles");
        }
    };
}

together!(shared_heap_of_two, shared, 2);
together!(shared_heap_of_three, shared, 3);
together!(shared_heap_of_two_on_few_pages, shared_close, 2);

/// The last words: each object was dropped once, at the latest with its heap.
fn all_dropped(world: &World) {
    for id in 0..world.made() {
        assert_eq!(world.drops[id].load(std::sync::atomic::Ordering::SeqCst), 1, "drops of object {id}");
    }
}

#[test]
fn a_step_takes_one_of_many() {
    let heap = LocalHeap::with_config(config());
    let mut mutator = heap.mutator().unwrap();
    heap.start_collection();
    let mut slices = 1;
    while mutator.collect_for(Duration::ZERO) != Slice::Over {
        slices += 1;
    }
    assert!(slices >= 5, "even the cycle of an empty heap takes some steps: {slices}");
}
