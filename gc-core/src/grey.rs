//! The grey queue: pages with grey objects, each queued at most once, shared by the markers through work stealing.
//!
//! The unit of work is a page, not an object (Go's Green Tea collector, 2025): marking sets a bit and queues the page; first
//! in, first out, so that marks gather on a page before it is scanned; then all its grey objects are scanned together. The
//! queue is bounded by the number of pages, so deep structures need no stack.
//!
//! I1. A page with a grey object is queued, or is held by a marker, or the object is in a batch that a mutator has not handed
//!     in. Marker side: set the mark, then look at QUEUED; scanner side: clear QUEUED, then read the marks. Without a full
//!     barrier between the two steps on both sides each could miss the other:
//!
//! ```text
//!      marker                         scanner
//!      mark |= bit                    flags &= !QUEUED
//!      fence                          fence
//!      flags has QUEUED? then leave   grey = alloc & mark
//! ```
//! I2. Only active markers and hand-ins create work; a marker that is not active holds none.

use std::ptr::NonNull;

use allocator::{PageId, Space};

use crate::keys::{Chain, KeyTables};
use crate::shade::Marked;
use crate::sync::deque::{Injector, Steal, Stealer, Worker};
use crate::sync::{AtomicUsize, Ordering, fence_after_rmw};
use crate::tracer::Unsettled;
use crate::type_info::SILENT;

/// The page is in the grey queue: a bit of the page's flags that the allocator leaves to us.
const QUEUED: u8 = 0x10;

/// Queues `page` unless it is queued or its type has nothing to scan. A mark on it has just been set.
#[inline(always)]
fn queue(space: &Space, worker: &Worker<PageId>, page: PageId) {
    // MUTATION(queue-unfenced) skip
    fence_after_rmw(); // I1; partner: `begin_scan`
    let flags = space.page_flags(page);
    // Relaxed: ordered by the fence.
    if flags.load(Ordering::Relaxed) & (SILENT | QUEUED) != 0 {
        return;
    }
    // Relaxed: the page travels to its scanner through the deque.
    if flags.fetch_or(QUEUED, Ordering::Relaxed) & QUEUED == 0 {
        worker.push(page);
    }
}

/// Takes the page out of the queue's set; its marks are read after this.
#[inline(always)]
pub(crate) fn begin_scan(space: &Space, page: PageId) {
    // Relaxed: ordered by the fence.
    // MUTATION(queued-for-ever) skip
    space.page_flags(page).fetch_and(!QUEUED, Ordering::Relaxed);
    // MUTATION(scan-unfenced) skip
    fence_after_rmw(); // I1; partner: `queue`
}

/// The sink of a marker's tracer: marks, and queues pages.
pub(crate) struct MarkerSink {
    pub(crate) worker: Worker<PageId>,
    /// Objects marked, and taken in, since somebody asked.
    pub(crate) marked: u64,
    /// Slots of weak references scanned in this cycle.
    pub(crate) weak_slots: Vec<NonNull<()>>,
    /// Other objects scanned in this cycle that are to be settled.
    pub(crate) to_settle: Vec<Unsettled>,
    /// The tables of keys made in this cycle.
    pub(crate) key_tables: KeyTables,
    /// Ephemerons whose keys are marked, to be traced by this marker.
    pub(crate) values: Vec<Chain>,
    /// The page that this marker holds and will look at again: what it marks there itself needs no queue (I1).
    held: Option<PageId>,
    /// Whether it marked something on `held`.
    again: bool,
}

// SAFETY: addresses; what they name is the collector's to read.
unsafe impl Send for MarkerSink {}

impl MarkerSink {
    pub(crate) fn new(worker: Worker<PageId>) -> Self {
        MarkerSink {
            worker,
            marked: 0,
            weak_slots: Vec::new(),
            to_settle: Vec::new(),
            key_tables: KeyTables::default(),
            values: Vec::new(),
            held: None,
            again: false,
        }
    }

    /// From now on this marker holds `page`.
    #[inline(always)]
    pub(crate) fn hold(&mut self, page: PageId) {
        self.held = Some(page);
        self.again = false;
    }

    /// It holds none. Whether it has marked something on the one it held.
    #[inline(always)]
    pub(crate) fn let_go(&mut self) -> bool {
        self.held = None;
        self.again
    }

