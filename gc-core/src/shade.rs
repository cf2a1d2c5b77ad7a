//! What mutators shade, and how it reaches the markers.
//!
//! I1. In Trace the termination word is looked at before a mark is set (`termination` I2).
//! I2. Every object that a mutator marked stands in its buffer until it is handed in; a hand-in is counted, so that a wave
//!     in which one happened is not clean. Buffers go in at H3, in every wave, when they are full, and when a mutator
//!     leaves; what is left at H4 is discarded (its marks are set and all are black by then).
//! I3. A barrier only puts the old pointers into its tracer's buffer; they are shaded when that is full, in every answer
//!     before the hand-in, and when the mutator leaves. So a mutator goes on with deletions that are not shaded yet, as Go's
//!     do with theirs in the write barrier's buffer. A wave stays sound: let Z be white and reachable, and deleted by a
//!     mutator that has answered. As the queues were empty, Z was reached only through some Y that another mutator had
//!     deleted before its own answer. If Y is white in that answer, it is handed in, and the wave is not clean. If it is
//!     not, somebody marked it since the request, and looked at the word before.
//! I4. What is born grey (in Rooted) has its mark from birth, so no shade or marker ever finds it white and queues it: the
//!     mutator remembers the spans it opened runs in, and hands in their pages with its answer to H3, or as it leaves.

use std::ptr::NonNull;
use std::sync::Arc;

use allocator::{PAGE_SIZE, Space};

use crate::sync::{AtomicU64, Mutex, Ordering, fence};
use crate::termination::Termination;
use crate::type_info::SILENT;

/// Objects a mutator marks before it hands them in unasked.
const SHADES: usize = if cfg!(loom) { 2 } else { 256 };

/// A batch of objects whose mark bit was set by its sender.
pub(crate) type Batch = Vec<Marked>;

/// An object that its sender marked, or a page with objects that were born marked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marked(pub(crate) NonNull<()>);

// SAFETY: an address; what it names is read by the marker that the page's queue gives it to.
unsafe impl Send for Marked {}

/// The side of the exchange that all mutators and the collector share.
#[derive(Debug)]
pub(crate) struct Shades {
    pub(crate) termination: Termination,
    batches: Mutex<Vec<Batch>>,
    /// Batches ever handed in. Written by mutators (Release, under no lock), read by the collector (Acquire) before and
    /// after a wave.
    handed_in: AtomicU64,
}

impl Shades {
    pub(crate) fn new() -> Self {
        Shades { termination: Termination::new(), batches: Mutex::new(Vec::new()), handed_in: AtomicU64::new(0) }
    }

    /// Hands in a batch.
    pub(crate) fn hand_in(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        self.batches.lock().push(batch);
        // Release: pairs with `handed_in`; a collector that misses this count in a wave is told by the answer that
        // follows it.
        // MUTATION(hand-in-uncounted) skip
        self.handed_in.fetch_add(1, Ordering::Release);
    }

    /// A batch to mark from.
    pub(crate) fn take(&self) -> Option<Batch> {
        self.batches.lock().pop()
    }

    /// Whether no batch waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.lock().is_empty()
    }

    /// Batches ever handed in.
    pub(crate) fn handed_in(&self) -> u64 {
        // Acquire: pairs with `hand_in`.
        self.handed_in.load(Ordering::Acquire)
    }

    /// Forgets what was handed in after marking ended.
    pub(crate) fn clear(&self) {
        self.batches.lock().clear();
    }
}

/// A mutator's side: the sink of its tracer.
pub(crate) struct ShadeSink {
    shades: Arc<Shades>,
    in_trace: bool,
    buffer: Batch,
    /// A slot of each span in which a run was opened in Rooted (I4).
    born_grey: Vec<NonNull<u8>>,
    /// Objects this mutator marked, ever.
    pub(crate) shaded: u64,
}

