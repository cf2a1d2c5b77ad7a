//! The processor's time of one thread: what the collector's share of the CPU is counted in. The wall clock would count the
//! time that others had the processor, on a busy machine many times what was used.

use std::time::Duration;

/// The processor's time that this thread has used; on systems where that is not to be had the time since some moment.
///
/// Cost: a system call, some hundred nanoseconds.
pub(crate) fn thread_time() -> Duration {
    #[cfg(all(target_os = "linux", target_pointer_width = "64", not(miri)))]
    {
        /// As C's `struct timespec` on 64-bit Linux.
        #[repr(C)]
        struct Timespec {
            seconds: i64,
            nanoseconds: i64,
        }
        unsafe extern "C" {
            /// POSIX.1-2001.
            fn clock_gettime(clock: std::ffi::c_int, time: *mut Timespec) -> std::ffi::c_int;
        }
        const CLOCK_THREAD_CPUTIME_ID: std::ffi::c_int = 3;

        let mut time = Timespec { seconds: 0, nanoseconds: 0 };
        // SAFETY: writes a `timespec` to where one is; safe to call on any thread.
        let failed = unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
        if failed == 0 {
            return Duration::new(time.seconds as u64, time.nanoseconds as u32);
        }
    }
    wall_time()
}

/// The time since this was asked first.
fn wall_time() -> Duration {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_sleeps_uses_no_time_and_one_that_works_does() {
        let (wall, began) = (wall_time(), thread_time());
        std::thread::sleep(Duration::from_millis(50));
        assert!(wall_time() - wall >= Duration::from_millis(50));
        if cfg!(all(target_os = "linux", target_pointer_width = "64")) {
            assert!(thread_time() - began < Duration::from_millis(40), "sleep is not work");
        }
        while thread_time() - began < Duration::from_millis(2) {}
    }
}
