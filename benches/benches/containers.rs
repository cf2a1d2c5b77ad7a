//! `GcMap` on a local heap beside hashbrown's `HashMap`, with the same hasher, keys and values: words and pointers.
//!
//! ```text
//! cargo bench -p benches --bench containers                                  criterion, maps of 10 to 1 M
//! cargo bench -p benches --bench containers -- --size 4000000                .. of that size instead
//! cargo bench -p benches --bench containers -- --worst 4000000               the slowest single insertions while a map grows
//! cargo bench -p benches --bench containers -- --run gc hit 100000 1         one operation for each key, so many rounds, for callgrind
//! ```
//!
//! Both sides recycle memory as they do in a program: hashbrown by malloc and free, `GcMap` by cycles that begin by themselves, in the
//! pool's threads. So its insertions contain what a cycle takes from the mutator, but not the cycle's own work if a core is free.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use gc_core::{Gc, GcMap, LocalHeap, Mutator, Owned, Root};
use hashbrown::{DefaultHashBuilder, HashMap};

type Value<'gc> = Gc<'gc, u64>;
type Ours<'gc> = GcMap<'gc, u64, Value<'gc>, Owned, DefaultHashBuilder>;
type Theirs<'gc> = HashMap<u64, Value<'gc>, DefaultHashBuilder>;
type OursRoot = Root<Ours<'static>, Owned>;

/// Keys in an order that is none, and as many others.
fn keys(count: usize, from: u64) -> Vec<u64> {
    (from..from + count as u64).map(|n| (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 7).collect()
}

/// The same keys in another order.
fn shuffled(keys: &[u64]) -> Vec<u64> {
    let mut shuffled = keys.to_vec();
    shuffled.sort_by_key(|key| key.wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(32));
    shuffled
}

/// Calls `f` with portions of `keys` until it had `times` of them, and adds up what it says it took.
fn portions(times: u64, keys: &[u64], mut f: impl FnMut(&[u64]) -> Duration) -> Duration {
    let mut taken = Duration::ZERO;
    let mut left = times as usize;
    while left != 0 {
        let now = left.min(keys.len());
        taken += f(&keys[..now]);
        left -= now;
    }
    taken
}

/// An empty map of ours.
fn ours(mutator: &mut Mutator<Owned>) -> OursRoot {
    mutator.mutate(|mc| mc.root(mc.alloc(Ours::with_hasher(DefaultHashBuilder::default()))))
}

/// Inserts all keys, in regions of a thousand. What it took.
fn fill(mutator: &mut Mutator<Owned>, map: &OursRoot, keys: &[u64]) -> Duration {
    let since = Instant::now();
    for some in keys.chunks(1000) {
        mutator.mutate(|mc| {
            let value = mc.alloc(0);
            let map = map.get(mc);
            let mut map = map.borrow_mut(mc);
            for &key in some {
                map.insert(key, value);
            }
        });
    }
    since.elapsed()
}

/// Looks for all keys, in regions of a thousand.
fn look(mutator: &mut Mutator<Owned>, map: &OursRoot, keys: &[u64]) -> Duration {
    let since = Instant::now();
    for some in keys.chunks(1000) {
        mutator.mutate(|mc| {
            let map = map.get(mc);
            let map = black_box(map.borrow());
            for key in some {
                black_box(map.get(key));
            }
        });
    }
    since.elapsed()
}

fn gc_map(group: &mut BenchmarkGroup<'_, WallTime>, count: usize) {
    let (keys, others) = (keys(count, 0), keys(count, count as u64));
    let shuffled = shuffled(&keys);
    let heap = LocalHeap::new();
    let mut mutator = heap.mutator().unwrap();
    let map = ours(&mut mutator);
    fill(&mut mutator, &map, &keys);
    mutator.collect();
    for (name, keys) in [("hit", &shuffled), ("miss", &others)] {
        group.bench_function(format!("{name}, GcMap, {count}"), |bencher| {
            bencher.iter_custom(|times| portions(times, keys, |keys| look(&mut mutator, &map, keys)));
        });
    }
    group.bench_function(format!("iterate, GcMap, {count}"), |bencher| {
        bencher.iter_custom(|times| {
            portions(times, &keys, |_| {
                mutator.mutate(|mc| {
                    let map = map.get(mc);
                    let map = map.borrow();
                    let since = Instant::now();
                    for (key, value) in map.iter() {
                        black_box((key, value));
                    }
                    since.elapsed()
                })
            })
        });
    });
    group.bench_function(format!("insert growing, GcMap, {count}"), |bencher| {
        bencher.iter_custom(|times| {
            portions(times, &keys, |keys| {
                let map = ours(&mut mutator);
                fill(&mut mutator, &map, keys)
            })
        });
    });
    group.bench_function(format!("insert into emptied, GcMap, {count}"), |bencher| {
        bencher.iter_custom(|times| {
            portions(times, &keys, |keys| {
                mutator.mutate(|mc| map.get(mc).borrow_mut(mc).retain(|_, _| false));
                fill(&mut mutator, &map, keys)
            })
        });
    });
}

fn hashbrown(group: &mut BenchmarkGroup<'_, WallTime>, count: usize) {
    let (keys, others) = (keys(count, 0), keys(count, count as u64));
    let shuffled = shuffled(&keys);
    let heap = LocalHeap::new();
    heap.mutator().unwrap().mutate(|mc| {
        let value = mc.alloc(0);
        let mut map = Theirs::default();
        fill_theirs(&mut map, &keys, value);
        for (name, keys) in [("hit", &shuffled), ("miss", &others)] {
            group.bench_function(format!("{name}, hashbrown, {count}"), |bencher| {
                bencher.iter_custom(|times| portions(times, keys, |keys| look_theirs(&map, keys)));
            });
        }
        group.bench_function(format!("iterate, hashbrown, {count}"), |bencher| {
            bencher.iter_custom(|times| {
                portions(times, &keys, |_| {
                    let since = Instant::now();
                    for (key, value) in black_box(&map) {
                        black_box((key, value));
                    }
                    since.elapsed()
                })
            });
        });
        group.bench_function(format!("insert growing, hashbrown, {count}"), |bencher| {
            bencher
                .iter_custom(|times| portions(times, &keys, |keys| fill_theirs(&mut Theirs::default(), keys, value)));
        });
        group.bench_function(format!("insert into emptied, hashbrown, {count}"), |bencher| {
            bencher.iter_custom(|times| {
                portions(times, &keys, |keys| {
                    map.retain(|_, _| false);
                    fill_theirs(&mut map, keys, value)
                })
            });
        });
    });
}

fn fill_theirs<'gc>(map: &mut Theirs<'gc>, keys: &[u64], value: Value<'gc>) -> Duration {
    let since = Instant::now();
    for some in keys.chunks(1000) {
        let map = black_box(&mut *map);
        for &key in some {
            map.insert(key, value);
        }
    }
    since.elapsed()
}

