//! Central lists: the spans of one arena that no cache holds, by (owner word, size class) and by epoch.
//!
//! A [`Bucket`] has two sets of spans, one for the even epochs and one for the odd. Spans of the present epoch lie in its set as swept (or new);
//! a flip of the epoch turns them all into unswept ones, without touching any. Everything is swept before the next
//! flip, so a set is empty when its turn comes again.
//!
//! - I1. A span in a list is held by the list: whoever takes it out under the lock holds it next (`span` I2).
//! - I2. A span of epoch `e` lies in the set of `e`'s parity, and that set is then labelled `e`. Who asks for spans of an
//!   epoch gets none of a set with another label: a refill or a sweeper that looked at the epoch, was delayed, and asks
//!   after the next flip would otherwise find spans of the epoch after its own, and sweep what is in use.
//! - I3. Lists never allocate when a span is given back: room is made when a span is adopted, in each list it may reach.
//! - I4. Buckets live as long as the arena, at fixed addresses.
//! - I5. `Central::spans[parity]` counts the spans of an epoch wherever they are, and the room that caches of the epoch have
//!   for fresh ones. Adding precedes the span's first use; a
//!   sweeper takes off a span (Release) after it has swept it, so who reads 0 (Acquire) knows that all are swept.

use std::alloc::Layout;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr::NonNull;

use crate::error::{AllocError, Cause};
use crate::fault;
use crate::size_class::SizeClass;
use crate::span::{Owner, SpanId};
use crate::sync::{AtomicUsize, Mutex, Ordering};

/// The spans of one epoch.
#[derive(Default)]
struct Set {
    /// The epoch (I2). Changes only while the set is empty.
    epoch: u32,
    /// May have free slots.
    partial: Vec<SpanId>,
    /// Had none when they were given back.
    full: Vec<SpanId>,
}

impl Set {
    /// Takes any span, preferably one that had free slots.
    fn pop(&mut self) -> Option<SpanId> {
        self.partial.pop().or_else(|| self.full.pop())
    }

    fn list(&mut self, full: bool) -> &mut Vec<SpanId> {
        if full { &mut self.full } else { &mut self.partial }
    }

    /// Pushes without allocating (I3).
    fn push(&mut self, id: SpanId, partial: bool) {
        let list = self.list(!partial);
        debug_assert!(list.len() < list.capacity(), "no room was made for a span");
        list.push(id);
    }
}

/// What a cache gets from a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// A span of the cache's epoch that may have free slots.
    Swept(SpanId),
    /// A span of the epoch before: the caller sweeps it.
    Unswept(SpanId),
    /// No span, but room in the lists for `room` fresh ones; there were `before`.
    Room { before: u32, room: u32 },
}

/// Fresh spans that a cache makes at most before it asks its bucket again: 1 MiB.
const MAX_ROOM: u32 = 16;

/// What a bucket's lock protects.
#[derive(Default)]
struct Lists {
    sets: [Set; 2],
    /// Spans that exist, in lists and elsewhere.
    spans: u32,
}

impl Lists {
    /// Makes room for `more` spans in every list, and counts them.
    fn adopt(&mut self, more: u32) -> Result<(), AllocError> {
        let spans = self.spans + more;
        for set in &mut self.sets {
            for list in [&mut set.partial, &mut set.full] {
                let room = (spans as usize).saturating_sub(list.len());
                if fault::strikes(fault::Point::Tables) {
                    return Err(no_memory(room * size_of::<SpanId>()));
                }
                list.try_reserve(room).map_err(|_| no_memory(room * size_of::<SpanId>()))?;
            }
        }
        self.spans = spans;
        Ok(())
    }

    /// The set of `epoch`, to take spans from, unless its label says that it has none.
    fn of(&mut self, epoch: u32) -> Option<&mut Set> {
        let set = &mut self.sets[parity(epoch)];
        (set.epoch == epoch).then_some(set)
    }

    /// The set of `epoch`, to put spans in.
    fn for_giving(&mut self, epoch: u32) -> &mut Set {
        let set = &mut self.sets[parity(epoch)];
        if set.epoch != epoch {
            let empty = set.partial.is_empty() && set.full.is_empty();
            assert!(empty, "spans of epoch {} are left in epoch {epoch}", set.epoch);
            set.epoch = epoch;
        }
        set
    }
}

/// Spans of one owner word and size class; or all large objects with, or without, visits.
pub(crate) struct Bucket {
    /// Of large objects only `attributes` counts, and of that only [`Owner::VISIT`].
    pub(crate) owner: Owner,
    /// `None`: large objects.
    pub(crate) class: Option<SizeClass>,
    /// Position in the order of buckets that sweepers go through; visiting buckets have an order of their own.
    index: usize,
    lists: Mutex<Lists>,
}

// SAFETY: buckets are shared by the caches of an arena; all fields are plain data or behind the lock.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Bucket>();
};

impl Bucket {
    /// Makes room for one more span in every list, and counts it.
    pub(crate) fn adopt(&self) -> Result<(), AllocError> {
        self.lists.lock().adopt(1)
    }

