//! The page heap: which pages of the [`Space`](crate::Space) are free, and which of those are known to be zero.
//!
//! Address-ordered first fit: a request takes the lowest run that is long enough, which keeps the used pages together
//! at the low end and leaves long free runs at the high end. Free runs coalesce by themselves: a run is nothing but
//! neighbouring zeroes in a bitmap. A tree of summaries ([`tree`]) makes both directions O(levels).
//!
//! ```text
//!          alloc, window                       begin_release
//!  free ------------------> used        free dirty ---------> releasing
//!       <------------------                  <-- end_release --
//!             free                        (clean, or dirty if the system refused)
//! ```
//!
//! - P1. Everything behind the lock is consistent whenever the lock is free; no system call is made under it.
//! - P2. A page under `madvise` is used for everybody else. A request that finds no run while pages are being released
//!   waits for those (at most 1 MiB for each releasing thread) and looks again; no further release begins meanwhile.
//!   So the scavenger never makes a request fail.
//! - P3. A page that is free and clean reads as zero; [`PageRun::zeroed`] says that all pages of a run were.

mod runs;
mod tree;

pub(crate) use runs::CHUNK_PAGES;
pub(crate) use tree::{Group, LEVELS, level_len};

use crate::error::{AllocError, Cause};
use crate::fault;
use crate::layout::{Layout, PAGE_SIZE};
use crate::os::Mapping;
use crate::space::PageId;
use crate::sync::{Condvar, Mutex, Statistic};
use tree::Tree;

/// A run of pages that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRun {
    /// The first page.
    pub first: PageId,
    /// How many.
    pub pages: u32,
    /// Every byte is known to be zero.
    pub zeroed: bool,
}

/// The pages of a space, free and used. Shared by all heaps; every method may be called by any thread.
#[derive(Debug)]
pub struct PageHeap {
    state: Mutex<State>,
    /// Signalled when the last release in flight ends, and when the last waiting request has its answer.
    turn: Condvar,
    /// Pages handed out to callers. Written by `alloc`, `free` and the page caches, read by `counters`.
    in_use: Statistic,
    /// Bytes ever returned to the system. Written by releasers, read by `counters`.
    returned: Statistic,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    /// Pages in the windows of page caches, handed out or not, are used in the tree; these are the ones that left it
    /// that way and have not come back. With `in_use` it gives the pages that wait in caches.
    taken: usize,
    /// Pages under `madvise`.
    releasing: usize,
    /// Requests that wait for those.
    waiting: usize,
}

/// Pages by state, at one moment. The sum of all but `high` and `returned_bytes` is the number of pages of the space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageCounters {
    /// Handed out.
    pub in_use: usize,
    /// In the windows of page caches, not handed out.
    pub cached: usize,
    /// Free, and written since the system gave them: the system still backs them.
    pub free: usize,
    /// Free, below `high`, and known to be zero: returned to the system, or never touched.
    pub released: usize,
    /// At this moment being returned to the system.
    pub releasing: usize,
    /// Never handed out so far: all pages from `high` on.
    pub untouched: usize,
    /// One past the highest page that was ever handed out.
    pub high: usize,
    /// Bytes returned to the system since the space was made.
    pub returned_bytes: usize,
}

impl PageHeap {
    /// A heap of `pages` free, clean pages.
    ///
    /// # Safety
    /// As for [`Tree::new`].
    pub(crate) unsafe fn new(pages: usize, layout: &Layout, tables: &Mapping) -> PageHeap {
        // SAFETY: promised by the caller.
        let tree = unsafe { Tree::new(pages, layout, tables) };
        PageHeap {
            state: Mutex::new(State { tree, taken: 0, releasing: 0, waiting: 0 }),
            turn: Condvar::new(),
            in_use: Statistic::default(),
            returned: Statistic::default(),
        }
    }

    /// Takes the lowest run of `pages` free pages. Cost: a lock and O(levels), plus one word for each 64 pages.
    ///
    /// # Errors
    /// [`Cause::Exhausted`] if there is no such run, [`Cause::TooLarge`] if there never can be.
    ///
    /// # Panics
    /// If `pages` is 0.
    pub fn alloc(&self, pages: u32) -> Result<PageRun, AllocError> {
        assert!(pages > 0, "a run has at least one page");
        let n = pages as usize;
        let refused = |cause| Err(AllocError::new(n * PAGE_SIZE, cause));
        if fault::strikes(fault::Point::Pages) {
            return refused(Cause::Exhausted);
        }
        let mut state = self.state.lock();
        if n > state.tree.len() {
            return refused(Cause::TooLarge);
        }
        let taken = state.tree.take(n).or_else(|| self.take_after_release(&mut state, |tree| tree.take(n)));
        let Some(taken) = taken else {
            return refused(Cause::Exhausted);
        };
        state.taken += n;
        drop(state);
        self.count_in_use(n, 0);
        Ok(PageRun { first: PageId(taken.start as u32), pages, zeroed: taken.dirty == 0 })
    }

