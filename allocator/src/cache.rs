//! Caches: where one mutator allocates.
//!
//! A cache has for each (owner word, size class) it was asked for an entry with a span and, inside it, an open run: a range of
//! free slots whose birth bits are all set beforehand. Allocation moves the run's cursor; no bit, lock or atomic is
//! touched, and nothing is zeroed. When the run is used up, [`Cache::refill`] opens the next one, here or in another span:
//!
//! ```text
//!   bump -> run in the hot table -> refill: entry's next run in its span      (bitmap::next_run, bitmap::open)
//!                                        -> a partial span of this epoch      (central)
//!                                        -> an unswept span, swept            (sweep)
//!                                        -> a fresh span                      (page cache, page heap, system)
//! ```
//!
//! # Where runs lie
//!
//! Owner word 0 has an array by class: [`Cache::bump_plain`] knows the place at compile time. The others share a table of sets of
//! two ways, chosen by owner word and class. `bump` looks at the first way only; `refill` looks at the second and swaps
//! them, so of two hot owners in one set each call costs a few nanoseconds more, not a look-up. Entries that fall out keep
//! their cursor in the entry, which a map finds.
//!
//! - I1. `cursor..limit` of an entry are free slots of its span, all with the cache's present birth bits set, and no others were
//!   opened and not handed out. `cursor == limit`: there is no open run.
//! - I2. An entry's line is in one place: its class's plain line, a way of the hot table that names the entry, or the entry.
//! - I3. An entry with a span, used up spans or room is in `active`, once, and no other is. Both vectors have room for all
//!   entries, so nothing fails half way.
//! - I4. Spans held by a cache have the cache's epoch.
//! - I5. What a cache has not told the arena's and the page heap's counters it tells before a span can be destroyed: when it
//!   puts spans into lists.
//!
//! Few refills touch what other caches touch: an entry of a busy bucket has room for several fresh spans
//! ([`Bucket::next`]), keeps the spans it used up until it needs the bucket again, and takes pages and ids by the
//! dozen.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::arena::Arena;
use crate::bitmap::{Birth, SpanBits, Stride};
use crate::central::no_memory;
use crate::central::{Bucket, KeyMap, Next, key};
use crate::error::AllocError;
use crate::fault;
use crate::layout::GRANULE;
use crate::page_cache::PageCache;
use crate::poison::{poison, unpoison};
use crate::quota::PAGE_COST;
use crate::size_class::{CLASSES, SizeClass};
use crate::span::{self, Owner, STRIDES, Shape, SpanId};
use crate::span_ids::IdCache;
use crate::stats::LARGE;
use crate::sync::Arc;

/// Sets of the hot table: with two ways each, more than the types a program allocates at a time; 4 KiB of a cache.
const SETS: usize = if cfg!(loom) { 2 } else { 64 };
/// Bytes that are charged to the quota at a time: it is shared, and spans are small.
const CHARGE: usize = 16 * PAGE_COST;
/// Classes of one owner word (slices) fall into sets this far apart.
const CLASS_STEP: usize = 5;

/// An open run.
#[derive(Clone, Copy)]
struct Line {
    cursor: usize,
    limit: usize,
}

const CLOSED: Line = Line { cursor: 0, limit: 0 };

/// One way of the hot table.
#[derive(Clone, Copy)]
struct Way {
    /// [`key`] of its entry, or `NO_KEY`.
    key: usize,
    line: Line,
    entry: usize,
}

/// No key: classes are fewer than the 63 that it would name.
const NO_KEY: usize = usize::MAX;
const NO_WAY: Way = Way { key: NO_KEY, line: CLOSED, entry: 0 };

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Set([Way; 2]);

/// Where an entry's line is (I2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Plain,
    Hot,
    Entry,
}

/// What a cache knows of one (owner word, size class).
struct Entry {
    key: usize,
    bucket: NonNull<Bucket>,
    class: SizeClass,
    stride: Stride,
    place: Place,
    /// If `place` is `Entry`.
    line: Line,
    /// The span, if `span` is one.
    held: Held,
    /// Spans without free slots, not yet in the list.
    used_up: Vec<SpanId>,
    /// Fresh spans that may be made without asking the bucket, and how many it had before those.
    room: u32,
    before: u32,
    /// Spans made, and their pages, that the counters have not been told.
    made: u32,
    made_pages: u32,
    /// Slots opened in the span at hand.
    opened: u64,
    /// Slots of spans before it that the class's counter has not been told; the arena's sum has.
    used: u64,
}

