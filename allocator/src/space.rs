//! The address space of all heaps of a process, and the tables beside it.
//!
//! One range is reserved for pages, one for the side tables; both cost address space only until they are touched. From
//! an address to its bits, its page and its span id the way is arithmetic:
//!
//! ```text
//! addr - base  >> 4  : granule  -> bit in the mark table, bit in the allocation table   (8 words, one cache line, a page)
//!              >> 13 : page     -> flags (u8), span id (u32)
//!                        span id -> descriptor in the slab of descriptors
//! ```
//!
//! The life of an allocation, top down: a [`Cache`](crate::Cache) bumps inside a run of free slots; without a run it
//! looks for one in its spans; without a span it asks its `PageCache` for pages; that one asks the [`PageHeap`] for a
//! window of 64 pages; the page heap finds the lowest free run in its bitmaps. The system is asked only twice in a
//! space's life, when it is reserved; a page is committed by the first store to it. Back: an empty span's pages go to
//! the page heap; the scavenger returns free pages to the system by `madvise`.
//!
//! - I1. The two mappings live as long as the space, and the process-wide space lives until the process is gone.
//! - I2. `base` is a multiple of [`PAGE_SIZE`] times [`CHUNK_PAGES`]; `base + pages * PAGE_SIZE` is inside the mapping.
//! - I3. The bits, the flags and the span id of a page that is free in the page heap are zero: whoever returns pages has
//!   cleared them.
//! - I4. A slot has its two bits at the granule where it begins. *Free* is neither bit. Who looks for free slots reads
//!   the allocation word (Acquire) before the mark word: owners set a mark before they clear the allocation bit
//!   (Release), so a slot in use is never seen with neither bit.

use std::ptr::NonNull;

use crate::error::{AllocError, Cause};
use crate::layout::{BIT_WORDS, GRANULE, Layout, PAGE_SIZE, SPAN_BYTES};
use crate::os::Mapping;
use crate::page_heap::{CHUNK_PAGES, PageHeap};
use crate::side_table::Table;
use crate::span_ids::SpanIds;
use crate::sync::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// Index of a page in its [`Space`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId(pub u32);

/// The address space of all heaps, with mark bits, allocation bits, flags and span ids per page.
#[derive(Debug)]
pub struct Space {
    /// Address of the first page. Constant.
    base: usize,
    /// Number of pages. Constant.
    pages: usize,
    /// Written by markers and by openers and closers of runs; read by all (I4).
    marks: Table<AtomicU64>,
    /// Written by openers and closers of runs, markers and sweepers; read by all (I4).
    allocs: Table<AtomicU64>,
    /// Low half written when a span is made or destroyed; high half by the owner at run time.
    flags: Table<AtomicU8>,
    /// Written when a span is made (Release) or destroyed; read by all (Acquire).
    page_spans: Table<AtomicU32>,
    span_ids: SpanIds,
    page_heap: PageHeap,
    /// The pages. Before `tables` nothing refers to them.
    heap: Mapping,
    /// What the tables above point into (I1).
    tables: Mapping,
    layout: Layout,
}

/// Whether a read-modify-write is preceded by a look that may save it. Not under loom: it goes by the last access to an
/// object, and a look would hide the accesses of others before it, with the schedules that follow from them.
const LOOKS: bool = !cfg!(loom);

/// The pages' bytes that are reserved at first, if the system lets us: 1 TiB.
const FIRST_TRY: usize = 1 << 40;

/// The smallest reservation that is worth having: 16 MiB.
const LAST_TRY: usize = 1 << 24;

/// The alignment of the first page, so that a chunk of the page heap is aligned too.
const BASE_ALIGN: usize = CHUNK_PAGES * PAGE_SIZE;

#[cfg(not(loom))]
static GLOBAL: crate::sync::OnceLock<Space> = crate::sync::OnceLock::new();

/// Held while the global space is reserved, so that two threads do not reserve two.
#[cfg(not(loom))]
static RESERVING: crate::sync::Mutex<()> = crate::sync::Mutex::new(());

#[cfg(loom)]
loom::lazy_static! {
    /// A tiny space for each execution of a model.
    static ref GLOBAL: Space = Space::private(LOOM_PAGES).expect("a model's space is small");
}

/// Pages of the global space in a loom model.
#[cfg(loom)]
const LOOM_PAGES: usize = 12;

