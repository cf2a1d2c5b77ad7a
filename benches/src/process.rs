//! What the system says about this process. Linux; elsewhere the readings are absent.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};

fn status_mib(key: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// The most memory that was ever resident, in MiB.
pub fn peak_rss_mib() -> Option<f64> {
    status_mib("VmHWM:")
}

/// The memory that is resident now, in MiB.
pub fn rss_mib() -> Option<f64> {
    status_mib("VmRSS:")
}

/// The CPU time of the collector's threads that live now: those named `gc-..`, from the scheduler's own counters.
pub fn collector_cpu() -> Option<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let path = task.ok()?.path();
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
        if !name.starts_with("gc-") {
            continue;
        }
        // A thread may end between the two readings; then it counts no more.
        let Ok(counters) = fs::read_to_string(path.join("schedstat")) else { continue };
        let on_cpu = counters.split_whitespace().next().and_then(|ns| ns.parse().ok())?;
        total += Duration::from_nanos(on_cpu);
    }
    Some(total)
}

/// Nanoseconds that this thread has had a processor. A system call; zero where the system doesn't tell.
pub(crate) fn on_cpu() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// What the system did to this thread so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Disturbances {
    /// Pages that it touched first, or first since the system took them.
    pub(crate) page_faults: u64,
    /// Times that another thread got its processor.
    pub(crate) preemptions: u64,
}

impl Disturbances {
    /// So far; zeros where the system doesn't tell.
    pub(crate) fn now() -> Self {
        getrusage(UsageWho::RUSAGE_THREAD).map_or(Self::default(), |usage| Disturbances {
            page_faults: usage.minor_page_faults() as u64,
            preemptions: usage.involuntary_context_switches() as u64,
        })
    }
}
