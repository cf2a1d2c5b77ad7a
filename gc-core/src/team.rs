//! The markers of one heap: [`Marking`] is what they share, [`Team`] the thread that runs its cycle, and helpers.
//!
//! I1. Who marks in a cycle (a helper, an assisting mutator) enters under the lock while `marking` is on, and leaves when its
//!     queue may be stolen from. `end` turns it off and waits for all who are inside: after it nobody scans.
//! I2. `end` is called at Done: the queues are empty then, and stay so, for no shade finds a white object any more.

use std::sync::Arc;
use std::time::Duration;

use allocator::Space;

use crate::assist::Progress;
use crate::clock::thread_time;
use crate::cycle::Budget;
use crate::grey::GreyQueue;
use crate::marker::{Findings, Marker, Work};
use crate::pool::pool;
use crate::shade::Shades;
use crate::sync::{AtomicUsize, Condvar, Mutex, Ordering, spin_loop, yield_now};

/// Looks for work that an idle marker takes before it sleeps.
const PATIENCE: u32 = if cfg!(loom) { 1 } else { 200 };
/// Looks between two offers of the processor to somebody else.
const SPINS: u32 = 16;

/// Between two looks for work, of which this was the `looks`th in vain.
fn relax(looks: u32) {
    if cfg!(loom) || looks.is_multiple_of(SPINS) { yield_now() } else { spin_loop() }
}

/// Helpers that found nothing to do.
#[derive(Debug)]
pub(crate) struct Sleepers {
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
    /// Helpers and assisting mutators that take part in the marking that is on.
    inside: usize,
    /// What they found in it.
    found: Findings,
    /// The processor's time that they took.
    time: Duration,
}

impl Sleepers {
    /// Wakes the sleeping helpers if there is something to share.
    #[inline(always)]
    pub(crate) fn wake_some(&self, queued: impl FnOnce() -> usize) {
        if self.count.load(Ordering::Relaxed) != 0 && queued() > 4 {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(&self) {
        let _state = self.lock.lock();
        self.wake.notify_all();
    }

    /// Enters the marking that is on (I1); the epoch that claims count for.
    fn enter(&self) -> Option<u32> {
        let mut state = self.lock.lock();
        state.marking.then(|| {
            state.inside += 1;
            state.epoch
        })
    }

    fn leave(&self, found: Findings, time: Duration) {
        let mut state = self.lock.lock();
        state.inside -= 1;
        state.found.add(found);
        state.time += time;
        if !state.marking {
            self.wake.notify_all();
        }
    }
}

/// What all markers of a heap share.
pub(crate) struct Marking {
    queue: GreyQueue,
    shades: Arc<Shades>,
    sleepers: Sleepers,
    pub(crate) progress: Progress,
    /// The team's markers, but for the first one, and those that are helping.
    helpers: Mutex<Vec<Marker>>,
    /// Markers for mutators that assist; each of those inside has one.
    for_assists: Mutex<Vec<Marker>>,
}

impl Marking {
    /// With `markers` for the collector's threads, the first of which is for the [`Team`], and `assistants` for mutators.
    pub(crate) fn new(
        space: &'static Space,
        shades: &Arc<Shades>,
        markers: usize,
        assistants: usize,
    ) -> (Marking, Marker) {
        let (queue, workers) = GreyQueue::new(markers + assistants);
        let mut all: Vec<_> =
            workers.into_iter().enumerate().map(|(index, worker)| Marker::new(index, space, worker)).collect();
        let for_assists = all.split_off(markers);
        let first = all.swap_remove(0);
        let marking = Marking {
            queue,
            shades: shades.clone(),
            sleepers: Sleepers {
                count: AtomicUsize::new(0),
                lock: Mutex::new(TeamState::default()),
                wake: Condvar::new(),
            },
            progress: Progress::new(),
            helpers: Mutex::new(all),
            for_assists: Mutex::new(for_assists),
        };
        (marking, first)
    }

    fn work(&self) -> Work<'_> {
        let Marking { queue, shades, sleepers, progress, .. } = self;
        Work { queue, shades, sleepers, progress }
    }

    /// A mutator in Trace, in a region or not, marks until the budget is spent; the bytes scanned. It waits for nobody: with no
    /// marker or no work to be had it scans less.
    pub(crate) fn assist(&self, budget: &Budget) -> usize {
        let Some(epoch) = self.sleepers.enter() else { return 0 };
        let marker = self.for_assists.lock().pop();
        let Some(mut marker) = marker else {
            self.sleepers.leave(Findings::default(), Duration::ZERO);
            return 0;
        };
        let since = thread_time();
        marker.set_claims(Some(epoch));
        self.queue.become_active();
        let scanned = marker.assist(&self.work(), budget);
        self.queue.become_idle();
        marker.set_claims(None);
        let found = marker.take_found();
        self.for_assists.lock().push(marker);
        self.sleepers.leave(found, thread_time() - since);
        scanned
    }
}

/// The thread that runs the cycle, and its helpers.
pub(crate) struct Team {
    shared: Arc<Marking>,
    marker: Marker,
    /// Looks in vain for the others to come to their end.
    waits: u32,
}

impl Team {
    /// A team with this first marker.
    pub(crate) fn new(shared: &Arc<Marking>, marker: Marker) -> Team {
        Team { shared: shared.clone(), marker, waits: 0 }
    }

