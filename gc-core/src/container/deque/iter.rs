//! Iterators over a [`GcDeque`](super::GcDeque): run by run of elements that lie side by side.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;

use super::queue::{End, Queue};
use super::ring::Ring;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::trace::Trace;

/// Elements side by side in a segment.
struct Run<'gc, E> {
    ring: Ring<'gc, E>,
    places: Range<usize>,
}

/// Elements of a queue that does not change meanwhile, each handed out once.
struct Runs<'q, 'gc, E> {
    queue: &'q Queue<'gc, E>,
    /// Indices in no run yet.
    closed: Range<usize>,
    front: Option<Run<'gc, E>>,
    back: Option<Run<'gc, E>>,
}

impl<'q, 'gc, E> Runs<'q, 'gc, E> {
    fn new(queue: &'q Queue<'gc, E>, indices: Range<usize>) -> Self {
        Runs { queue, closed: indices, front: None, back: None }
    }

    fn len(&self) -> usize {
        let open = |run: &Option<Run<'gc, E>>| run.as_ref().map_or(0, |run| run.places.len());
        self.closed.len() + open(&self.front) + open(&self.back)
    }

    /// The next element; `open` is called for each run before its first.
    #[inline(always)]
    fn next(&mut self, open: impl Fn(Ring<'gc, E>, Range<usize>)) -> Option<NonNull<E>> {
        loop {
            if let Some(run) = &mut self.front
                && let Some(place) = run.places.next()
            {
                return Some(run.ring.at(place));
            }
            if self.closed.is_empty() {
                let run = self.back.as_mut()?;
                return run.places.next().map(|place| run.ring.at(place));
            }
            let (ring, place) = self.queue.at(self.closed.start);
            let len = self.closed.len().min(ring.capacity() - place);
            self.closed.start += len;
            open(ring, place..place + len);
            self.front = Some(Run { ring, places: place..place + len });
        }
    }

    /// The last element; as `next`.
    #[inline(always)]
    fn next_back(&mut self, open: impl Fn(Ring<'gc, E>, Range<usize>)) -> Option<NonNull<E>> {
        loop {
            if let Some(run) = &mut self.back
                && let Some(place) = run.places.next_back()
            {
                return Some(run.ring.at(place));
            }
            if self.closed.is_empty() {
                let run = self.front.as_mut()?;
                return run.places.next_back().map(|place| run.ring.at(place));
            }
            let (ring, place) = self.queue.at(self.closed.end - 1);
            let len = self.closed.len().min(place + 1);
            self.closed.end -= len;
            let places = place + 1 - len..place + 1;
            open(ring, places.clone());
            self.back = Some(Run { ring, places });
        }
    }
}

/// The elements of a deque ([`SeqView::iter`](super::SeqView::iter)).
pub struct SeqIter<'d, 'gc, T> {
    runs: Runs<'d, 'gc, T>,
    _borrow: PhantomData<&'d T>,
}

impl<'d, 'gc, T> SeqIter<'d, 'gc, T> {
    pub(super) fn new(queue: &'d Queue<'gc, T>, indices: Range<usize>) -> Self {
        SeqIter { runs: Runs::new(queue, indices), _borrow: PhantomData }
    }
}

impl<'d, T> Iterator for SeqIter<'d, '_, T> {
    type Item = &'d T;

    #[inline]
    fn next(&mut self) -> Option<&'d T> {
        let at = self.runs.next(|_, _| ())?;
        // SAFETY: an element, which nobody writes while the guard is borrowed.
        Some(unsafe { at.as_ref() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.runs.len(), Some(self.runs.len()))
    }
}

impl<T> DoubleEndedIterator for SeqIter<'_, '_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let at = self.runs.next_back(|_, _| ())?;
        // SAFETY: as in `next`.
        Some(unsafe { at.as_ref() })
    }
}

