//! Ids for span descriptors: small, dense, reused last in first out.
//!
//! Id 0 names no span. A free id keeps the next free id in a side table, so that giving an id back cannot fail.
//!
//! - I1. Every id from 1 up to `high` is either in the free list or handed out; those above were never used.

use crate::error::{AllocError, Cause};
use crate::fault;
use crate::layout::{Layout, SPAN_BYTES};
use crate::os::Mapping;
use crate::side_table::Table;
use crate::sync::Mutex;

/// The ids of a space.
#[derive(Debug)]
pub(crate) struct SpanIds(Mutex<Ids>);

#[derive(Debug)]
struct Ids {
    /// First free id; 0 is none.
    free: u32,
    /// How many are in the free list.
    free_count: u32,
    /// Highest id that was ever handed out.
    high: u32,
    /// Per id that is free: the next free id.
    links: Table<u32>,
}

/// An id that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TakenId {
    /// Which.
    pub(crate) id: u32,
    /// It was never handed out before: its descriptor is still zero.
    pub(crate) first_use: bool,
}

impl Ids {
    fn take(&mut self) -> Option<TakenId> {
        let id = self.free;
        if id != 0 {
            self.free = self.links[id as usize];
            self.free_count -= 1;
            return Some(TakenId { id, first_use: false });
        }
        let id = self.high + 1;
        if id as usize >= self.links.len() {
            return None;
        }
        self.high = id;
        Some(TakenId { id, first_use: true })
    }

    fn give(&mut self, id: u32) {
        debug_assert!(id != 0 && id <= self.high, "span id {id} was never handed out");
        let next = self.free;
        self.links[id as usize] = next;
        self.free = id;
        self.free_count += 1;
    }

    /// Ids that are not handed out.
    fn left(&self) -> usize {
        self.links.len() - 1 - self.high as usize + self.free_count as usize
    }
}

/// Some ids of one cache, so that not every span takes the lock.
#[derive(Debug, Default)]
pub(crate) struct IdCache {
    ids: [TakenId; ID_BATCH],
    /// Those that are left.
    left: std::ops::Range<usize>,
}

/// Ids that a cache takes at a time.
const ID_BATCH: usize = if cfg!(loom) { 1 } else { 16 };

impl IdCache {
    /// Takes an id. Cost: some instructions, or a lock for a batch.
    ///
    /// # Errors
    /// [`Cause::Descriptors`] if as many spans live as the space has pages, but for what other caches keep.
    pub(crate) fn take(&mut self, all: &SpanIds) -> Result<TakenId, AllocError> {
        if self.left.is_empty() {
            if fault::strikes(fault::Point::Descriptor) {
                return Err(AllocError::new(SPAN_BYTES, Cause::Descriptors));
            }
            let mut ids = all.0.lock();
            // Where ids are few nobody hoards.
            let batch = if ids.left() >= 64 * ID_BATCH { ID_BATCH } else { 1 };
            let taken = self.ids[..batch].iter_mut().map_while(|place| ids.take().map(|id| *place = id)).count();
            self.left = 0..taken;
        }
        let next = self.left.next().ok_or(AllocError::new(SPAN_BYTES, Cause::Descriptors))?;
        Ok(self.ids[next])
    }

    /// Gives all ids back. Cost: a lock.
    pub(crate) fn give_back(&mut self, all: &SpanIds) {
        let mut ids = all.0.lock();
        for left in std::mem::take(&mut self.left) {
            ids.give(self.ids[left].id);
        }
    }
}

impl SpanIds {
    /// Ids for the spans of a space.
    ///
    /// # Safety
    /// `tables` outlives the result, and nobody else uses its `id_links`.
    pub(crate) unsafe fn new(layout: &Layout, tables: &Mapping) -> SpanIds {
        // SAFETY: by contract.
        let links = unsafe { tables.table(layout.id_links) };
        SpanIds(Mutex::new(Ids { free: 0, free_count: 0, high: 0, links }))
    }

    /// Gives an id back. Nothing refers to its descriptor any more. Cost: a lock.
    pub(crate) fn give(&self, id: u32) {
        self.0.lock().give(id);
    }

    /// The highest id that was ever handed out. Cost: a lock.
    pub(crate) fn high(&self) -> u32 {
        self.0.lock().high
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn ids(pages: usize) -> (SpanIds, Mapping) {
        let layout = Layout::new(pages);
        let tables = Mapping::reserve(layout.bytes).unwrap();
        // SAFETY: the mapping is kept beside the ids, and no other table is made from it.
        (unsafe { SpanIds::new(&layout, &tables) }, tables)
    }

    #[test]
    fn ids_are_dense_reused_and_run_out() {
        let (ids, _tables) = ids(3);
        let mut cache = IdCache::default();
        let taken: Vec<_> = (0..3).map(|_| cache.take(&ids).unwrap()).collect();
        assert_eq!(taken.iter().map(|t| t.id).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(taken.iter().all(|t| t.first_use));
        assert_eq!(cache.take(&ids), Err(AllocError::new(SPAN_BYTES, Cause::Descriptors)));
        ids.give(2);
        ids.give(1);
        assert_eq!(cache.take(&ids).unwrap(), TakenId { id: 1, first_use: false });
        assert_eq!(cache.take(&ids).unwrap(), TakenId { id: 2, first_use: false });
        assert!(cache.take(&ids).is_err());
        assert_eq!(ids.high(), 3);
    }

    #[test]
    fn caches_take_batches_while_there_are_many_and_give_all_back() {
        const IDS: usize = 64 * ID_BATCH + 2 * ID_BATCH;
        let (ids, _tables) = ids(IDS);
        let mut caches = [IdCache::default(), IdCache::default()];
        let mut seen = vec![false; IDS + 1];
        let mut taken = Vec::new();
        while taken.len() < IDS - ID_BATCH {
            let id = caches[taken.len() % 2].take(&ids).unwrap().id;
            assert!(!std::mem::replace(&mut seen[id as usize], true), "id {id} is out twice");
            taken.push(id);
        }
        taken.into_iter().for_each(|id| ids.give(id));
        caches.iter_mut().for_each(|cache| cache.give_back(&ids));
        let mut cache = IdCache::default();
        assert_eq!((0..IDS).map_while(|_| cache.take(&ids).ok()).count(), IDS, "an id was lost");
    }
}
