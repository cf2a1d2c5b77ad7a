//! What memory is where: one struct, read at any time.

use crate::arena::Arena;
use crate::layout::PAGE_SIZE;
use crate::size_class::CLASSES;
use crate::space::Space;
use crate::stats::ClassStats;

/// Bytes by state, of a space and of one arena in it, at about one moment.
///
/// Each number is right by itself; while other threads go on, sums may be off by what they do meanwhile and by what caches
/// have not told yet (less than 1 MiB for each busy owner word and class of a cache).
///
/// ```
/// use allocator::{Arena, Space};
/// let arena = Arena::new(Space::global()?)?;
/// let snapshot = arena.snapshot();
/// assert!(snapshot.reserved >= snapshot.in_use + snapshot.free + snapshot.released);
/// assert_eq!(snapshot.arena_in_use, snapshot.classes.iter().map(|class| class.bytes).sum::<u64>() as usize);
/// # Ok::<(), allocator::AllocError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Address space reserved for pages.
    pub reserved: usize,
    /// What the system backs at most: pages in use, in windows of caches, and free but written; less what was returned
    /// inside spans. (Pages in use that were never touched are not backed, though they count here.)
    pub committed: usize,
    /// Pages of spans, of all arenas.
    pub in_use: usize,
    /// Pages in the windows of caches.
    pub cached: usize,
    /// Free pages that the system still backs: what [`Space::release_free`] could return.
    pub free: usize,
    /// Free pages, used before, that the system does not back.
    pub released: usize,
    /// Bytes inside spans that the system does not back, of all arenas.
    pub released_inside: usize,
    /// Pages that were never used.
    pub untouched: usize,
    /// Side tables that were touched.
    pub metadata: usize,
    /// Returned to the system since the space was made.
    pub returned: usize,
    /// Pages of this arena's spans.
    pub arena_in_use: usize,
    /// Slots handed out by this arena since it was made.
    pub allocated: u64,
    /// Slots that the last complete sweep found in use.
    pub live: u64,
    /// This arena's numbers by size class, then those of large objects.
    pub classes: [ClassStats; CLASSES + 1],
}

impl Arena {
    /// What memory is where. Cost: three locks of some ten nanoseconds, and a load for each number of each class.
    pub fn snapshot(&self) -> Snapshot {
        let space: &Space = self.space();
        let pages = space.page_heap().counters();
        let classes = self.class_stats();
        let bytes = |pages: usize| pages * PAGE_SIZE;
        let backed = bytes(pages.in_use + pages.cached + pages.free + pages.releasing);
        Snapshot {
            reserved: space.reserved_bytes(),
            committed: backed.saturating_sub(pages.inside_bytes),
            in_use: bytes(pages.in_use),
            cached: bytes(pages.cached),
            free: bytes(pages.free + pages.releasing),
            released: bytes(pages.released),
            released_inside: pages.inside_bytes,
            untouched: bytes(pages.untouched),
            metadata: space.metadata_bytes(),
            returned: pages.returned_bytes,
            arena_in_use: classes.iter().map(|class| class.bytes as usize).sum(),
            allocated: self.allocated_bytes(),
            live: self.live_bytes(),
            classes,
        }
    }
}
