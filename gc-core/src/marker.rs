//! Marking: a [`Marker`] takes pages with grey objects from the queue, scans them, and marks what they point to; a [`Team`]
//! is the markers of one heap.
//!
//! I1. A marker scans only between the last answer to H3 and Done.
//! I2. `take_both` gives each grey object to one marker; the object's content was written before its mark was set or before
//!     its mutator answered H3.
//! I3. A panic in a user's `trace` can't be survived: objects would be missed. It aborts the process with a message.

use std::sync::Arc;
use std::thread::JoinHandle;

use allocator::{GRANULE, PageId, Space};
use crossbeam_deque::Worker;

use crate::grey::{GreyQueue, MarkerSink, begin_scan};
use crate::heap::HeapCore;
use crate::shade::Shades;
use crate::sync::{AtomicUsize, Condvar, Mutex, Ordering, spin_loop, yield_now};
use crate::tracer::{Sink, Tracer};
use crate::type_info::{PageBits, TypeInfo};

/// Looks for work that an idle marker takes before it sleeps.
const PATIENCE: u32 = if cfg!(loom) { 1 } else { 200 };

/// One marker.
pub(crate) struct Marker {
    index: usize,
    tracer: Box<Tracer<'static>>,
    /// Objects scanned in this cycle.
    pub(crate) scanned: u64,
}

// SAFETY: a marker moves to its thread with no edges collected; what it holds later are addresses of its heap's objects,
// which any thread may scan.
unsafe impl Send for Marker {}

/// Aborts if a `trace` panics (I3).
struct AbortOnPanic(&'static TypeInfo);

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        eprintln!(
            "gc-core: `trace` of a {} panicked on a marker thread; the heap can't be marked, so the process ends",
            (self.0.name)()
        );
        std::process::abort();
    }
}

impl Marker {
    pub(crate) fn new(index: usize, space: &'static Space, worker: Worker<PageId>) -> Self {
        Marker { index, tracer: Box::new(Tracer::new(space, Sink::Marker(MarkerSink { worker }))), scanned: 0 }
    }

    fn sink(&mut self) -> &mut MarkerSink {
        match &mut self.tracer.sink {
            Sink::Marker(sink) => sink,
            Sink::Shade(_) => unreachable!("a marker's tracer marks"),
        }
    }

    /// Marks a root.
    pub(crate) fn root(&mut self, target: std::ptr::NonNull<()>) {
        self.tracer.edge(target);
    }

    /// Marks what was collected so far.
    pub(crate) fn flush(&mut self) {
        self.tracer.flush();
    }

    /// Claims count for `epoch` from now on, or not at all.
    pub(crate) fn set_claims(&mut self, epoch: Option<u32>) {
        self.tracer.set_claims(epoch);
    }

    /// Marks until neither its own queue, nor the mutators' batches, nor another marker's queue has anything.
    fn work(&mut self, queue: &GreyQueue, shades: &Shades, helpers: &Sleepers) {
        let space = self.tracer.space();
        loop {
            while let Some(page) = self.sink().worker.pop() {
                self.scan(space, page);
                helpers.wake_some(|| self.sink().worker.len());
            }
            self.tracer.flush();
            if !self.sink().worker.is_empty() {
                continue;
            }
            if let Some(batch) = shades.take() {
                self.sink().take_in(space, &batch);
                continue;
            }
            let me = self.index;
            match queue.steal_into(me, &self.sink().worker) {
                Some(page) => self.scan(space, page),
                None => return,
            }
        }
    }

    /// Scans all grey objects of a page.
    fn scan(&mut self, space: &'static Space, page: PageId) {
        begin_scan(space, page);
        let bits: PageBits = space.take_both(page);
        if bits == [0; 8] {
            return;
        }
        let base = space.pointer(space.page_base(page)).cast_const();
        prefetch_slots(base, &bits);
        let span = space.span_of(base.addr()).expect("a page with marks belongs to a span");
        // SAFETY: the span is of a heap of this crate.
        let info = unsafe { TypeInfo::of_owner(span.owner().word) };
        let Some((info, scan)) = info.and_then(|info| info.scan.map(|scan| (info, scan))) else { return };
        self.scanned += bits.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
        let bomb = AbortOnPanic(info);
        // SAFETY: I2: initialised objects of the span's type, of the tracer's heap.
        unsafe { scan(base, &bits, span.slot_size(), &mut self.tracer) };
        std::mem::forget(bomb);
    }
}

