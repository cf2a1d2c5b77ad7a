//! Free pages go back to the system, in steps of at most [`STEP`] bytes, outside the page heap's lock.
//!
//! ```text
//!   begin_release (lock): the highest run of free dirty pages becomes used       nobody can allocate it
//!   madvise(DONTNEED)     without the lock                                       reads as zero from now on (Linux)
//!   end_release (lock):   the run is free again, and clean if the system took it
//! ```
//!
//! Highest addresses first: allocation goes to the lowest, so what is returned is needed last.

use crate::error::{AllocError, Cause};
use crate::layout::PAGE_SIZE;
use crate::os::RELEASED_IS_ZERO;
use crate::space::Space;

/// Bytes of one step: some ten microseconds of `madvise`, which holds the process's memory map.
pub const STEP: usize = 1 << 20;

impl Space {
    /// Returns free pages to the system until `bytes` have gone or none is left; how many went.
    ///
    /// Cost: a system call per run of free pages, of 1 MiB at most.
    ///
    /// # Errors
    /// [`Cause::Release`] if the system refuses; the pages stay usable.
    ///
    /// ```
    /// let space = allocator::Space::global()?;
    /// let returned = space.release_free(usize::MAX)?;
    /// assert_eq!(returned % allocator::PAGE_SIZE, 0);
    /// # Ok::<(), allocator::AllocError>(())
    /// ```
    pub fn release_free(&self, bytes: usize) -> Result<usize, AllocError> {
        let heap = self.page_heap();
        let mut returned = 0;
        let mut below = usize::MAX;
        while returned < bytes {
            let limit = (bytes - returned).div_ceil(PAGE_SIZE).min(STEP / PAGE_SIZE);
            let Some((start, pages)) = heap.begin_release(below, limit) else { break };
            let size = pages * PAGE_SIZE;
            match self.return_pages(start, pages) {
                Ok(()) => {
                    let clean = if RELEASED_IS_ZERO { start..start + pages } else { start..start };
                    heap.end_release(start, pages, clean, size);
                }
                Err(_) => {
                    heap.end_release(start, pages, start..start, 0);
                    return Err(AllocError::new(size, Cause::Release));
                }
            }
            returned += size;
            below = start;
        }
        Ok(returned)
    }

    /// Bytes that [`release_free`](Space::release_free) could return now.
    pub fn releasable_bytes(&self) -> usize {
        self.page_heap().releasable() * PAGE_SIZE
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::fault;

    #[test]
    fn what_was_written_is_returned_and_reads_as_zero() {
        let space = Space::private(1024).unwrap();
        let run = space.page_heap().alloc(1024).unwrap();
        let first = space.pointer(space.page_base(run.first));
        // SAFETY: the run is ours.
        unsafe { first.write_bytes(7, 1024 * PAGE_SIZE) };
        space.page_heap().free(run);
        assert_eq!(space.releasable_bytes(), 1024 * PAGE_SIZE);
        assert_eq!(space.release_free(3 * PAGE_SIZE).unwrap(), 3 * PAGE_SIZE);
        assert_eq!(space.release_free(usize::MAX).unwrap(), 1021 * PAGE_SIZE);
        assert_eq!(space.release_free(usize::MAX).unwrap(), 0);
        let run = space.page_heap().alloc(1024).unwrap();
        assert!(run.zeroed);
        for offset in [0, 4096, 1024 * PAGE_SIZE - 1] {
            let byte = first.wrapping_add(offset);
            // SAFETY: inside the run.
            assert_eq!(unsafe { byte.read() }, 0);
        }
        space.page_heap().free(run);
    }

    #[test]
    fn a_refusal_is_an_error_and_the_pages_stay() {
        let space = Space::private(64).unwrap();
        let run = space.page_heap().alloc(64).unwrap();
        space.page_heap().free(run);
        let (refused, _) = fault::with(fault::Point::Release, 0, 1, || space.release_free(usize::MAX));
        assert_eq!(refused.unwrap_err().cause, Cause::Release);
        assert_eq!(space.releasable_bytes(), 64 * PAGE_SIZE);
        assert!(!space.page_heap().alloc(64).unwrap().zeroed);
    }
}
