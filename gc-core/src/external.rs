//! Memory outside the heap that objects own: counted, so that it paces the collector and stays within the limits.
//!
//! # How it is counted
//!
//! Buffers come and go on any thread, a collector's among them, so each thread has a *stripe* of the heap's counters to itself
//! (but for collisions). A stripe holds *credit*: bytes that are charged to the heap's quota and not in use. A buffer is paid
//! from it, and gives back to it; only when the credit runs out, or grows beyond two batches, is the quota asked.
//!
//! - X1. Charged to the quota are the bytes in use and the credit of all stripes: never less than what is in use, so the hard
//!   limit holds; and more by [`STRIPES`] times two [`BATCH`]es at most.
//! - X2. Before a buffer is refused the credit of all stripes goes back: nothing is refused for credit's sake.
//! - X3. The counters outlive the heap: every buffer's owner has them. They hold no owner of it.

#[cfg(feature = "allocator-api2")]
mod api2;

use std::fmt;
use std::sync::{Arc, Weak};

use allocator::{AllocError, Quota};

use crate::heap::HeapCore;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::sync::{AtomicUsize, Ordering};
use crate::trace::leaves;

/// More than threads that change buffers at a time, mostly.
const STRIPES: usize = if cfg!(loom) { 1 } else { 16 };
/// Bytes charged at a time.
const BATCH: usize = if cfg!(loom) { 4 } else { 32 << 10 };
/// More bytes than there can be; what is told by hand may claim more.
const MOST: usize = 1 << 48;

/// A thread's credit, on a line of its own.
#[repr(align(128))]
struct Stripe {
    /// Bytes charged and not in use. Taken from and added to by the threads of the stripe, emptied by any (X2). A number: what it
    /// counts is in nobody's hands (all accesses Relaxed).
    credit: AtomicUsize,
}

impl Stripe {
    fn take(&self, bytes: usize) -> bool {
        let rest = |credit: usize| credit.checked_sub(bytes);
        self.credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
    }
}

/// The counters of one heap.
pub(crate) struct External {
    heap: Weak<HeapCore>,
    quota: Arc<Quota>,
    stripes: [Stripe; STRIPES],
    /// Bytes charged, credit included. Written by who charges and refunds, read by the pacer and by statistics (Relaxed, all).
    charged: AtomicUsize,
    /// The most of `charged` since malloc was asked to give back what is free (`trim`). Written by who charges and by who asks
    /// (Relaxed, all).
    peak: AtomicUsize,
    /// Bytes of those that were told by hand. Written and read in `adjust_by` (AcqRel).
    adjusted: AtomicUsize,
}

impl External {
    pub(crate) fn new(heap: Weak<HeapCore>, quota: Arc<Quota>) -> Arc<External> {
        Arc::new(External {
            heap,
            quota,
            stripes: std::array::from_fn(|_| Stripe { credit: AtomicUsize::new(0) }),
            charged: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            adjusted: AtomicUsize::new(0),
        })
    }

    /// Bytes in use, and some credit; for the pacer. One load.
    #[inline]
    pub(crate) fn roughly(&self) -> usize {
        self.charged.load(Ordering::Relaxed)
    }

    /// Bytes in use; exact while nothing changes.
    pub(crate) fn bytes(&self) -> usize {
        let credit: usize = self.stripes.iter().map(|stripe| stripe.credit.load(Ordering::Relaxed)).sum();
        self.charged.load(Ordering::Relaxed).saturating_sub(credit)
    }

    #[inline]
    fn stripe(&self) -> &Stripe {
        &self.stripes[stripe_of_thread()]
    }

    /// Bytes begin to be in use.
    #[inline]
    pub(crate) fn add(&self, bytes: usize) -> Result<(), AllocError> {
        if self.stripe().take(bytes) { Ok(()) } else { self.charge(bytes) }
    }

    #[cold]
    fn charge(&self, bytes: usize) -> Result<(), AllocError> {
        if bytes > MOST {
            return Err(AllocError { size: bytes, cause: allocator::Cause::TooLarge });
        }
        let more = bytes + BATCH;
        if self.quota.try_charge(more).is_ok() {
            self.charged.fetch_add(more, Ordering::Relaxed);
            self.stripe().credit.fetch_add(BATCH, Ordering::Relaxed);
        } else {
            self.settle(); // X2
            if let Err(error) = self.quota.try_charge(bytes) {
                if let Some(heap) = self.heap.upgrade() {
                    heap.refused();
                }
                return Err(error);
            }
            self.charged.fetch_add(bytes, Ordering::Relaxed);
        }
        self.has_grown();
        Ok(())
    }

