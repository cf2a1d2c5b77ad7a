//! Upgrades of a weak reference beside the end of marking.
//!
//! Shown: an upgrade that gives the target keeps it and what it reaches, black at Done; one that gives nothing is of a target
//! that stays white; two upgrades agree in time: after one gave nothing, none gives the target; the slot is settled
//! accordingly.
//! Threads: the collector (main) and two mutators.
//!
//! Fails if: an upgrade ignores Done; one whose compare-and-swap finds Done shades all the same; one shades before it looks
//! at the word; slots are not settled.
//!
//! covers: gc-core::weak::WeakSlot::target

use std::sync::{Arc, OnceLock};

use super::{Cycle, Node, NodeRoot, Player, address, explore_play, heap, play};
use crate::{Gc, WeakRoot};

/// What a mutator got: a root of the target, or nothing.
type Got = Arc<OnceLock<Option<NodeRoot>>>;

#[test]
fn two_upgrades_beside_the_end() {
    explore_play(|| {
        let heap = heap();
        let space = heap.core().space;
        let mut mutator = heap.mutator().unwrap();
        let (weak, nodes) = mutator.mutate(|mc| {
            let inner = mc.alloc(Node::new(None));
            let target = mc.alloc(Node::new(Some(inner)));
            let weak: WeakRoot<Node<'static>> = mc.weak_root(Gc::downgrade(target, mc));
            (Arc::new(weak), [target, inner].map(address))
        });
        drop(mutator);
        let got: [Got; 2] = Default::default();
        let players = got
            .iter()
            .map(|got| {
                let (weak, got) = (weak.clone(), got.clone());
                Box::new(move |mutator: &mut crate::Mutator| {
                    mutator.mutate(|mc| {
                        let first = weak.upgrade(mc);
                        let second = weak.upgrade(mc);
                        assert!(first.is_some() || second.is_none(), "a target that was lost has come back");
                        assert!(first.is_none() || second.is_some(), "a target is lost while it is held");
                        assert!(got.set(first.map(|target| mc.root(target))).is_ok());
                    });
                }) as Player
            })
            .collect();
        play(&heap, || Cycle::begin(heap.core()), players, Cycle::mark);
        let kept = got.iter().any(|got| got.get().expect("the player has played").is_some());
        let bits = nodes.map(|node| space.slot_bits(node));
        assert_eq!(bits, [(!kept, kept); 2], "kept and not black, or lost and not white");
        let mut mutator = heap.mutator().unwrap();
        assert_eq!(mutator.mutate(|mc| weak.upgrade(mc).is_some()), kept);
    });
}
