//! Large objects: a run of pages each, described as a span with one slot.
//!
//! They have the epochs and the sweep of other spans. As no cache holds one, it is listed as soon as it is made. All large
//! objects of an arena share two buckets, one of those whose owner asks for visits; the owner's word is in the span.

use std::ptr::NonNull;

use crate::cache::Cache;
use crate::error::{AllocError, Cause};
use crate::layout::PAGE_SIZE;
use crate::span::{self, Owner, STRIDES, Shape};
use crate::stats::LARGE;

impl Cache {
    /// A large object of at least `size` bytes, with the cache's birth bits.
    ///
    /// Cost: that of the page heap, and a lock; its bytes are arbitrary, and mostly untouched.
    ///
    /// # Errors
    /// If there is no memory, or `align` is above the page.
    pub fn alloc_large(&mut self, owner: Owner, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        if align > PAGE_SIZE || !align.is_power_of_two() {
            return Err(AllocError::new(size, Cause::Alignment));
        }
        let pages = u32::try_from(size.max(1).div_ceil(PAGE_SIZE)).ok();
        let pages = pages.ok_or(AllocError::new(size, Cause::TooLarge))?;
        let arena = crate::sync::Arc::clone(self.arena());
        let space = arena.space();
        let bucket = arena.central().large(owner.visit());
        bucket.adopt()?;
        let made = space.page_heap().alloc(pages).and_then(|run| {
            let shape = Shape::large(run.first, pages);
            span::make(space, &shape, owner, NonNull::from(bucket), self.epoch())
                .inspect_err(|_| space.page_heap().free(run))
        });
        let id = made.inspect_err(|_| bucket.disown(1)).map_err(|error| AllocError { size, ..error })?;
        let span = span::at(space, id);
        span.bits(space).open(STRIDES[0], 0..1, self.birth());
        let slot = NonNull::new(std::ptr::with_exposed_provenance_mut(span.base()));
        let bytes = pages as usize * PAGE_SIZE;
        arena.count_made(self.epoch(), LARGE, pages);
        arena.counters().add_allocated_bytes(self.epoch(), LARGE, 1, bytes as u64);
        self.count_large(bytes);
        bucket.give(self.epoch(), id, false);
        Ok(slot.expect("slots are not at address 0"))
    }
}
