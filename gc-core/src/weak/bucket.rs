//! The buckets of a [`WeakTable`](super::table::WeakTable): entries, and what is done with one. T1 to T4 are in `table`.

use std::ptr::NonNull;

use allocator::{AllocError, Space};

use crate::cell::GcCell;
use crate::gc::Gc;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::trace::Trace;
use crate::tracer::Tracer;
use crate::type_info::Sized_;

/// Entries of a bucket: as many as make it three cache lines, two of which a search reads.
pub(super) const ENTRIES: usize = 13;
/// Words of tags, of which the last has room for more.
pub(super) const TAG_WORDS: usize = 2;

/// What stands beside a target.
pub(crate) trait Payload<'gc>: Trace<'gc> + 'gc {
    /// Of an entry without target.
    fn vacant() -> Self;

    /// Becomes what `other` is, which becomes vacant.
    fn take_from<S: Kind>(&self, mc: &Mutation<'gc, S>, other: &Self);

    /// Becomes vacant. Called by the collector, of an entry whose target has died.
    fn settle(&self);
}

impl<'gc> Payload<'gc> for () {
    fn vacant() -> Self {}

    fn take_from<S: Kind>(&self, _: &Mutation<'gc, S>, (): &Self) {}

    fn settle(&self) {}
}

/// One pointer.
pub(crate) struct Beside<'gc, T: 'gc>(GcCell<'gc, Option<Gc<'gc, T>>>);

impl<'gc, T> Beside<'gc, T> {
    /// The pointer of an entry.
    pub(crate) fn get(&self) -> Gc<'gc, T> {
        self.0.get().expect("an entry has its payload as long as its target lives")
    }

    pub(crate) fn set<S: Kind>(&self, mc: &Mutation<'gc, S>, to: Gc<'gc, T>) {
        self.0.set(mc, Some(to));
    }
}

// SAFETY: the one field is shown.
unsafe impl<'gc, T> Trace<'gc> for Beside<'gc, T> {
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.0);
    }
}

impl<'gc, T> Payload<'gc> for Beside<'gc, T> {
    fn vacant() -> Self {
        Beside(GcCell::new(None))
    }

    fn take_from<S: Kind>(&self, mc: &Mutation<'gc, S>, other: &Self) {
        self.0.set(mc, other.0.get());
        other.0.set(mc, None);
    }

    fn settle(&self) {
        self.0.settle(None);
    }
}

