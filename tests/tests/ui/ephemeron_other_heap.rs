//@ error: E0521
//! A value of another heap would not be kept alive by its own.

use gc_core::{Ephemeron, LocalHeap};

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.mutate(|mc_a| {
        let key = mc_a.alloc(1);
        b.mutate(|mc_b| {
            Ephemeron::new(mc_b, key, mc_b.alloc(2));
        });
    });
}