    /// Takes a run back: one that was handed out, or a part of one. Its pages count as written, whatever `run.zeroed`
    /// says. Cost: as `alloc`.
    ///
    /// # Panics
    /// If a page of the run is free already, or not of this heap.
    pub fn free(&self, run: PageRun) {
        let n = run.pages as usize;
        if n == 0 {
            return;
        }
        let mut state = self.state.lock();
        state.tree.give(run.first.0 as usize, n, true);
        state.taken -= n;
        drop(state);
        self.count_in_use(0, n);
    }

    /// Takes all free pages of the aligned group of `size` pages that has the lowest free page.
    pub(crate) fn take_group(&self, size: usize) -> Option<Group> {
        let mut state = self.state.lock();
        let group = state
            .tree
            .take_group(size)
            .or_else(|| self.take_after_release(&mut state, |tree| tree.take_group(size)))?;
        state.taken += group.pages.count_ones() as usize;
        Some(group)
    }

    /// Takes back what is left of a group; `handed_out` counts those of its pages that are in use still.
    pub(crate) fn give_group(&self, group: Group) {
        if group.pages != 0 {
            let mut state = self.state.lock();
            state.tree.give_group(group);
            state.taken -= group.pages.count_ones() as usize;
        }
    }

    /// Counts pages that begin and that end to be handed out.
    pub(crate) fn count_in_use(&self, more: usize, fewer: usize) {
        // Wrapping arithmetic makes one addition of both.
        self.in_use.add(more.wrapping_sub(fewer) as u64);
    }

    /// P2: waits for the pages under `madvise`, if there are any, and tries again.
    #[cold]
    fn take_after_release<T>(
        &self,
        state: &mut crate::sync::MutexGuard<'_, State>,
        take: impl Fn(&mut Tree) -> Option<T>,
    ) -> Option<T> {
        if state.releasing == 0 {
            return None;
        }
        state.waiting += 1;
        while state.releasing > 0 {
            self.turn.wait(state);
        }
        let taken = take(&mut state.tree);
        state.waiting -= 1;
        if state.waiting == 0 {
            self.turn.notify_all();
        }
        taken
    }

    /// Reserves the highest run of at most `limit` free dirty pages below `below` for release. The caller returns it to
    /// the system and calls `end_release`, whatever came of it.
    pub(crate) fn begin_release(&self, below: usize, limit: usize) -> Option<(usize, usize)> {
        let mut state = self.state.lock();
        while state.waiting > 0 {
            self.turn.wait(&mut state);
        }
        let (start, n) = state.tree.last_dirty(below, limit)?;
        state.tree.take_at(start, n);
        state.releasing += n;
        Some((start, n))
    }

    /// Frees a run that `begin_release` reserved. The pages `clean` (a part of it, or none) are known to be zero now;
    /// `returned` bytes went to the system.
    pub(crate) fn end_release(&self, start: usize, n: usize, clean: std::ops::Range<usize>, returned: usize) {
        let mut state = self.state.lock();
        for (from, to, dirty) in
            [(start, clean.start, true), (clean.start, clean.end, false), (clean.end, start + n, true)]
        {
            if from < to {
                state.tree.give(from, to - from, dirty);
            }
        }
        state.releasing -= n;
        if state.releasing == 0 && state.waiting > 0 {
            self.turn.notify_all();
        }
        drop(state);
        self.count_returned(returned);
    }

    /// Counts bytes that went back to the system.
    pub(crate) fn count_returned(&self, bytes: usize) {
        self.returned.add(bytes as u64);
    }

    /// The pages that could be returned to the system now.
    pub(crate) fn releasable(&self) -> usize {
        self.state.lock().tree.dirty_free()
    }

    /// Pages by state. Cost: a lock. Page caches count what they hand out without it, so `cached` may be off by what
    /// other threads do at this moment.
    pub fn counters(&self) -> PageCounters {
        let state = self.state.lock();
        let in_use = (self.in_use.get() as usize).min(state.taken);
        let (len, high, free) = (state.tree.len(), state.tree.high(), state.tree.dirty_free());
        PageCounters {
            in_use,
            cached: state.taken - in_use,
            free,
            released: high - state.taken - state.releasing - free,
            releasing: state.releasing,
            untouched: len - high,
            high,
            returned_bytes: self.returned.get() as usize,
        }
    }
}
