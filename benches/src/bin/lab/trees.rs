//! binary_trees, binary_trees_mt and gcbench: trees, mostly short-lived.
//!
//! Trees up to `IN_ONE` levels are built in one region. Deeper ones are put together from such trees, with a safepoint
//! between any two: what is built already is held in locals of the scope.

use benches::{Clock, Flavour, Line, Regions, Watch};
use gc_core::{Gc, GcCell, Heap, Local, Mutation, Scope, Shared, Trace};

use crate::options::Options;

/// The depth of the largest tree built in one region: 2^13 nodes, some 50 microseconds.
const IN_ONE: u64 = 12;
/// Nodes after which a loop over small trees leaves its region, asked or not: below a millisecond.
const NODES_PER_REGION: u64 = 1 << 16;

#[derive(Trace)]
struct Node<'gc> {
    left: Option<Gc<'gc, Node<'gc>>>,
    right: Option<Gc<'gc, Node<'gc>>>,
}

fn tree<'gc, S: Flavour>(mc: &Mutation<'gc, S>, depth: u64) -> Gc<'gc, Node<'gc>> {
    let (left, right) = if depth > 0 { (Some(tree(mc, depth - 1)), Some(tree(mc, depth - 1))) } else { (None, None) };
    S::alloc(mc, Node { left, right })
}

fn check(node: Gc<'_, Node<'_>>) -> u64 {
    match (node.left, node.right) {
        (Some(left), Some(right)) => 1 + check(left) + check(right),
        _ => 1,
    }
}

/// A tree of any depth, its regions short.
fn deep_tree<'s, S: Flavour>(scope: &mut Scope<'s, S>, regions: &mut Regions, depth: u64) -> Local<'s, Node<'static>> {
    if depth <= IN_ONE {
        return regions.time(|| scope.mutate(|mc| mc.local(tree(mc, depth))));
    }
    scope.nested(|scope| {
        let left = deep_tree(scope, regions, depth - 1);
        let right = deep_tree(scope, regions, depth - 1);
        scope.mutate(|mc| mc.local(S::alloc(mc, Node { left: Some(left.get(mc)), right: Some(right.get(mc)) })))
    })
}

/// `check` of a tree of this depth, its regions short.
fn deep_check<S: Flavour>(
    scope: &mut Scope<'_, S>,
    regions: &mut Regions,
    node: Local<'_, Node<'static>>,
    depth: u64,
) -> u64 {
    if depth <= IN_ONE {
        return regions.time(|| scope.mutate(|mc| check(node.get(mc))));
    }
    scope.scope(|scope| {
        let (left, right) = scope.mutate(|mc| {
            let node = node.get(mc);
            (mc.local(node.left.expect("depth left")), mc.local(node.right.expect("depth left")))
        });
        1 + deep_check(scope, regions, left, depth - 1) + deep_check(scope, regions, right, depth - 1)
    })
}

/// The sum of the checks of `count` trees of this depth.
fn many_trees<S: Flavour>(scope: &mut Scope<'_, S>, regions: &mut Regions, depth: u64, count: u64) -> u64 {
    let mut sum = 0;
    if depth > IN_ONE {
        for _ in 0..count {
            sum += scope.scope(|scope| {
                let tree = deep_tree(scope, regions, depth);
                deep_check(scope, regions, tree, depth)
            });
        }
        return sum;
    }
    let at_most = (NODES_PER_REGION >> (depth + 1)).max(1);
    let mut done = 0;
    while done < count {
        regions.time(|| {
            scope.mutate(|mc| {
                for _ in 0..at_most.min(count - done) {
                    sum += check(tree(mc, depth));
                    done += 1;
                    if mc.should_yield() {
                        break;
                    }
                }
            });
        });
    }
    sum
}

/// The sums of all depths, by a thread that does one `threads`th of the trees.
fn all_depths<S: Flavour>(scope: &mut Scope<'_, S>, regions: &mut Regions, depth: u64, threads: u64) -> Vec<u64> {
    (4..=depth).step_by(2).map(|d| many_trees(scope, regions, d, (1 << (depth - d + 4)) / threads)).collect()
}

/// The checksum and the number of nodes.
#[derive(Default)]
struct Sums {
    sum: u64,
    ops: u64,
}

impl Sums {
    fn put(&mut self, nodes: u64) {
        self.sum = self.sum.wrapping_mul(31).wrapping_add(nodes);
        self.ops += nodes;
    }
}