    /// The collector's own marker, for roots.
    pub(crate) fn marker(&mut self) -> &mut Marker {
        &mut self.marker
    }

    /// Marking begins: claims count, helpers are called.
    pub(crate) fn begin(&mut self, epoch: u32) {
        self.marker.set_claims(Some(epoch));
        {
            let mut state = self.shared.sleepers.lock.lock();
            state.marking = true;
            state.epoch = epoch;
        }
        // A helper of the last cycle that comes only now helps in this one; without a thread there is one helper less.
        let helpers = self.shared.helpers.lock().len();
        for _ in 0..helpers {
            let shared = self.shared.clone();
            let _ = pool().run(move || help(&shared));
        }
    }

    /// Marks until the budget is spent or there is nothing to do. If no marker holds work then, and nothing waits in a queue
    /// or a batch: the number of hand-ins seen until then.
    pub(crate) fn mark(&mut self, budget: &mut Budget) -> Option<u64> {
        let Marking { queue, shades, .. } = &*self.shared;
        // MUTATION(marks-while-idle) skip
        queue.become_active();
        let spent = self.marker.work(&self.shared.work(), budget);
        queue.become_idle();
        if spent {
            return None;
        }
        // Before the last look for batches: a hand-in after that look is counted after this reading.
        let handed_in = shades.handed_in();
        if shades.is_empty() && queue.is_quiet() {
            self.waits = 0;
            return Some(handed_in);
        }
        self.waits += 1;
        relax(self.waits);
        None
    }

    /// Marking is over: nobody is inside, and holds a claim or a page. What all have found.
    pub(crate) fn end(&mut self) -> Findings {
        self.marker.set_claims(None);
        let sleepers = &self.shared.sleepers;
        let mut state = sleepers.lock.lock();
        state.marking = false;
        // MUTATION(end-waits-for-nobody) state.inside != 0 ==> false
        while state.inside != 0 {
            sleepers.wake.notify_all();
            sleepers.wake.wait(&mut state);
        }
        let mut found = std::mem::take(&mut state.found);
        found.add(self.marker.take_found());
        found
    }

    /// The processor's time that helpers and assisting mutators took in the markings that have ended since this was asked last.
    pub(crate) fn take_time(&self) -> Duration {
        std::mem::take(&mut self.shared.sleepers.lock.lock().time)
    }
}

/// A helper's job in one cycle.
fn help(shared: &Marking) {
    let Some(epoch) = shared.sleepers.enter() else { return };
    let since = thread_time();
    let marker = shared.helpers.lock().pop();
    let mut found = Findings::default();
    if let Some(mut marker) = marker {
        marker.set_claims(Some(epoch));
        while help_once(&mut marker, shared) {}
        marker.set_claims(None);
        found = marker.take_found();
        shared.helpers.lock().push(marker);
    }
    shared.sleepers.leave(found, thread_time() - since);
}

/// Works, or waits for work; false when marking is over.
fn help_once(marker: &mut Marker, shared: &Marking) -> bool {
    let Marking { queue, shades, sleepers, .. } = shared;
    for patience in 1..=PATIENCE {
        if !queue.is_empty() || !shades.is_empty() {
            queue.become_active();
            marker.work(&shared.work(), &mut Budget::unbounded());
            queue.become_idle();
        }
        relax(patience);
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
