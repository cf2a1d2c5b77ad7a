//! The tree against a plain vector of pages, and at its planned size.

use proptest::prelude::*;

use super::*;

struct Heap {
    tree: Tree,
    // After `tree`, which points into it.
    _tables: Mapping,
}

fn heap(pages: usize) -> Heap {
    let layout = Layout::new(pages);
    let tables = Mapping::reserve(layout.bytes).unwrap();
    // SAFETY: the mapping is kept beside the tree, and no other table is made from it.
    let tree = unsafe { Tree::new(pages, &layout, &tables) };
    Heap { tree, _tables: tables }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Page {
    Clean,
    Dirty,
    Used,
}

/// What the tree must do, one page at a time.
struct Model(Vec<Page>);

impl Model {
    fn lowest(&self, n: usize) -> Option<usize> {
        let mut run = 0;
        for (i, &page) in self.0.iter().enumerate() {
            run = if page == Page::Used { 0 } else { run + 1 };
            if run == n {
                return Some(i + 1 - n);
            }
        }
        None
    }

    fn take(&mut self, start: usize, n: usize) -> usize {
        let pages = &mut self.0[start..start + n];
        let dirty = pages.iter().filter(|&&p| p == Page::Dirty).count();
        pages.fill(Page::Used);
        dirty
    }
}

#[derive(Debug, Clone)]
enum Step {
    Take(usize),
    Give(usize, bool),
    GivePart(usize, usize),
    Group(u8),
    Release(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1usize..20).prop_map(Step::Take),
        1 => (1usize..3000).prop_map(Step::Take),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(i, d)| Step::Give(i, d)),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(i, p)| Step::GivePart(i, p)),
        2 => any::<u8>().prop_map(Step::Group),
        2 => (any::<usize>(), 1usize..200).prop_map(|(b, l)| Step::Release(b, l)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn the_tree_does_what_a_vector_of_pages_does(
        pages in prop_oneof![1usize..700, 4000usize..9000, Just(4096), Just(4097)],
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut heap = heap(pages);
        let tree = &mut heap.tree;
        let mut model = Model(vec![Page::Clean; pages]);
        let mut held: Vec<(usize, usize)> = Vec::new();
        for step in steps {
            match step {
                Step::Take(n) => {
                    let expected = model.lowest(n).map(|start| Taken { start, dirty: model.take(start, n) });
                    prop_assert_eq!(tree.take(n), expected);
                    held.extend(expected.map(|t| (t.start, n)));
                }
                Step::Give(which, dirty) if !held.is_empty() => {
                    let (start, n) = held.swap_remove(which % held.len());
                    tree.give(start, n, dirty);
                    model.0[start..start + n].fill(if dirty { Page::Dirty } else { Page::Clean });
                }
                Step::GivePart(which, at) if !held.is_empty() => {
                    let i = which % held.len();
                    let (start, n) = held[i];
                    let cut = at % n;
                    if cut > 0 {
                        tree.give(start + cut, n - cut, true);
                        model.0[start + cut..start + n].fill(Page::Dirty);
                        held[i] = (start, cut);
                    }
                }
                Step::Group(keep) => {
                    let Some(lowest) = model.lowest(1) else {
                        prop_assert_eq!(tree.take_group(64), None);
                        continue;
                    };
                    let mut group = tree.take_group(64).unwrap();
                    prop_assert_eq!(group.base, lowest / 64 * 64);
                    for bit in 0..64 {
                        let page = model.0.get(group.base + bit).copied().unwrap_or(Page::Used);
                        prop_assert_eq!(group.pages >> bit & 1 != 0, page != Page::Used);
                        prop_assert_eq!(group.dirty >> bit & 1 != 0, page == Page::Dirty);
                    }
                    // Keep some of the pages, return the rest as they were.
                    let kept = group.pages & (u64::from(keep) * 0x0101_0101_0101_0101);
                    group.pages &= !kept;
                    group.dirty &= !kept;
                    tree.give_group(group);
                    for bit in (0..64).filter(|bit| kept >> bit & 1 != 0) {
                        model.0[group.base + bit] = Page::Used;
                        held.push((group.base + bit, 1));
                    }
                }
                Step::Release(below, limit) => {
                    let below = below % (pages + 1);
                    let expected = model.0[..below].iter().rposition(|&p| p == Page::Dirty).map(|last| {
                        let mut start = last;
                        while start % CHUNK_PAGES > 0 && model.0[start - 1] == Page::Dirty && last + 1 - start < limit {
                            start -= 1;
                        }
                        (start, last + 1 - start)
                    });
                    prop_assert_eq!(tree.last_dirty(below, limit), expected);
                    if let Some((start, n)) = expected {
                        prop_assert_eq!(tree.take_at(start, n), n);
                        tree.give(start, n, false);
                        model.0[start..start + n].fill(Page::Clean);
                    }
                }
                Step::Give(..) | Step::GivePart(..) => {}
            }
            tree.verify();
        }
        // Nothing is lost: all of it can be taken at once when all of it was given back.
        for (start, n) in held {
            tree.give(start, n, true);
        }
        prop_assert!(tree.take(pages).is_some());
        prop_assert_eq!(tree.take(1), None);
        tree.verify();
    }
}

