//! Spans: runs of pages cut into slots of one size for one owner, and their descriptors.
//!
//! A descriptor is found from an address by page -> id -> table, the last two of which are arithmetic: one dependent load.
//!
//! - I1. A descriptor's geometry (owner, base, pages, slot size, bucket) is written when the span is made, before its id is
//!   stored to the page table (Release), and does not change until the span is destroyed. Its fields are atomics so that a
//!   stale `&Span` reads another span's numbers at worst.
//! - I2. A span has one holder at a time: a cache, a list of its bucket, a sweeper, a visitor. It passes from one to the
//!   next under the bucket's lock, which orders what they did to its words and its mutable fields.
//! - I3. Pages without a span have no bits set, no flags and no span id: making a span writes no bits.
//! - I4. Each page of a span of up to [`MAX_SPAN_PAGES`] names it; a longer span is a large object, whose one slot starts in
//!   its first page, and only that one names it.

use std::ptr::NonNull;

use crate::bitmap::{SpanBits, Stride};
use crate::central::Bucket;
use crate::error::AllocError;
use crate::layout::{GRANULE, PAGE_SIZE, SPAN_BYTES};
use crate::os::OS_PAGE;
use crate::page_heap::PageRun;
use crate::poison::{poison, unpoison};
use crate::size_class::{MAX_SPAN_PAGES, SizeClass};
use crate::space::{PageId, Space};
use crate::span_ids::IdCache;
use crate::sync::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

/// Who the slots of a span belong to: an opaque word, and attributes for its pages' flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// Opaque; 0, or a multiple of 64 (the address of something aligned to a cache line, say). 0 has the shortest way
    /// ([`crate::Cache::bump_plain`]).
    pub word: usize,
    /// Four bits, copied to the low half of the flags of the span's pages. They belong to the word: of slots, the attributes
    /// of an arena's first request for a word and class count for all later ones.
    pub attributes: u8,
}

impl Owner {
    /// Attribute: dead slots must be visited before they are free again.
    pub const VISIT: u8 = 0x8;
    /// Owner words are multiples of this.
    pub const ALIGN: usize = 64;

    /// Whether dead slots must be visited.
    #[inline(always)]
    pub const fn visit(self) -> bool {
        self.attributes & Owner::VISIT != 0
    }
}

/// Index of a descriptor; 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SpanId(pub(crate) u32);

/// A span's descriptor: what its slots are, found from an address by [`Space::span_of`].
///
/// The numbers are those of the span that was found. A reference that is kept beyond the life of the span reads those of
/// another, later one: never garbage.
#[derive(Default)]
#[repr(C, align(64))]
pub struct Span {
    /// Address of the first slot. Written by the maker (I1); read by all. 0: unused descriptor.
    base: AtomicUsize,
    /// Bytes per slot; as `base`.
    slot_size: AtomicUsize,
    /// The owner's word; as `base`.
    word: AtomicUsize,
    /// Address of the [`Bucket`] it belongs to; as `base`.
    bucket: AtomicUsize,
    /// Length in pages; as `base`.
    pages: AtomicU32,
    /// Number of slots; as `base`.
    slots: AtomicU32,
    /// The owner's attributes; as `base`.
    attributes: AtomicU8,
    /// The epoch it was made or last swept in. Written and read by the holder (I2).
    epoch: AtomicU32,
    /// Bits of the OS pages that were returned to the system (`inside` I1). Written and read by the holder (I2).
    released: AtomicU32,
    /// Bytes of a large object that its owner uses; as `base`.
    asked: AtomicUsize,
    /// The owner's, to use as it likes while the span is there; 0 when it is made.
    note: AtomicUsize,
}

const _: () = assert!(size_of::<Span>() <= SPAN_BYTES);

/// Where the descriptor of `id` is.
#[inline(always)]
fn place(space: &Space, id: SpanId) -> *mut Span {
    let (base, ids) = space.span_slab();
    debug_assert!((id.0 as usize) < ids, "there is no span {id:?}");
    base.as_ptr().wrapping_add(id.0 as usize * SPAN_BYTES).cast()
}