/// One tree, deeper than all others, that dies at once.
fn stretch<S: Flavour>(scope: &mut Scope<'_, S>, regions: &mut Regions, depth: u64) -> u64 {
    scope.scope(|scope| {
        let tree = deep_tree(scope, regions, depth + 1);
        deep_check(scope, regions, tree, depth + 1)
    })
}

pub(crate) fn binary_trees<S: Flavour>(options: &Options, depth: u64) -> Line {
    let clock = Clock::new();
    let heap = S::heap(options.config());
    let mut mutator = S::mutator(&heap);
    let watch = Watch::start::<S>(&heap);
    let mut regions = Regions::new();
    let mut sums = Sums::default();
    mutator.scope(|scope| {
        sums.put(stretch(scope, &mut regions, depth));
        let long = deep_tree(scope, &mut regions, depth);
        for sum in all_depths(scope, &mut regions, depth, 1) {
            sums.put(sum);
        }
        sums.put(deep_check(scope, &mut regions, long, depth));
    });
    let seconds = clock.seconds();
    Line::new("binary_trees", seconds, sums.ops, sums.sum, watch.finish::<S>(&heap, &regions))
}

pub(crate) fn binary_trees_mt(options: &Options, depth: u64, threads: u64) -> Result<Line, String> {
    if threads == 0 || !threads.is_power_of_two() || threads > 16 {
        return Err("the threads must divide the trees of every depth: 1, 2, 4, 8 or 16".into());
    }
    let clock = Clock::new();
    let heap = Heap::with_config(options.config());
    let mut mutator = heap.mutator().expect("one mutator per thread");
    let watch = Watch::start::<Shared>(&heap);
    let mut regions = Regions::new();
    let mut sums = Sums::default();
    mutator.scope(|scope| {
        sums.put(stretch(scope, &mut regions, depth));
        let long = deep_tree(scope, &mut regions, depth);
        let by_thread: Vec<(Vec<u64>, Regions)> = std::thread::scope(|spawner| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    spawner.spawn(|| {
                        let mut mutator = heap.mutator().expect("one mutator per thread");
                        let mut regions = Regions::new();
                        let sums = mutator.scope(|scope| all_depths(scope, &mut regions, depth, threads));
                        (sums, regions)
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker ends")).collect()
        });
        for index in 0..by_thread[0].0.len() {
            sums.put(by_thread.iter().map(|(sums, _)| sums[index]).sum());
        }
        for (_, other) in &by_thread {
            regions.merge(other);
        }
        sums.put(deep_check(scope, &mut regions, long, depth));
    });
    let seconds = clock.seconds();
    let extra = watch.finish::<Shared>(&heap, &regions);
    Ok(Line::new("binary_trees_mt", seconds, sums.ops, sums.sum, extra).with("mutators", threads))
}

// ---- gcbench

type Child<'gc> = GcCell<'gc, Option<Gc<'gc, Bench<'gc>>>>;

#[derive(Trace)]
struct Bench<'gc> {
    left: Child<'gc>,
    right: Child<'gc>,
    i: i32,
    j: i32,
}

impl<'gc> Bench<'gc> {
    fn of(left: Option<Gc<'gc, Bench<'gc>>>, right: Option<Gc<'gc, Bench<'gc>>>) -> Self {
        Bench { left: GcCell::new(left), right: GcCell::new(right), i: 0, j: 0 }
    }
}

/// Nodes of a tree.
const fn size(depth: u64) -> u64 {
    (1 << (depth + 1)) - 1
}

fn make_tree<'gc, S: Flavour>(mc: &Mutation<'gc, S>, depth: u64) -> Gc<'gc, Bench<'gc>> {
    let (left, right) =
        if depth > 0 { (Some(make_tree(mc, depth - 1)), Some(make_tree(mc, depth - 1))) } else { (None, None) };
    S::alloc(mc, Bench::of(left, right))
}

fn populate<'gc, S: Flavour>(mc: &Mutation<'gc, S>, depth: u64, node: Gc<'gc, Bench<'gc>>) {
    if depth == 0 {
        return;
    }
    let left = S::alloc(mc, Bench::of(None, None));
    let right = S::alloc(mc, Bench::of(None, None));
    node.left.set(mc, Some(left));
    node.right.set(mc, Some(right));
    populate(mc, depth - 1, left);
    populate(mc, depth - 1, right);
}

fn depth_of(node: Gc<'_, Bench<'_>>) -> u64 {
    1 + node.left.get().map_or(0, depth_of)
}