#[test]
fn a_tebibyte_is_planned_and_costs_only_what_is_touched() {
    let pages = 1 << 27;
    let mut heap = heap(pages);
    let tree = &mut heap.tree;
    // The first and the last page, and a run across every boundary of the tree.
    assert_eq!(tree.take(1), Some(Taken { start: 0, dirty: 0 }));
    assert_eq!(tree.take(pages), None);
    assert_eq!(tree.take_at(pages - 1, 1), 0);
    assert_eq!(tree.take(pages - 2), Some(Taken { start: 1, dirty: 0 }));
    assert_eq!(tree.take(1), None);
    // A hole in the middle of a full tebibyte is found.
    let hole = ((pages / 2) | 77) - 3;
    tree.give(hole, 9, true);
    assert_eq!(tree.take(10), None);
    assert_eq!(tree.last_dirty(pages, 128), Some((hole, 9)));
    assert_eq!(tree.take(9), Some(Taken { start: hole, dirty: 9 }));
    tree.give(0, pages, true);
    assert_eq!(tree.last_dirty(pages, 128), Some((pages - 128, 128)));
    assert_eq!(tree.dirty_free(), pages);
    assert_eq!(tree.take(1), Some(Taken { start: 0, dirty: 1 }));
}

#[test]
fn runs_across_root_summaries_are_found() {
    let root = width(LEVELS - 1);
    let mut heap = heap(3 * root);
    let tree = &mut heap.tree;
    assert_eq!(tree.take(3 * root).unwrap().start, 0);
    tree.give(root - 5, 10, false);
    tree.give(root + 100, 20, false);
    assert_eq!(tree.take(10).unwrap().start, root - 5);
    assert_eq!(tree.take(15).unwrap().start, root + 100);
    tree.give(2 * root - 1, root + 1, false);
    assert_eq!(tree.take(root + 1).unwrap().start, 2 * root - 1);
    assert_eq!(tree.take(6), None);
    assert_eq!(tree.take(5).unwrap().start, root + 115);
    assert_eq!(tree.take(1), None);
}

#[test]
#[should_panic(expected = "given back twice")]
fn a_page_given_back_twice_is_caught() {
    let mut heap = heap(100);
    heap.tree.take(10);
    heap.tree.give(5, 5, true);
    heap.tree.give(0, 6, true);
}

#[test]
fn the_set_of_chunks_finds_the_next_below() {
    let layout = Layout::new(1 << 27);
    let tables = Mapping::reserve(layout.bytes).unwrap();
    // SAFETY: the mapping outlives the set and has no other tables.
    let mut set = BitTree(layout.dirty_chunks.map(|part| unsafe { tables.table(part) }));
    let chunks = [0, 1, 63, 64, 65, 4095, 4096, 4097, 100_000, (1 << 18) - 1];
    for chunk in chunks {
        set.set(chunk, true);
    }
    for at in (0..5000).chain(99_990..100_010).chain([(1 << 18) - 2, (1 << 18) - 1]) {
        assert_eq!(set.last_up_to(at), chunks.iter().copied().rfind(|&c| c <= at), "{at}");
    }
    for chunk in chunks {
        set.set(chunk, false);
        assert!(set.last_up_to(chunk).is_none());
    }
}
