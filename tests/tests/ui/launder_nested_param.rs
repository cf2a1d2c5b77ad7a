//@ error: no code
//! The brand hides in a parameter's parameter: an object with two brands is rooted, and comes back with one.

use gc_core::{Gc, GcCell, LocalHeap, Mutation, Owned, Root, Trace};

#[derive(Trace)]
struct Holder<'gc, T> {
    cell: GcCell<'gc, Option<Gc<'gc, T>>>,
}

fn launder<'a, 'b>(mc: &Mutation<'a, Owned>, holder: Gc<'a, Holder<'a, Option<Gc<'b, i32>>>>) {
    let root: Root<Holder<'static, Option<Gc<'static, i32>>>, Owned> = mc.root(holder);
    let back: Gc<'a, Holder<'a, Option<Gc<'a, i32>>>> = root.get(mc);
    back.cell.set(mc, Some(mc.alloc(Some(mc.alloc(1)))));
}

fn main() {
    let heap = LocalHeap::new();
    let _ = (heap, launder);
}
