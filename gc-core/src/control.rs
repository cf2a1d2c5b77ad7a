//! Who wants a cycle, who waits for one, and who runs it.
//!
//! I1. Cycles are numbered; `started` and `completed` differ by at most one. `collect` waits for a number that had not
//!     started when it was called.
//! I2. A heap's cycles are run by one thread of the pool at a time, which takes the heap's collector while there is
//!     something to do. It holds the core, never an owner.
//! I3. Whether it is to go on or stops is decided under the lock: a request is either seen by it, or finds that nobody runs.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cycle::Collector;
use crate::heap::{HeapCore, Owner};
use crate::pool::pool;
use crate::record::Record;
use crate::stats::Statistics;
use crate::sync::thread::{self, ThreadId};
use crate::sync::{Condvar, Mutex};

#[derive(Default)]
struct State {
    /// The number of the last cycle anybody wants.
    requested: u64,
    /// The number of the last cycle that began.
    started: u64,
    /// The number of the last cycle that is over, sweep and drops included.
    completed: u64,
    /// A local heap's owner has objects to drop before the cycle is over.
    drops_due: bool,
    /// No owner is left.
    shutdown: bool,
    /// The last owner went on the collector's thread, which ends the heap itself.
    ends_on_collector: bool,
    runner: Runner,
    /// Guards that inhibit collection.
    inhibited: usize,
    /// Calls of `collect`, which none of them inhibits.
    forced: usize,
    /// What runs cycles; the runner has it while there is one.
    collector: Option<Collector>,
    statistics: Statistics,
}

impl State {
    fn is_inhibited(&self) -> bool {
        self.inhibited != 0 && self.forced == 0
    }

    /// The number of the next cycle, which begins now, if one is wanted and may begin.
    fn next_number(&mut self) -> Option<u64> {
        let wanted = self.requested > self.completed && !self.shutdown && !self.is_inhibited();
        wanted.then(|| {
            self.started = self.completed + 1;
            self.started
        })
    }
}

/// Who runs the heap's cycles (I2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Runner {
    /// Nobody; no cycle is wanted.
    #[default]
    Nobody,
    /// A thread of the pool, soon.
    Called,
    /// This thread.
    Thread(ThreadId),
}

/// See the module documentation.
pub(crate) struct Control {
    state: Mutex<State>,
    /// For the runner, while it waits for a local heap's owner.
    wake: Condvar,
    /// For those who wait in `collect`, or for the runner to stop.
    progress: Condvar,
}

impl Control {
    pub(crate) fn new(collector: Collector) -> Self {
        let state = State { collector: Some(collector), ..State::default() };
        Control { state: Mutex::new(state), wake: Condvar::new(), progress: Condvar::new() }
    }

    /// Asks for a cycle unless one is on or asked for. Where the system can start no thread for it, it begins at a later
    /// call.
    pub(crate) fn start(heap: &Arc<HeapCore>) {
        let control = &heap.control;
        let mut state = control.state.lock();
        if !state.shutdown {
            state.requested = state.requested.max(state.completed + 1);
            let _ = Self::ensure_runner(heap, &mut state);
        }
    }

    /// Asks for a cycle that has not begun yet, and `await_it`s; while the collector is `quiet`, only for the one that is on. False
    /// if there is none to wait for.
    pub(crate) fn start_emergency(heap: &Arc<HeapCore>, quiet: bool, await_it: impl FnOnce(u64)) -> bool {
        let mut state = heap.control.state.lock();
        let is_on = state.started > state.completed;
        if state.shutdown || quiet && !is_on {
            return false;
        }
        let number = if quiet { state.started } else { state.started + 1 };
        state.requested = state.requested.max(number);
        if heap.config.threads && Self::ensure_runner(heap, &mut state).is_err() {
            return false;
        }
        await_it(number);
        true
    }

    /// The calling thread becomes the runner of a heap without threads, for a slice; `None` if another thread is, or
    /// collection is inhibited.
    pub(crate) fn try_begin_run(&self) -> Option<Collector> {
        let mut state = self.state.lock();
        if state.runner != Runner::Nobody || state.is_inhibited() {
            return None;
        }
        state.runner = Runner::Thread(thread::current().id());
        state.collector.take()
    }

