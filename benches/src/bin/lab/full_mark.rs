//! full_mark: forced collections of a random graph.

use benches::{Clock, Flavour, Line, Regions, Rng, Watch};
use gc_core::{Gc, GcCell, Mutation, Mutator, Root, Trace};

use crate::options::Options;

const COLLECTIONS: usize = 5;
/// Nodes built or linked in one region: below a millisecond.
const PER_REGION: usize = 4096;

type Edge<'gc> = GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>;

#[derive(Trace)]
struct Node<'gc> {
    a: Edge<'gc>,
    b: Edge<'gc>,
    v: u64,
    w: u64,
}

#[derive(Trace)]
struct Graph<'gc> {
    nodes: Gc<'gc, [Edge<'gc>]>,
}

/// Calls `each` for all of `indices`, in regions of `PER_REGION`.
fn in_regions<S: Flavour>(
    mutator: &mut Mutator<S>,
    regions: &mut Regions,
    graph: &Root<Graph<'static>, S>,
    indices: impl Iterator<Item = usize>,
    mut each: impl for<'gc> FnMut(&'gc Mutation<'gc, S>, &'gc [Edge<'gc>], usize),
) {
    let mut indices = indices.peekable();
    while indices.peek().is_some() {
        regions.time(|| {
            mutator.mutate(|mc| {
                let nodes = Gc::as_ref(graph.get(mc).nodes);
                for index in indices.by_ref().take(PER_REGION) {
                    each(mc, nodes, index);
                }
            });
        });
    }
}

pub(crate) fn run<S: Flavour>(options: &Options, n: u64) -> Line {
    let count = n as usize;
    let markers = options.markers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let heap = S::heap(options.config().markers(markers));
    let mut mutator = S::mutator(&heap);
    let mut regions = Regions::new();
    let mut rng = Rng::new();
    let build = Clock::new();
    let graph = mutator.mutate(|mc| {
        let nodes = S::alloc_slice(mc, (0..count).map(|_| GcCell::new(None)));
        mc.root(S::alloc(mc, Graph { nodes }))
    });
    in_regions(&mut mutator, &mut regions, &graph, 0..count, |mc, nodes, i| {
        let node = Node { a: GcCell::new(None), b: GcCell::new(None), v: rng.next(), w: i as u64 };
        nodes[i].set(mc, Some(S::alloc(mc, node)));
    });
    in_regions(&mut mutator, &mut regions, &graph, (1..count).rev(), |mc, nodes, i| {
        let j = rng.below(i as u64 + 1) as usize;
        let (at_i, at_j) = (nodes[i].get(), nodes[j].get());
        nodes[i].set(mc, at_j);
        nodes[j].set(mc, at_i);
    });
    in_regions(&mut mutator, &mut regions, &graph, 0..count, |mc, nodes, i| {
        let node = nodes[i].get().expect("every slot is filled");
        node.a.set(mc, nodes[rng.below(n) as usize].get());
        node.b.set(mc, nodes[rng.below(n) as usize].get());
    });
    let build_s = build.seconds();

    let watch = Watch::start::<S>(&heap);
    let mut times: Vec<f64> = Vec::with_capacity(COLLECTIONS);
    let mut mark_ms = Vec::with_capacity(COLLECTIONS);
    for _ in 0..COLLECTIONS {
        let clock = Clock::new();
        mutator.collect();
        times.push(clock.seconds());
        mark_ms.push(S::statistics(&heap).last.mark.as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);

    let checksum = mutator.mutate(|mc| {
        let nodes = graph.get(mc).nodes;
        nodes[..count.min(1_000_000)].iter().fold(0u64, |sum, node| {
            let node = node.get().expect("every slot is filled");
            let target = |edge: &Edge<'_>| edge.get().map(|node| (node.v, node.w)).expect("every edge is set");
            sum.wrapping_add(target(&node.a).0).wrapping_add(target(&node.b).1)
        })
    });
    Line::new("full_mark", times[COLLECTIONS / 2], n, checksum, watch.finish::<S>(&heap, &regions))
        .with("build_s", build_s)
        .with("min_s", times[0])
        .with("max_s", times[COLLECTIONS - 1])
        .with("mark_ms", mark_ms)
        .with("markers", markers)
}
