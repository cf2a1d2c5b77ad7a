//@ error: E0521
//! Scopes of two heaps change places: locals of one are pushed on the stack of the other.

use gc_core::LocalHeap;

fn main() {
    let (a, b) = (LocalHeap::new(), LocalHeap::new());
    let (mut a, mut b) = (a.mutator().unwrap(), b.mutator().unwrap());
    a.scope(|a| b.scope(|b| std::mem::swap(a, b)));
}
