//! What the tests share: leaves that count their drops, threads that must end, programs that run in a process of their own.

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use gc_core::Trace;

pub mod model;

/// A count of drops that leaves share.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<AtomicUsize>);

impl Tally {
    /// No drops yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A leaf that counts its drop here.
    pub fn leaf(&self) -> Leaf {
        Leaf { tally: self.clone() }
    }

    /// Drops so far.
    pub fn drops(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Counts one.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Counts its drop, once.
#[derive(Debug, Trace)]
pub struct Leaf {
    tally: Tally,
}

impl Drop for Leaf {
    fn drop(&mut self) {
        self.tally.count();
    }
}

/// How long a test waits for what must happen: much longer than it takes, even under a sanitizer on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `f` on a thread and fails if it hangs.
///
/// # Panics
/// When `f` does, and when it isn't over after [`PATIENCE`].
pub fn must_end<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let result = f();
        // The receiver is gone if this came too late.
        let _ = sender.send(());
        result
    });
    match receiver.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        // Or the thread has panicked, which `join` tells.
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(result) => result,
            Err(payload) => std::panic::resume_unwind(payload),
        },
    }
}

/// The variable that tells a test that it is the child.
const CHILD: &str = "GC_TESTS_CHILD";

/// Whether this process was started by [`child`].
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// This very test binary again, for the test `name` alone, with [`is_child`] true in it. A `limit` of address space in KiB
/// is set by the shell.
///
/// # Panics
/// When the process can't be started.
pub fn child(name: &str, limit: Option<u64>) -> Output {
    let binary = std::env::current_exe().expect("a test knows its binary");
    let mut command = match limit {
        None => Command::new(binary),
        Some(kib) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("ulimit -v {kib} && exec \"$0\" \"$@\"")).arg(binary);
            shell
        }
    };
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    command.output().expect("the test binary starts")
}