    /// The next span for a cache of `epoch`, in the order of what costs least; with `sweeps`, also one of the epoch before
    /// that the caller sweeps. If there is none, makes room for some fresh ones: one, or a quarter of those that exist, so
    /// that busy buckets are asked rarely and small ones hold nothing; with `more_soon` one, for spans are just being swept, and
    /// a heap that took fresh ones instead in each epoch would grow with each. Before all that it puts back what the cache has
    /// used up.
    pub(crate) fn next(
        &self,
        epoch: u32,
        sweeps: bool,
        more_soon: bool,
        used_up: &mut Vec<SpanId>,
    ) -> Result<Next, AllocError> {
        let mut lists = self.lists.lock();
        if !used_up.is_empty() {
            let set = lists.for_giving(epoch);
            used_up.drain(..).for_each(|id| set.push(id, false));
        }
        if let Some(id) = lists.of(epoch).and_then(|set| set.partial.pop()) {
            return Ok(Next::Swept(id));
        }
        if sweeps && let Some(id) = lists.of(epoch.wrapping_sub(1)).and_then(Set::pop) {
            return Ok(Next::Unswept(id));
        }
        let before = lists.spans;
        let room = if more_soon { 1 } else { (before / 4).clamp(1, MAX_ROOM) };
        lists.adopt(room)?;
        Ok(Next::Room { before, room })
    }

    /// Takes back what `adopt`, `next` or the life of a span counted.
    pub(crate) fn disown(&self, spans: u32) {
        self.lists.lock().spans -= spans;
    }

    /// Puts a span into the set of its `epoch`.
    pub(crate) fn give(&self, epoch: u32, id: SpanId, partial: bool) {
        self.lists.lock().for_giving(epoch).push(id, partial);
    }

    /// Puts several spans into the set of their `epoch`, those that are (true) partial, (false) full, and takes back
    /// `unused` of those it made room for.
    pub(crate) fn settle(&self, epoch: u32, spans: impl Iterator<Item = (SpanId, bool)>, unused: u32) {
        let mut lists = self.lists.lock();
        lists.spans -= unused;
        let set = lists.for_giving(epoch);
        for (id, partial) in spans {
            set.push(id, partial);
        }
    }

    /// Takes any span, of whatever epoch, and says of which.
    pub(crate) fn take_any(&self) -> Option<(u32, SpanId)> {
        let mut lists = self.lists.lock();
        lists.sets.iter_mut().find_map(|set| Some((set.epoch, set.pop()?)))
    }

    /// Takes up to `batch.len()` spans of `epoch`; returns how many. Without any it calls `step_on` before the lock is free,
    /// so that who puts a span back knows, once it has the lock, that the sweep may have gone by.
    pub(crate) fn take_batch(&self, epoch: u32, batch: &mut [SpanId], step_on: impl FnOnce()) -> usize {
        let mut lists = self.lists.lock();
        let mut taken = 0;
        let Some(set) = lists.of(epoch).filter(|set| !set.partial.is_empty() || !set.full.is_empty()) else {
            step_on();
            return 0;
        };
        for list in [&mut set.partial, &mut set.full] {
            let from = list.len() - list.len().min(batch.len() - taken);
            for id in list.drain(from..) {
                batch[taken] = id;
                taken += 1;
            }
        }
        taken
    }

    /// Spans of `epoch` in the list of full ones, or in that of those with free slots.
    pub(crate) fn listed(&self, epoch: u32, full: bool) -> usize {
        self.lists.lock().of(epoch).map_or(0, |set| set.list(full).len())
    }

    /// Takes up to `batch.len()` spans of `epoch` from the front of a list, so that with spans put back at the end every one
    /// has its turn; returns how many.
    pub(crate) fn take_front(&self, epoch: u32, full: bool, batch: &mut [SpanId]) -> usize {
        let mut lists = self.lists.lock();
        let Some(list) = lists.of(epoch).map(|set| set.list(full)) else { return 0 };
        let taken = batch.len().min(list.len());
        batch.iter_mut().zip(list.drain(..taken)).for_each(|(place, id)| *place = id);
        taken
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }
}

/// Which of two sets an epoch has.
pub(crate) const fn parity(epoch: u32) -> usize {
    (epoch & 1) as usize
}

/// Names a bucket: owner words are multiples of 64, and there are fewer classes than that.
pub(crate) const fn key(word: usize, class: SizeClass) -> usize {
    word.wrapping_add(class.index())
}

/// Hashes keys: a multiplication spreads addresses well enough.
#[derive(Default, Clone, Copy)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_usize(byte as usize);
        }
    }
    fn write_usize(&mut self, key: usize) {
        let product = (self.0 ^ key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }
}

/// A map by [`key`].
pub(crate) type KeyMap<T> = HashMap<usize, T, BuildHasherDefault<KeyHasher>>;

/// What the lock of the bucket table protects.
struct Table {
    by_key: KeyMap<NonNull<Bucket>>,
    /// Buckets without visits, in the order of creation; the first is that of large objects.
    plain: Vec<NonNull<Bucket>>,
    /// Buckets with visits, likewise.
    visit: Vec<NonNull<Bucket>>,
}