/// A span in a cache's hands.
#[derive(Clone, Copy)]
struct Held {
    span: SpanId,
    base: usize,
    bits: SpanBits<'static>,
    /// Granule where the search for free slots goes on.
    next: u32,
    /// Granule behind the last slot.
    end: u32,
    /// No slot was ever used: there is no need to look.
    fresh: bool,
}

const NO_SPAN: Held =
    Held { span: SpanId(0), base: 0, bits: SpanBits { alloc: &[], mark: &[] }, next: 0, end: 0, fresh: false };

/// One mutator's part of an [`Arena`]: allocates without locks.
///
/// It is used by one thread at a time, and may move between threads. Dropping it hands its spans over.
///
/// ```
/// use allocator::{Arena, Cache, Owner, SizeClass, Space};
/// # fn main() -> Result<(), allocator::AllocError> {
/// let arena = Arena::new(Space::global()?)?;
/// let mut cache = Cache::new(&arena);
/// let owner = Owner { word: 0, attributes: 0 };
/// const CLASS: SizeClass = SizeClass::of(24, 8).unwrap();
/// let mut slot = cache.bump_plain(CLASS);
/// if slot.is_null() {
///     slot = cache.refill(owner, CLASS)?.as_ptr();
/// }
/// // The slot is the caller's; what it holds is whatever was there before.
/// unsafe { slot.write_bytes(0, CLASS.slot_size()) };
/// # Ok(()) }
/// ```
pub struct Cache {
    hot: [Set; SETS],
    plain: [Line; CLASSES],
    birth: Birth,
    epoch: u32,
    /// Bytes and objects of all runs opened, less what was closed unused.
    bytes: u64,
    objects: u64,
    /// Entry of each plain line, or `usize::MAX`.
    plain_entries: [usize; CLASSES],
    entries: Vec<Entry>,
    /// Entries of owner words other than 0, by key.
    by_key: KeyMap<usize>,
    /// Entries that hold a span (I3).
    active: Vec<usize>,
    /// Where spans' pages come from.
    pages: PageCache,
    /// Where their ids come from.
    ids: IdCache,
    /// Bytes charged to the arena's quota for spans to come.
    charged: usize,
    arena: Arc<Arena>,
    /// Used by one thread at a time.
    not_sync: PhantomData<Cell<()>>,
}

// SAFETY: the pointers in entries are to buckets, which are `Sync` and live as long as the arena that the cache holds.
unsafe impl Send for Cache {}

#[inline(always)]
const fn set_of(word: usize, class: SizeClass) -> usize {
    (word / Owner::ALIGN).wrapping_add(class.index() * CLASS_STEP) % SETS
}

#[inline(always)]
fn pointer(addr: usize) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(addr)
}

impl Cache {
    /// A cache for the present epoch of `arena`, with [`Birth::Alloc`].
    ///
    /// Cost: its size, some 6 KiB, is written.
    pub fn new(arena: &Arc<Arena>) -> Cache {
        arena.enter();
        Cache {
            hot: [Set([NO_WAY; 2]); SETS],
            plain: [CLOSED; CLASSES],
            birth: Birth::Alloc,
            epoch: arena.epoch(),
            bytes: 0,
            objects: 0,
            plain_entries: [usize::MAX; CLASSES],
            entries: Vec::new(),
            by_key: KeyMap::default(),
            active: Vec::new(),
            pages: PageCache::default(),
            ids: IdCache::default(),
            charged: 0,
            arena: Arc::clone(arena),
            not_sync: PhantomData,
        }
    }

    /// A slot of the open run for `owner_word`, or null if there is none: then [`Cache::refill`] gives the slot.
    ///
    /// The slot has its birth bits; its bytes are arbitrary. Cost: about a nanosecond, if `class` is a constant.
    #[inline(always)]
    pub fn bump(&mut self, owner_word: usize, class: SizeClass) -> *mut u8 {
        let way = &mut self.hot[set_of(owner_word, class)].0[0];
        if way.key == key(owner_word, class) && way.line.cursor != way.line.limit {
            let slot = way.line.cursor;
            way.line.cursor = slot + class.slot_size();
            return pointer(slot);
        }
        std::ptr::null_mut()
    }