impl ShadeSink {
    pub(crate) fn new(shades: Arc<Shades>) -> Self {
        ShadeSink { shades, in_trace: false, buffer: Batch::new(), born_grey: Vec::new(), shaded: 0 }
    }

    pub(crate) fn set_in_trace(&mut self, in_trace: bool) {
        self.in_trace = in_trace;
    }

    /// Shades all of `edges`.
    pub(crate) fn shade_all(&mut self, space: &Space, edges: &[Option<NonNull<()>>]) {
        for &edge in edges.iter().flatten() {
            self.shade(space, edge);
        }
    }

    /// Shades one object.
    #[inline]
    pub(crate) fn shade(&mut self, space: &Space, object: NonNull<()>) {
        let addr = object.addr().get();
        if space.is_marked(addr) {
            return;
        }
        if self.in_trace {
            // MUTATION(shade-looks-at-nothing) skip
            // MUTATION(shade-marks-first) skip
            self.shades.termination.resume(); // I1: before the mark
        }
        if space.mark(addr) {
            // MUTATION(shade-marks-first) self.shaded += 1 ==> { self.shaded += 1; if self.in_trace { self.shades.termination.resume() } }
            self.shaded += 1;
            // MUTATION(shade-not-kept) skip
            self.buffer.push(Marked(object));
            if self.buffer.len() >= SHADES {
                self.hand_in();
            }
        }
    }

    /// Shades the target of a weak reference, unless it is lost: false then. At once, not through the tracer's buffer: that the
    /// target lives is decided here, before the word can become Done.
    pub(crate) fn try_shade(&mut self, space: &Space, object: NonNull<()>) -> bool {
        let addr = object.addr().get();
        if space.is_marked(addr) {
            return true; // whatever is marked survives
        }
        // MUTATION(upgrade-looks-at-nothing) self.in_trace && !self.shades.termination.try_resume() ==> false
        if self.in_trace && !self.shades.termination.try_resume() {
            // MUTATION(late-upgrade-gives-up) space.is_marked(addr) ==> false
            return space.is_marked(addr);
        }
        self.shade(space, object);
        true
    }

    /// `slot` begins a run of slots that are born grey.
    pub(crate) fn opened_grey(&mut self, space: &Space, slot: NonNull<u8>) {
        let span = |slot: NonNull<u8>| space.span_of(slot.addr().get()).expect("a slot stands in a span");
        let this = span(slot);
        let known = self.born_grey.last().is_some_and(|&last| span(last).base() == this.base());
        if !known && this.owner().attributes & SILENT == 0 {
            // MUTATION(born-grey-forgotten) skip
            self.born_grey.push(slot);
        }
    }

    /// Puts the pages of what was born grey where they are handed in next (I4).
    pub(crate) fn take_born_grey(&mut self, space: &Space) {
        for slot in self.born_grey.drain(..) {
            let span = space.span_of(slot.addr().get()).expect("a span with newborns is not given back");
            // A large object's bits stand on its first page.
            let pages = if span.slots() == 1 { 1 } else { span.pages() };
            for page in 0..pages {
                let addr = span.base() + page * PAGE_SIZE;
                if space.both(space.page_of(addr)).iter().any(|&bits| bits != 0) {
                    let page = NonNull::new(space.pointer(addr)).expect("pages are never at zero");
                    self.buffer.push(Marked(page.cast()));
                }
            }
        }
    }

    /// Hands in what was shaded (I2).
    pub(crate) fn hand_in(&mut self) {
        // Acquire: pairs with the Release of whoever set a mark that was found set. That one looked at the word before
        // (`termination` I2), so its `resume` comes before the `settle` that follows this answer.
        // MUTATION(hand-in-unfenced) skip
        fence(Ordering::Acquire);
        self.shades.hand_in(std::mem::take(&mut self.buffer));
    }

    /// Forgets what was shaded (at H4).
    pub(crate) fn discard(&mut self) {
        self.buffer.clear();
    }
}
