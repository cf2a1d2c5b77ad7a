//! Reader-writer locks and cells that are written once, no cycle on.

use std::cell::OnceCell;
use std::hint::black_box;

use gc_core::{Gc, GcOnceCell, GcRwLock, Owned, Shared, Trace};
use parking_lot::RwLock;

use super::{Group, Run, group, timed_sum};
use crate::flavour::Flavour;

/// Cells, a power of two: all in the first-level cache.
const CELLS: usize = 512;

/// A number, and a pointer that makes a barrier necessary.
#[derive(Trace, Clone, Copy)]
struct Held<'gc> {
    number: u64,
    pointer: Option<Gc<'gc, u64>>,
}

/// An operation on every lock in turn.
macro_rules! locked {
    ($name:ident, $plain:ident, |$mc:ident, $lock:ident| $gc:expr, $std:expr) => {
        fn $name() -> Run {
            let heap = Shared::heap(gc_core::Config::new());
            let mut mutator = Shared::mutator(&heap);
            let root = mutator.mutate(|mc| {
                let pointer = Some(mc.alloc(1_u64));
                mc.root(mc.alloc_slice((0..CELLS).map(|_| mc.alloc(GcRwLock::new(Held { number: 1, pointer })))))
            });
            Box::new(move |n| {
                let _alive = &heap;
                mutator.mutate(|$mc| {
                    let all = root.get($mc);
                    let all = &all[..CELLS];
                    timed_sum(n, |i| {
                        let $lock = &all[i % CELLS];
                        $gc
                    })
                })
            })
        }

        fn $plain() -> Run {
            type Plain = RwLock<(u64, Option<&'static u64>)>;
            let all: Vec<Box<Plain>> = (0..CELLS).map(|_| Box::new(RwLock::new((1, Some(&1))))).collect();
            Box::new(move |n| {
                let all = &all[..CELLS];
                timed_sum(n, |i| {
                    let $lock = &all[i % CELLS];
                    $std
                })
            })
        }
    };
}

locked!(read, plain_read, |mc, lock| black_box(&*lock.read()).number, black_box(&*lock.read()).0);
locked!(
    write,
    plain_write,
    |mc, lock| {
        let mut held = lock.write(mc);
        black_box(&mut *held).number += 1;
        u64::from(held.pointer.is_some())
    },
    {
        let mut held = lock.write();
        black_box(&mut *held).0 += 1;
        u64::from(held.1.is_some())
    }
);

fn once_get() -> Run {
    let heap = Owned::heap(gc_core::Config::new());
    let mut mutator = Owned::mutator(&heap);
    let root = mutator.mutate(|mc| {
        let all = mc.alloc_slice((0..CELLS).map(|_| mc.alloc(GcOnceCell::new())));
        for cell in all.iter() {
            assert!(cell.set(mc, 1_u64).is_ok(), "a fresh cell takes a value");
        }
        mc.root(all)
    });
    Box::new(move |n| {
        let _alive = &heap;
        mutator.mutate(|mc| {
            let all = root.get(mc);
            let all = &all[..CELLS];
            timed_sum(n, |i| all[i % CELLS].get().map_or(0, |number| *number))
        })
    })
}

fn plain_once_get() -> Run {
    let all: Vec<Box<OnceCell<Box<u64>>>> = (0..CELLS).map(|_| Box::new(OnceCell::from(Box::new(1)))).collect();
    Box::new(move |n| {
        let all = &all[..CELLS];
        timed_sum(n, |i| all[i % CELLS].get().map_or(0, |number| **number))
    })
}

pub(super) fn groups() -> Vec<Group> {
    vec![
        group("rw_lock_read", 300_000, vec![("GcRwLock", read), ("parking_lot", plain_read)]),
        group("rw_lock_write", 300_000, vec![("GcRwLock", write), ("parking_lot", plain_write)]),
        group("once_cell_get", 500_000, vec![("GcOnceCell", once_get), ("OnceCell of a Box", plain_once_get)]),
    ]
}
