//! A hash table of weak references: what [`Interner`](crate::Interner) and the weak maps keep their entries in.
//!
//! Linear hashing (W. Litwin, "Linear hashing: a new tool for file and table addressing", VLDB 1980): buckets of a fixed
//! number of entries, each an object of its own, with overflow buckets chained to them; the table grows by splitting one
//! bucket at a time and shrinks by merging one. So no operation moves more than one chain's entries, whatever the table
//! holds. An entry is the target's address, 32 bits of its hash (so that nothing that moves or misses looks at objects), and a
//! payload that the bucket holds strongly. One byte of the hash stands with those of the bucket's other entries, to be
//! compared all at once.
//!
//! T1. Entries are changed by mutators under the table's lock (a local heap needs none: it has one mutator, and no user code
//!     runs in here), but for one thing: between Done and H4 the collector empties the entries of white targets, and takes
//!     them off the count. No mutator touches those: at Done a white target is lost to it (`weak` W3).
//! T2. A bucket that marking reached is scanned once in the cycle and put on the list of those to settle. A bucket that is
//!     born black is on no list, so what is moved into it is upgraded first, as what is newly put there is held: no target
//!     in it is white at Done.
//! T3. The directory is read by markers at any time: it consists of `GcCell`s. All memory a step needs is allocated before it
//!     moves the first entry; a step that gets none is left for later, and nothing is lost.
//! T4. The directory has a cell for each bucket: it grows before their number does, and never shrinks.

use std::ptr::NonNull;

use allocator::AllocError;
use parking_lot::lock_api::RawRwLock as _;

use super::bucket::{Bucket, Chain, Count, ENTRIES, Payload, TAG_WORDS, free_places, tag_of};
use crate::cell::{GcCell, Word};
use crate::gc::Gc;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::sync::{AtomicUsize, Ordering, RawRwLock};
use crate::thin::Thin;
use crate::trace::Trace;
use crate::tracer::Tracer;
use crate::type_info::Sized_;
/// Buckets in one piece of the directory: 16 KiB.
const LEAF: usize = if cfg!(loom) { 2 } else { 2048 };
/// Pieces after the first: for some 130 million entries. Beyond that chains grow.
const LEAVES: usize = 4096;
/// The table grows above so many entries to a bucket, on average ..
const HIGH: usize = 8;
/// .. and shrinks below so many.
const LOW: usize = 3;

const _: () = assert!(2 * LOW < HIGH, "a merge is not undone by the next split");

type Slot<'gc, P> = GcCell<'gc, Option<Gc<'gc, Bucket<'gc, P>>>>;
type Leaf<'gc, P> = Thin<'gc, [Slot<'gc, P>]>;

/// A place in a table that a search has found, good until the table changes.
pub(crate) struct Found<'gc, P> {
    pub(crate) target: NonNull<()>,
    bucket: Gc<'gc, Bucket<'gc, P>>,
    place: usize,
}

impl<'gc, P: Payload<'gc>> Found<'gc, P> {
    /// What stands beside the target.
    pub(crate) fn payload(&self) -> &'gc P {
        &Gc::as_ref(self.bucket).payloads[self.place]
    }
}

/// See the module documentation. Part of an object.
pub(crate) struct WeakTable<'gc, P> {
    /// T1.
    lock: RawRwLock,
    /// At least 1. Written under the lock, read under it.
    buckets: AtomicUsize,
    /// One less than the power of two that is at least `buckets`. As that.
    mask: AtomicUsize,
    /// How often an entry was added. As `buckets`.
    additions: AtomicUsize,
    /// Who shows the entries one after the other: buckets are neither split nor merged meanwhile. Added to under the lock, read
    /// under it, held exclusively.
    shown: AtomicUsize,
    count: Gc<'gc, Count>,
    /// The first piece of the directory, which grows to `LEAF` ..
    first: GcCell<'gc, Leaf<'gc, P>>,
    /// .. and the others.
    others: GcCell<'gc, Option<Thin<'gc, [GcCell<'gc, Option<Leaf<'gc, P>>>]>>>,
}

// SAFETY: every pointer is shown.
unsafe impl<'gc, P: Payload<'gc>> Trace<'gc> for WeakTable<'gc, P> {
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.count);
        tracer.field(&self.first);
        tracer.field(&self.others);
    }
}

/// Holds a table's lock, of a shared heap.
pub(crate) struct Reading<'a>(Option<&'a RawRwLock>);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if let Some(lock) = self.0 {
            // SAFETY: `WeakTable::read` has locked it.
            unsafe { lock.unlock_shared() }
        }
    }
}

