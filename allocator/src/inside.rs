//! Memory inside spans that goes back to the system on demand: OS pages that no slot in use touches, and what large
//! objects do not use of their last page.
//!
//! The span is taken out of its list meanwhile, so its free slots stay free (`bitmap` I2); slots in use are not touched, and
//! markers may go on setting their bits. There is nothing to do when such a slot is handed out again: its first store
//! brings a page of zeroes. The span's descriptor knows which OS pages are gone, so that the next call does not return
//! them twice and the accounting knows what is backed.
//!
//! - I1. `Span::released` has the bits of OS pages that were returned since the span was last in a cache. Written by
//!   the holder.
//! - I2. `PageHeap::inside` and the class's `released` are the sum of those bits; they are added when the pages go, and
//!   taken off when a cache takes the span, though it may not touch the pages for some time, or when the span dies.

use crate::arena::{Arena, class_index};
use crate::central::Bucket;
use crate::error::{AllocError, Cause};
use crate::layout::{GRANULE, PAGE_SIZE};
use crate::os::OS_PAGE;
use crate::size_class::MAX_SPAN_PAGES;
use crate::span::{self, STRIDES, Span, SpanId};

/// Spans looked at between two visits to a list.
const BATCH: usize = if cfg!(loom) { 2 } else { 16 };

const _: () = assert!(MAX_SPAN_PAGES as usize * PAGE_SIZE / OS_PAGE <= 32, "a bit for each OS page of a span");

impl Arena {
    /// Returns to the system, from all spans that no cache holds, the OS pages that no slot in use touches, and the OS pages
    /// behind the sizes that large objects were asked for with [`crate::Cache::alloc_large_exact`]. How many bytes went.
    ///
    /// Free pages outside of spans are [`crate::Space::release_free`]'s. To return as much as possible: let the caches hand
    /// over, sweep, then call both. May be called by any thread at any time but during `teardown`; a refill meanwhile may
    /// miss a few spans, and take a fresh one instead.
    ///
    /// Cost: for each span with free slots some ten nanoseconds, and a system call for each run of OS pages in it.
    ///
    /// # Errors
    /// [`Cause::Release`] if the system refuses; what was returned until then is.
    ///
    /// ```
    /// use allocator::{Arena, Cache, Owner, SizeClass, Space};
    /// let arena = Arena::new(Space::global()?)?;
    /// let mut cache = Cache::new(&arena);
    /// let class = SizeClass::of(8192, 16).unwrap();
    /// let owner = Owner { word: 0, attributes: 0 };
    /// let slots = [cache.refill(owner, class)?, cache.refill(owner, class)?];
    /// # let _ = slots;
    /// drop(cache);
    /// // Free slots behind the two in use are given back, a page of the system at a time.
    /// arena.release_free_pages()?;
    /// # arena.teardown(&mut |_, _| {});
    /// # Ok::<(), allocator::AllocError>(())
    /// ```
    pub fn release_free_pages(&self) -> Result<usize, AllocError> {
        let mut returned = 0;
        for visits in [false, true] {
            let mut n = 0;
            while let Some(bucket) = self.central().nth(visits, n) {
                returned += self.release_in_bucket(bucket)?;
                n += 1;
            }
        }
        Ok(returned)
    }

    fn release_in_bucket(&self, bucket: &Bucket) -> Result<usize, AllocError> {
        let epoch = self.epoch();
        let large = bucket.class.is_none();
        let mut returned = Ok(0);
        let mut batch = [SpanId(0); BATCH];
        let mut left = bucket.listed(epoch, large);
        while left > 0 && returned.is_ok() {
            let taken = bucket.take_front(epoch, large, &mut batch[..BATCH.min(left)]);
            if taken == 0 {
                break;
            }
            left -= taken;
            for &id in &batch[..taken] {
                returned = returned.and_then(|sum| Ok(sum + self.release_in_span(bucket, span::at(self.space(), id))?));
            }
            bucket.settle(epoch, batch[..taken].iter().map(|&id| (id, !large)), 0);
            // If the epoch ended meanwhile, the sweep of its spans may have gone by.
            let progress = if bucket.owner.visit() { &self.visit_at } else { &self.sweep_at };
            progress.go_back(epoch.wrapping_add(1), bucket.index());
        }
        returned
    }

