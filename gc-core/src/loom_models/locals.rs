//! The stack of local roots while the collector acts for its mutator.
//!
//! Shown: leaving a scope beside a collector that reads the stack is no race (the entries' `Witness`), and entries are
//! written anew only in a region, never while it reads; what a local named when H2 was answered is marked.
//! Threads: the collector (main) and a mutator.
//!
//! Fails if: `try_leave` or `acted` is not Release; `truncate` writes an entry; H2's answer does not shade the locals.
//!
//! covers: gc-core::locals::LocalStack::len

use super::{Cycle, Node, Player, address, explore_play, heap, play};
use crate::mode::{Handshake, Mode};

/// A scope that keeps a local, opens another with two locals (a second segment), leaves it and reuses the place, beside H2.
#[test]
fn scope_exit_while_collector_acts() {
    explore_play(|| {
        let heap = heap();
        let core = heap.core().clone();
        let players: Vec<Player> = vec![Box::new(|mutator| {
            mutator.scope(|outer| {
                let kept = outer.mutate(|mc| mc.local(mc.alloc(Node::new(None))));
                outer.scope(|inner| {
                    inner.mutate(|mc| {
                        mc.local(kept.get(mc));
                        mc.local(kept.get(mc));
                    });
                });
                let again = outer.mutate(|mc| mc.local(kept.get(mc)));
                outer.mutate(|mc| {
                    let record = mc.record();
                    let node = again.get(mc);
                    node.content.read();
                    if record.mode() == Mode::Rooted {
                        let bits = record.heap.space.slot_bits(address(node));
                        assert_eq!(bits, (true, true), "a local that was there at H2, or born since: grey");
                    }
                });
            });
        })];
        let stage = || {
            let mut cycle = Cycle::open(&core);
            cycle.step(Handshake::Sync);
            cycle
        };
        play(&heap, stage, players, |cycle| cycle.step(Handshake::Rooted));
    });
}