/// Holds a table's lock exclusively, of a shared heap.
pub(crate) struct Writing<'a>(Option<&'a RawRwLock>);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if let Some(lock) = self.0 {
            // SAFETY: `WeakTable::write` has locked it.
            unsafe { lock.unlock_exclusive() }
        }
    }
}

/// While it lives a table's entries stay in their buckets.
struct Shown<'a> {
    shown: &'a AtomicUsize,
}

impl<'a> Shown<'a> {
    fn new(_lock: Reading<'_>, shown: &'a AtomicUsize) -> Self {
        shown.fetch_add(1, Ordering::Relaxed); // under the lock
        Shown { shown }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.shown.fetch_sub(1, Ordering::Relaxed); // whoever sees it late leaves the table as it is
    }
}

/// A slice of `len` cells that begins with the content of `old`.
fn longer<'gc, S: Kind, V: Word<'gc>>(
    mc: &Mutation<'gc, S>,
    old: &[GcCell<'gc, Option<V>>],
    len: usize,
) -> Result<Thin<'gc, [GcCell<'gc, Option<V>>]>, AllocError>
where
    Option<V>: Word<'gc>,
{
    let mut new = mc.slice_slot(len)?;
    for cell in old {
        new.push(GcCell::new(cell.get()));
    }
    for _ in old.len()..len {
        new.push(GcCell::new(None));
    }
    Ok(new.finish().into())
}

