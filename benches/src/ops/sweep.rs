//! The end of objects: a forced collection in which all of them die, with destructors and without, per object; beside
//! freeing them one by one. The making is outside the time.

use std::time::{Duration, Instant};

use gc_core::{Owned, Shared, Trace};

use super::mibox::MiBox;
use super::{Group, Run, group};
use crate::flavour::Flavour;

/// Objects that die at once.
const OBJECTS: u64 = 100_000;

/// What counts its drops: a destructor that does little, so that calling it is what is measured.
struct Dropped(u64);

impl Drop for Dropped {
    fn drop(&mut self) {
        std::hint::black_box(self.0);
    }
}

#[derive(Trace)]
struct WithDrop {
    #[trace(skip)]
    _held: Dropped,
    _number: u64,
}

#[derive(Trace)]
struct Plain {
    _numbers: [u64; 2],
}

/// `n` operations in rounds of `OBJECTS`; a last round that is not full counts by its share.
fn in_rounds(n: u64, mut round: impl FnMut() -> Duration) -> Duration {
    let rounds = n.div_ceil(OBJECTS);
    let sum: Duration = (0..rounds).map(|_| round()).sum();
    sum.mul_f64(n as f64 / (rounds * OBJECTS) as f64)
}

macro_rules! deaths {
    ($name:ident, |$number:ident| $value:expr) => {
        fn $name<S: Flavour>() -> Run {
            let heap = S::heap(gc_core::Config::new().automatic(false));
            let mut mutator = S::mutator(&heap);
            Box::new(move |n| {
                let _alive = &heap;
                in_rounds(n, || {
                    mutator.mutate(|mc| {
                        for $number in 0..OBJECTS {
                            std::hint::black_box(S::alloc(mc, $value));
                        }
                    });
                    let since = Instant::now();
                    mutator.collect();
                    since.elapsed()
                })
            })
        }
    };
}

deaths!(with_drops, |number| WithDrop { _held: Dropped(number), _number: number });
deaths!(without, |number| Plain { _numbers: [number; 2] });

/// Boxes of a size, freed in the order in which they were made.
fn boxes() -> Run {
    Box::new(move |n| {
        in_rounds(n, || {
            let all: Vec<MiBox<(Dropped, u64)>> =
                (0..OBJECTS).map(|number| MiBox::new((Dropped(number), number))).collect();
            let since = Instant::now();
            drop(all);
            since.elapsed()
        })
    })
}

pub(super) fn groups() -> Vec<Group> {
    vec![group(
        "death_per_object",
        OBJECTS,
        vec![
            ("local, without drops", without::<Owned>),
            ("local, with drops", with_drops::<Owned>),
            ("shared, without drops", without::<Shared>),
            ("shared, with drops", with_drops::<Shared>),
            ("mimalloc, with drops", boxes),
        ],
    )]
}