    /// What malloc may keep of what was freed: no more than was in use at a time.
    pub(crate) fn slack(&self) -> usize {
        self.peak.load(Ordering::Relaxed).saturating_sub(self.roughly())
    }

    /// Malloc gives back what is free.
    #[cold]
    pub(crate) fn trim(&self) {
        self.peak.store(self.roughly(), Ordering::Relaxed);
        crate::trim::trim_malloc();
    }

    /// The heap may have to collect.
    fn has_grown(&self) {
        self.peak.fetch_max(self.roughly(), Ordering::Relaxed);
        if let Some(heap) = self.heap.upgrade() {
            heap.has_grown();
            heap.release_if_near(1, 0);
        }
    }

    /// Bytes that `add` counted are free again.
    #[inline]
    pub(crate) fn sub(&self, bytes: usize) {
        let stripe = self.stripe();
        let before = stripe.credit.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > 2 * BATCH {
            self.refund_above(stripe, BATCH);
        }
    }

    #[cold]
    fn refund_above(&self, stripe: &Stripe, keep: usize) {
        let mut back = 0;
        let _ = stripe.credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |credit| {
            back = credit.saturating_sub(keep);
            (back != 0).then_some(keep)
        });
        self.uncharge(back);
    }

    /// Gives all credit back.
    pub(crate) fn settle(&self) {
        for stripe in &self.stripes {
            self.refund_above(stripe, 0);
        }
    }

    /// So many bytes more, or fewer, are in use, whatever the limits are; never fewer than 0 or more than [`MOST`].
    fn adjust(&self, bytes: isize) {
        if bytes > 0 {
            let wanted = bytes.unsigned_abs().min(MOST);
            // Charged before it is in `adjusted`, and refunded after it is taken from there: whoever takes it from there finds it
            // charged.
            self.quota.charge(wanted);
            self.charged.fetch_add(wanted, Ordering::Relaxed);
            let more = self.adjust_by(|adjusted| adjusted + wanted.min(MOST - adjusted));
            self.uncharge(wanted - more);
            self.has_grown();
        } else {
            let fewer = self.adjust_by(|adjusted| adjusted.saturating_sub(bytes.unsigned_abs()));
            self.uncharge(fewer);
        }
    }

    /// Changes `adjusted`; by how much.
    fn adjust_by(&self, change: impl Fn(usize) -> usize) -> usize {
        let mut difference = 0;
        // AcqRel, Acquire: what was charged for the bytes that are taken from here was charged before.
        let _ = self.adjusted.fetch_update(Ordering::AcqRel, Ordering::Acquire, |adjusted| {
            let new = change(adjusted);
            difference = new.abs_diff(adjusted);
            Some(new)
        });
        difference
    }

    fn uncharge(&self, bytes: usize) {
        if bytes != 0 {
            self.charged.fetch_sub(bytes, Ordering::Relaxed);
            self.quota.refund(bytes);
        }
    }
}

/// Which stripe this thread has: by the address of what belongs to it alone.
#[inline]
fn stripe_of_thread() -> usize {
    if STRIPES == 1 {
        return 0;
    }
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    let address = HERE.with(|here| std::ptr::from_ref(here).addr());
    // Fibonacci hashing: the addresses differ in few bits, far up.
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - STRIPES.trailing_zeros())) % STRIPES
}

