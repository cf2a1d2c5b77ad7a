//@ error: E0521
//! A pointer thrown as the payload of a panic is caught outside of its region.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gc_core::{Gc, Heap};

fn main() {
    let heap = Heap::new();
    let mut mutator = heap.mutator().unwrap();
    let caught =
        catch_unwind(AssertUnwindSafe(|| mutator.mutate(|mc| std::panic::panic_any(mc.alloc(String::from("freed"))))));
    mutator.collect();
    println!("{}", **caught.unwrap_err().downcast_ref::<Gc<'static, String>>().unwrap());
}
