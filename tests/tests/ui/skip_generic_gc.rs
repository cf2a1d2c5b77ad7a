//@ error: E0310
//! A skipped field of the type of a parameter, which a user fills with a pointer.

use gc_core::Trace;

#[derive(Trace)]
struct Skips<T> {
    #[trace(skip)]
    hidden: T,
}

fn main() {
    let _ = |skips: Skips<i32>| skips.hidden;
}