    /// The end of the slice that began with `try_begin_run`.
    pub(crate) fn end_run(&self, collector: &mut Option<Collector>) {
        let mut state = self.state.lock();
        state.collector = collector.take();
        state.runner = Runner::Nobody;
        self.progress.notify_all();
    }

    /// The number of the next cycle, which begins now, if one is wanted.
    pub(crate) fn next_number(&self) -> Option<u64> {
        self.state.lock().next_number()
    }

    /// Whether the cycle `number` is over.
    pub(crate) fn is_completed(&self, number: u64) -> bool {
        self.state.lock().completed >= number
    }

    /// Waits until the cycle `number` is over or nobody runs cycles.
    pub(crate) fn await_progress(&self, number: u64) {
        let mut state = self.state.lock();
        while state.completed < number && state.runner != Runner::Nobody {
            self.progress.wait(&mut state);
        }
    }

    /// Whether collection is inhibited.
    pub(crate) fn is_inhibited(&self) -> bool {
        self.state.lock().is_inhibited()
    }

    /// The runner, between two steps, waits while collection is inhibited.
    pub(crate) fn pause(&self) {
        let mut state = self.state.lock();
        while state.is_inhibited() && !state.shutdown {
            self.wake.wait(&mut state);
        }
    }

    /// Somebody runs the cycles that are wanted.
    fn ensure_runner(heap: &Arc<HeapCore>, state: &mut State) -> io::Result<()> {
        if heap.config.threads && state.runner == Runner::Nobody && !state.is_inhibited() {
            let core = heap.clone();
            pool().run(move || crate::cycle::run_cycles(&core))?;
            state.runner = Runner::Called;
        }
        Ok(())
    }

    /// Whether the caller runs this heap's cycle, in a `Drop` then.
    pub(crate) fn is_runner(&self) -> bool {
        self.state.lock().runner == Runner::Thread(thread::current().id())
    }

    /// Waits for a full cycle that begins after this call. The mutator is outside. A local heap's is not waited for while
    /// the thread unwinds: its dead could not be dropped.
    pub(crate) fn collect(record: &Record) {
        let heap = &record.heap;
        if !heap.shared && thread::panicking() {
            return Self::start(heap);
        }
        assert!(
            !heap.control.is_runner(),
            "a drop that the collector runs can't collect: it would wait for itself; `start_collection` doesn't"
        );
        if let Err(error) = Self::run_to(record, None, None) {
            panic!("a collection needs a thread, and the system can start none: {error}");
        }
    }

    /// Waits for the cycle `number`, as `collect` does, but no longer than `patience`: another mutator, which holds it up, may be
    /// waiting for something that the caller has. Not if the system can start no thread for it.
    pub(crate) fn wait_for(record: &Record, number: u64, patience: Duration) {
        let _ = Self::run_to(record, Some(number), Some(Instant::now() + patience));
    }