/// Fetches the first line of each object whose bit is set, so that their misses overlap.
#[inline(always)]
fn prefetch_slots(base: *const u8, bits: &PageBits) {
    for (index, &word) in bits.iter().enumerate() {
        let mut left = word;
        while left != 0 {
            let granule = index * 64 + left.trailing_zeros() as usize;
            left &= left - 1;
            let slot = base.wrapping_add(granule * GRANULE);
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a prefetch of any address is harmless.
            unsafe {
                std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(slot.cast());
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = slot;
        }
    }
}

/// Helpers that found nothing to do.
#[derive(Debug)]
struct Sleepers {
    /// Written under `lock` by helpers (Relaxed), read without it by markers (Relaxed): a hint; who misses it is woken at
    /// the next page.
    count: AtomicUsize,
    lock: Mutex<TeamState>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct TeamState {
    marking: bool,
    epoch: u32,
    stop: bool,
    /// Helpers that take part in the marking that is on.
    inside: usize,
}

impl Sleepers {
    /// Wakes the sleeping helpers if there is something to share.
    #[inline(always)]
    fn wake_some(&self, queued: impl FnOnce() -> usize) {
        if self.count.load(Ordering::Relaxed) != 0 && queued() > 4 {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(&self) {
        let _state = self.lock.lock();
        self.wake.notify_all();
    }
}

/// The markers of one heap: the collector's thread and its helpers.
pub(crate) struct Team {
    shared: Arc<Shared>,
    marker: Marker,
    helpers: Vec<JoinHandle<u64>>,
}

struct Shared {
    queue: GreyQueue,
    shades: Arc<Shades>,
    sleepers: Sleepers,
}

impl Team {
    /// A team of as many markers as the configuration says. Helper threads start here and sleep.
    pub(crate) fn new(heap: &HeapCore) -> Team {
        let markers = heap.config.markers;
        let (queue, workers) = GreyQueue::new(markers);
        let shared = Arc::new(Shared {
            queue,
            shades: heap.shades.clone(),
            sleepers: Sleepers {
                count: AtomicUsize::new(0),
                lock: Mutex::new(TeamState::default()),
                wake: Condvar::new(),
            },
        });
        let mut all = workers.into_iter().enumerate().map(|(index, worker)| Marker::new(index, heap.space, worker));
        let marker = all.next().expect("at least one marker is configured");
        let helpers = all
            .map(|mut helper| {
                let shared = shared.clone();
                std::thread::Builder::new()
                    .name(format!("gc-marker-{}", helper.index))
                    .spawn(move || help(&mut helper, &shared))
                    .expect("the system can start the configured marker threads")
            })
            .collect();
        Team { shared, marker, helpers }
    }

    /// The collector's own marker, for roots.
    pub(crate) fn marker(&mut self) -> &mut Marker {
        &mut self.marker
    }

    /// Marking begins: claims count, helpers look for work.
    pub(crate) fn begin(&mut self, epoch: u32) {
        self.marker.set_claims(Some(epoch));
        let mut state = self.shared.sleepers.lock.lock();
        state.marking = true;
        state.epoch = epoch;
        self.shared.sleepers.wake.notify_all();
    }

    /// Marks until no marker holds work and nothing waits in a queue or a batch; the number of hand-ins seen until then.
    pub(crate) fn mark_until_quiet(&mut self) -> u64 {
        let Shared { queue, shades, sleepers } = &*self.shared;
        loop {
            queue.become_active();
            self.marker.work(queue, shades, sleepers);
            queue.become_idle();
            // Before the last look for batches: a hand-in after that look is counted after this reading.
            let handed_in = shades.handed_in();
            if shades.is_empty() && queue.is_quiet() {
                return handed_in;
            }
            spin_loop();
        }
    }

    /// Marking is over: helpers sleep, and none holds a claim or a page.
    pub(crate) fn end(&mut self) -> u64 {
        self.marker.set_claims(None);
        let sleepers = &self.shared.sleepers;
        let mut state = sleepers.lock.lock();
        state.marking = false;
        while state.inside != 0 {
            sleepers.wake.notify_all();
            sleepers.wake.wait(&mut state);
        }
        std::mem::take(&mut self.marker.scanned)
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        {
            let mut state = self.shared.sleepers.lock.lock();
            state.stop = true;
            self.shared.sleepers.wake.notify_all();
        }
        for helper in self.helpers.drain(..) {
            helper.join().expect("a helper does not panic: a trace that does aborts");
        }
    }
}

/// A helper's thread: sleeps between markings.
fn help(marker: &mut Marker, shared: &Shared) -> u64 {
    let Shared { queue, shades, sleepers } = shared;
    let mut scanned = 0;
    loop {
        let epoch = {
            let mut state = sleepers.lock.lock();
            loop {
                if state.stop {
                    return scanned;
                }
                if state.marking {
                    break;
                }
                sleepers.wake.wait(&mut state);
            }
            state.inside += 1;
            state.epoch
        };
        marker.set_claims(Some(epoch));
        while help_once(marker, queue, shades, sleepers) {}
        marker.set_claims(None);
        scanned += std::mem::take(&mut marker.scanned);
        let mut state = sleepers.lock.lock();
        state.inside -= 1;
        sleepers.wake.notify_all();
    }
}

/// Works, or waits for work; false when marking is over.
fn help_once(marker: &mut Marker, queue: &GreyQueue, shades: &Shades, sleepers: &Sleepers) -> bool {
    for patience in 0..PATIENCE {
        if !queue.is_empty() || !shades.is_empty() {
            queue.become_active();
            marker.work(queue, shades, sleepers);
            queue.become_idle();
        }
        if patience % 16 == 15 { yield_now() } else { spin_loop() }
    }
    let mut state = sleepers.lock.lock();
    if !state.marking {
        return false;
    }
    // Relaxed: a hint for `wake_some`.
    sleepers.count.fetch_add(1, Ordering::Relaxed);
    sleepers.wake.wait(&mut state);
    sleepers.count.fetch_sub(1, Ordering::Relaxed);
    state.marking
}
