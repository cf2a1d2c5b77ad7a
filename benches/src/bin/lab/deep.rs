//! deep: a list as long as memory allows, marked, then dropped at once. Neither may take stack.

use benches::{Clock, Flavour, Line, Regions, Watch};
use gc_core::{Gc, GcCell, Root, Trace};

use crate::options::Options;

/// Nodes made in one region: below a millisecond.
const PER_REGION: u64 = 1 << 14;

#[derive(Trace)]
struct Node<'gc> {
    next: Option<Gc<'gc, Node<'gc>>>,
    number: u64,
}

/// The list's first node.
#[derive(Trace)]
struct List<'gc> {
    first: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
}

pub(crate) fn run<S: Flavour>(options: &Options, n: u64) -> Line {
    let heap = S::heap(options.config());
    let mut mutator = S::mutator(&heap);
    let mut regions = Regions::new();
    let since = Clock::new();
    let list: Root<List<'static>, S> = mutator.mutate(|mc| mc.root(S::alloc(mc, List { first: GcCell::new(None) })));
    let mut made = 0;
    while made < n {
        regions.time(|| {
            mutator.mutate(|mc| {
                let first = &Gc::as_ref(list.get(mc)).first;
                for number in made..n.min(made + PER_REGION) {
                    first.set(mc, Some(S::alloc(mc, Node { next: first.get(), number })));
                }
            });
        });
        made += PER_REGION;
    }
    let build_s = since.seconds();

    let watch = Watch::start::<S>(&heap);
    let since = Clock::new();
    mutator.collect();
    let mark_s = since.seconds();
    // The program's own walk, in regions too; it goes on from a node kept in a local.
    let since = Clock::new();
    let sum = mutator.scope(|scope| {
        let Some(at) = scope.mutate(|mc| list.get(mc).first.get().map(|node| mc.local(node))) else { return 0 };
        let mut sum = 0u64;
        let mut more = true;
        while more {
            more = regions.time(|| {
                scope.mutate(|mc| {
                    let mut node = at.get(mc);
                    for _ in 0..PER_REGION {
                        sum = sum.wrapping_mul(31).wrapping_add(node.number);
                        let Some(next) = node.next else { return false };
                        node = next;
                    }
                    at.set(mc, node);
                    true
                })
            });
        }
        sum
    });
    let walk_s = since.seconds();
    mutator.mutate(|mc| list.get(mc).first.set(mc, None));
    let since = Clock::new();
    mutator.collect();
    let drop_s = since.seconds();
    let left = S::statistics(&heap).live_objects;
    Line::new("deep", mark_s, n, sum, watch.finish::<S>(&heap, &regions))
        .with("build_s", build_s)
        .with("walk_s", walk_s)
        .with("drop_s", drop_s)
        .with("live_after_drop", left)
}