impl<T> ExactSizeIterator for SeqIter<'_, '_, T> {}
impl<T> FusedIterator for SeqIter<'_, '_, T> {}

impl<T> fmt::Debug for SeqIter<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqIter").field("left", &self.runs.len()).finish_non_exhaustive()
    }
}

/// The elements of a deque, to be changed ([`DequeMut::iter_mut`](super::DequeMut::iter_mut)).
pub struct SeqIterMut<'d, 'gc, T, S: Kind> {
    runs: Runs<'d, 'gc, T>,
    mc: &'d Mutation<'gc, S>,
    _borrow: PhantomData<&'d mut T>,
}

impl<'d, 'gc, T, S: Kind> SeqIterMut<'d, 'gc, T, S> {
    pub(super) fn new(queue: &'d Queue<'gc, T>, mc: &'d Mutation<'gc, S>, indices: Range<usize>) -> Self {
        SeqIterMut { runs: Runs::new(queue, indices), mc, _borrow: PhantomData }
    }
}

impl<'d, 'gc, T: Trace<'gc>, S: Kind> Iterator for SeqIterMut<'d, 'gc, T, S> {
    type Item = &'d mut T;

    #[inline]
    fn next(&mut self) -> Option<&'d mut T> {
        let mc = self.mc;
        // The barrier of a run reads its own elements alone, or, in Trace, the segment's before any of it was handed out (D3).
        let mut at = self.runs.next(|ring, places| ring.before_write(mc, places))?;
        // SAFETY: an element, exclusively borrowed with the guard, and handed out once.
        Some(unsafe { at.as_mut() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.runs.len(), Some(self.runs.len()))
    }
}

impl<'gc, T: Trace<'gc>, S: Kind> DoubleEndedIterator for SeqIterMut<'_, 'gc, T, S> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let mc = self.mc;
        let mut at = self.runs.next_back(|ring, places| ring.before_write(mc, places))?;
        // SAFETY: as in `next`.
        Some(unsafe { at.as_mut() })
    }
}

impl<'gc, T: Trace<'gc>, S: Kind> ExactSizeIterator for SeqIterMut<'_, 'gc, T, S> {}
impl<'gc, T: Trace<'gc>, S: Kind> FusedIterator for SeqIterMut<'_, 'gc, T, S> {}

impl<T, S: Kind> fmt::Debug for SeqIterMut<'_, '_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqIterMut").field("left", &self.runs.len()).finish_non_exhaustive()
    }
}

/// What was in a deque ([`DequeMut::drain`](super::DequeMut::drain)).
pub struct SeqDrain<'d, 'gc, T, S: Kind> {
    queue: Queue<'gc, T>,
    mc: &'d Mutation<'gc, S>,
}

impl<'d, 'gc, T, S: Kind> SeqDrain<'d, 'gc, T, S> {
    pub(super) fn new(queue: Queue<'gc, T>, mc: &'d Mutation<'gc, S>) -> Self {
        SeqDrain { queue, mc }
    }
}

impl<'gc, T: Trace<'gc>, S: Kind> Iterator for SeqDrain<'_, 'gc, T, S> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.queue.pop(self.mc, End::Front)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.queue.len(), Some(self.queue.len()))
    }
}

impl<'gc, T: Trace<'gc>, S: Kind> DoubleEndedIterator for SeqDrain<'_, 'gc, T, S> {
    #[inline]
    fn next_back(&mut self) -> Option<T> {
        self.queue.pop(self.mc, End::Back)
    }
}

impl<'gc, T: Trace<'gc>, S: Kind> ExactSizeIterator for SeqDrain<'_, 'gc, T, S> {}
impl<'gc, T: Trace<'gc>, S: Kind> FusedIterator for SeqDrain<'_, 'gc, T, S> {}

impl<T, S: Kind> fmt::Debug for SeqDrain<'_, '_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqDrain").field("left", &self.queue.len()).finish_non_exhaustive()
    }
}
