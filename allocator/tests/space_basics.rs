//! The space: reservation, addresses, bits.
#![cfg(not(loom))]

use std::sync::atomic::Ordering;

use allocator::{GRANULE, PAGE_SIZE, PageId, Space};

#[test]
fn the_global_space_is_one() {
    let first = Space::global().unwrap();
    let second = std::thread::spawn(|| Space::global().unwrap()).join().unwrap();
    assert!(std::ptr::eq(first, second));
}

#[test]
fn addresses_pages_and_pointers_agree() {
    let space = Space::private(16).unwrap();
    let base = space.page_base(PageId(0));
    assert!(space.contains(base) && space.contains(base + 16 * PAGE_SIZE - 1));
    assert!(!space.contains(base - 1) && !space.contains(base + 16 * PAGE_SIZE));
    for page in 0..16 {
        let addr = space.page_base(PageId(page));
        assert_eq!(space.page_of(addr), PageId(page));
        assert_eq!(space.page_of(addr + PAGE_SIZE - 1), PageId(page));
        assert_eq!(space.pointer(addr + 8) as usize, addr + 8);
        // SAFETY: the address is inside the private space, which nobody else uses.
        assert_eq!(unsafe { space.pointer(addr).read() }, 0);
    }
    assert_eq!(space.page_flags(PageId(15)).load(Ordering::Relaxed), 0);
}

#[test]
fn a_mark_is_set_once_and_touches_no_other() {
    let space = Space::private(2).unwrap();
    let base = space.page_base(PageId(0));
    let addr = base + PAGE_SIZE + 5 * GRANULE;
    assert!(!space.is_marked(addr));
    assert!(space.mark(addr));
    assert!(!space.mark(addr));
    let marked: Vec<usize> = (base..base + 2 * PAGE_SIZE).step_by(GRANULE).filter(|&a| space.is_marked(a)).collect();
    assert_eq!(marked, [addr]);
    assert_eq!(space.slot_bits(addr), (false, true));
    assert_eq!(space.both(PageId(1)), [0; 8]);
    assert_eq!(space.take_both(PageId(1)), [0; 8]);
}

#[test]
#[should_panic]
fn a_mark_outside_is_refused() {
    let space = Space::private(2).unwrap();
    space.mark(space.page_base(PageId(1)) + PAGE_SIZE);
}
