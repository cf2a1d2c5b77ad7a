//! Ephemerons whose keys are white: where they wait for them during a cycle.
//!
//! An ephemeron that is scanned while its key is white is hung to its key: to a list at the key's slot, in a table beside the
//! key's span that is made when the first one is needed, and goes when marking is done. Whoever scans a page with such keys on it
//! takes the lists of those it scans, and traces their values. So each ephemeron is looked at twice at most, in whatever order a
//! chain of them is met: marking is linear (Hayes, "Ephemerons: a new finalization mechanism", OOPSLA 1997, has the idea; the
//! ephemeron tables of V8 and SpiderMonkey search by keys in the same way, once they have iterated for a while).
//!
//! K1. Nothing is added to marking an object: keys are noticed when the page is scanned, as every newly marked object's is, by a
//!     flag of the page ([`WATCHED`]). A page of silent objects loses its SILENT flag until marking is done, so that it is queued
//!     too.
//! K2. An ephemeron hung to a key that is marked at the same time is missed by neither of the two: without the fences the scanner
//!     could miss the flag or the list, and the other the mark.
//!
//! ```text
//!      who hangs an ephemeron up            who marks the key, and who scans it
//!      list := ephemeron, flags |= WATCHED   mark |= bit;  ..  grey = take_both
//!      fence                                 fence
//!      mark has bit? then take the list      flags has WATCHED? then take the list
//! ```
//! K3. A list is taken as a whole, by an exchange; an ephemeron is in one list at most, for it is scanned once in a cycle. Its link
//!     belongs to who has hung it up until then, and to who has taken it after.
//! K4. At Done what still hangs has a dead key, and the tables go before H4 is requested, so before any span does.

use std::ptr::NonNull;

use allocator::{PAGE_SIZE, PageId, Space, Span};

use crate::sync::{AtomicPtr, Ordering, fence_after_rmw};
use crate::type_info::{PageBits, SILENT};
use crate::weak::WeakSlot;

/// Ephemerons hang to objects on the page: a bit of the page's flags that the allocator leaves to us.
pub(crate) const WATCHED: u8 = 0x20;

/// Pages of a span that have flags: all of a small one's; the first of a large object's.
fn flagged_pages(span: &Span) -> usize {
    if span.slots() == 1 { 1 } else { span.pages() }
}

/// The beginning of every ephemeron.
#[repr(C)]
pub(crate) struct Waiting {
    /// The key, as a weak reference: emptied with those whose targets died.
    pub(crate) key: WeakSlot<'static, ()>,
    /// The next of the same list. Written by who hangs it up (Relaxed; published by the list's head), read by who has taken the
    /// list (K3).
    next: AtomicPtr<Waiting>,
}

impl Waiting {
    pub(crate) fn new(key: WeakSlot<'static, ()>) -> Waiting {
        Waiting { key, next: AtomicPtr::new(std::ptr::null_mut()) }
    }
}

/// A list of ephemerons whose key is marked, to be traced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain(NonNull<Waiting>);

// SAFETY: addresses of ephemerons, which any marker may trace.
unsafe impl Send for Chain {}

impl Chain {
    /// The first, and the rest.
    pub(crate) fn split(self) -> (NonNull<Waiting>, Option<Chain>) {
        // SAFETY: an ephemeron that was scanned in this cycle, so is alive.
        let first = unsafe { self.0.as_ref() };
        // Relaxed: K3.
        (self.0, NonNull::new(first.next.load(Ordering::Relaxed)).map(Chain))
    }
}

/// The lists of a span's slots.
struct KeyTable {
    span: NonNull<Span>,
    /// Added to by markers (Release), taken by markers (Acquire).
    heads: Box<[AtomicPtr<Waiting>]>,
}

/// The tables that a marker has made. They are its own until marking is done; others find them by their spans.
#[derive(Debug, Default)]
pub(crate) struct KeyTables(Vec<NonNull<KeyTable>>);

// SAFETY: the tables are this value's to free; what is in them is handled atomically.
unsafe impl Send for KeyTables {}

impl KeyTables {
    /// Adds those of another.
    pub(crate) fn add(&mut self, mut other: KeyTables) {
        self.0.append(&mut other.0);
    }

