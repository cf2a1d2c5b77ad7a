//! [`Tracer`]: what an object's [`Trace`](crate::Trace) shows its pointers to.
//!
//! A tracer only collects edges into a bounded buffer and fetches the mark bits ahead; what becomes of them is decided in
//! `flush`, by whose tracer it is:
//!
//! - a **marker**'s marks each target and queues the pages of those that were white (Cher, Hosking and Vitek 2004 put such
//!   a first-in first-out buffer in front of the mark test to hide the misses);
//! - a **mutator**'s shades: it looks at the termination word first, then marks, then keeps what it marked for the next
//!   hand-in (see `shade`);
//!
//! I1. Between `trace` of a compound cell's content and the end of its claim only copies of pointers are made: no mark bit
//!     is needed for the claim's correctness, and the buffer belongs to a thread that counts as holding work.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Instant;

use allocator::Space;

use crate::claim::{Claim, Claimed};
use crate::grey::MarkerSink;
use crate::keys::Waiting;
use crate::shade::ShadeSink;
use crate::trace::Trace;

/// Edges a tracer collects before it looks at their mark bits: enough that the prefetches have arrived, few enough that
/// they are still in the first-level cache (64 bytes each).
const EDGES: usize = if cfg!(loom) { 2 } else { 128 };

/// Settles an object that was scanned in this cycle, between Done and H4.
pub(crate) type SettleFn = unsafe fn(NonNull<()>, &Space);

/// An object with weak references in it, to be settled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsettled {
    pub(crate) object: NonNull<()>,
    pub(crate) how: SettleFn,
}

/// Where edges go.
pub(crate) enum Sink {
    /// A marker thread's: mark and queue.
    Marker(MarkerSink),
    /// A mutator's barrier: shade and keep.
    Shade(ShadeSink),
}

/// Says why and aborts the process when it is dropped, that is, when what goes on beside it panics; forgotten otherwise.
pub(crate) struct AbortOnPanic<Say: Fn()>(pub(crate) Say);

impl<Say: Fn()> Drop for AbortOnPanic<Say> {
    #[cold]
    fn drop(&mut self) {
        (self.0)();
        std::process::abort();
    }
}

/// The guard of a user's `trace`: what it has not shown when it panics would be freed.
pub(crate) fn abort_if_trace_panics(type_name: fn() -> &'static str) -> AbortOnPanic<impl Fn()> {
    AbortOnPanic(move || {
        eprintln!("gc-core: `trace` of a {} panicked; the heap can't be marked, so the process ends", type_name());
    })
}

/// Receives the pointers of the object that is traced. Users see it only in hand-written
/// [`Trace`](crate::Trace) implementations, which call [`field`](Tracer::field) for each field.
pub struct Tracer<'gc> {
    space: &'static Space,
    len: usize,
    /// The cycle that claims count for; `None`: trace through compound cells without claiming them.
    claims_for: Option<u32>,
    edges: [Option<NonNull<()>>; EDGES],
    /// When a mutator's buffer was flushed; see `take_flushed_at`.
    flushed_at: Option<Instant>,
    pub(crate) sink: Sink,
    _brand: PhantomData<fn(&'gc ()) -> &'gc ()>,
}

impl<'gc> Tracer<'gc> {
    pub(crate) fn new(space: &'static Space, sink: Sink) -> Self {
        Tracer { space, len: 0, claims_for: None, edges: [None; EDGES], flushed_at: None, sink, _brand: PhantomData }
    }

    /// The same tracer under another brand.
    ///
    /// # Safety
    /// What is traced through the result belongs to the heap that this tracer is of.
    #[inline(always)]
    pub(crate) unsafe fn rebrand<'a>(&mut self) -> &mut Tracer<'a> {
        // SAFETY: the brand is a phantom.
        unsafe { &mut *std::ptr::from_mut(self).cast::<Tracer<'a>>() }
    }

    /// From now on compound cells are claimed for the cycle `epoch`, or not at all.
    pub(crate) fn set_claims(&mut self, epoch: Option<u32>) {
        self.claims_for = epoch;
    }

    /// Traces a field. Costs nothing for types that can't hold a `Gc`.
    #[inline(always)]
    pub fn field<T: Trace<'gc> + ?Sized>(&mut self, value: &T) {
        if T::HOLDS_GC {
            value.trace(self);
        }
    }