fn look_theirs(map: &Theirs<'_>, keys: &[u64]) -> Duration {
    let since = Instant::now();
    for some in keys.chunks(1000) {
        let map = black_box(map);
        for key in some {
            black_box(map.get(key));
        }
    }
    since.elapsed()
}

/// One line about times of single operations, in nanoseconds.
fn tell(who: &str, mut times: Vec<u32>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let above = times.len() - times.partition_point(|&time| time <= 50_000);
    println!(
        "{who:9} p50 {}  p99 {}  p99.9 {}  p99.99 {}  max {} ns; {above} above 50 us",
        at(0.5),
        at(0.99),
        at(0.999),
        at(0.9999),
        at(1.0)
    );
}

/// The time of each insertion while a map grows to `count`, without and with cycles, and hashbrown's.
fn worst(count: usize) {
    let keys = keys(count, 0);
    for (who, automatic) in [("alone", false), ("collected", true)] {
        let heap = LocalHeap::with_config(gc_core::Config::new().automatic(automatic));
        let mut mutator = heap.mutator().unwrap();
        let map = ours(&mut mutator);
        let mut times = Vec::with_capacity(count);
        for some in keys.chunks(1000) {
            mutator.mutate(|mc| {
                let value = mc.alloc(0);
                let map = map.get(mc);
                let mut map = map.borrow_mut(mc);
                for &key in some {
                    let since = Instant::now();
                    map.insert(key, value);
                    times.push(since.elapsed().as_nanos() as u32);
                }
            });
        }
        tell(who, times);
    }
    let mut map = HashMap::<u64, u64, DefaultHashBuilder>::default();
    let mut times = Vec::with_capacity(count);
    for &key in &keys {
        let since = Instant::now();
        map.insert(key, key);
        times.push(since.elapsed().as_nanos() as u32);
    }
    tell("hashbrown", times);
}

/// One operation for each of `count` keys, for so many rounds: the difference between two counts of rounds is their cost.
fn run(who: &str, what: &str, count: usize, rounds: usize) {
    let (keys, others) = (keys(count, 0), keys(count, count as u64));
    let shuffled = shuffled(&keys);
    let keys_for = match what {
        "hit" => &shuffled,
        "miss" => &others,
        "insert" => &keys,
        _ => panic!("hit, miss or insert"),
    };
    let heap = LocalHeap::with_config(gc_core::Config::new().automatic(false));
    let mut mutator = heap.mutator().unwrap();
    match who {
        "gc" => {
            let map = ours(&mut mutator);
            fill(&mut mutator, &map, &keys);
            println!("{} bytes", heap.statistics().heap_bytes);
            for _ in 0..rounds {
                if what == "insert" {
                    let map = ours(&mut mutator);
                    fill(&mut mutator, &map, keys_for);
                } else {
                    look(&mut mutator, &map, keys_for);
                }
            }
        }
        "hashbrown" => mutator.mutate(|mc| {
            let value = mc.alloc(0);
            let mut map = Theirs::default();
            map.extend(keys.iter().map(|&key| (key, value)));
            println!("{} bytes", map.allocation_size());
            for _ in 0..rounds {
                if what == "insert" {
                    let mut map = Theirs::default();
                    fill_theirs(&mut map, keys_for, value);
                    black_box(map);
                } else {
                    look_theirs(&map, keys_for);
                }
            }
        }),
        _ => panic!("gc or hashbrown"),
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |index: usize| args[index].parse::<usize>().expect("a number");
    let mut sizes = vec![10, 1000, 100_000, 1_000_000];
    match args.first().map(String::as_str) {
        Some("--worst") => return worst(number(1)),
        Some("--run") => return run(&args[1], &args[2], number(3), number(4)),
        Some("--size") => sizes = vec![number(1)],
        _ => {}
    }
    let mut criterion = Criterion::default();
    if args.first().is_none_or(|arg| arg != "--size") {
        criterion = criterion.configure_from_args();
    }
    let mut group = criterion.benchmark_group("map");
    group.sample_size(20);
    for count in sizes {
        gc_map(&mut group, count);
        hashbrown(&mut group, count);
    }
    group.finish();
    criterion.final_summary();
}