impl<'gc, P: Payload<'gc>> WeakTable<'gc, P> {
    /// Shows all entries to `see`, without the lock, bucket by bucket, with what `pick` takes of their payloads under it. Entries
    /// that are not changed meanwhile are shown once.
    pub(crate) fn each<S: Kind, R>(
        &self,
        mc: &Mutation<'gc, S>,
        pick: impl Fn(&'gc P) -> R,
        mut see: impl FnMut(NonNull<()>, R),
    ) {
        let _shown = Shown::new(self.read::<S>(), &self.shown);
        let mut index = 0;
        loop {
            let mut entries = Vec::new();
            let reading = self.read::<S>();
            let there = self.each_of(mc, index, |target, payload| entries.push((target, pick(payload))));
            drop(reading);
            if !there {
                return;
            }
            entries.into_iter().for_each(|(target, picked)| see(target, picked));
            index += 1;
        }
    }

    /// An empty table, for an object that is about to be made.
    pub(crate) fn new<S: Kind>(mc: &Mutation<'gc, S>) -> Result<Self, AllocError> {
        let count = mc.try_alloc_as(Sized_::<'gc, Count>::INFO, Count { entries: AtomicUsize::new(0) })?;
        let directory = longer(mc, &[], 1)?;
        directory[0].set(mc, Some(Bucket::alloc(mc, count, None)?));
        Ok(WeakTable {
            lock: RawRwLock::INIT,
            buckets: AtomicUsize::new(1),
            mask: AtomicUsize::new(0),
            additions: AtomicUsize::new(0),
            shown: AtomicUsize::new(0),
            count,
            first: GcCell::new(directory),
            others: GcCell::new(None),
        })
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.count.entries.load(Ordering::Relaxed)
    }

    /// How often an entry was added.
    pub(crate) fn additions(&self) -> usize {
        self.additions.load(Ordering::Relaxed) // under the lock
    }

    /// From now on, and until the result is dropped, nobody changes an entry.
    #[inline(always)]
    pub(crate) fn read<S: Kind>(&self) -> Reading<'_> {
        Reading(S::SHARED.then(|| {
            self.lock.lock_shared();
            &self.lock
        }))
    }

    /// From now on, and until the result is dropped, nobody else changes or reads an entry.
    pub(crate) fn write<S: Kind>(&self) -> Writing<'_> {
        Writing(S::SHARED.then(|| {
            self.lock.lock_exclusive();
            &self.lock
        }))
    }

    /// The directory's cell for a bucket.
    #[inline(always)]
    fn slot(&self, index: usize) -> &'gc Slot<'gc, P> {
        let leaf = if index < LEAF { self.first.get() } else { self.leaf(index / LEAF - 1) };
        let leaf = Thin::as_ref(leaf);
        debug_assert!(index % LEAF < leaf.len(), "the directory has a cell for each bucket");
        // SAFETY: T4: callers pass the indices of buckets, or of the one that `make_slot` has made room for.
        unsafe { leaf.get_unchecked(index % LEAF) }
    }

    /// One of the pieces after the first.
    #[inline(never)]
    fn leaf(&self, place: usize) -> Leaf<'gc, P> {
        let others = Thin::as_ref(self.others.get().expect("made with the first of them"));
        others[place].get().expect("made with the first bucket in it")
    }

    #[inline(always)]
    fn chain(&self, index: usize) -> Gc<'gc, Bucket<'gc, P>> {
        self.slot(index).get().expect("each bucket is in the directory")
    }

    /// The bucket whose chain has the entries with this hash.
    #[inline(always)]
    fn chain_of(&self, hash: u32) -> Gc<'gc, Bucket<'gc, P>> {
        // Relaxed, both: under the lock.
        let (buckets, mask) = (self.buckets.load(Ordering::Relaxed), self.mask.load(Ordering::Relaxed));
        let index = hash as usize & mask;
        // A bucket that is not split off yet is still one with the lower half's.
        self.chain(if index < buckets { index } else { index & (mask >> 1) })
    }

    fn set_buckets(&self, buckets: usize) {
        // Relaxed, both: under the lock.
        self.buckets.store(buckets, Ordering::Relaxed);
        self.mask.store(buckets.next_power_of_two() - 1, Ordering::Relaxed);
    }

    /// The first entry with this hash that `is` it; `is` sees only targets that are kept for the region. Under the lock.
    #[inline(always)]
    pub(crate) fn find<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        hash: u32,
        mut is: impl FnMut(NonNull<()>, &'gc P) -> bool,
    ) -> Option<Found<'gc, P>> {
        let mut bucket = self.chain_of(hash);
        loop {
            for word in 0..TAG_WORDS {
                let mut matches = bucket.matches(word, tag_of(hash));
                while matches != 0 {
                    let place = word * 8 + matches.trailing_zeros() as usize / 8;
                    matches &= matches - 1;
                    if let Some(target) = bucket.target(mc, place)
                        && is(target, &Gc::as_ref(bucket).payloads[place])
                    {
                        return Some(Found { target, bucket, place });
                    }
                }
            }
            bucket = bucket.next.get()?;
        }
    }

    /// Adds an entry, whose payload `fill` makes of a vacant one. Under the lock, held exclusively.
    ///
    /// # Errors
    /// When there is no memory; nothing has changed then.
    pub(crate) fn insert<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        hash: u32,
        target: NonNull<()>,
        fill: impl FnOnce(&Mutation<'gc, S>, &P),
    ) -> Result<(), AllocError> {
        let first = self.chain_of(hash);
        let (bucket, place) = match free_places(first).next() {
            Some(free) => free,
            None => (self.add_bucket(mc, first)?, 0),
        };
        bucket.put(mc, place, hash, target, fill);
        self.count.entries.fetch_add(1, Ordering::Relaxed);
        self.additions.store(self.additions().wrapping_add(1), Ordering::Relaxed); // under the lock
        self.adapt(mc);
        Ok(())
    }

    /// Takes an entry out. Under the lock, held exclusively, since it was found.
    pub(crate) fn remove<S: Kind>(&self, mc: &Mutation<'gc, S>, found: &Found<'gc, P>) {
        found.payload().take_from(mc, &P::vacant());
        found.bucket.clear(found.place);
        self.count.entries.fetch_sub(1, Ordering::Relaxed);
        self.adapt(mc);
    }

    /// Gives an entry another target, with the same hash and payload. Under the lock, held exclusively, since it was found.
    pub(crate) fn replace(&self, found: &Found<'gc, P>, target: NonNull<()>) {
        // Release: as in `put`.
        found.bucket.targets[found.place].store(target.as_ptr(), Ordering::Release);
        self.additions.store(self.additions().wrapping_add(1), Ordering::Relaxed); // under the lock
    }

    /// Shows every entry of the bucket `index` to `see`, with targets that are kept for the region; false if there is no such
    /// bucket. Under the lock.
    fn each_of<S: Kind>(&self, mc: &Mutation<'gc, S>, index: usize, mut see: impl FnMut(NonNull<()>, &'gc P)) -> bool {
        let there = index < self.buckets.load(Ordering::Relaxed); // under the lock
        if there {
            for bucket in Chain(Some(self.chain(index))) {
                let bucket = Gc::as_ref(bucket);
                for place in 0..ENTRIES {
                    if let Some(target) = bucket.target(mc, place) {
                        see(target, &bucket.payloads[place]);
                    }
                }
            }
        }
        there
    }

    /// An empty bucket, second in the chain.
    fn add_bucket<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        first: Gc<'gc, Bucket<'gc, P>>,
    ) -> Result<Gc<'gc, Bucket<'gc, P>>, AllocError> {
        let bucket = Bucket::alloc(mc, self.count, first.next.get())?;
        first.next.set(mc, Some(bucket));
        Ok(bucket)
    }

    /// One step towards as many buckets as suit the entries. Where there is no memory for it a later call takes it.
    fn adapt<S: Kind>(&self, mc: &Mutation<'gc, S>) {
        if self.shown.load(Ordering::Relaxed) != 0 {
            return; // a later call does it
        }
        let (buckets, len) = (self.buckets.load(Ordering::Relaxed), self.len()); // under the lock
        let _ = if len > buckets * HIGH && buckets < LEAF * (LEAVES + 1) {
            self.split(mc, buckets)
        } else if len < buckets * LOW && buckets > 1 {
            self.merge(mc, buckets - 1)
        } else {
            Ok(())
        };
    }

    /// Splits the entries of the bucket `new` off those of the one that they are in.
    fn split<S: Kind>(&self, mc: &Mutation<'gc, S>, new: usize) -> Result<(), AllocError> {
        let bit = 1 << new.ilog2();
        let old = self.chain(new - bit);
        let goes = |hash: u32| hash as usize & (2 * bit - 1) == new;
        let going =
            Chain(Some(old)).map(|bucket| bucket.used().filter(|&place| goes(bucket.hash(place))).count()).sum();
        self.make_slot(mc, new)?;
        let first = Bucket::alloc(mc, self.count, None)?;
        for _ in 1..usize::div_ceil(going, ENTRIES) {
            self.add_bucket(mc, first)?;
        }
        // T3: from here on nothing is allocated.
        self.slot(new).set(mc, Some(first));
        move_entries(mc, old, first, goes);
        let mut last = old;
        while let Some(bucket) = last.next.get() {
            if bucket.used().next().is_none() {
                last.next.set(mc, bucket.next.get());
            } else {
                last = bucket;
            }
        }
        self.set_buckets(new + 1);
        Ok(())
    }

    /// Puts the entries of the last bucket back to those it was split off from.
    fn merge<S: Kind>(&self, mc: &Mutation<'gc, S>, last: usize) -> Result<(), AllocError> {
        let bit = 1 << last.ilog2();
        let (into, from) = (self.chain(last - bit), self.chain(last));
        let coming: usize = Chain(Some(from)).map(|bucket| bucket.used().count()).sum();
        let free = free_places(into).count();
        for _ in 0..usize::div_ceil(coming.saturating_sub(free), ENTRIES) {
            self.add_bucket(mc, into)?;
        }
        // T3: from here on nothing is allocated.
        move_entries(mc, from, into, |_| true);
        self.set_buckets(last);
        self.slot(last).set(mc, None);
        Ok(())
    }

    /// A cell of the directory for the bucket `index`, which is the next.
    fn make_slot<S: Kind>(&self, mc: &Mutation<'gc, S>, index: usize) -> Result<(), AllocError> {
        if index < LEAF {
            let old = Thin::as_ref(self.first.get());
            if index >= old.len() {
                self.first.set(mc, longer(mc, old, (old.len() * 2).min(LEAF))?);
            }
            return Ok(());
        }
        let outer = index / LEAF - 1;
        let old: &[_] = self.others.get().map_or(&[], |others| Thin::as_ref(others));
        if outer >= old.len() {
            self.others.set(mc, Some(longer(mc, old, (old.len() * 2).clamp(8, LEAVES))?));
        }
        let others = Thin::as_ref(self.others.get().expect("just made"));
        if others[outer].get().is_none() {
            others[outer].set(mc, Some(longer(mc, &[], LEAF)?));
        }
        Ok(())
    }
}

/// Moves the entries whose hashes `go` from one chain to free places of another, of which there are enough. T2: they are
/// upgraded. One that is lost stays, for the collector to empty.
fn move_entries<'gc, S: Kind, P: Payload<'gc>>(
    mc: &Mutation<'gc, S>,
    from: Gc<'gc, Bucket<'gc, P>>,
    to: Gc<'gc, Bucket<'gc, P>>,
    go: impl Fn(u32) -> bool,
) {
    let mut free = free_places(to);
    for bucket in Chain(Some(from)) {
        for place in 0..ENTRIES {
            let hash = bucket.hash(place);
            if bucket.is_free(place) || !go(hash) {
                continue;
            }
            let Some(target) = bucket.target(mc, place) else { continue };
            let (into, free) = free.next().expect("room was made for all that go");
            into.put(mc, free, hash, target, |mc, payload| payload.take_from(mc, &bucket.payloads[place]));
            bucket.clear(place);
        }
    }
}
