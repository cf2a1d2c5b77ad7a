//! The bits of one word beside markers (`bitmap` I3, I4).
//!
//! Two or three threads; a holder that looks for runs, opens and closes them, and markers that mark and take grey slots of
//! the same word.
//!
//! - A slot in use is never part of a run, whatever marker moves it from white through grey to black meanwhile. Fails if
//!   `used` reads the mark word first, or if `take_both` clears the alloc bit Relaxed.
//! - Opening and closing lose no bit that a marker sets or clears in the same word, for each birth that may meet it. Fails
//!   if `open` or `close` touch mark bits by a load and a store.
//!
//! covers: allocator::space::Space::marks
//! covers: allocator::space::Space::allocs

use crate::bitmap::{Birth, SpanBits, Stride};
use crate::layout::GRANULE;
use crate::space::{PageId, Space};
use crate::sync::{Arc, Ordering, thread};

const ONE: Stride = Stride::new(1);
/// The slots looked at: a part of one word.
const END: u32 = 4;

fn space() -> (Arc<Space>, usize) {
    let space = Arc::new(Space::private(1).unwrap());
    let base = space.page_base(PageId(0));
    (space, base)
}

fn bits(space: &Space) -> SpanBits<'_> {
    SpanBits { alloc: &space.alloc_words(PageId(0), 1)[..1], mark: &space.mark_words(PageId(0), 1)[..1] }
}

fn words(space: &Space) -> (u64, u64) {
    let bits = bits(space);
    (bits.alloc[0].load(Ordering::Relaxed), bits.mark[0].load(Ordering::Relaxed))
}

#[test]
fn a_slot_that_markers_blacken_is_never_free() {
    loom::model(|| {
        let (space, base) = space();
        bits(&space).open(ONE, 1..2, Birth::Alloc);
        let marker = {
            let space = Arc::clone(&space);
            thread::spawn(move || assert!(space.mark(base + GRANULE)))
        };
        let scanner = {
            let space = Arc::clone(&space);
            thread::spawn(move || space.take_both(PageId(0))[0])
        };
        let run = bits(&space).next_run(ONE, 1, END);
        assert_eq!(run, Some(2..END), "the slot is in use throughout");
        marker.join().unwrap();
        let taken = scanner.join().unwrap();
        assert_eq!(words(&space), (0b10 & !taken, 0b10));
    });
}

/// A holder with `birth` against a marker of slot 0, which is white at first.
fn hold_beside_a_marker(birth: Birth, scans: bool) {
    loom::model(move || {
        let (space, base) = space();
        bits(&space).open(ONE, 0..1, Birth::Alloc);
        let marker = {
            let space = Arc::clone(&space);
            thread::spawn(move || {
                assert!(space.mark(base));
                // Takes newborn slots with both bits too: only slot 0 may have both when scanning is on.
                if scans {
                    assert_eq!(space.take_both(PageId(0))[0], 1);
                }
            })
        };
        let run = bits(&space).next_run(ONE, 0, END).unwrap();
        assert_eq!(run, 1..END);
        bits(&space).open(ONE, run, birth);
        // Slot 1 is handed out, the others are not.
        bits(&space).close(ONE, 2..END, birth);
        marker.join().unwrap();
        let alloc = if scans { 0 } else { 1 } | if birth == Birth::Mark { 0 } else { 0b10 };
        assert_eq!(words(&space), (alloc, 0b11));
    });
}

#[test]
fn births_of_both_bits_keep_what_root_markers_set() {
    hold_beside_a_marker(Birth::Both, false);
}

#[test]
fn births_of_the_mark_keep_what_markers_set_and_take() {
    hold_beside_a_marker(Birth::Mark, true);
}