    /// Marks what is still white, and queues its pages.
    pub(crate) fn mark_all(&mut self, space: &Space, edges: &[Option<NonNull<()>>]) {
        for edge in edges.iter().flatten() {
            let addr = edge.addr().get();
            if space.mark(addr) {
                self.marked += 1;
                let page = space.page_of(addr);
                if self.held == Some(page) {
                    self.again = true;
                } else {
                    queue(space, &self.worker, page);
                }
            }
        }
    }

    /// Queues the pages of objects that a mutator marked.
    pub(crate) fn take_in(&mut self, space: &Space, batch: &[Marked]) {
        self.marked += batch.len() as u64;
        for marked in batch {
            queue(space, &self.worker, space.page_of(marked.0.addr().get()));
        }
    }
}

fn take_from<T>(injector: &Injector<T>) -> Option<T> {
    loop {
        match injector.steal() {
            Steal::Success(item) => return Some(item),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

/// One more entry in `GreyQueue::activity`: more than there are markers.
const ENTRY: usize = 1 << 16;

/// The markers' shared side of the queue.
#[derive(Debug)]
pub(crate) struct GreyQueue {
    stealers: Vec<Stealer<PageId>>,
    /// Pages that an assisting mutator found too long to scan: for the collector's threads.
    long: Injector<PageId>,
    /// Ephemerons whose keys are marked, left by a marker that stops.
    values: Injector<Chain>,
    /// How many markers hold or look for work and may create more (below `ENTRY`), and how often one became so. Written by
    /// each marker around its idle time (AcqRel), read by the collector, which wonders whether all is done (Acquire).
    activity: AtomicUsize,
}

impl GreyQueue {
    /// A queue for `markers` markers, assisting mutators included, and the workers' ends.
    pub(crate) fn new(markers: usize) -> (GreyQueue, Vec<Worker<PageId>>) {
        assert!(markers < ENTRY, "as many markers as a machine may have processors");
        let workers: Vec<_> = (0..markers).map(|_| Worker::new_fifo()).collect();
        let stealers = workers.iter().map(Worker::stealer).collect();
        (GreyQueue { stealers, long: Injector::new(), values: Injector::new(), activity: AtomicUsize::new(0) }, workers)
    }

    /// A page that takes long is left to the collector's threads. It stays queued.
    pub(crate) fn leave_long(&self, page: PageId) {
        self.long.push(page);
    }

    /// A page that takes long.
    pub(crate) fn take_long(&self) -> Option<PageId> {
        take_from(&self.long)
    }

    /// A marker that stops leaves these ephemerons to the others.
    pub(crate) fn leave_values(&self, values: &mut Vec<Chain>) {
        values.drain(..).for_each(|chain| self.values.push(chain));
    }

    /// Ephemerons to trace.
    pub(crate) fn take_values(&self) -> Option<Chain> {
        take_from(&self.values)
    }

    /// A batch of pages from another marker's end.
    pub(crate) fn steal_into(&self, me: usize, worker: &Worker<PageId>) -> Option<PageId> {
        let others = self.stealers.len();
        for turn in 1..others {
            let stealer = &self.stealers[(me + turn) % others];
            loop {
                match stealer.steal_batch_and_pop(worker) {
                    Steal::Success(page) => return Some(page),
                    Steal::Empty => break,
                    Steal::Retry => {}
                }
            }
        }
        None
    }

    /// Whether every marker's end is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.long.is_empty() && self.values.is_empty() && self.stealers.iter().all(Stealer::is_empty)
    }

    pub(crate) fn become_active(&self) {
        // AcqRel: a marker that steals has become active before, so whoever sees its queue empty sees it active.
        self.activity.fetch_add(ENTRY + 1, Ordering::AcqRel);
    }

    pub(crate) fn become_idle(&self) {
        // AcqRel: what this marker pushed is seen by whoever sees it idle.
        // MUTATION(idle-relaxed) Ordering::AcqRel ==> Ordering::Relaxed
        self.activity.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether no marker holds work. Stable only for the collector, once hand-ins are looked at too.
    pub(crate) fn is_quiet(&self) -> bool {
        // Acquire, both: pairs with `become_idle`. Work is created by active markers only, so if nobody was active before
        // the look at the queues and nobody became so during it, what was seen empty stayed empty. The number of active
        // ones does not tell: a marker may take from a queue not yet looked at, leave what it found in one that was, and
        // be idle again. Whoever took what was seen missing had become active before, and the second reading sees it.
        let before = self.activity.load(Ordering::Acquire);
        // MUTATION(quiet-at-one-look) self.activity.load(Ordering::Acquire) == before ==> true
        before.is_multiple_of(ENTRY) && self.is_empty() && self.activity.load(Ordering::Acquire) == before
    }
}
