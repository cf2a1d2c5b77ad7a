//! Size classes: which slot size serves a request of so many bytes at such an alignment.
//!
//! Pure arithmetic; all of it is `const fn`, so a call site that knows its type's layout pays nothing.
//!
//! - I1. Slot sizes are multiples of [`GRANULE`], strictly rising, and every power of two from 16 to
//!   [`MAX_SMALL`] is one: so each alignment up to [`MAX_ALIGN`] is served by some class of a sufficient size.
//! - I2. A request of `n` bytes gets the smallest slot size that is at least `n` and a multiple of the alignment. Spans
//!   begin on a page, so such a slot is aligned.
//! - I3. Waste inside a slot: requests are first rounded up to the granule (at most 15 bytes, all there is up to
//!   128 bytes); of the rest at most 12.5 % of the slot is wasted by the spacing of the classes, for any size.
//!   For sizes that are multiples of 8 (every type that holds a word) the sum is at most 12.5 % from 64 bytes up.
//! - I4. There are at most 64 classes: a cache packs a class into the six low bits of an owner word.
//! - I5. A span of [`SizeClass::min_pages`] pages wastes at most 12.5 % of its bytes behind its last slot, and so
//!   does every longer span that [`SizeClass::span_pages`] proposes.

use crate::layout::{GRANULE, PAGE_SIZE};

/// The largest slot size; larger requests are large objects with a run of pages of their own.
pub const MAX_SMALL: usize = 32 * 1024;
/// The largest alignment that a size class serves.
pub const MAX_ALIGN: usize = 4096;

/// Slots up to this size are 16 bytes apart.
const FINE: usize = 224;
/// Number of size classes.
pub const CLASSES: usize = 57;
/// Sizes of one doubling above 256, in sixteenths of its lower end: each at most 8/7 of the one before (I3).
const STEPS: [usize; 6] = [18, 20, 22, 25, 28, 32];
/// The longest span of small slots, in pages.
pub const MAX_SPAN_PAGES: u32 = 8;

const SIZES: [u32; CLASSES] = {
    let mut sizes = [0u32; CLASSES];
    let mut n = 0;
    while n < FINE / GRANULE {
        sizes[n] = ((n + 1) * GRANULE) as u32;
        n += 1;
    }
    sizes[n] = 256;
    n += 1;
    let mut base = 256;
    while base < MAX_SMALL {
        let mut s = 0;
        while s < STEPS.len() {
            sizes[n] = (base / 16 * STEPS[s]) as u32;
            n += 1;
            s += 1;
        }
        base *= 2;
    }
    assert!(n == CLASSES && sizes[n - 1] as usize == MAX_SMALL);
    sizes
};

/// Class by size in granules, for sizes up to 256 bytes.
const SMALL: [u8; 17] = {
    let mut table = [0u8; 17];
    let mut granules = 1;
    while granules <= 16 {
        table[granules] = first_at_least(granules * GRANULE);
        granules += 1;
    }
    table
};

/// Offset inside a doubling by size in sixteenths of its lower end (17..=32, so minus 17).
const STEP: [u8; 16] = {
    let mut table = [0u8; 16];
    let mut m = 17;
    while m <= 32 {
        let mut s = 0;
        while STEPS[s] < m {
            s += 1;
        }
        table[m - 17] = s as u8;
        m += 1;
    }
    table
};

const fn first_at_least(bytes: usize) -> u8 {
    let mut class = 0;
    while (SIZES[class] as usize) < bytes {
        class += 1;
    }
    class as u8
}

const MIN_PAGES: [u8; CLASSES] = {
    let mut pages = [0u8; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let slot = SIZES[class] as usize;
        let mut n = 1;
        while !tail_is_small(n, slot) {
            n += 1;
        }
        assert!(n <= MAX_SPAN_PAGES as usize);
        pages[class] = n as u8;
        class += 1;
    }
    pages
};

const fn tail_is_small(pages: usize, slot: usize) -> bool {
    let bytes = pages * PAGE_SIZE;
    bytes >= slot && (bytes % slot) * 8 <= bytes
}

/// A slot size, by its rank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SizeClass(u8);