    /// As [`Cache::bump`] for owner word 0, without a look-up.
    #[inline(always)]
    pub fn bump_plain(&mut self, class: SizeClass) -> *mut u8 {
        let line = &mut self.plain[class.index()];
        if line.cursor != line.limit {
            let slot = line.cursor;
            line.cursor = slot + class.slot_size();
            return pointer(slot);
        }
        std::ptr::null_mut()
    }

    /// A slot for `owner`, from the next run of free slots, in this span or another one.
    ///
    /// Cost: some ten nanoseconds if the span has free slots left; else a lock, and the sweep of up to
    /// [`Arena::REFILL_SWEEPS`] spans, or a span from the page heap.
    ///
    /// # Errors
    /// If there is no memory. The cache is as before, and may be asked again.
    ///
    /// # Panics
    /// If the owner's word is not a multiple of [`Owner::ALIGN`].
    #[cold]
    #[inline(never)]
    pub fn refill(&mut self, owner: Owner, class: SizeClass) -> Result<NonNull<u8>, AllocError> {
        // Errors from below speak of tables and runs of pages; the caller asked for a slot.
        let failed = |error| AllocError { size: class.slot_size(), ..error };
        let index = self.entry(owner, class).map_err(failed)?;
        let line = *self.line(index);
        if line.cursor != line.limit {
            return Ok(self.take(index, line));
        }
        loop {
            if let Some(line) = self.open_next(index) {
                return Ok(self.take(index, line));
            }
            self.change_span(index).map_err(failed)?;
        }
    }

    /// As [`Cache::refill`], but only from the span at hand: `None` if it has no free slot left, or there is none.
    ///
    /// Cost: some ten nanoseconds. For callers that measure how long a change of spans takes, and no more often.
    #[inline(always)]
    pub fn next_run(&mut self, owner: Owner, class: SizeClass) -> Option<NonNull<u8>> {
        let index = self.entry(owner, class).ok()?;
        let line = *self.line(index);
        let line = if line.cursor != line.limit { line } else { self.open_next(index)? };
        Some(self.take(index, line))
    }

    /// The first slot of `line`, which is then stored without it.
    #[inline(always)]
    fn take(&mut self, index: usize, line: Line) -> NonNull<u8> {
        let size = self.entries[index].class.slot_size();
        *self.line(index) = Line { cursor: line.cursor + size, limit: line.limit };
        debug_assert_ne!(line.cursor, 0);
        // SAFETY: slots lie in the space, which does not hold address 0 (I1).
        unsafe { NonNull::new_unchecked(pointer(line.cursor)) }
    }

    /// Opens the next run in the span of an entry without an open run.
    #[inline(always)]
    fn open_next(&mut self, index: usize) -> Option<Line> {
        let entry = &mut self.entries[index];
        let held = &mut entry.held;
        let run = match held.fresh {
            true if held.next == held.end => return None,
            true => held.next..held.end,
            false => held.bits.next_run(entry.stride, held.next, held.end)?,
        };
        held.bits.open(entry.stride, run.clone(), self.birth);
        held.next = run.end;
        let slots = ((run.end - run.start) / entry.stride.granules()) as u64;
        let line = Line {
            cursor: held.base + run.start as usize * GRANULE,
            limit: held.base + run.start as usize * GRANULE + slots as usize * entry.class.slot_size(),
        };
        unpoison(line.cursor, line.limit - line.cursor);
        self.objects += slots;
        self.bytes += slots * entry.class.slot_size() as u64;
        entry.opened += slots;
        Some(line)
    }

