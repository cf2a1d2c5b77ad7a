//! Allocation programs against the naive model of `support`.

mod support;

use proptest::prelude::*;
use support::{Machine, Op};

fn op() -> impl Strategy<Value = Op> {
    let size = prop_oneof![6 => 0u32..300, 2 => 300u32..5000, 1 => 5000u32..100_000];
    let align = prop_oneof![4 => 0u8..5, 1 => 5u8..13];
    prop_oneof![
        8 => (any::<u8>(), any::<u8>(), size, align, any::<u8>())
            .prop_map(|(cache, owner, size, align_log, count)| Op::Alloc { cache, owner, size, align_log, count }),
        3 => any::<u32>().prop_map(|index| Op::Kill { index }),
        1 => (0u8..20).prop_map(|of| Op::KillMost { of }),
        1 => any::<u8>().prop_map(|cache| Op::Close { cache }),
        1 => Just(Op::Mark),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(refills, drop_guards)| Op::Cycle { refills, drop_guards }),
        1 => any::<u8>().prop_map(|cache| Op::Leave { cache }),
        1 => Just(Op::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn programs_agree_with_the_model(ops in proptest::collection::vec(op(), 1..60)) {
        Machine::run(ops);
    }

    #[test]
    fn decoded_programs_agree_with_the_model(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut rest = &bytes[..];
        Machine::run(std::iter::from_fn(move || Op::decode(&mut rest)));
    }
}