fn count(node: Gc<'_, Bench<'_>>) -> u64 {
    std::hint::black_box((node.i, node.j));
    1 + node.left.get().map_or(0, count) + node.right.get().map_or(0, count)
}

fn deep_make<'s, S: Flavour>(scope: &mut Scope<'s, S>, regions: &mut Regions, depth: u64) -> Local<'s, Bench<'static>> {
    if depth <= IN_ONE {
        return regions.time(|| scope.mutate(|mc| mc.local(make_tree(mc, depth))));
    }
    scope.nested(|scope| {
        let left = deep_make(scope, regions, depth - 1);
        let right = deep_make(scope, regions, depth - 1);
        scope.mutate(|mc| mc.local(S::alloc(mc, Bench::of(Some(left.get(mc)), Some(right.get(mc))))))
    })
}

fn deep_populate<S: Flavour>(
    scope: &mut Scope<'_, S>,
    regions: &mut Regions,
    depth: u64,
    node: Local<'_, Bench<'static>>,
) {
    if depth <= IN_ONE {
        return regions.time(|| scope.mutate(|mc| populate(mc, depth, node.get(mc))));
    }
    scope.scope(|scope| {
        let (left, right) = scope.mutate(|mc| {
            let left = S::alloc(mc, Bench::of(None, None));
            let right = S::alloc(mc, Bench::of(None, None));
            node.get(mc).left.set(mc, Some(left));
            node.get(mc).right.set(mc, Some(right));
            (mc.local(left), mc.local(right))
        });
        deep_populate(scope, regions, depth - 1, left);
        deep_populate(scope, regions, depth - 1, right);
    });
}

/// The sum of the depths of `count` trees, made one after another.
fn many_benches<S: Flavour>(
    scope: &mut Scope<'_, S>,
    regions: &mut Regions,
    depth: u64,
    count: u64,
    from_the_top: bool,
) -> u64 {
    let mut sum = 0;
    if depth > IN_ONE {
        for _ in 0..count {
            scope.scope(|scope| {
                let root = if from_the_top {
                    let root = scope.mutate(|mc| mc.local(S::alloc(mc, Bench::of(None, None))));
                    deep_populate(scope, regions, depth, root);
                    root
                } else {
                    deep_make(scope, regions, depth)
                };
                sum += scope.mutate(|mc| depth_of(root.get(mc)));
            });
        }
        return sum;
    }
    let at_most = (NODES_PER_REGION >> (depth + 1)).max(1);
    let mut done = 0;
    while done < count {
        regions.time(|| {
            scope.mutate(|mc| {
                for _ in 0..at_most.min(count - done) {
                    let root = if from_the_top {
                        let root = S::alloc(mc, Bench::of(None, None));
                        populate(mc, depth, root);
                        root
                    } else {
                        make_tree(mc, depth)
                    };
                    sum += depth_of(root);
                    done += 1;
                    if mc.should_yield() {
                        break;
                    }
                }
            });
        });
    }
    sum
}

pub(crate) fn gcbench<S: Flavour>(options: &Options) -> Line {
    const STRETCH: u64 = 18;
    const LONG: u64 = 16;
    let clock = Clock::new();
    let heap = S::heap(options.config());
    let mut mutator = S::mutator(&heap);
    let watch = Watch::start::<S>(&heap);
    let mut regions = Regions::new();
    let mut ops = size(STRETCH) + size(LONG);
    let sum = mutator.scope(|scope| {
        let mut sum = many_benches(scope, &mut regions, STRETCH, 1, false);
        let long = scope.mutate(|mc| mc.local(S::alloc(mc, Bench::of(None, None))));
        deep_populate(scope, &mut regions, LONG, long);
        let array = regions.time(|| {
            scope.mutate(|mc| {
                let items = (0..500_000).map(|i| if (1..250_000).contains(&i) { 1.0 / f64::from(i) } else { 0.0 });
                mc.local(S::alloc_slice(mc, items))
            })
        });
        for depth in (4..=STRETCH).step_by(2) {
            let times = 2 * size(STRETCH) / size(depth);
            sum += many_benches(scope, &mut regions, depth, times, true);
            sum += many_benches(scope, &mut regions, depth, times, false);
            ops += 2 * times * size(depth);
        }
        regions.time(|| scope.mutate(|mc| sum + count(long.get(mc)) + (array.get(mc)[1000] * 1e9) as u64))
    });
    let seconds = clock.seconds();
    Line::new("gcbench", seconds, ops, sum, watch.finish::<S>(&heap, &regions))
}
