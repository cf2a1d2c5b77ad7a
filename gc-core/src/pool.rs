//! The threads of the collector: one pool for all heaps of the process, started when there is something to do.
//!
//! I1. A job has a thread at once, an idle one or a new one: no heap's cycle waits for another heap's slow mutator. So there
//!     are as many threads as there ever were cycles and helping markers at one time.
//! I2. When a heap has nothing to do its thread gives free memory back to the system, before it is idle.
//! I3. When the last heap of the process ends, the threads do: who ends it waits for them, unless it is one of them. A
//!     heap's jobs are over when it ends, so then all threads are idle. Those that come later are of the next generation.
//! I4. A job that panics ends the process: its cycle would never be over, and who waits in `collect` would wait for ever.
//!     (User code that drops objects is caught where it is called; a user's `trace` that panics has aborted already.)

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::pacing::Retained;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};
use crate::tracer::AbortOnPanic;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    /// Heaps that exist.
    heaps: usize,
    /// Threads of this generation that wait for a job. Never fewer than jobs that wait (I1).
    idle: usize,
    jobs: VecDeque<Job>,
    threads: Vec<JoinHandle<()>>,
    /// Counts up whenever the last heap ends.
    generation: u64,
    /// Numbers the threads.
    started: u64,
    /// What all heaps together are expected to grow to, in bytes.
    goal: usize,
    /// A thread gives free memory back to the system.
    scavenging: bool,
}

/// See the module documentation.
pub(crate) struct Pool {
    state: Mutex<State>,
    work: Condvar,
    /// For the thread that scavenges.
    quit: Condvar,
}

#[cfg(not(loom))]
static POOL: std::sync::LazyLock<Arc<Pool>> = std::sync::LazyLock::new(Pool::new);

#[cfg(loom)]
loom::lazy_static! {
    static ref POOL: Arc<Pool> = Pool::new();
}

/// The pool of the process.
pub(crate) fn pool() -> &'static Arc<Pool> {
    &POOL
}

impl Pool {
    fn new() -> Arc<Pool> {
        Arc::new(Pool { state: Mutex::new(State::default()), work: Condvar::new(), quit: Condvar::new() })
    }

    /// A heap begins.
    pub(crate) fn enter(&self) {
        self.state.lock().heaps += 1;
    }

    /// A heap has ended, and its jobs have. The last one ends the threads (I3), and what all of them had is free: it goes back.
    pub(crate) fn leave(&self, space: &allocator::Space) {
        let threads = {
            let mut state = self.state.lock();
            state.heaps -= 1;
            if state.heaps != 0 {
                return;
            }
            state.generation += 1;
            state.idle = 0;
            // Helpers that were called for a marking that was over before they came.
            state.jobs.clear();
            self.work.notify_all();
            self.quit.notify_all();
            std::mem::take(&mut state.threads)
        };
        let me = thread::current().id();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != me) {
            thread.join().expect("a collector's thread does not panic: what could is caught, or aborts");
        }
        // What the system refuses to take stays for heaps to come.
        let _ = space.release_free(usize::MAX);
    }

    /// Runs `job` on a thread of the pool.
    ///
    /// # Errors
    /// When the system can't start a thread; the job is dropped.
    pub(crate) fn run(self: &Arc<Self>, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = self.state.lock();
        state.jobs.push_back(Box::new(job));
        if state.jobs.len() <= state.idle {
            self.work.notify_one();
            return Ok(());
        }
        let (pool, generation) = (self.clone(), state.generation);
        let name = format!("gc-worker-{}", state.started);
        let thread = thread::Builder::new().name(name).spawn(move || pool.serve(generation));
        match thread {
            Ok(thread) => {
                state.started += 1;
                state.threads.push(thread);
                Ok(())
            }
            Err(error) => {
                state.jobs.pop_back();
                Err(error)
            }
        }
    }

    /// Whether the calling thread is one of the pool.
    pub(crate) fn is_worker(&self) -> bool {
        let me = thread::current().id();
        self.state.lock().threads.iter().any(|thread| thread.thread().id() == me)
    }

    /// A heap's goal has changed.
    pub(crate) fn change_goal(&self, Retained(from, to): Retained) {
        let mut state = self.state.lock();
        state.goal = state.goal.wrapping_sub(from).wrapping_add(to);
    }

    /// Gives free memory above what the heaps need back to the system, on the calling thread of the pool, slowly
    /// ([`Scavenger`]); until there is none, or the last heap has ended. One thread does at a time.
    #[cfg(not(loom))]
    pub(crate) fn scavenge(&self, space: &allocator::Space) {
        let mut scavenger = allocator::Scavenger::new();
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.scavenging, true) {
            return;
        }
        let generation = state.generation;
        while state.generation == generation {
            let goal = state.goal;
            drop(state);
            let is_needed = allocator::Scavenger::excess(space, goal) != 0;
            // What the system refuses to take stays; there is nothing to do about it here.
            let pause = scavenger.step(space, goal).ok();
            state = self.state.lock();
            let Some(pause) = pause.filter(|_| is_needed) else { break };
            if state.generation == generation {
                self.quit.wait_for(&mut state, pause);
            }
        }
        state.scavenging = false;
    }

    /// Models have no clock, and no memory to give back.
    #[cfg(loom)]
    pub(crate) fn scavenge(&self, _: &allocator::Space) {}

    /// A thread's life.
    fn serve(&self, generation: u64) {
        let mut state = self.state.lock();
        while state.generation == generation {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // I4. The panic's own message has been printed.
                let bomb = AbortOnPanic(|| {
                    eprintln!(
                        "gc-core: a thread of the collector panicked in the middle of a cycle, so the process ends"
                    );
                });
                job();
                std::mem::forget(bomb);
                state = self.state.lock();
                continue;
            }
            state.idle += 1;
            self.work.wait(&mut state);
            if state.generation == generation {
                state.idle -= 1;
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn space() -> &'static allocator::Space {
        allocator::Space::global().unwrap()
    }

    #[test]
    fn jobs_run_at_once_and_threads_are_reused() {
        let pool = Pool::new();
        pool.enter();
        let (said, heard) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let told = said.clone();
        pool.run(move || {
            told.send(thread::current().id()).unwrap();
            wait.recv().unwrap();
        })
        .unwrap();
        let first = heard.recv().unwrap();
        // The first thread is busy: the second job has its own.
        let told = said.clone();
        pool.run(move || told.send(thread::current().id()).unwrap()).unwrap();
        assert_ne!(heard.recv().unwrap(), first);
        go.send(()).unwrap();
        // Both are idle, sooner or later: no third thread then.
        while pool.state.lock().idle < 2 {
            thread::yield_now();
        }
        pool.run(move || said.send(thread::current().id()).unwrap()).unwrap();
        heard.recv().unwrap();
        assert_eq!(pool.state.lock().started, 2);
        pool.leave(space());
        assert_eq!(Arc::strong_count(&pool), 1, "every thread has ended");
    }

    #[test]
    fn a_thread_that_ends_the_last_heap_does_not_wait_for_itself() {
        let pool = Pool::new();
        pool.enter();
        let (said, heard) = mpsc::channel();
        let last = pool.clone();
        pool.run(move || {
            last.leave(space());
            drop(last);
            said.send(()).unwrap();
        })
        .unwrap();
        heard.recv().unwrap();
        while Arc::strong_count(&pool) > 1 {
            thread::yield_now();
        }
        // The next generation begins.
        pool.enter();
        let (said, heard) = mpsc::channel();
        pool.run(move || said.send(()).unwrap()).unwrap();
        heard.recv().unwrap();
        pool.leave(space());
    }
}
