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
    /// Highest id that was ever handed out.
    high: u32,
    /// Per id that is free: the next free id.
    links: Table<u32>,
}

/// An id that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenId {
    /// Which.
    pub(crate) id: u32,
    /// It was never handed out before: its descriptor is still zero.
    pub(crate) first_use: bool,
}

impl SpanIds {
    /// Ids for the spans of a space.
    ///
    /// # Safety
    /// `tables` outlives the result, and nobody else uses its `id_links`.
    pub(crate) unsafe fn new(layout: &Layout, tables: &Mapping) -> SpanIds {
        // SAFETY: by contract.
        let links = unsafe { tables.table(layout.id_links) };
        SpanIds(Mutex::new(Ids { free: 0, high: 0, links }))
    }

    /// Takes an id. Cost: a lock.
    ///
    /// # Errors
    /// [`Cause::Descriptors`] if as many spans live as the space has pages.
    pub(crate) fn take(&self) -> Result<TakenId, AllocError> {
        if fault::strikes(fault::Point::Descriptor) {
            return Err(AllocError::new(SPAN_BYTES, Cause::Descriptors));
        }
        let mut ids = self.0.lock();
        let id = ids.free;
        if id != 0 {
            ids.free = ids.links[id as usize];
            return Ok(TakenId { id, first_use: false });
        }
        let id = ids.high + 1;
        if id as usize >= ids.links.len() {
            return Err(AllocError::new(SPAN_BYTES, Cause::Descriptors));
        }
        ids.high = id;
        Ok(TakenId { id, first_use: true })
    }

    /// Gives an id back. Nothing refers to its descriptor any more. Cost: a lock.
    pub(crate) fn give(&self, id: u32) {
        let mut ids = self.0.lock();
        debug_assert!(id != 0 && id <= ids.high, "span id {id} was never handed out");
        let next = ids.free;
        ids.links[id as usize] = next;
        ids.free = id;
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
        let taken: Vec<_> = (0..3).map(|_| ids.take().unwrap()).collect();
        assert_eq!(taken.iter().map(|t| t.id).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(taken.iter().all(|t| t.first_use));
        assert_eq!(ids.take(), Err(AllocError::new(SPAN_BYTES, Cause::Descriptors)));
        ids.give(2);
        ids.give(1);
        assert_eq!(ids.take().unwrap(), TakenId { id: 1, first_use: false });
        assert_eq!(ids.take().unwrap(), TakenId { id: 2, first_use: false });
        assert!(ids.take().is_err());
        assert_eq!(ids.high(), 3);
    }
}