    /// Hangs an ephemeron up at its key, which was white a moment ago. The list of those that hang there, if the key is marked
    /// by now.
    pub(crate) fn hang(&mut self, space: &Space, waiting: &Waiting, key: usize) -> Option<Chain> {
        let span = space.span_of(key).expect("a key is an object");
        let head = self.head(span, key);
        let this = std::ptr::from_ref(waiting).cast_mut();
        let mut old = head.load(Ordering::Relaxed);
        loop {
            waiting.next.store(old, Ordering::Relaxed); // K3
            // Release: pairs with `take`, which reads the link.
            match head.compare_exchange(old, this, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => old = now,
            }
        }
        let flags = space.page_flags(space.page_of(key));
        // Release: pairs with `is_watched`: who sees the flag finds the table.
        if flags.fetch_or(WATCHED, Ordering::Release) & SILENT != 0 {
            // Relaxed: ordered by the fence.
            flags.fetch_and(!SILENT, Ordering::Relaxed); // K1
        }
        fence_after_rmw(); // K2; partners: `take_scanned`, and `queue` in `grey`
        space.is_marked(key).then(|| take(head)).flatten()
    }

    /// The list at a key, in a table that is made if there is none.
    fn head<'s>(&mut self, span: &'s Span, key: usize) -> &'s AtomicPtr<Waiting> {
        // Acquire: pairs with the exchange below, of who has made it.
        let mut table = span.note().load(Ordering::Acquire);
        if table == 0 {
            let heads = (0..span.slots()).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect();
            let new = Box::into_raw(Box::new(KeyTable { span: NonNull::from(span), heads }));
            // AcqRel: Release for who finds it, Acquire as above if another was faster.
            match span.note().compare_exchange(0, new.expose_provenance(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    self.0.extend(NonNull::new(new));
                    table = new.addr();
                }
                Err(theirs) => {
                    // SAFETY: just made, and nobody else's.
                    drop(unsafe { Box::from_raw(new) });
                    table = theirs;
                }
            }
        }
        head_of(span, table, key)
    }

    /// Ends what was watched in one span; false if there was none left. Called by the collector at Done (K4).
    pub(crate) fn end_one(&mut self, space: &Space) -> bool {
        let Some(table) = self.0.pop() else { return false };
        // SAFETY: made by `head`, and nobody looks for it any more: no marker is at work.
        let table = unsafe { Box::from_raw(table.as_ptr()) };
        // SAFETY: descriptors stay where they are, and this one's span is there until it is swept.
        let span = unsafe { table.span.as_ref() };
        // Relaxed, all: the next cycle's markers are told of it by locks.
        span.note().store(0, Ordering::Relaxed);
        for page in 0..flagged_pages(span) {
            let flags = space.page_flags(space.page_of(span.base() + page * PAGE_SIZE));
            flags.fetch_and(!WATCHED, Ordering::Relaxed);
            flags.fetch_or(span.owner().attributes & SILENT, Ordering::Relaxed);
        }
        true
    }
}

impl Drop for KeyTables {
    fn drop(&mut self) {
        // A heap that ended in the middle of its cycle: its spans are gone.
        for table in self.0.drain(..) {
            // SAFETY: made by `head`, and of spans that are no more.
            drop(unsafe { Box::from_raw(table.as_ptr()) });
        }
    }
}

/// The list at `key`, in the table of its span.
fn head_of(span: &Span, table: usize, key: usize) -> &AtomicPtr<Waiting> {
    let table = std::ptr::with_exposed_provenance::<KeyTable>(table);
    // SAFETY: the span's note is a table, or 0 before there is one, until marking is done (K4).
    let table = unsafe { &*table };
    &table.heads[(key - span.base()) / span.slot_size()]
}

/// Takes a list (K3).
fn take(head: &AtomicPtr<Waiting>) -> Option<Chain> {
    // Relaxed: an early look; what comes later is taken by who hangs it up (K2).
    if head.load(Ordering::Relaxed).is_null() {
        return None;
    }
    // Acquire: pairs with `hang`.
    NonNull::new(head.swap(std::ptr::null_mut(), Ordering::Acquire)).map(Chain)
}

/// Whether ephemerons hang to objects of a page whose grey ones were just taken.
#[inline(always)]
pub(crate) fn is_watched(space: &Space, page: PageId) -> bool {
    fence_after_rmw(); // K2; partner: `hang`
    // Acquire: pairs with `hang`.
    space.page_flags(page).load(Ordering::Acquire) & WATCHED != 0
}

/// Shows the lists of the objects at `bits` of a page to `found`.
#[cold]
pub(crate) fn take_scanned(space: &Space, page: usize, bits: &PageBits, mut found: impl FnMut(Chain)) {
    let span = space.span_of(page).expect("a page with marks belongs to a span");
    // Acquire: pairs with `KeyTables::head`; there is one, for the page is watched.
    let table = span.note().load(Ordering::Acquire);
    for (index, &word) in bits.iter().enumerate() {
        let mut left = word;
        while left != 0 {
            let granule = index * 64 + left.trailing_zeros() as usize;
            left &= left - 1;
            if let Some(chain) = take(head_of(span, table, page + granule * allocator::GRANULE)) {
                found(chain);
            }
        }
    }
}