/// The descriptor of an id that was handed out.
#[inline(always)]
pub(crate) fn at(space: &Space, id: SpanId) -> &Span {
    // SAFETY: the slab has room for each id that is handed out and lives as long as the space; all zero bytes are an unused
    // descriptor (under loom it was written when the id was first used); only shared references to it exist.
    unsafe { &*place(space, id) }
}

impl Space {
    /// The span that holds the slot at `addr`; `None` if none begins there. One dependent load.
    ///
    /// # Panics
    /// If the address is foreign.
    #[inline]
    pub fn span_of(&self, addr: usize) -> Option<&Span> {
        let id = SpanId(self.span_id(self.page_of(addr)));
        (id != SpanId(0)).then(|| at(self, id))
    }
}

impl Span {
    /// Address of the first slot.
    #[inline(always)]
    pub fn base(&self) -> usize {
        self.base.load(Ordering::Relaxed) // I1
    }

    /// Bytes per slot.
    #[inline(always)]
    pub fn slot_size(&self) -> usize {
        self.slot_size.load(Ordering::Relaxed) // I1
    }

    /// Length in pages.
    #[inline(always)]
    pub fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed) as usize // I1
    }

    /// Number of slots.
    #[inline(always)]
    pub fn slots(&self) -> u32 {
        self.slots.load(Ordering::Relaxed) // I1
    }

    /// The owner.
    #[inline(always)]
    pub fn owner(&self) -> Owner {
        Owner {
            word: self.word.load(Ordering::Relaxed),             // I1
            attributes: self.attributes.load(Ordering::Relaxed), // I1
        }
    }

    /// Address of the slot that holds `addr`, by a division: not for hot paths.
    pub fn slot_of(&self, addr: usize) -> Option<usize> {
        let slot = addr.checked_sub(self.base())? / self.slot_size();
        (slot < self.slots() as usize).then(|| self.base() + slot * self.slot_size())
    }

    /// A word that is the owner's to use as long as the span is there; 0 when it is made.
    pub fn note(&self) -> &AtomicUsize {
        &self.note
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Relaxed) // I2
    }

    pub(crate) fn set_epoch(&self, epoch: u32) {
        self.epoch.store(epoch, Ordering::Relaxed); // I2
    }

    pub(crate) fn released(&self) -> u32 {
        self.released.load(Ordering::Relaxed) // I2
    }

    pub(crate) fn set_released(&self, bits: u32) {
        self.released.store(bits, Ordering::Relaxed); // I2
    }

    /// Bytes of a large object that its owner uses.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed) // I1
    }

    /// The bit of the OS page at `addr` in `released`. A large object has at most its last page's OS pages there.
    pub(crate) fn os_page_bit(&self, addr: usize) -> u32 {
        let pages = self.pages() - described(self.pages() as u32) as usize;
        1 << ((addr - self.base() - pages * PAGE_SIZE) / OS_PAGE)
    }

    /// The words that hold bits of its slots.
    #[inline(always)]
    pub(crate) fn bits<'s>(&self, space: &'s Space) -> SpanBits<'s> {
        let pages = described(self.pages() as u32) as usize;
        let first = space.page_of(self.base());
        SpanBits { alloc: space.alloc_words(first, pages), mark: space.mark_words(first, pages) }
    }
}

/// What a span is made of.
pub(crate) struct Shape {
    pub(crate) first: PageId,
    pub(crate) pages: u32,
    pub(crate) slot_size: usize,
    pub(crate) slots: u32,
    /// Bytes that the owner uses of a large object's slot.
    pub(crate) asked: usize,
}

impl Shape {
    pub(crate) fn small(first: PageId, pages: u32, class: SizeClass) -> Shape {
        let slots = pages as usize * PAGE_SIZE / class.slot_size();
        Shape { first, pages, slot_size: class.slot_size(), slots: slots as u32, asked: 0 }
    }

    pub(crate) fn large(first: PageId, pages: u32, asked: usize) -> Shape {
        Shape { first, pages, slot_size: pages as usize * PAGE_SIZE, slots: 1, asked }
    }
}