    /// Gives the entry another span with free slots; the one it had, if any, is used up.
    #[inline(never)]
    fn change_span(&mut self, index: usize) -> Result<(), AllocError> {
        let epoch = self.epoch;
        assert!(
            !self.arena.may_sweep(epoch.wrapping_add(1)),
            "a cache that was not handed over, and its epoch is swept"
        );
        self.tell_opened(index);
        let entry = &mut self.entries[index];
        let had = std::mem::replace(&mut entry.held, NO_SPAN).span;
        let was_active = had != SpanId(0) || entry.room != 0 || !entry.used_up.is_empty();
        if had != SpanId(0) {
            self.use_up(index, had);
        }
        let found = self.next_span(index);
        let entry = &mut self.entries[index];
        let active = found.is_ok() || entry.room != 0 || !entry.used_up.is_empty();
        match (was_active, active) {
            (false, true) => {
                debug_assert!(self.active.len() < self.active.capacity());
                self.active.push(index);
            }
            (true, false) => self.active.retain(|&i| i != index),
            _ => {}
        }
        let (span, fresh) = found?;
        let space = self.arena.space();
        let descriptor = span::at(space, span);
        debug_assert_eq!(descriptor.epoch(), epoch, "a span of another epoch in a cache");
        if !fresh {
            self.arena.take_again(entry.class.index(), descriptor);
        }
        entry.held = Held {
            span,
            base: descriptor.base(),
            bits: descriptor.bits(space),
            next: 0,
            end: descriptor.slots() * entry.stride.granules(),
            fresh,
        };
        Ok(())
    }

    /// Keeps a span without free slots for the next visit to the bucket, or puts it into its list if there is no room.
    fn use_up(&mut self, index: usize, span: SpanId) {
        let entry = &mut self.entries[index];
        if entry.used_up.len() < entry.used_up.capacity() {
            entry.used_up.push(span);
        } else {
            self.tell_made(index);
            // SAFETY: buckets live as long as the arena, which `self` holds.
            unsafe { self.entries[index].bucket.as_ref() }.give(self.epoch, span, false);
        }
    }

    /// A span for an entry: fresh (true), if it has room; else what the bucket has.
    fn next_span(&mut self, index: usize) -> Result<(SpanId, bool), AllocError> {
        // SAFETY: buckets live as long as the arena, which is held below by a handle of its own.
        let bucket = unsafe { self.entries[index].bucket.as_ref() };
        let arena = Arc::clone(&self.arena);
        let mut sweeps = Arena::REFILL_SWEEPS;
        while self.entries[index].room == 0 {
            self.tell_made(index);
            let may_sweep = sweeps > 0 && !bucket.owner.visit() && arena.may_sweep(self.epoch);
            let more_soon = arena.central().spans(self.epoch.wrapping_sub(1)) != 0;
            match bucket.next(self.epoch, may_sweep, more_soon, &mut self.entries[index].used_up)? {
                Next::Swept(id) => return Ok((id, false)),
                Next::Unswept(id) => {
                    sweeps -= 1;
                    if arena.sweep_held(bucket, id, self.epoch) {
                        return Ok((id, false));
                    }
                    self.use_up(index, id);
                }
                Next::Room { before, room } => {
                    arena.central().add_spans(self.epoch, room as usize);
                    let entry = &mut self.entries[index];
                    (entry.before, entry.room) = (before, room);
                    // If there is no memory for it, used up spans go to the list one by one.
                    if !fault::strikes(fault::Point::Tables) {
                        let _ = entry.used_up.try_reserve_exact(room as usize);
                    }
                }
            }
        }
        Ok((self.fresh(index)?, true))
    }

    /// A new span for an entry with room for it.
    fn fresh(&mut self, index: usize) -> Result<SpanId, AllocError> {
        let space = self.arena.space();
        let entry = &mut self.entries[index];
        let pages = entry.class.span_pages(entry.before);
        self.charge(pages)?;
        let entry = &mut self.entries[index];
        let run = match self.pages.alloc(space.page_heap(), pages) {
            Ok(run) => run,
            Err(error) => {
                self.charged += pages as usize * PAGE_COST;
                return Err(error);
            }
        };
        let shape = Shape::small(run.first, pages, entry.class);
        // SAFETY: buckets live as long as the arena, which `self` holds.
        let owner = unsafe { entry.bucket.as_ref() }.owner;
        match span::make(space, &mut self.ids, &shape, owner, entry.bucket, self.epoch) {
            Ok(span) => {
                entry.room -= 1;
                entry.before += 1;
                entry.made += 1;
                entry.made_pages += pages;
                if entry.room == 0 {
                    // Owners with few spans are told of at once: there may be many of them.
                    self.tell_made(index);
                }
                Ok(span)
            }
            Err(error) => {
                self.pages.tell(space.page_heap());
                space.page_heap().free(run);
                self.charged += pages as usize * PAGE_COST;
                Err(error)
            }
        }
    }

