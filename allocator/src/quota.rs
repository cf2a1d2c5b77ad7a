//! Quotas: how much memory may be taken. Arenas charge the pages of their spans; who owns an arena may charge more to its quota.
//!
//! - Q1. What is charged to a quota is charged to its parent too, and never exceeds the limit of either but by
//!   [`Quota::charge`], which charges what is taken already.
//! - Q2. Whoever charged refunds as much, once. A quota that is dropped refunds its parent what is left.
//!
//! The count is one word, changed by compare-and-swap: a request that does not fit changes nothing, so it fails nobody else's.
//! Callers charge by the dozen pages, so the word is touched in slow paths only.

use crate::error::{AllocError, Cause};
use crate::layout::{BIT_WORDS, PAGE_SIZE};
use crate::sync::{Arc, AtomicUsize, Ordering};

/// Bytes that a page in a span takes: its own, its bits in the two side tables, its flags, span id and place in the page heap;
/// and a descriptor's for each [`PAGE_SIZE`] of the smallest spans.
pub const PAGE_COST: usize = PAGE_SIZE + 2 * BIT_WORDS * 8 + 16 + 128;

/// A limit of memory, and what is charged to it. Shared by threads.
///
/// ```
/// use allocator::{Cause, Quota};
/// let all = Quota::new(1000, None);
/// let one = Quota::new(600, Some(all.clone()));
/// let other = Quota::new(usize::MAX, Some(all.clone()));
/// one.try_charge(500)?;
/// other.try_charge(300)?;
/// assert_eq!(one.try_charge(200).unwrap_err().cause, Cause::Limit); // 700 > 600
/// assert_eq!(other.try_charge(201).unwrap_err().cause, Cause::Limit); // 1001 > 1000
/// one.refund(500);
/// other.try_charge(201)?;
/// assert_eq!((all.charged(), other.headroom()), (501, 499));
/// # Ok::<(), allocator::AllocError>(())
/// ```
#[derive(Debug)]
pub struct Quota {
    /// Bytes charged. Written by who charges and refunds, read by anybody: a number, nothing hangs on its order (all accesses
    /// Relaxed).
    charged: AtomicUsize,
    /// The limit. Written by `set_limit`, read by who charges (Relaxed, both: a change counts for what comes after it).
    limit: AtomicUsize,
    parent: Option<Arc<Quota>>,
}

impl Quota {
    /// A quota with nothing charged. `usize::MAX` is no limit.
    pub fn new(limit: usize, parent: Option<Arc<Quota>>) -> Arc<Quota> {
        Arc::new(Quota { charged: AtomicUsize::new(0), limit: AtomicUsize::new(limit), parent })
    }

    /// Charges `bytes`, if no limit is passed by it.
    ///
    /// # Errors
    /// [`Cause::Limit`] if this quota or one above it has no room; nothing is charged then.
    #[inline]
    pub fn try_charge(&self, bytes: usize) -> Result<(), AllocError> {
        let limit = self.limit.load(Ordering::Relaxed);
        let fits = |charged: usize| charged.checked_add(bytes).filter(|&sum| sum <= limit);
        if self.charged.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            return Err(AllocError::new(bytes, Cause::Limit));
        }
        let Some(parent) = &self.parent else { return Ok(()) };
        parent.try_charge(bytes).inspect_err(|_| self.sub(bytes))
    }

    /// Charges what is taken already, whatever the limits are: what comes after it is refused then.
    pub fn charge(&self, bytes: usize) {
        let _ = self.charged.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |charged| charged.checked_add(bytes));
        if let Some(parent) = &self.parent {
            parent.charge(bytes);
        }
    }

    /// Takes back what was charged.
    #[inline]
    pub fn refund(&self, bytes: usize) {
        self.sub(bytes);
        if let Some(parent) = &self.parent {
            parent.refund(bytes);
        }
    }

    fn sub(&self, bytes: usize) {
        let before = self.charged.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "{bytes} bytes are refunded of {before} charged");
    }

    /// Bytes charged.
    #[inline]
    pub fn charged(&self) -> usize {
        self.charged.load(Ordering::Relaxed)
    }

    /// The limit.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Another limit, from now on. Below what is charged: nothing more is.
    pub fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// What may still be charged, by all limits: [`usize::MAX`] if there are none.
    #[inline]
    pub fn headroom(&self) -> usize {
        let own = match self.limit.load(Ordering::Relaxed) {
            usize::MAX => usize::MAX,
            limit => limit.saturating_sub(self.charged()),
        };
        self.parent.as_ref().map_or(own, |parent| own.min(parent.headroom()))
    }

    /// The quota above.
    pub fn parent(&self) -> Option<&Arc<Quota>> {
        self.parent.as_ref()
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        if let Some(parent) = &self.parent {
            parent.refund(self.charged()); // Q2
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_end_are_refused_or_saturate() {
        let quota = Quota::new(usize::MAX, None);
        quota.try_charge(10).unwrap();
        assert_eq!(quota.try_charge(usize::MAX).unwrap_err(), AllocError::new(usize::MAX, Cause::Limit));
        assert_eq!((quota.charged(), quota.headroom()), (10, usize::MAX));
        quota.set_limit(4);
        assert_eq!(quota.headroom(), 0);
        quota.try_charge(0).unwrap_err();
        quota.charge(5);
        assert_eq!(quota.charged(), 15);
    }

    #[test]
    fn a_quota_that_goes_gives_back_what_is_left() {
        let all = Quota::new(100, None);
        let one = Quota::new(usize::MAX, Some(all.clone()));
        one.charge(150);
        assert_eq!((all.charged(), all.headroom()), (150, 0));
        one.refund(100);
        drop(one);
        assert_eq!(all.charged(), 0);
    }
}