/// A handle for counting memory outside the heap that its objects own: it paces the collector as objects do, and counts
/// against the heap's limits. Clonable, one word; it outlives its heap, and does not keep it.
///
/// With the feature `allocator-api2` (on by default) it is an allocator: `allocator_api2::vec::Vec<T, GcAlloc>` and
/// `hashbrown::HashMap<K, V, S, GcAlloc>` (with the feature `hashbrown`) can be fields of objects, and what they take counts.
/// They are dropped with their object, on a collector's thread perhaps.
///
/// At the hard limit it refuses, and what a collection does then is up to it: `try_reserve` gives an error, while `push` and
/// `insert` end the process as they do when malloc fails. So ask `try_reserve` first where a limit is set.
///
/// Cost: for each buffer that is made, grown or freed some nanoseconds beside malloc's. What counts is
/// [`GcAlloc::cost`].
///
/// ```
/// # #[cfg(feature = "allocator-api2")] {
/// use allocator_api2::vec::Vec;
/// use gc_core::{Gc, GcAlloc, LocalHeap, Trace};
///
/// #[derive(Trace)]
/// struct Table<'gc> {
///     rows: Vec<Option<Gc<'gc, Table<'gc>>>, GcAlloc>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let mut rows = Vec::new_in(mc.allocator());
///     rows.try_reserve_exact(1000)?;
///     rows.push(None);
///     mc.alloc(Table { rows });
///     Ok::<(), allocator_api2::collections::TryReserveError>(())
/// })
/// # .unwrap();
/// assert_eq!(heap.statistics().external_bytes, GcAlloc::cost(8 * 1000));
/// mutator.collect();
/// assert_eq!(heap.statistics().external_bytes, 0);
/// # }
/// ```
#[derive(Clone)]
pub struct GcAlloc(Arc<External>);

leaves! { GcAlloc, Charge }

impl GcAlloc {
    pub(crate) fn of(heap: &HeapCore) -> GcAlloc {
        GcAlloc(heap.external.clone())
    }

    /// What a buffer of so many bytes counts: with what a usual malloc takes besides, 8 bytes and up to the next multiple
    /// of 16.
    pub const fn cost(bytes: usize) -> usize {
        match bytes {
            0 => 0,
            _ if bytes > isize::MAX as usize => bytes,
            _ => (bytes + 8).next_multiple_of(16),
        }
    }

    /// So many bytes more, or fewer, are in use: for what is neither allocated here nor worth a [`Charge`]. It is never refused;
    /// what comes after it is, if it passes a limit. The sum of all adjustments is never below zero.
    pub fn adjust(&self, bytes: isize) {
        self.0.adjust(bytes);
    }

    /// Counts `bytes` for as long as the result lives: a field for an object that owns a file mapping, or a buffer of a C
    /// library.
    ///
    /// # Errors
    /// When a limit is reached.
    ///
    /// ```
    /// use gc_core::{Charge, LocalHeap, Trace};
    ///
    /// #[derive(Trace)]
    /// struct Texture {
    ///     id: u32, // of what a library holds
    ///     charge: Charge,
    /// }
    ///
    /// let heap = LocalHeap::new();
    /// let mut mutator = heap.mutator().unwrap();
    /// mutator.mutate(|mc| {
    ///     let charge = mc.allocator().charge(4 << 20)?;
    ///     mc.alloc(Texture { id: 7, charge });
    ///     Ok::<(), gc_core::AllocError>(())
    /// })?;
    /// assert_eq!(heap.statistics().external_bytes, 4 << 20);
    /// # Ok::<(), gc_core::AllocError>(())
    /// ```
    pub fn charge(&self, bytes: usize) -> Result<Charge, AllocError> {
        self.0.add(bytes)?;
        Ok(Charge { alloc: self.clone(), bytes })
    }
}

impl fmt::Debug for GcAlloc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcAlloc").field("bytes", &self.0.bytes()).finish()
    }
}

/// Bytes outside a heap that count as long as this lives ([`GcAlloc::charge`]).
#[derive(Debug)]
pub struct Charge {
    alloc: GcAlloc,
    bytes: usize,
}

impl Charge {
    /// How many.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Another number, from now on.
    ///
    /// # Errors
    /// When a limit is reached; the number is as before then.
    pub fn resize(&mut self, bytes: usize) -> Result<(), AllocError> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.alloc.0.add(more)?,
            None => self.alloc.0.sub(self.bytes - bytes),
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.alloc.0.sub(self.bytes);
    }
}

impl<S: Kind> Mutation<'_, S> {
    /// The handle for counting buffers that objects of this heap own.
    pub fn allocator(&self) -> GcAlloc {
        GcAlloc::of(&self.record().heap)
    }

    /// As [`GcAlloc::adjust`]: objects own so many bytes more, or fewer, outside the heap.
    pub fn adjust_external(&self, bytes: isize) {
        self.record().heap.external.adjust(bytes);
    }
}