    /// Takes what so many pages cost from what is charged already, or charges it, together with as much as several fresh spans
    /// take if there is room for that.
    fn charge(&mut self, pages: u32) -> Result<(), AllocError> {
        let cost = pages as usize * PAGE_COST;
        if self.charged < cost {
            let quota = self.arena.quota();
            let missing = cost - self.charged;
            self.charged += match quota.try_charge(missing.max(CHARGE)) {
                Ok(()) => missing.max(CHARGE),
                Err(_) => {
                    quota.try_charge(missing)?;
                    missing
                }
            };
        }
        self.charged -= cost;
        Ok(())
    }

    /// Refunds what is charged and not used.
    fn refund(&mut self) {
        let unused = std::mem::take(&mut self.charged);
        if unused != 0 {
            self.arena.quota().refund(unused);
        }
    }

    /// Closes all open runs: their unused slots lose their birth bits, and the next bump of each entry goes through refill.
    ///
    /// Cost: a few nanoseconds for each entry with a span.
    pub fn close_runs(&mut self) {
        for i in 0..self.active.len() {
            self.close(self.active[i]);
        }
    }

    fn close(&mut self, index: usize) {
        let line = *self.line(index);
        if line.cursor == line.limit {
            return;
        }
        *self.line(index) = CLOSED;
        let birth = self.birth;
        let entry = &mut self.entries[index];
        let held = &mut entry.held;
        let granule = |addr: usize| ((addr - held.base) / GRANULE) as u32;
        let bytes = line.limit - line.cursor;
        let slots = (bytes / entry.class.slot_size()) as u64;
        let tail = granule(line.cursor)..granule(line.limit);
        held.next = tail.start;
        held.bits.close(entry.stride, tail, birth);
        poison(line.cursor, bytes);
        self.bytes -= bytes as u64;
        self.objects -= slots;
        entry.opened -= slots;
    }

    /// Closes all runs; slots are born with `birth` from now on.
    pub fn set_birth(&mut self, birth: Birth) {
        self.close_runs();
        self.birth = birth;
    }

    /// The birth bits of new slots.
    pub fn birth(&self) -> Birth {
        self.birth
    }

    /// Gives all spans back to the lists of the epoch they are of, then goes on for `epoch`.
    ///
    /// Cost: a lock for each entry with a span.
    pub fn hand_over(&mut self, epoch: u32) {
        self.close_runs();
        while let Some(index) = self.active.pop() {
            self.tell_opened(index);
            self.tell_made(index);
            let entry = &mut self.entries[index];
            let held = std::mem::replace(&mut entry.held, NO_SPAN);
            // SAFETY: buckets live as long as the arena, which `self` holds.
            let bucket = unsafe { entry.bucket.as_ref() };
            let partial = (held.span != SpanId(0)).then_some((held.span, held.next < held.end));
            let used_up = entry.used_up.drain(..).map(|id| (id, false));
            let room = std::mem::take(&mut entry.room);
            bucket.settle(self.epoch, used_up.chain(partial), room);
            if room != 0 {
                self.arena.central().sub_spans(self.epoch, room as usize);
            }
        }
        self.refund();
        self.epoch = epoch;
    }

    /// The epoch it allocates for.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The arena.
    pub fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// Bytes of all slots handed out by this cache, and of those that are open; exact after [`Cache::close_runs`].
    pub fn bytes_allocated(&self) -> u64 {
        self.bytes
    }

    /// Slots handed out by this cache, and those that are open; exact after [`Cache::close_runs`].
    pub fn objects_allocated(&self) -> u64 {
        self.objects
    }

    pub(crate) fn count_large(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.objects += 1;
        self.arena.counters().add_allocated_in(self.epoch, 1, bytes as u64);
        self.arena.counters().add_allocated(LARGE, 1, bytes as u64);
    }

    pub(crate) fn span_ids(&mut self) -> &mut IdCache {
        &mut self.ids
    }

    /// Tells the arena of the bytes handed out in the span at hand, which has no open run: so the sum never goes down.
    fn tell_opened(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        let opened = std::mem::take(&mut entry.opened);
        entry.used += opened;
        self.arena.counters().add_allocated_in(self.epoch, opened, opened * entry.class.slot_size() as u64);
    }