/// The buckets of one arena.
pub(crate) struct Central {
    table: Mutex<Table>,
    /// Spans by parity of their epoch. Written by makers, sweepers and destroyers; read by sweepers (I5).
    spans: [AtomicUsize; 2],
}

// SAFETY: the pointers in the table are to buckets, which the `Central` owns and which are `Sync` (I4).
unsafe impl Send for Central {}
// SAFETY: as above; the table is behind a lock.
unsafe impl Sync for Central {}

impl Central {
    pub(crate) fn new() -> Result<Central, AllocError> {
        let table = Table { by_key: KeyMap::default(), plain: Vec::new(), visit: Vec::new() };
        let central = Central { table: Mutex::new(table), spans: [AtomicUsize::new(0), AtomicUsize::new(0)] };
        for attributes in [0, Owner::VISIT] {
            central.add(&mut central.table.lock(), Owner { word: 0, attributes }, None)?;
        }
        Ok(central)
    }

    /// The bucket of small objects of `owner` in `class`, made if there is none.
    pub(crate) fn bucket(&self, owner: Owner, class: SizeClass) -> Result<NonNull<Bucket>, AllocError> {
        let key = key(owner.word, class);
        let mut table = self.table.lock();
        if let Some(&bucket) = table.by_key.get(&key) {
            return Ok(bucket);
        }
        if fault::strikes(fault::Point::Tables) {
            return Err(no_memory(size_of::<usize>() * 2));
        }
        table.by_key.try_reserve(1).map_err(|_| no_memory(size_of::<usize>() * 2))?;
        let bucket = self.add(&mut table, owner, Some(class))?;
        table.by_key.insert(key, bucket);
        Ok(bucket)
    }

    fn add(&self, table: &mut Table, owner: Owner, class: Option<SizeClass>) -> Result<NonNull<Bucket>, AllocError> {
        let list = if owner.visit() { &mut table.visit } else { &mut table.plain };
        if fault::strikes(fault::Point::Tables) {
            return Err(no_memory(size_of::<usize>()));
        }
        list.try_reserve(1).map_err(|_| no_memory(size_of::<usize>()))?;
        let bucket = Bucket { owner, class, index: list.len(), lists: Mutex::new(Lists::default()) };
        let bucket = try_box(bucket)?;
        list.push(bucket);
        Ok(bucket)
    }

    /// The bucket of large objects.
    pub(crate) fn large(&self, visit: bool) -> &Bucket {
        self.nth(visit, 0).expect("made with the arena")
    }

    /// The `n`th bucket with or without visits.
    pub(crate) fn nth(&self, visit: bool, n: usize) -> Option<&Bucket> {
        let table = self.table.lock();
        let bucket = *if visit { &table.visit } else { &table.plain }.get(n)?;
        // SAFETY: I4; only shared references to buckets exist.
        Some(unsafe { bucket.as_ref() })
    }

    /// Spans of the parity of `epoch` that are not swept or destroyed.
    pub(crate) fn spans(&self, epoch: u32) -> usize {
        // Acquire: pairs with the Release in `sub_spans` (I5).
        // MUTATION(swept-look-relaxed) Ordering::Acquire ==> Ordering::Relaxed
        self.spans[parity(epoch)].load(Ordering::Acquire)
    }

    pub(crate) fn add_spans(&self, epoch: u32, spans: usize) {
        // Relaxed: only the way to 0 carries a message.
        self.spans[parity(epoch)].fetch_add(spans, Ordering::Relaxed);
    }

    pub(crate) fn sub_spans(&self, epoch: u32, spans: usize) {
        // Release: pairs with the Acquire in `spans` (I5).
        // MUTATION(swept-count-relaxed) Ordering::Release ==> Ordering::Relaxed
        self.spans[parity(epoch)].fetch_sub(spans, Ordering::Release);
    }
}

impl Drop for Central {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        let table = &mut *table;
        for bucket in table.plain.drain(..).chain(table.visit.drain(..)) {
            // SAFETY: made by `try_box`, in one list only, and nobody refers to buckets of a dropped arena (I4).
            drop(unsafe { Box::from_raw(bucket.as_ptr()) });
        }
    }
}

/// The error of a table that could not grow.
pub(crate) fn no_memory(bytes: usize) -> AllocError {
    AllocError::new(bytes, Cause::Tables)
}

/// A box, or an error where `Box::new` would abort.
fn try_box<T>(value: T) -> Result<NonNull<T>, AllocError> {
    let layout = Layout::new::<T>();
    if fault::strikes(fault::Point::Tables) {
        return Err(no_memory(layout.size()));
    }
    // SAFETY: a bucket is not zero-sized.
    let place = unsafe { std::alloc::alloc(layout) }.cast::<T>();
    let place = NonNull::new(place).ok_or_else(|| no_memory(layout.size()))?;
    // SAFETY: fresh memory of this layout.
    unsafe { place.write(value) };
    Ok(place)
}