impl SizeClass {
    /// The class that serves `size` bytes at `align`: the smallest slot that holds them, at least one granule. `None` if
    /// they make a large object, or if `align` is not a power of two up to [`MAX_ALIGN`].
    ///
    /// Cost: nothing where the arguments are constants; else a table look-up.
    ///
    /// ```
    /// use allocator::SizeClass;
    /// const NODE: SizeClass = SizeClass::of(24, 8).unwrap();
    /// assert_eq!(NODE.slot_size(), 32);
    /// assert_eq!(SizeClass::of(24, 64).unwrap().slot_size(), 64);
    /// assert!(SizeClass::of(40_000, 8).is_none());
    /// ```
    #[inline]
    pub const fn of(size: usize, align: usize) -> Option<SizeClass> {
        if size > MAX_SMALL || align > MAX_ALIGN || !align.is_power_of_two() {
            return None;
        }
        let mut class = if size <= 256 {
            SMALL[size.div_ceil(GRANULE)]
        } else {
            // `size - 1` lies in [base, 2 * base); a sixteenth of `base` is the unit of the steps.
            let base_log = (size - 1).ilog2();
            let sixteenths = ((size - 1) >> (base_log - 4)) + 1;
            let first = FINE / GRANULE + 1 + (base_log as usize - 8) * STEPS.len();
            first as u8 + STEP[sixteenths - 17]
        };
        while !(SIZES[class as usize] as usize).is_multiple_of(align) {
            class += 1;
        }
        Some(SizeClass(class))
    }

    /// Bytes per slot.
    #[inline(always)]
    pub const fn slot_size(self) -> usize {
        SIZES[self.0 as usize] as usize
    }

    /// The rank: below [`CLASSES`].
    #[inline(always)]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The class of a rank. Panics if there is none.
    #[inline]
    pub const fn from_index(index: usize) -> SizeClass {
        assert!(index < CLASSES, "no such size class");
        SizeClass(index as u8)
    }

    /// All classes, smallest first.
    pub fn all() -> impl Iterator<Item = SizeClass> {
        (0..CLASSES as u8).map(SizeClass)
    }

    /// Pages of the shortest span of this class (I5).
    #[inline]
    pub const fn min_pages(self) -> u32 {
        MIN_PAGES[self.0 as usize] as u32
    }

    /// Pages of the next span for an owner that has `spans` of this class already: the first is as short as I5 allows,
    /// each later one twice as long, up to [`MAX_SPAN_PAGES`]. So owners of few objects hold little, and the
    /// descriptors of big owners are few.
    #[inline]
    pub const fn span_pages(self, spans: u32) -> u32 {
        // Under loom no span is longer than it must be: models have a few pages.
        let doublings = if cfg!(loom) {
            0
        } else if spans > 3 {
            3
        } else {
            spans
        };
        let pages = self.min_pages() << doublings;
        if pages <= MAX_SPAN_PAGES {
            return pages;
        }
        // The longest multiple of the shortest span that fits keeps I5: a multiple's tail is no larger in proportion.
        MAX_SPAN_PAGES / self.min_pages() * self.min_pages()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn sizes_rise_in_granules_and_hold_every_power_of_two() {
        for pair in SIZES.windows(2) {
            assert!(pair[0] < pair[1]);
        }
        assert!(SIZES.iter().all(|s| s % GRANULE as u32 == 0));
        for log in 4..=15 {
            assert!(SIZES.contains(&(1 << log)));
        }
        const { assert!(CLASSES <= 64) };
    }

    #[test]
    fn a_request_gets_the_smallest_slot_that_serves_it() {
        for size in 0..=MAX_SMALL {
            for log in 0..=12 {
                let align = 1 << log;
                let want = SIZES.iter().copied().find(|&s| s as usize >= size && (s as usize).is_multiple_of(align));
                let got = SizeClass::of(size, align).map(|c| c.slot_size() as u32);
                assert_eq!(got, want, "size {size} align {align}");
            }
        }
        assert_eq!(SizeClass::of(MAX_SMALL + 1, 1), None);
        assert_eq!(SizeClass::of(1, 8192), None);
        assert_eq!(SizeClass::of(1, 3), None);
        assert_eq!(SizeClass::of(1, 0), None);
    }

    #[test]
    fn waste_is_bounded() {
        for size in 1..=MAX_SMALL {
            let slot = SizeClass::of(size, 1).unwrap().slot_size();
            let whole = size.next_multiple_of(GRANULE);
            assert!((slot - whole) * 8 <= slot, "{size} in {slot}");
            if size <= 128 {
                assert_eq!(slot, whole);
            }
            if size >= 64 && size % 8 == 0 {
                assert!((slot - size) * 8 <= slot, "{size} in {slot}");
            }
        }
    }

    #[test]
    fn spans_grow_and_their_tails_are_small() {
        for class in SizeClass::all() {
            let mut last = 0;
            for spans in 0..10 {
                let pages = class.span_pages(spans);
                assert!(pages >= last && pages <= MAX_SPAN_PAGES);
                assert!(tail_is_small(pages as usize, class.slot_size()), "{class:?} {pages}");
                last = pages;
            }
            assert!(class.span_pages(0) == class.min_pages() && last >= 5);
        }
    }
}