    /// Tells the counters of the spans that an entry has made (I5), and the class's of the slots handed out.
    fn tell_made(&mut self, index: usize) {
        self.pages.tell(self.arena.space().page_heap());
        let entry = &mut self.entries[index];
        let used = std::mem::take(&mut entry.used);
        if used != 0 {
            let bytes = used * entry.class.slot_size() as u64;
            self.arena.counters().add_allocated(entry.class.index(), used, bytes);
        }
        if entry.made != 0 {
            let (spans, pages) = (std::mem::take(&mut entry.made), std::mem::take(&mut entry.made_pages));
            self.arena.counters().add_spans(entry.class.index(), spans.into(), pages.into());
        }
    }

    // Entries.

    #[inline(always)]
    fn line(&mut self, index: usize) -> &mut Line {
        let entry = &mut self.entries[index];
        match entry.place {
            Place::Plain => &mut self.plain[entry.class.index()],
            Place::Entry => &mut entry.line,
            Place::Hot => {
                let set = &mut self.hot[set_of(entry.key - entry.class.index(), entry.class)].0;
                let way = usize::from(set[0].key != entry.key);
                debug_assert_eq!(set[way].entry, index);
                &mut set[way].line
            }
        }
    }

    /// The entry of an owner and class, brought to the front of its set.
    #[inline(always)]
    fn entry(&mut self, owner: Owner, class: SizeClass) -> Result<usize, AllocError> {
        if owner.word == 0 {
            let index = self.plain_entries[class.index()];
            return if index == usize::MAX { self.add_entry(owner, class) } else { Ok(index) };
        }
        let set = &mut self.hot[set_of(owner.word, class)].0;
        let key = key(owner.word, class);
        if set[0].key == key {
            return Ok(set[0].entry);
        }
        if set[1].key == key {
            set.swap(0, 1);
            return Ok(set[0].entry);
        }
        self.cold_entry(owner, class)
    }

    /// As `entry`, for one that is not in the hot table.
    #[inline(never)]
    fn cold_entry(&mut self, owner: Owner, class: SizeClass) -> Result<usize, AllocError> {
        let key = key(owner.word, class);
        let index = match self.by_key.get(&key) {
            Some(&index) => index,
            None => self.add_entry(owner, class)?,
        };
        let set = &mut self.hot[set_of(owner.word, class)].0;
        let out = set[1];
        if out.key != NO_KEY {
            let entry = &mut self.entries[out.entry];
            entry.place = Place::Entry;
            entry.line = out.line;
        }
        set[1] = set[0];
        set[0] = Way { key, line: self.entries[index].line, entry: index };
        self.entries[index].place = Place::Hot;
        Ok(index)
    }

    #[inline(never)]
    fn add_entry(&mut self, owner: Owner, class: SizeClass) -> Result<usize, AllocError> {
        assert_eq!(owner.word % Owner::ALIGN, 0, "an owner word is not a multiple of {}", Owner::ALIGN);
        if self.entries.len() == self.entries.capacity() {
            self.reserve_entries(self.entries.len().max(8))?;
        }
        let bucket = self.arena.central().bucket(owner, class)?;
        let index = self.entries.len();
        let key = key(owner.word, class);
        let plain = owner.word == 0;
        self.entries.push(Entry {
            key,
            bucket,
            class,
            stride: STRIDES[class.index()],
            place: if plain { Place::Plain } else { Place::Entry },
            line: CLOSED,
            held: NO_SPAN,
            used_up: Vec::new(),
            room: 0,
            before: 0,
            made: 0,
            made_pages: 0,
            opened: 0,
            used: 0,
        });
        if plain {
            self.plain_entries[class.index()] = index;
        } else {
            self.by_key.insert(key, index);
        }
        Ok(index)
    }

    /// Room for `more` entries everywhere (I3).
    fn reserve_entries(&mut self, more: usize) -> Result<(), AllocError> {
        let failed = |_| no_memory(more * size_of::<Entry>());
        if fault::strikes(fault::Point::Tables) {
            return Err(no_memory(more * size_of::<Entry>()));
        }
        self.by_key.try_reserve(self.entries.len() - self.by_key.len() + more).map_err(failed)?;
        self.active.try_reserve(self.entries.len() - self.active.len() + more).map_err(failed)?;
        self.entries.try_reserve(more).map_err(failed)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.hand_over(self.epoch);
        let space = self.arena.space();
        self.pages.give_back(space.page_heap());
        self.ids.give_back(space.span_ids());
        self.arena.leave();
    }
}