    /// Returns the free OS pages of a span in the caller's hands; how many bytes.
    fn release_in_span(&self, bucket: &Bucket, span: &Span) -> Result<usize, AllocError> {
        let base = span.base();
        let mut returned = 0;
        let Some(class) = bucket.class else {
            let used = base + span.asked();
            return self.release_range(bucket, span, used, base + span.slot_size(), &mut returned).map(|()| returned);
        };
        let (bits, stride) = (span.bits(self.space()), STRIDES[class.index()]);
        let end = span.slots() * stride.granules();
        let mut from = 0;
        while let Some(run) = bits.next_run(stride, from, end) {
            from = run.end;
            // Behind the last slot there may be some bytes that belong to nobody.
            let to = if run.end == end { span.pages() * PAGE_SIZE } else { run.end as usize * GRANULE };
            self.release_range(bucket, span, base + run.start as usize * GRANULE, base + to, &mut returned)?;
        }
        Ok(returned)
    }

    /// Returns the whole OS pages in `from..to` of a span that are not returned yet, and adds their bytes to `returned`.
    fn release_range(
        &self,
        bucket: &Bucket,
        span: &Span,
        from: usize,
        to: usize,
        returned: &mut usize,
    ) -> Result<(), AllocError> {
        let (mut from, to) = (from.next_multiple_of(OS_PAGE), to / OS_PAGE * OS_PAGE);
        while from < to {
            let first = span.os_page_bit(from);
            if span.released() & first != 0 {
                from += OS_PAGE;
                continue;
            }
            let (mut end, mut bits) = (from, 0);
            while end < to && span.released() & span.os_page_bit(end) == 0 {
                bits |= span.os_page_bit(end);
                end += OS_PAGE;
            }
            self.space().return_bytes(from, end - from).map_err(|_| AllocError::new(end - from, Cause::Release))?;
            span.set_released(span.released() | bits);
            self.space().page_heap().count_inside((end - from) as i64);
            self.space().page_heap().count_returned(end - from);
            self.counters().add_released(class_index(bucket), (end - from) as u64);
            *returned += end - from;
            from = end;
        }
        Ok(())
    }

