//! Racing initialisers of a once cell.
//!
//! Shown: one wins; all see the winner's content, initialised; a marker that scans the cell beside them sees nothing or the
//! winner's object.
//! Threads: two mutators and a marker (main).
//!
//! Fails if: the publication is not Release; the load of `get` is not Acquire; the loser returns its own.
//!
//! covers: gc-core::cell::once_cell::GcOnceCell::content

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Cycle, Node, Player, explore_play, heap, play};
use crate::{Gc, GcOnceCell, Root, Trace};

#[derive(Trace)]
struct Lazy<'gc> {
    cell: GcOnceCell<'gc, Node<'gc>>,
}

#[test]
fn two_initialisers_beside_a_marker() {
    explore_play(|| {
        let heap = heap();
        let core = heap.core().clone();
        let mut mutator = heap.mutator().unwrap();
        let root: Arc<Root<Lazy<'static>>> =
            Arc::new(mutator.mutate(|mc| mc.root(mc.alloc(Lazy { cell: GcOnceCell::new() }))));
        drop(mutator);
        // Of std: results, not part of the model.
        let seen: Arc<[AtomicUsize; 2]> = Arc::default();
        let won = Arc::new(AtomicUsize::new(0));
        let players = (0..2)
            .map(|index| {
                let (root, seen, won) = (root.clone(), seen.clone(), won.clone());
                Box::new(move |mutator: &mut crate::Mutator| {
                    mutator.mutate(|mc| {
                        let lazy: Gc<'_, Lazy<'_>> = root.get(mc);
                        let outcome = lazy.cell.set(mc, Node::new(None));
                        won.fetch_add(usize::from(outcome.is_ok()), Ordering::Relaxed);
                        let (Ok(content) | Err(content)) = outcome;
                        content.content.read();
                        seen[index].store(std::ptr::from_ref(content).addr(), Ordering::Relaxed);
                    });
                }) as Player
            })
            .collect();
        play(&heap, || Cycle::begin(&core), players, Cycle::mark_once);
        assert_eq!(won.load(Ordering::Relaxed), 1);
        assert_eq!(seen[0].load(Ordering::Relaxed), seen[1].load(Ordering::Relaxed));
    });
}
