use super::{explore, heap};
use crate::mode::Handshake;
use loom::thread;

#[test]
fn region_beside_two_handshakes() {
    explore(|| {
        let heap = heap();
        let core = heap.core().clone();
        let mutator = thread::spawn(move || {
            let mut mutator = heap.mutator().unwrap();
            mutator.mutate(|mc| { mc.record().mode(); });
            std::mem::forget(mutator);
            std::mem::forget(heap);
        });
        let mut asked = Vec::new();
        core.handshake(Handshake::Sync, &mut asked);
        core.handshake(Handshake::Rooted, &mut asked);
        mutator.join().unwrap();
    });
}