    /// The OS pages of a span count as backed again (I2). The caller holds the span.
    pub(crate) fn take_again(&self, class: usize, span: &Span) {
        let released = span.released();
        if released != 0 {
            let bytes = released.count_ones() as usize * OS_PAGE;
            span.set_released(0);
            self.space().page_heap().count_inside(-(bytes as i64));
            self.counters().add_released(class, (bytes as u64).wrapping_neg());
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::fault::{self, Point};
    use crate::{Cache, Owner, SizeClass, Space};

    const OWNER: Owner = Owner { word: 640, attributes: 0 };

    /// A space and an arena of their own; leaked, as an arena needs a space for good.
    fn arena() -> crate::sync::Arc<Arena> {
        Arena::new(Box::leak(Box::new(Space::private(1024).unwrap()))).unwrap()
    }

    fn allocate(cache: &mut Cache, class: SizeClass, count: usize) -> Vec<usize> {
        (0..count)
            .map(|_| {
                let slot = cache.refill(OWNER, class).unwrap();
                // SAFETY: the slot is ours.
                unsafe { slot.write_bytes(7, class.slot_size()) };
                slot.addr().get()
            })
            .collect()
    }

    fn cycle(arena: &Arena, cache: &mut Cache, live: &[usize]) {
        live.iter().for_each(|&addr| assert!(arena.space().mark(addr)));
        let epoch = arena.flip();
        cache.hand_over(epoch);
        arena.allow_sweep();
        assert_eq!(arena.sweep(usize::MAX, &mut |_| {}), crate::SweepProgress::Done);
    }

    fn inside(arena: &Arena) -> usize {
        let classes: u64 = arena.class_stats().iter().map(|class| class.released_bytes).sum();
        assert_eq!(classes as usize, arena.space().page_heap().counters().inside_bytes);
        classes as usize
    }

    #[test]
    fn free_os_pages_go_once_come_again_and_the_rest_stays() {
        let arena = arena();
        let mut cache = Cache::new(&arena);
        // 2560 bytes: slots across OS pages. Ten of eighty live.
        let class = SizeClass::of(2560, 16).unwrap();
        let slots = allocate(&mut cache, class, 80);
        let live: Vec<usize> = slots.iter().copied().step_by(8).collect();
        cycle(&arena, &mut cache, &live);
        let spans = arena.class_stats()[class.index()].bytes as usize;
        let returned = arena.release_free_pages().unwrap();
        assert!(
            returned > 80 * 2560 / 2 && returned < spans && returned.is_multiple_of(OS_PAGE),
            "{returned} of {spans}"
        );
        assert_eq!(inside(&arena), returned);
        assert_eq!(arena.release_free_pages().unwrap(), 0, "nothing is returned twice");
        for &addr in &live {
            // SAFETY: the slot is in use.
            let bytes = unsafe { std::slice::from_raw_parts(arena.space().pointer(addr), 2560) };
            assert!(bytes.iter().all(|&byte| byte == 7), "a slot in use was returned");
        }
        // Taken again, written, and given back again.
        let again = allocate(&mut cache, class, 70);
        assert!(again.iter().all(|addr| !live.contains(addr)));
        assert_eq!(inside(&arena), 0);
        cycle(&arena, &mut cache, &live);
        assert_eq!(arena.release_free_pages().unwrap(), returned);
        // The spans die: what they had returned is not counted any more.
        cycle(&arena, &mut cache, &[]);
        assert_eq!(inside(&arena), 0);
        assert_eq!(arena.space().page_heap().counters().in_use, 0);
    }

    #[test]
    fn the_tail_of_a_large_object_goes_if_it_was_said_to_be_free() {
        let arena = arena();
        let mut cache = Cache::new(&arena);
        let size = 5 * PAGE_SIZE + 100;
        let whole = cache.alloc_large(OWNER, size, 16).unwrap();
        let exact = cache.alloc_large_exact(OWNER, size, 16).unwrap();
        for slot in [whole, exact.start] {
            // SAFETY: the slots are ours to their ends until memory is released.
            unsafe { slot.write_bytes(7, 6 * PAGE_SIZE) };
        }
        let expected = (PAGE_SIZE - 100) / OS_PAGE * OS_PAGE;
        assert_eq!(arena.release_free_pages().unwrap(), expected);
        assert_eq!(inside(&arena), expected);
        let last = |slot: std::ptr::NonNull<u8>, offset: usize| {
            // SAFETY: inside the slot.
            unsafe { *slot.as_ptr().wrapping_add(offset) }
        };
        assert_eq!((last(whole, 6 * PAGE_SIZE - 1), last(exact.start, size - 1)), (7, 7));
        assert_eq!(last(exact.start, 6 * PAGE_SIZE - 1), if expected > 0 { 0 } else { 7 });
        cycle(&arena, &mut cache, &[]);
        assert_eq!(inside(&arena), 0);
    }

    #[test]
    fn a_refusal_loses_nothing() {
        let class = SizeClass::of(8192, 16).unwrap();
        let mut whole = usize::MAX;
        // The first round counts, each later one refuses one release.
        for refused in std::iter::once(usize::MAX).chain(0..) {
            let arena = arena();
            let mut cache = Cache::new(&arena);
            let slots = allocate(&mut cache, class, 40);
            let live: Vec<usize> = slots.iter().copied().step_by(4).collect();
            cycle(&arena, &mut cache, &live);
            let (result, passes) = fault::with(Point::Release, refused, 1, || arena.release_free_pages());
            match result {
                Ok(all) if refused == usize::MAX => whole = all,
                Ok(_) => {
                    assert!(refused == passes && passes > 5, "{refused} of {passes}");
                    return;
                }
                Err(error) => {
                    assert!(error.cause == Cause::Release && error.size >= OS_PAGE && error.size <= whole);
                    let first = inside(&arena);
                    assert_eq!(first + arena.release_free_pages().unwrap(), whole, "the rest goes with the next call");
                    assert_eq!(inside(&arena), whole);
                }
            }
            cycle(&arena, &mut cache, &[]);
            assert_eq!(arena.space().page_heap().counters().in_use, 0);
        }
    }
}
