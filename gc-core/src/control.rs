//! Who wants a cycle, who waits for one, and the collector's thread.
//!
//! I1. Cycles are numbered; `started` and `completed` differ by at most one. `collect` waits for a number that had not
//!     started when it was called.
//! I2. The collector's thread is spawned at the first request and holds the core, never an owner: it ends when the last
//!     owner is gone (`teardown`).

use std::sync::Arc;

use crate::heap::HeapCore;
use crate::record::Record;
use crate::stats::Statistics;
use crate::sync::thread::{self, JoinHandle, ThreadId};
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
    thread: Option<JoinHandle<()>>,
    thread_id: Option<ThreadId>,
    statistics: Statistics,
}

/// See the module documentation.
pub(crate) struct Control {
    state: Mutex<State>,
    /// For the collector's thread.
    wake: Condvar,
    /// For those who wait in `collect`.
    progress: Condvar,
}

impl Control {
    pub(crate) fn new() -> Self {
        Control { state: Mutex::new(State::default()), wake: Condvar::new(), progress: Condvar::new() }
    }

    /// Asks for a cycle unless one is on or asked for.
    pub(crate) fn start(heap: &Arc<HeapCore>) {
        let control = &heap.control;
        let mut state = control.state.lock();
        if state.requested == state.completed && !state.shutdown {
            state.requested = state.completed + 1;
            Self::ensure_thread(heap, &mut state);
            control.wake.notify_all();
        }
    }

    fn ensure_thread(heap: &Arc<HeapCore>, state: &mut State) {
        if state.thread_id.is_some() {
            return;
        }
        let core = heap.clone();
        let thread = thread::Builder::new()
            .name("gc-collector".into())
            .spawn(move || crate::cycle::collector_thread(&core))
            .expect("the system can start one thread for the collector");
        state.thread_id = Some(thread.thread().id());
        state.thread = Some(thread);
    }

    /// Waits for a full cycle that begins after this call. The mutator is outside.
    pub(crate) fn collect(record: &Record) {
        let heap = &record.heap;
        let control = &heap.control;
        let mut state = control.state.lock();
        let target = state.started + 1;
        state.requested = state.requested.max(target);
        Self::ensure_thread(heap, &mut state);
        control.wake.notify_all();
        while state.completed < target {
            if state.drops_due && !heap.shared && !thread::panicking() {
                drop(state);
                heap.drops.run_all(heap);
                record.state.attended();
                Self::drops_done(heap);
                state = control.state.lock();
                continue;
            }
            control.progress.wait(&mut state);
        }
    }

    /// The collector's thread waits for work: the number of the cycle to run, or `None` at shutdown.
    pub(crate) fn next_cycle(&self) -> Option<u64> {
        let mut state = self.state.lock();
        loop {
            if state.shutdown {
                return None;
            }
            if state.requested > state.completed {
                state.started = state.completed + 1;
                return Some(state.started);
            }
            self.wake.wait(&mut state);
        }
    }

    /// The collector's thread has ended the cycle it had started.
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

    /// Ends the collector's thread: its handle to join, unless the caller is that thread.
    pub(crate) fn shut_down(&self) -> Shutdown {
        let mut state = self.state.lock();
        state.shutdown = true;
        self.wake.notify_all();
        match (state.thread.take(), state.thread_id) {
            (Some(thread), Some(id)) if id != thread::current().id() => Shutdown::Join(thread),
            (Some(_), _) => {
                state.ends_on_collector = true;
                Shutdown::OnCollector
            }
            (None, _) => Shutdown::NoThread,
        }
    }

    /// Whether the collector's thread has to end the heap.
    pub(crate) fn ends_on_collector(&self) -> bool {
        self.state.lock().ends_on_collector
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.state.lock().statistics.clone()
    }
}

/// How the collector's thread ends.
pub(crate) enum Shutdown {
    /// No thread was ever started.
    NoThread,
    /// The caller is the collector's thread: it ends the heap itself once its cycle is over.
    OnCollector,
    /// Wait for it.
    Join(JoinHandle<()>),
}