impl Space {
    /// The process-wide space; the first call reserves it.
    ///
    /// 1 TiB is tried first, then halves. Where the system limits the address space, at least half of what the space
    /// takes is left free for the rest of the process. Cost: four system calls once, then one load.
    ///
    /// # Errors
    /// [`Cause::AddressSpace`] if not even 16 MiB can be reserved. A later call tries again.
    ///
    /// ```
    /// let space = allocator::Space::global()?;
    /// assert!(space.reserved_bytes() >= 16 << 20);
    /// # Ok::<(), allocator::AllocError>(())
    /// ```
    #[cfg(not(loom))]
    pub fn global() -> Result<&'static Space, AllocError> {
        if let Some(space) = GLOBAL.get() {
            return Ok(space);
        }
        let _reserving = RESERVING.lock();
        if let Some(space) = GLOBAL.get() {
            return Ok(space);
        }
        let space = Space::reserve_most()?;
        Ok(GLOBAL.get_or_init(|| space))
    }

    /// The space of this execution of the model: a few pages, made by the first call.
    ///
    /// # Errors
    /// None.
    #[cfg(loom)]
    pub fn global() -> Result<&'static Space, AllocError> {
        Ok(&GLOBAL)
    }

    #[cfg(not(loom))]
    pub(crate) fn reserve_most() -> Result<Space, AllocError> {
        let mut bytes = FIRST_TRY;
        loop {
            let room = if bytes == FIRST_TRY { 0 } else { bytes / 2 };
            match Space::reserve(bytes / PAGE_SIZE, room) {
                Ok(space) => return Ok(space),
                Err(error) if bytes == LAST_TRY => return Err(error),
                Err(_) => bytes /= 2,
            }
        }
    }

    /// A space of its own of `pages` pages, for tests and models; unmapped when dropped.
    ///
    /// # Errors
    /// [`Cause::AddressSpace`] if the system refuses; [`Cause::TooLarge`] above 1 TiB.
    ///
    /// # Panics
    /// If `pages` is 0.
    pub fn private(pages: usize) -> Result<Space, AllocError> {
        assert!(pages > 0, "a space has at least one page");
        if pages > FIRST_TRY / PAGE_SIZE {
            return Err(AllocError::new(pages.saturating_mul(PAGE_SIZE), Cause::TooLarge));
        }
        Space::reserve(pages, 0)
    }

    /// Reserves a space if `room` more bytes could be reserved beside it.
    fn reserve(pages: usize, room: usize) -> Result<Space, AllocError> {
        let layout = Layout::new(pages);
        let bytes = pages * PAGE_SIZE;
        let refused = |_| AllocError::new(bytes, Cause::AddressSpace);
        let heap = Mapping::reserve(bytes + BASE_ALIGN).map_err(refused)?;
        let tables = Mapping::reserve(layout.bytes).map_err(refused)?;
        if room > 0 {
            Mapping::reserve(room).map_err(refused)?;
        }
        let base = (heap.base() as usize).next_multiple_of(BASE_ALIGN);
        // SAFETY: the space keeps the mapping (I1), and each part of the layout is used once.
        let page_heap = unsafe { PageHeap::new(pages, &layout, &tables) };
        // SAFETY: as above.
        let span_ids = unsafe { SpanIds::new(&layout, &tables) };
        // SAFETY: as above.
        let marks = unsafe { tables.table(layout.marks) };
        // SAFETY: as above.
        let allocs = unsafe { tables.table(layout.allocs) };
        // SAFETY: as above.
        let flags = unsafe { tables.table(layout.flags) };
        // SAFETY: as above.
        let page_spans = unsafe { tables.table(layout.page_spans) };
        Ok(Space { base, pages, marks, allocs, flags, page_spans, span_ids, page_heap, heap, tables, layout })
    }

    /// Bytes reserved for pages.
    pub fn reserved_bytes(&self) -> usize {
        self.pages * PAGE_SIZE
    }

    /// Number of pages.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// Whether `addr` lies in one of the pages. Two instructions.
    #[inline(always)]
    pub fn contains(&self, addr: usize) -> bool {
        addr.wrapping_sub(self.base) < self.pages * PAGE_SIZE
    }

    /// The page of an address.
    ///
    /// # Panics
    /// In debug builds if the address is foreign; elsewhere the result names no page.
    #[inline(always)]
    pub fn page_of(&self, addr: usize) -> PageId {
        debug_assert!(self.contains(addr), "foreign address {addr:#x}");
        PageId((addr.wrapping_sub(self.base) / PAGE_SIZE) as u32)
    }

    /// The address of a page.
    #[inline(always)]
    pub fn page_base(&self, page: PageId) -> usize {
        debug_assert!((page.0 as usize) < self.pages, "foreign page {page:?}");
        self.base + page.0 as usize * PAGE_SIZE
    }

    /// A pointer to `addr` that may be used for all of the space.
    ///
    /// # Panics
    /// In debug builds if the address is foreign.
    #[inline(always)]
    pub fn pointer(&self, addr: usize) -> *mut u8 {
        debug_assert!(self.contains(addr), "foreign address {addr:#x}");
        let mapped = self.heap.base();
        mapped.wrapping_add(addr.wrapping_sub(mapped as usize))
    }

    /// The word and the bit of the slot at `addr`.
    ///
    /// Any address in the first granule of a slot names it: a header may stand in front of what its owner points to. In debug
    /// builds a foreign address and one where no slot begins are refused. (An address in a page that belongs to no
    /// span is let through: tests of this layer mark without spans.)
    #[inline(always)]
    fn slot_bit(&self, addr: usize) -> (usize, u64) {
        debug_assert!(self.contains(addr), "foreign address {addr:#x}");
        #[cfg(debug_assertions)]
        self.check_slot(addr);
        self.bit(addr)
    }

    #[cfg(debug_assertions)]
    fn check_slot(&self, addr: usize) {
        let granule = addr / GRANULE * GRANULE;
        let begins = |span: &crate::Span| span.slot_of(granule) == Some(granule);
        assert!(self.span_of(addr).is_none_or(begins), "no slot begins at {addr:#x}");
    }

    /// The word and the bit of the granule at `addr`.
    #[inline(always)]
    fn bit(&self, addr: usize) -> (usize, u64) {
        let granule = addr.wrapping_sub(self.base) / GRANULE;
        (granule / 64, 1 << (granule % 64))
    }

    /// Whether the mark bit at `addr` is set. One load.
    ///
    /// # Panics
    /// If the address is foreign.
    #[inline(always)]
    pub fn is_marked(&self, addr: usize) -> bool {
        let (word, bit) = self.slot_bit(addr);
        // Relaxed: the answer is a hint or is ordered by the owner's protocol; nothing is read through it.
        self.marks[word].load(Ordering::Relaxed) & bit != 0
    }

    /// Sets the mark bit at `addr`; true if this call did it. A load, and an atomic `or` if the bit was clear.
    ///
    /// # Panics
    /// If the address is foreign.
    #[inline(always)]
    pub fn mark(&self, addr: usize) -> bool {
        let (word, bit) = self.slot_bit(addr);
        #[cfg(debug_assertions)]
        if self.span_of(addr).is_some() {
            // A slot in use never shows neither bit, whatever markers do beside (I4).
            assert_ne!(self.slot_bits(addr), (false, false), "the slot at {addr:#x} is free, and is marked");
        }
        let word = &self.marks[word];
        // Relaxed: a set bit needs no action; a clear one is settled by the read-modify-write below.
        if LOOKS && word.load(Ordering::Relaxed) & bit != 0 {
            return false;
        }
        // AcqRel: Release, so that who reads the mark (Acquire, in `both`, `take_both`) sees what led to it; Acquire
        // pairs with other markers of the word, which makes the word's history one release sequence.
        // MUTATION(mark-relaxed) Ordering::AcqRel ==> Ordering::Relaxed
        word.fetch_or(bit, Ordering::AcqRel) & bit == 0
    }

    /// Asks the processor to load the mark bits at `addr`. A foreign address does nothing.
    #[inline(always)]
    pub fn prefetch_mark(&self, addr: usize) {
        let (word, _) = self.bit(addr);
        if let Some(word) = self.marks.get(word) {
            prefetch(word);
        }
    }

    /// The allocation bit and the mark bit at `addr`, in this order of reading (I4).
    ///
    /// # Panics
    /// If the address is foreign.
    #[inline(always)]
    pub fn slot_bits(&self, addr: usize) -> (bool, bool) {
        let (word, bit) = self.slot_bit(addr);
        // Acquire: pairs with the Release of `take_both`, so that a cleared allocation bit comes with its mark.
        let alloc = self.allocs[word].load(Ordering::Acquire);
        // Acquire: pairs with the Release of `mark`.
        let mark = self.marks[word].load(Ordering::Acquire);
        (alloc & bit != 0, mark & bit != 0)
    }

    /// The flags of a page. The low half belongs to the span's maker, the high half to the owner.
    ///
    /// # Panics
    /// If the page is foreign.
    #[inline(always)]
    pub fn page_flags(&self, page: PageId) -> &AtomicU8 {
        &self.flags[page.0 as usize]
    }

    /// The slots of a page that have both bits, as a bitmap of granules.
    ///
    /// # Panics
    /// If the page is foreign.
    #[inline]
    pub fn both(&self, page: PageId) -> [u64; BIT_WORDS] {
        let (allocs, marks) = (self.alloc_words(page, 1), self.mark_words(page, 1));
        std::array::from_fn(|i| {
            // Acquire on both, the allocation word first (I4): pairs with `take_both` and `mark`.
            let alloc = allocs[i].load(Ordering::Acquire);
            alloc & marks[i].load(Ordering::Acquire)
        })
    }

    /// Clears the allocation bits of the slots of a page that have both bits, and returns those which this call cleared:
    /// of two callers that race each slot goes to one.
    ///
    /// # Panics
    /// If the page is foreign.
    #[inline]
    pub fn take_both(&self, page: PageId) -> [u64; BIT_WORDS] {
        let (allocs, marks) = (self.alloc_words(page, 1), self.mark_words(page, 1));
        std::array::from_fn(|i| {
            // Relaxed: a bit seen here too early or too late is settled by the read-modify-write below.
            let alloc = if LOOKS { allocs[i].load(Ordering::Relaxed) } else { u64::MAX };
            // Acquire: pairs with the Release of `mark`; what led to the mark is visible to who takes the slot.
            // MUTATION(taken-mark-relaxed) Ordering::Acquire ==> Ordering::Relaxed
            let both = alloc & marks[i].load(Ordering::Acquire);
            if both == 0 {
                return 0;
            }
            // Release: the mark, read above, comes before the cleared allocation bit for who reads it with Acquire (I4).
            // MUTATION(taken-twice) allocs[i].fetch_and(!both, Ordering::Release) & both ==> { allocs[i].fetch_and(!both, Ordering::Release); both }
            // MUTATION(take-relaxed) Ordering::Release ==> Ordering::Relaxed
            allocs[i].fetch_and(!both, Ordering::Release) & both
        })
    }

    /// The mark words of `pages` pages from `first` on.
    #[inline(always)]
    pub(crate) fn mark_words(&self, first: PageId, pages: usize) -> &[AtomicU64] {
        let start = first.0 as usize * BIT_WORDS;
        &self.marks[start..start + pages * BIT_WORDS]
    }

    /// The allocation words of `pages` pages from `first` on.
    #[inline(always)]
    pub(crate) fn alloc_words(&self, first: PageId, pages: usize) -> &[AtomicU64] {
        let start = first.0 as usize * BIT_WORDS;
        &self.allocs[start..start + pages * BIT_WORDS]
    }

    /// Says that `page` belongs to the span `id`; 0 is none.
    #[inline(always)]
    pub(crate) fn set_span_id(&self, page: PageId, id: u32) {
        // Release: pairs with the load of `span_id`; the descriptor is complete before it can be found.
        self.page_spans[page.0 as usize].store(id, Ordering::Release);
    }

    /// The id of the span that `page` belongs to; 0 is none.
    #[inline(always)]
    pub(crate) fn span_id(&self, page: PageId) -> u32 {
        // Acquire: pairs with the store of `set_span_id`.
        self.page_spans[page.0 as usize].load(Ordering::Acquire)
    }

    /// Ids for span descriptors.
    pub(crate) fn span_ids(&self) -> &SpanIds {
        &self.span_ids
    }

    /// Memory for descriptors, [`SPAN_BYTES`] for each id, and how many ids there are (0 included, which names none).
    /// Zero until first written.
    #[inline(always)]
    pub(crate) fn span_slab(&self) -> (NonNull<u8>, usize) {
        let base = self.tables.base().wrapping_add(self.layout.span_slab.offset);
        (NonNull::new(base).expect("a mapping is never at zero"), self.layout.span_slab.len)
    }

    /// The page heap: where spans get their pages.
    pub fn page_heap(&self) -> &PageHeap {
        &self.page_heap
    }

    /// Bytes of side tables that the pages and spans handed out so far have touched, to within the rounding to pages of the
    /// system. Cost: two locks.
    pub fn metadata_bytes(&self) -> usize {
        Layout::touched(self.page_heap.counters().high, self.span_ids.high() as usize)
    }

    /// Returns pages that the caller has reserved for release (`PageHeap::begin_release`) to the system.
    pub(crate) fn return_pages(&self, start: usize, pages: usize) -> std::io::Result<()> {
        self.return_bytes(self.base + start * PAGE_SIZE, pages * PAGE_SIZE)
    }

    /// Returns memory that nobody uses to the system: whole OS pages, in pages or a span that the caller has to itself.
    pub(crate) fn return_bytes(&self, addr: usize, bytes: usize) -> std::io::Result<()> {
        assert!(self.contains(addr) && self.contains(addr + bytes - 1), "foreign memory at {addr:#x}");
        // SAFETY: inside the mapping, page-aligned by the callers (which `release` checks), and theirs alone.
        unsafe { self.heap.release(addr - self.heap.base() as usize, bytes) }
    }
}

/// Hints that `word` will be read soon.
#[inline(always)]
pub(crate) fn prefetch(word: &AtomicU64) {
    #[cfg(all(target_arch = "x86_64", not(loom)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect on memory; SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(word).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(loom))))]
    let _ = word;
}

const _: () = assert!(SPAN_BYTES.is_multiple_of(64), "a descriptor does not share cache lines");