    /// Waits until the cycle `number` is over, or the next that begins; or until a moment.
    fn run_to(record: &Record, number: Option<u64>, until: Option<Instant>) -> io::Result<()> {
        let heap = &record.heap;
        let control = &heap.control;
        let mut state = control.state.lock();
        let target = number.unwrap_or(state.started + 1);
        state.requested = state.requested.max(target);
        state.forced += 1;
        control.wake.notify_all();
        if !heap.config.threads {
            drop(state);
            match until {
                None => heap.drive_to(target),
                Some(_) => heap.drive_towards(target),
            }
            control.state.lock().forced -= 1;
            return Ok(());
        }
        if let Err(error) = Self::ensure_runner(heap, &mut state) {
            state.forced -= 1;
            return Err(error);
        }
        while state.completed < target {
            if state.drops_due && !heap.shared {
                drop(state);
                heap.drops.run_all(heap);
                record.state.attended();
                Self::drops_done(heap);
                state = control.state.lock();
                continue;
            }
            match until {
                None => control.progress.wait(&mut state),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    control.progress.wait_for(&mut state, left);
                }
            }
        }
        state.forced -= 1;
        Ok(())
    }

    /// Collection is inhibited until `allow`.
    fn inhibit(&self) {
        self.state.lock().inhibited += 1;
    }

    fn allow(heap: &Arc<HeapCore>) {
        let mut state = heap.control.state.lock();
        state.inhibited -= 1;
        heap.control.wake.notify_all();
        if state.requested > state.completed {
            let _ = Self::ensure_runner(heap, &mut state);
        }
    }

    /// The calling thread is the runner now, and takes the collector.
    pub(crate) fn begin_run(&self) -> Collector {
        let mut state = self.state.lock();
        state.runner = Runner::Thread(thread::current().id());
        state.collector.take().expect("one runner at a time, and it gives the collector back")
    }

    /// The runner asks for the number of the next cycle; `None` if it is to stop: then it has given the collector back, and
    /// is the runner no more (I3).
    pub(crate) fn next_cycle(&self, collector: &mut Option<Collector>) -> Option<u64> {
        let mut state = self.state.lock();
        if let Some(number) = state.next_number() {
            return Some(number);
        }
        state.collector = collector.take();
        state.runner = Runner::Nobody;
        self.progress.notify_all();
        None
    }

    /// The runner has ended the cycle it had started.
    pub(crate) fn cycle_over(&self, record: impl FnOnce(&mut Statistics)) {
        let mut state = self.state.lock();
        state.completed = state.started;
        record(&mut state.statistics);
        self.progress.notify_all();
    }

    /// A local heap's owner has drops to run; waits until they are done or the heap ends. True if they are done.
    pub(crate) fn await_drops(heap: &HeapCore) -> bool {
        let control = &heap.control;
        let mut state = control.state.lock();
        state.drops_due = true;
        for record in &heap.registry.lock().mutators {
            record.state.attend();
        }
        control.progress.notify_all();
        while state.drops_due && !state.shutdown {
            control.wake.wait(&mut state);
        }
        !state.drops_due
    }

    /// The owner has run all drops.
    pub(crate) fn drops_done(heap: &HeapCore) {
        let mut state = heap.control.state.lock();
        state.drops_due = false;
        heap.control.wake.notify_all();
    }

    /// Whether drops wait for the owner: a newcomer asks.
    pub(crate) fn drops_due(&self) -> bool {
        self.state.lock().drops_due
    }

    /// No cycle begins from now on. Waits for the runner to stop; false if it has to end the heap itself when it does: it is
    /// the calling thread, or that is one of the pool (which runs another heap's cycle: two that waited for one another would
    /// wait for ever).
    pub(crate) fn shut_down(&self) -> bool {
        let mut state = self.state.lock();
        state.shutdown = true;
        self.wake.notify_all();
        let runs = state.runner == Runner::Thread(thread::current().id());
        if runs || state.runner != Runner::Nobody && pool().is_worker() {
            state.ends_on_collector = true;
            return false;
        }
        while state.runner != Runner::Nobody {
            self.progress.wait(&mut state);
        }
        if let Some(collector) = &mut state.collector {
            collector.abandon();
        }
        true
    }

    /// Whether the runner has to end the heap.
    pub(crate) fn ends_on_collector(&self) -> bool {
        self.state.lock().ends_on_collector
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.state.lock().statistics.clone()
    }
}

/// While it lives, no cycle of its heap begins, and one that is on stands still, but for [`collect`](crate::Mutator::collect):
/// for a critical section of the program. Mutators do not assist. From [`Heap::inhibit`](crate::Heap::inhibit) and
/// [`LocalHeap::inhibit`](crate::LocalHeap::inhibit). It stays on its thread: it is an owner of the heap, and may be the last.
pub struct Inhibit(Owner, PhantomData<*const ()>);

impl Inhibit {
    pub(crate) fn new(owner: Owner) -> Inhibit {
        owner.core().control.inhibit();
        Inhibit(owner, PhantomData)
    }
}

impl Drop for Inhibit {
    fn drop(&mut self) {
        Control::allow(self.0.core());
    }
}

impl fmt::Debug for Inhibit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inhibit")
    }
}
