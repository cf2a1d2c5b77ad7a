//@ error: no code
//! A pointer of a longer region passes for one of a shorter, and so for one of another heap.

use gc_core::Gc;

fn shorten<'long: 'short, 'short>(gc: Gc<'long, i32>) -> Gc<'short, i32> {
    gc
}

fn main() {
    let _ = shorten;
}
