//! The markers of one heap: [`Marking`] is what they share, [`Team`] the collector's thread and its helpers.
//!
//! I1. Who marks in a cycle (a helper, an assisting mutator) enters under the lock while `marking` is on, and leaves when its
//!     queue may be stolen from. `end` turns it off and waits for all who are inside: after it nobody scans.
//! I2. `end` is called at Done: the queues are empty then, and stay so, for no shade finds a white object any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use allocator::Space;

use crate::assist::Progress;
use crate::grey::GreyQueue;
use crate::heap::HeapCore;
use crate::marker::{Marker, Work};
use crate::shade::Shades;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{AtomicUsize, Condvar, Mutex, Ordering, spin_loop, yield_now};

/// Looks for work that an idle marker takes before it sleeps.
const PATIENCE: u32 = if cfg!(loom) { 1 } else { 200 };
/// Looks between two offers of the processor to somebody else.
const SPINS: u32 = 16;

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
    stop: bool,
    /// Helpers and assisting mutators that take part in the marking that is on.
    inside: usize,
    /// Objects that they marked in it.
    marked: u64,
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

    fn leave(&self, marked: u64) {
        let mut state = self.lock.lock();
        state.inside -= 1;
        state.marked += marked;
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
    /// The team's markers, until it is made.
    for_team: Mutex<Vec<Marker>>,
    /// Markers for mutators that assist; each of those inside has one.
    for_assists: Mutex<Vec<Marker>>,
}

impl Marking {
    /// With `markers` for the collector's threads and `assistants` for mutators.
    pub(crate) fn new(space: &'static Space, shades: &Arc<Shades>, markers: usize, assistants: usize) -> Marking {
        let (queue, workers) = GreyQueue::new(markers + assistants);
        let mut all: Vec<_> =
            workers.into_iter().enumerate().map(|(index, worker)| Marker::new(index, space, worker)).collect();
        let for_assists = all.split_off(markers);
        Marking {
            queue,
            shades: shades.clone(),
            sleepers: Sleepers {
                count: AtomicUsize::new(0),
                lock: Mutex::new(TeamState::default()),
                wake: Condvar::new(),
            },
            progress: Progress::new(),
            for_team: Mutex::new(all),
            for_assists: Mutex::new(for_assists),
        }
    }

    fn work(&self) -> Work<'_> {
        let Marking { queue, shades, sleepers, progress, .. } = self;
        Work { queue, shades, sleepers, progress }
    }

    /// A mutator in Trace, in a region or not, marks until `bytes` are scanned or `until` is over; the bytes scanned. It
    /// waits for nobody: with no marker or no work to be had it scans less.
    pub(crate) fn assist(&self, bytes: usize, until: Duration, since: Instant) -> usize {
        let Some(epoch) = self.sleepers.enter() else { return 0 };
        let marker = self.for_assists.lock().pop();
        let Some(mut marker) = marker else {
            self.sleepers.leave(0);
            return 0;
        };
        marker.set_claims(Some(epoch));
        self.queue.become_active();
        let scanned = marker.work_until(&self.work(), bytes, until, since);
        self.queue.become_idle();
        marker.set_claims(None);
        let marked = marker.take_marked();
        self.for_assists.lock().push(marker);
        self.sleepers.leave(marked);
        scanned
    }
}

/// The collector's thread and its helpers.
pub(crate) struct Team {
    shared: Arc<Marking>,
    marker: Marker,
    helpers: Vec<JoinHandle<()>>,
}

impl Team {
    /// The heap's only team. Helper threads start here and sleep.
    pub(crate) fn new(heap: &HeapCore) -> Team {
        let shared = heap.marking.clone();
        let mut all = std::mem::take(&mut *shared.for_team.lock()).into_iter();
        let marker = all.next().expect("a heap has one team, and at least one marker is configured");
        let helpers = all
            .map(|mut helper| {
                let shared = shared.clone();
                thread::Builder::new()
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
        let Marking { queue, shades, .. } = &*self.shared;
        for spin in 1_u32.. {
            queue.become_active();
            self.marker.work(&self.shared.work());
            queue.become_idle();
            // Before the last look for batches: a hand-in after that look is counted after this reading.
            let handed_in = shades.handed_in();
            if shades.is_empty() && queue.is_quiet() {
                return handed_in;
            }
            if cfg!(loom) || spin.is_multiple_of(SPINS) { yield_now() } else { spin_loop() }
        }
        unreachable!("markers come to an end")
    }

    /// Marking is over: helpers sleep, and none holds a claim or a page. How many objects were marked.
    pub(crate) fn end(&mut self) -> u64 {
        self.marker.set_claims(None);
        let sleepers = &self.shared.sleepers;
        let mut state = sleepers.lock.lock();
        state.marking = false;
        while state.inside != 0 {
            sleepers.wake.notify_all();
            sleepers.wake.wait(&mut state);
        }
        std::mem::take(&mut state.marked) + self.marker.take_marked()
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
fn help(marker: &mut Marker, shared: &Marking) {
    let sleepers = &shared.sleepers;
    loop {
        {
            let mut state = sleepers.lock.lock();
            while !state.marking && !state.stop {
                sleepers.wake.wait(&mut state);
            }
            if state.stop {
                return;
            }
        }
        let Some(epoch) = sleepers.enter() else { continue };
        marker.set_claims(Some(epoch));
        while help_once(marker, shared) {}
        marker.set_claims(None);
        sleepers.leave(marker.take_marked());
    }
}

/// Works, or waits for work; false when marking is over.
fn help_once(marker: &mut Marker, shared: &Marking) -> bool {
    let Marking { queue, shades, sleepers, .. } = shared;
    for patience in 1..=PATIENCE {
        if !queue.is_empty() || !shades.is_empty() {
            queue.become_active();
            marker.work(&shared.work());
            queue.become_idle();
        }
        if cfg!(loom) || patience.is_multiple_of(SPINS) { yield_now() } else { spin_loop() }
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