/// The hash of an object's identity.
pub(crate) fn hash_of(object: NonNull<()>) -> u32 {
    // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): the high half of the product has the good bits.
    ((object.addr().get() as u64 / 8).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// Entries in a table, in an object of its own: buckets hold it.
pub(crate) struct Count {
    /// Added to by mutators, taken from by them and by the collector (all Relaxed: a number).
    pub(super) entries: AtomicUsize,
}

// SAFETY: holds no `Gc`.
unsafe impl<'gc> Trace<'gc> for Count {
    const HOLDS_GC: bool = false;

    fn trace(&self, _: &mut Tracer<'gc>) {}
}

/// Some entries, and the bucket that has more of the same chain.
#[repr(C)]
pub(crate) struct Bucket<'gc, P> {
    /// The high byte of each entry's hash; left as it is when the entry is emptied. Written and read under the lock (T1).
    tags: [AtomicU64; TAG_WORDS],
    /// Null: no entry. Written under the lock, and by the collector (T1; Release), read by mutators (Acquire).
    pub(super) targets: [AtomicPtr<()>; ENTRIES],
    pub(super) next: GcCell<'gc, Option<Gc<'gc, Bucket<'gc, P>>>>,
    /// As `tags`.
    hashes: [AtomicU32; ENTRIES],
    count: Gc<'gc, Count>,
    pub(super) payloads: [P; ENTRIES],
}

const _: () = assert!(cfg!(loom) || size_of::<Bucket<'static, ()>>() == 3 * 64);

// SAFETY: every pointer but the weak ones is shown, and the bucket itself, so that those are settled.
unsafe impl<'gc, P: Payload<'gc>> Trace<'gc> for Bucket<'gc, P> {
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.settle_later(NonNull::from(self).cast(), settle::<P>);
        tracer.field(&self.next);
        tracer.field(&self.count);
        for payload in &self.payloads {
            tracer.field(payload);
        }
    }
}

/// Empties the entries whose targets are white.
///
/// # Safety
/// `bucket` is a live `Bucket<'gc, P>`; between Done and H4.
unsafe fn settle<'gc, P: Payload<'gc>>(bucket: NonNull<()>, space: &Space) {
    // SAFETY: by contract.
    let bucket = unsafe { bucket.cast::<Bucket<'gc, P>>().as_ref() };
    let mut lost = 0;
    for (target, payload) in bucket.targets.iter().zip(&bucket.payloads) {
        // Acquire: pairs with `put`, whose target's mark is looked at.
        let addr = target.load(Ordering::Acquire).addr();
        if addr != 0 && !space.is_marked(addr) {
            payload.settle();
            // Release: pairs with the load in `target`; H4 orders it too.
            target.store(std::ptr::null_mut(), Ordering::Release);
            lost += 1;
        }
    }
    if lost != 0 {
        bucket.count.entries.fetch_sub(lost, Ordering::Relaxed);
    }
}

/// The place of a hash's tag in a word of tags.
pub(super) const fn tag_of(hash: u32) -> u64 {
    (hash >> 24) as u64
}

impl<'gc, P: Payload<'gc>> Bucket<'gc, P> {
    pub(super) fn alloc<S: Kind>(
        mc: &Mutation<'gc, S>,
        count: Gc<'gc, Count>,
        next: Option<Gc<'gc, Self>>,
    ) -> Result<Gc<'gc, Self>, AllocError> {
        mc.try_alloc_as(
            Sized_::<'gc, Self>::INFO,
            Bucket {
                tags: std::array::from_fn(|_| AtomicU64::new(0)),
                targets: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
                next: GcCell::new(next),
                count,
                hashes: std::array::from_fn(|_| AtomicU32::new(0)),
                payloads: std::array::from_fn(|_| P::vacant()),
            },
        )
    }

    /// Places that may have this tag, as the high bits of bytes, for each word of tags. All that have it, and now and then one
    /// that has not.
    #[inline(always)]
    pub(super) fn matches(&self, word: usize, tag: u64) -> u64 {
        const LOW_BITS: u64 = 0x0101_0101_0101_0101;
        // Relaxed: under the lock.
        let differs = self.tags[word].load(Ordering::Relaxed) ^ (tag * LOW_BITS);
        let rest = ENTRIES - word * 8; // entries from this word on
        let all = if rest >= 8 { u64::MAX } else { (1 << (rest * 8)) - 1 };
        differs.wrapping_sub(LOW_BITS) & !differs & (LOW_BITS << 7) & all
    }

    /// The target of an entry, kept alive for the region; `None` if there is none or it is lost.
    #[inline(always)]
    pub(super) fn target<S: Kind>(&self, mc: &Mutation<'gc, S>, place: usize) -> Option<NonNull<()>> {
        // Acquire: pairs with `put` and `settle`.
        let target = NonNull::new(self.targets[place].load(Ordering::Acquire))?;
        super::is_kept(mc.record(), target).then_some(target)
    }

    pub(super) fn hash(&self, place: usize) -> u32 {
        self.hashes[place].load(Ordering::Relaxed) // under the lock
    }

    pub(super) fn is_free(&self, place: usize) -> bool {
        // Acquire: pairs with `settle`, which makes the payload vacant before.
        self.targets[place].load(Ordering::Acquire).is_null()
    }

    /// Places with an entry.
    pub(super) fn used(&self) -> impl Iterator<Item = usize> + '_ {
        (0..ENTRIES).filter(|&place| !self.is_free(place))
    }

    /// Makes an entry at a free place.
    pub(super) fn put<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        place: usize,
        hash: u32,
        target: NonNull<()>,
        fill: impl FnOnce(&Mutation<'gc, S>, &P),
    ) {
        let (word, shift) = (&self.tags[place / 8], place % 8 * 8);
        // Relaxed: under the lock.
        let tags = word.load(Ordering::Relaxed) & !(0xFF << shift) | tag_of(hash) << shift;
        word.store(tags, Ordering::Relaxed);
        self.hashes[place].store(hash, Ordering::Relaxed);
        fill(mc, &self.payloads[place]);
        // Release: pairs with `target` and `settle`.
        self.targets[place].store(target.as_ptr(), Ordering::Release);
    }

    /// Empties a place. Its target was upgraded.
    pub(super) fn clear(&self, place: usize) {
        // Relaxed: under the lock; the collector does nothing about a target that is marked.
        self.targets[place].store(std::ptr::null_mut(), Ordering::Relaxed);
    }
}

/// A chain's buckets.
pub(super) struct Chain<'gc, P>(pub(super) Option<Gc<'gc, Bucket<'gc, P>>>);

impl<'gc, P: Payload<'gc>> Iterator for Chain<'gc, P> {
    type Item = Gc<'gc, Bucket<'gc, P>>;

    fn next(&mut self) -> Option<Self::Item> {
        let bucket = self.0?;
        self.0 = bucket.next.get();
        Some(bucket)
    }
}

/// The free places of a chain.
pub(super) fn free_places<'gc, P: Payload<'gc>>(
    first: Gc<'gc, Bucket<'gc, P>>,
) -> impl Iterator<Item = (Gc<'gc, Bucket<'gc, P>>, usize)> {
    Chain(Some(first))
        .flat_map(|bucket| (0..ENTRIES).filter(move |&place| bucket.is_free(place)).map(move |place| (bucket, place)))
}
