//! [`GcVec`] against std's `Vec` while cycles are on. Its segments are `GcDeque`'s, whose tests are in `deque`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gc_core::{Config, Gc, GcVec, Heap, LocalHeap, Owned, Root, Slice, Trace};
use proptest::prelude::*;

#[derive(Trace)]
struct Lists<'gc> {
    list: GcVec<'gc, Gc<'gc, u32>, Owned>,
    other: GcVec<'gc, Gc<'gc, u32>, Owned>,
}

#[derive(Debug, Clone)]
enum Op {
    Push(usize),
    Pop(usize),
    Insert(usize),
    Remove(usize),
    SwapRemove(usize),
    Set(usize),
    Truncate(usize),
    Retain(u32),
    Clear,
    Drain(usize),
    /// Out of one vector and into the other, whose segment may have been scanned.
    Transfer,
    Start,
    Step(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let some = || prop_oneof![8 => 1..4_usize, 2 => 1..40_usize, 1 => 1..900_usize];
    let at = any::<usize>;
    let op = prop_oneof![
        40 => some().prop_map(Op::Push),
        20 => some().prop_map(Op::Pop),
        10 => at().prop_map(Op::Insert),
        10 => at().prop_map(Op::Remove),
        10 => at().prop_map(Op::SwapRemove),
        20 => at().prop_map(Op::Set),
        3 => at().prop_map(Op::Truncate),
        2 => (2..9_u32).prop_map(Op::Retain),
        1 => Just(Op::Clear),
        1 => at().prop_map(Op::Drain),
        30 => Just(Op::Transfer),
        10 => Just(Op::Start),
        40 => prop_oneof![0..3000_usize, 0..100_000_usize].prop_map(Op::Step),
    ];
    proptest::collection::vec(op, 1..200)
}

fn run(ops: &[Op]) {
    let heap = LocalHeap::with_config(Config::new().threads(false).automatic(false));
    let mut mutator = heap.mutator().unwrap();
    let lists: Root<Lists<'static>, Owned> =
        mutator.mutate(|mc| mc.root(mc.alloc(Lists { list: GcVec::new(), other: GcVec::new() })));
    let (mut model, mut other) = (Vec::new(), Vec::new());
    let mut number = 0;
    for op in ops {
        number += 1000;
        match *op {
            Op::Start => mutator.start_collection(),
            Op::Step(bytes) => {
                mutator.collect_step(bytes);
            }
            _ => mutator.mutate(|mc| {
                let lists = lists.get(mc);
                let mut list = lists.list.borrow_mut(mc);
                let new = |n| mc.alloc(n);
                match *op {
                    Op::Push(some) => {
                        list.extend((number..number + some as u32).map(new));
                        model.extend(number..number + some as u32);
                    }
                    Op::Pop(some) => {
                        for _ in 0..some {
                            assert_eq!(list.pop().map(|n| *n), model.pop());
                        }
                    }
                    Op::Insert(at) => {
                        let at = at % (model.len() + 1);
                        list.insert(at, new(number));
                        model.insert(at, number);
                    }
                    Op::Remove(at) if !model.is_empty() => {
                        let at = at % model.len();
                        assert_eq!(*list.remove(at), model.remove(at));
                    }
                    Op::SwapRemove(at) if !model.is_empty() => {
                        let at = at % model.len();
                        assert_eq!(*list.swap_remove(at), model.swap_remove(at));
                    }
                    Op::Set(at) if !model.is_empty() => {
                        let at = at % model.len();
                        list[at] = new(number);
                        model[at] = number;
                    }
                    Op::Truncate(to) => {
                        let to = to % (model.len() + 1);
                        list.truncate(to);
                        model.truncate(to);
                    }
                    Op::Retain(by) => {
                        list.retain(|n| !n.is_multiple_of(by));
                        model.retain(|n| !n.is_multiple_of(by));
                    }
                    Op::Clear => {
                        list.clear();
                        model.clear();
                    }
                    Op::Drain(some) => {
                        let some = some % (model.len() + 1);
                        let drained: Vec<u32> = list.drain().take(some).map(|n| *n).collect();
                        assert_eq!(drained, model[..some]);
                        model.clear();
                    }
                    Op::Transfer => {
                        if let Some(moved) = list.pop() {
                            lists.other.push(mc, moved);
                            other.push(model.pop().unwrap());
                        }
                    }
                    Op::Remove(_) | Op::SwapRemove(_) | Op::Set(_) => {}
                    Op::Start | Op::Step(_) => unreachable!("no step on the vector"),
                }
            }),
        }
    }
    while !matches!(mutator.collect_step(usize::MAX), Slice::Idle) {}
    mutator.start_collection();
    while !matches!(mutator.collect_step(usize::MAX), Slice::Over) {}
    mutator.mutate(|mc| {
        // What was freed wrongly is overwritten by these.
        for _ in 0..model.len() + other.len() {
            mc.alloc(u32::MAX);
        }
        let lists = lists.get(mc);
        for (list, model) in [(&lists.list, &model), (&lists.other, &other)] {
            let list = list.borrow();
            assert_eq!(list.len(), model.len());
            assert!(list.iter().map(|n| **n).eq(model.iter().copied()));
            assert!((0..model.len()).all(|at| *list[at] == model[at]));
            assert!(list.get(model.len()).is_none());
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_vector_is_what_std_s_is(ops in ops()) {
        run(&ops);
    }
}

#[test]
fn indices_that_are_none_are_refused_and_nothing_is_lost() {
    let heap = LocalHeap::new();
    heap.mutator().unwrap().mutate(|mc| {
        let list = mc.alloc(GcVec::<u32, Owned>::new());
        list.borrow_mut(mc).extend(0..100);
        let attacks: [fn(&mut gc_core::VecMut<'_, '_, u32, Owned>); 5] = [
            |list| list.insert(101, 0),
            |list| _ = list.remove(100),
            |list| _ = list.swap_remove(100),
            |list| list[100] = 0,
            |list| list.swap(0, 100),
        ];
        for attack in attacks {
            let refused = catch_unwind(AssertUnwindSafe(|| attack(&mut list.borrow_mut(mc))));
            assert!(refused.is_err());
        }
        assert!(list.borrow().iter().copied().eq(0..100));
        assert_eq!((list.get(99), list.get(100), list.set(mc, 3, 7), list.get(3)), (Some(99), None, 3, Some(7)));
        let _reading = list.borrow();
        assert!(list.try_borrow_mut(mc).is_err() && list.try_borrow().is_ok());
    });
}

#[test]
fn threads_share_a_vector() {
    let heap = Heap::new();
    let list = {
        let mut mutator = heap.mutator().unwrap();
        mutator.mutate(|mc| mc.root(mc.alloc(GcVec::<Gc<'_, u32>>::new())))
    };
    std::thread::scope(|threads| {
        for thread in 0..3_u32 {
            let (heap, list) = (&heap, &list);
            threads.spawn(move || {
                let mut mutator = heap.mutator().unwrap();
                for n in 0..20_000 {
                    mutator.mutate(|mc| list.get(mc).push(mc, mc.alloc(n * 3 + thread)));
                    if n % 1000 == 0 {
                        heap.start_collection();
                    }
                }
            });
        }
    });
    let mut mutator = heap.mutator().unwrap();
    mutator.collect();
    mutator.mutate(|mc| {
        let mut all: Vec<u32> = list.get(mc).borrow().iter().map(|n| **n).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..60_000));
    });
}