    /// Takes one pointer.
    #[inline(always)]
    pub(crate) fn edge(&mut self, target: NonNull<()>) {
        self.space.prefetch_mark(target.addr().get());
        if self.len == EDGES {
            self.flush();
        }
        // In range: `flush` empties the buffer.
        self.edges[self.len] = Some(target);
        self.len += 1;
    }

    /// Takes a weak reference's slot, which is to be settled when marking is done (`weak` W1). Mutators' tracers see slots
    /// only as pointers.
    pub(crate) fn weak_slot(&mut self, slot: NonNull<()>) {
        if let Sink::Marker(sink) = &mut self.sink {
            // MUTATION(weak-slot-unlisted) skip
            sink.weak_slots.push(slot);
        }
    }

    /// Whether the value of an ephemeron that is scanned is to be traced: its key is marked. If it is not, the ephemeron is hung
    /// to its key (`keys`). As [`weak_slot`](Tracer::weak_slot).
    pub(crate) fn ephemeron(&mut self, waiting: &Waiting) -> bool {
        let Some(key) = waiting.key.target() else { return false };
        let key = key.addr().get();
        if self.space.is_marked(key) {
            return true;
        }
        if let Sink::Marker(sink) = &mut self.sink {
            sink.weak_slots.push(NonNull::from(&waiting.key).cast());
            sink.values.extend(sink.key_tables.hang(self.space, waiting, key));
        }
        false
    }

    /// Takes an object that `how` is to be called of when marking is done. As [`weak_slot`](Tracer::weak_slot).
    pub(crate) fn settle_later(&mut self, object: NonNull<()>, how: SettleFn) {
        if let Sink::Marker(sink) = &mut self.sink {
            sink.to_settle.push(Unsettled { object, how });
        }
    }

    /// Traces the content of a compound cell, under its claim if claims count.
    #[inline]
    pub(crate) fn compound(&mut self, claim: &Claim, content: impl FnOnce(&mut Self)) {
        match self.claims_for {
            None => {
                claim.content.read();
                content(self);
            }
            // MUTATION(marker-claims-nothing) claim.try_claim(epoch) ==> Claimed::Mine
            Some(epoch) => match claim.try_claim(epoch) {
                Claimed::Mine => {
                    claim.content.read();
                    content(self);
                    claim.content.read();
                    claim.finish(epoch);
                }
                // Whoever holds it shades or scans the whole content; whoever held it has.
                Claimed::Busy | Claimed::Done => {}
            },
        }
    }

    /// Does with the collected edges what this tracer is for.
    #[cold]
    #[inline(never)]
    pub(crate) fn flush(&mut self) {
        let edges = &self.edges[..self.len];
        match &mut self.sink {
            Sink::Marker(sink) => sink.mark_all(self.space, edges),
            Sink::Shade(sink) => {
                self.flushed_at.get_or_insert_with(Instant::now);
                sink.shade_all(self.space, edges);
            }
        }
        self.len = 0;
    }

    /// When the buffer was first full since this was asked last: a snapshot of more than it holds is worth measuring.
    pub(crate) fn take_flushed_at(&mut self) -> Option<Instant> {
        self.flushed_at.take()
    }

    /// Whether the buffer holds this pointer.
    #[cfg(all(test, loom))]
    pub(crate) fn is_pending(&self, addr: usize) -> bool {
        self.edges[..self.len].iter().flatten().any(|edge| edge.addr().get() == addr)
    }

    pub(crate) fn space(&self) -> &'static Space {
        self.space
    }
}
