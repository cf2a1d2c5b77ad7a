//! Large objects: a run of pages each, described as a span with one slot.
//!
//! They have the epochs and the sweep of other spans. As no cache holds one, it is listed as soon as it is made. All large
//! objects of an arena share two buckets, one of those whose owner asks for visits; the owner's word is in the span.

use std::ptr::NonNull;

use crate::cache::Cache;
use crate::error::{AllocError, Cause};
use crate::layout::PAGE_SIZE;
use crate::poison::unpoison;
use crate::quota::PAGE_COST;
use crate::span::{self, Owner, STRIDES, Shape};
use crate::stats::LARGE;

/// A large object that was just allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Large {
    /// Its first byte.
    pub start: NonNull<u8>,
    /// Every byte of it is known to be zero: its pages were never used, or returned to the system since.
    pub zeroed: bool,
}

impl Cache {
    /// A large object of at least `size` bytes, with the cache's birth bits. The whole slot, which is `size` rounded up to
    /// pages, is the owner's. A size of 0 takes a page.
    ///
    /// Cost: that of the page heap, and three locks; its bytes are arbitrary, and mostly untouched.
    ///
    /// # Errors
    /// If there is no memory ([`Cause::Exhausted`], [`Cause::TooLarge`], [`Cause::Descriptors`], [`Cause::Tables`], [`Cause::Limit`]), or
    /// `align` is above the page or no power of two ([`Cause::Alignment`]). Nothing was changed then.
    ///
    /// ```
    /// # use allocator::{Arena, Cache, Owner, PAGE_SIZE, Space};
    /// let arena = Arena::new(Space::global()?)?;
    /// let mut cache = Cache::new(&arena);
    /// let owner = Owner { word: 0, attributes: 0 };
    /// let object = cache.alloc_large(owner, 100_000, 16)?;
    /// let span = arena.space().span_of(object.addr().get()).unwrap();
    /// assert_eq!(span.slot_size(), 100_000usize.next_multiple_of(PAGE_SIZE));
    /// # drop(cache);
    /// # arena.teardown(&mut |_, _| {});
    /// # Ok::<(), allocator::AllocError>(())
    /// ```
    pub fn alloc_large(&mut self, owner: Owner, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        Ok(self.large(owner, size, align, usize::MAX)?.start)
    }

    /// As [`Cache::alloc_large`], but only the first `size` bytes are the owner's: what lies behind them may be lost whenever
    /// [`crate::Arena::release_free_pages`] runs.
    ///
    /// # Errors
    /// As [`Cache::alloc_large`].
    pub fn alloc_large_exact(&mut self, owner: Owner, size: usize, align: usize) -> Result<Large, AllocError> {
        self.large(owner, size, align, size)
    }

    /// As [`Cache::alloc_large_exact`], with `size` bytes of zeroes: nothing is written where they are known to be.
    ///
    /// # Errors
    /// As [`Cache::alloc_large`].
    ///
    /// ```
    /// # use allocator::{Arena, Cache, Owner, Space};
    /// let arena = Arena::new(Space::global()?)?;
    /// let mut cache = Cache::new(&arena);
    /// let buffer = cache.alloc_large_zeroed(Owner { word: 0, attributes: 0 }, 1 << 20, 16)?;
    /// // SAFETY: the object is ours and 1 MiB long.
    /// assert_eq!(unsafe { buffer.add(12345).read() }, 0);
    /// # drop(cache);
    /// # arena.teardown(&mut |_, _| {});
    /// # Ok::<(), allocator::AllocError>(())
    /// ```
    pub fn alloc_large_zeroed(&mut self, owner: Owner, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        let large = self.large(owner, size, align, size)?;
        if !large.zeroed {
            // SAFETY: the slot was just handed out, and has at least `size` bytes.
            unsafe { large.start.write_bytes(0, size) };
        }
        Ok(large.start)
    }

    /// A large object of which the owner uses `asked` bytes, or all.
    fn large(&mut self, owner: Owner, size: usize, align: usize, asked: usize) -> Result<Large, AllocError> {
        if align > PAGE_SIZE || !align.is_power_of_two() {
            return Err(AllocError::new(size, Cause::Alignment));
        }
        let pages = u32::try_from(size.max(1).div_ceil(PAGE_SIZE)).ok();
        let pages = pages.ok_or(AllocError::new(size, Cause::TooLarge))?;
        let bytes = pages as usize * PAGE_SIZE;
        let arena = crate::sync::Arc::clone(self.arena());
        let (space, epoch) = (arena.space(), self.epoch());
        let bucket = arena.central().large(owner.visit());
        bucket.adopt().map_err(|error| AllocError { size, ..error })?;
        let cost = pages as usize * PAGE_COST;
        let charged = arena.quota().try_charge(cost);
        let made = charged.and_then(|()| space.page_heap().alloc(pages).inspect_err(|_| arena.quota().refund(cost)));
        let made = made.and_then(|run| {
            let shape = Shape::large(run.first, pages, asked.min(bytes));
            span::make(space, self.span_ids(), &shape, owner, NonNull::from(bucket), epoch)
                .inspect_err(|_| {
                    space.page_heap().free(run);
                    arena.quota().refund(cost);
                })
                .map(|id| (id, run.zeroed))
        });
        let (id, zeroed) = made.inspect_err(|_| bucket.disown(1)).map_err(|error| AllocError { size, ..error })?;
        let span = span::at(space, id);
        span.bits(space).open(STRIDES[0], 0..1, self.birth());
        let slot = NonNull::new(std::ptr::with_exposed_provenance_mut(span.base()));
        unpoison(span.base(), bytes);
        arena.central().add_spans(epoch, 1);
        arena.counters().add_spans(LARGE, 1, pages.into());
        self.count_large(bytes);
        bucket.give(epoch, id, false);
        Ok(Large { start: slot.expect("slots are not at address 0"), zeroed })
    }
}
