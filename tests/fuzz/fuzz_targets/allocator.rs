//! Allocation programs from a fuzzer's bytes, against the naive model of the allocator's property test.
#![no_main]

#[path = "../../../allocator/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use support::{Machine, Op};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    Machine::run(std::iter::from_fn(move || Op::decode(&mut rest)));
});
