//! Cells: the only places where an object in the heap changes. Each runs the barrier itself.
//!
//! The barrier is a deletion barrier (T. Yuasa, "Real-time garbage collection on general-purpose machines", 1990), kept per
//! word in [`GcCell`] and per cell in the compound ones (a snapshot at the first write of a cycle, after the object log of
//! MMTk and of V. Jones' and others' sliding views): **if** a cycle is on **and** a reference is about to go **then** its
//! target is shaded first.
//!
//! | cell | holds | heaps | cost while no cycle is on |
//! |---|---|---|---|
//! | [`GcCell`] | one machine word | both | a load and a predicted branch |
//! | [`GcRefCell`] | anything, by `RefCell`'s rules | local | the same |
//! | [`GcMutex`], [`GcRwLock`] | anything | both | the same |
//! | [`GcOnceCell`] | something set once | both | none |

mod mutex;
mod once_cell;
mod ref_cell;
mod rw_lock;
mod word;

pub use mutex::{GcMutex, GcMutexGuard};
pub use once_cell::GcOnceCell;
pub use ref_cell::{BorrowError, BorrowMutError, GcRefCell, Ref, RefMut};
pub use rw_lock::{GcRwLock, GcRwLockReadGuard, GcRwLockWriteGuard};
pub use word::{GcCell, Word};

use std::time::Instant;

use crate::claim::{Claim, Claimed};
use crate::kind::Kind;
use crate::mode::Mode;
use crate::mutator::Mutation;
use crate::record::Record;
use crate::stats::Cause;
use crate::trace::Trace;

/// The barrier of compound cells: the caller holds the cell exclusively and is about to write.
#[inline(always)]
fn before_write<'gc, S: Kind, T: Trace<'gc> + ?Sized>(mc: &Mutation<'gc, S>, claim: &Claim, content: *const T) {
    // MUTATION(compound-unshaded) mc.record().mode().shades() ==> false
    // MUTATION(sync-shades-nothing) mc.record().mode().shades() ==> (mc.record().mode() > crate::mode::Mode::Sync)
    if T::HOLDS_GC && mc.record().mode().shades() {
        // SAFETY: the caller holds the cell exclusively, so its content can be read.
        snapshot(mc.record(), claim, unsafe { &*content });
    }
    claim.content.write();
}

/// Shades the content of a compound cell, as the mode demands.
#[cold]
#[inline(never)]
pub(crate) fn snapshot<'gc, T: Trace<'gc> + ?Sized>(record: &Record, claim: &Claim, content: &T) {
    claim.content.read();
    // MUTATION(claim-before-trace) record.mode() != Mode::Trace ==> false
    if record.mode() != Mode::Trace {
        // Every time, without claiming: a claim made now would hide what a mutator that has not answered H2 yet stores
        // here later.
        return shade_measured(record, content);
    }
    let epoch = record.epoch();
    match claim.try_claim(epoch) {
        Claimed::Done => {}
        // MUTATION(claimed-unshaded) shade_measured(record, content) ==> ()
        Claimed::Mine => {
            shade_measured(record, content);
            claim.finish(epoch);
        }
        Claimed::Busy => {
            let since = Instant::now();
            // MUTATION(claim-not-awaited) skip
            claim.wait();
            record.recorder.lock().interrupted(Cause::Busy, since.elapsed());
        }
    }
}

/// Shades, and records how long it took if the content is larger than the barrier's buffer: reading the clock takes as long as
/// shading ten pointers.
fn shade_measured<'gc, T: Trace<'gc> + ?Sized>(record: &Record, content: &T) {
    record.forget_flush();
    record.shade(content);
    if let Some(since) = record.forget_flush() {
        record.recorder.lock().interrupted(Cause::Claim, since.elapsed());
    }
}