/// Describes the pages of `shape` as a span of `bucket`'s owner. The pages are the caller's, fresh from the page heap.
pub(crate) fn make(
    space: &Space,
    ids: &mut IdCache,
    shape: &Shape,
    owner: Owner,
    bucket: NonNull<Bucket>,
    epoch: u32,
) -> Result<SpanId, AllocError> {
    debug_assert!(owner.attributes < 16, "an owner has four attributes");
    let taken = ids.take(space.span_ids())?;
    let id = SpanId(taken.id);
    if taken.first_use && cfg!(loom) {
        // SAFETY: the id is within the slab, and nobody refers to a descriptor that was never used.
        unsafe { place(space, id).write(Span::default()) };
    }
    let span = at(space, id);
    let base = space.page_base(shape.first);
    debug_assert_eq!(span.base(), 0, "a span descriptor is given out twice");
    // Relaxed: published by the Release store of the id below, and by the bucket's lock (I1, I2).
    span.base.store(base, Ordering::Relaxed);
    span.slot_size.store(shape.slot_size, Ordering::Relaxed);
    span.word.store(owner.word, Ordering::Relaxed);
    span.attributes.store(owner.attributes, Ordering::Relaxed);
    span.bucket.store(bucket.as_ptr().expose_provenance(), Ordering::Relaxed);
    span.pages.store(shape.pages, Ordering::Relaxed);
    span.slots.store(shape.slots, Ordering::Relaxed);
    span.epoch.store(epoch, Ordering::Relaxed);
    span.asked.store(shape.asked, Ordering::Relaxed);
    span.note.store(0, Ordering::Relaxed);
    debug_assert_eq!(span.released(), 0, "a span that is destroyed counts as backed");
    let bits = span.bits(space);
    debug_assert_eq!(bits.count_used(), 0, "pages from the page heap have bits set");
    // The page of the system that its mark bits lie in is backed now, and not when a marker comes: half a megabyte of heap
    // has its bits in one, and a fault takes as long as a hundred marks. Relaxed: nobody else writes yet; they are 0.
    bits.mark[0].store(0, Ordering::Relaxed);
    for page in described_pages(shape.first, shape.pages) {
        // Relaxed: as above.
        space.page_flags(page).store(owner.attributes, Ordering::Relaxed);
        space.set_span_id(page, id.0);
    }
    poison(base, shape.pages as usize * PAGE_SIZE);
    Ok(id)
}

/// Forgets a span without slots in use; its pages are the caller's again.
pub(crate) fn unmake(space: &Space, id: SpanId) -> PageRun {
    let span = at(space, id);
    let first = space.page_of(span.base());
    let pages = span.pages.load(Ordering::Relaxed); // I1
    assert_ne!(span.base(), 0, "a span is destroyed twice");
    debug_assert_eq!(span.bits(space).count_used(), 0, "a span is destroyed with slots in use");
    for page in described_pages(first, pages) {
        space.set_span_id(page, 0);
        // Relaxed: the pages reach their next user through the page heap's lock.
        space.page_flags(page).store(0, Ordering::Relaxed);
    }
    unpoison(span.base(), pages as usize * PAGE_SIZE);
    span.base.store(0, Ordering::Relaxed); // as above
    space.span_ids().give(id.0);
    PageRun { first, pages, zeroed: false }
}

/// How many of a span's pages name it and have bits (I4).
const fn described(pages: u32) -> u32 {
    if pages <= MAX_SPAN_PAGES { pages } else { 1 }
}

fn described_pages(first: PageId, pages: u32) -> impl Iterator<Item = PageId> {
    (first.0..first.0 + described(pages)).map(PageId)
}

/// Granules per slot, as a [`Stride`]; for each class.
pub(crate) const STRIDES: [Stride; crate::size_class::CLASSES] = {
    let mut strides = [Stride::new(1); crate::size_class::CLASSES];
    let mut class = 0;
    while class < strides.len() {
        strides[class] = Stride::new((SizeClass::from_index(class).slot_size() / GRANULE) as u32);
        class += 1;
    }
    strides
};
