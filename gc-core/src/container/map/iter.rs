//! Iterators over a [`GcMap`](super::GcMap).

use std::fmt;
use std::marker::PhantomData;

use crate::container::table::{Elements, Table};
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::trace::Trace;

/// The keys of a map with their values ([`MapView::iter`](super::MapView::iter)).
pub struct MapIter<'m, 'gc, K, V> {
    elements: Elements<'gc, (K, V)>,
    left: usize,
    _borrow: PhantomData<&'m (K, V)>,
}

impl<'m, 'gc, K, V> MapIter<'m, 'gc, K, V> {
    pub(super) fn new(table: &'m Table<'gc, (K, V)>) -> Self {
        MapIter { elements: table.elements(), left: table.len(), _borrow: PhantomData }
    }
}

impl<'m, K, V> Iterator for MapIter<'m, '_, K, V> {
    type Item = (&'m K, &'m V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let at = self.elements.next()?;
        self.left -= 1;
        // SAFETY: an element, which nobody writes while the guard is borrowed.
        let (key, value) = unsafe { at.segment.at(at.place).as_ref() };
        Some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V> ExactSizeIterator for MapIter<'_, '_, K, V> {}

impl<K, V> fmt::Debug for MapIter<'_, '_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapIter").field("left", &self.left).finish_non_exhaustive()
    }
}

/// What was in a map ([`MapMut::drain`](super::MapMut::drain)).
pub struct MapDrain<'m, 'gc, K, V, S: Kind> {
    table: Table<'gc, (K, V)>,
    elements: Elements<'gc, (K, V)>,
    mc: &'m Mutation<'gc, S>,
}

impl<'m, 'gc, K, V, S: Kind> MapDrain<'m, 'gc, K, V, S> {
    pub(super) fn new(table: Table<'gc, (K, V)>, mc: &'m Mutation<'gc, S>) -> Self {
        MapDrain { elements: table.elements(), table, mc }
    }
}

impl<'gc, K: Trace<'gc>, V: Trace<'gc>, S: Kind> Iterator for MapDrain<'_, 'gc, K, V, S> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let at = self.elements.next()?;
        // SAFETY: an element of this table, which this alone has.
        Some(unsafe { self.table.remove(self.mc, at) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.table.len(), Some(self.table.len()))
    }
}

impl<'gc, K: Trace<'gc>, V: Trace<'gc>, S: Kind> ExactSizeIterator for MapDrain<'_, 'gc, K, V, S> {}

impl<K, V, S: Kind> fmt::Debug for MapDrain<'_, '_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapDrain").field("left", &self.table.len()).finish_non_exhaustive()
    }
}
