//! The memory that malloc keeps of what was freed.
//!
//! Buffers that objects own come from the program's allocator, and what dies there may stay in its lists: a heap whose memory
//! turns from buffers to objects would then take both. glibc gives it back when it is asked to, all over its heap; other
//! allocators do so by themselves, or not at all.

/// Asks malloc to give what is free back to the system. Milliseconds, if it is much.
pub(crate) fn trim_malloc() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        unsafe extern "C" {
            /// glibc, since 2.0; frees pages in the middle since 2.8. Thread safe; 1 if anything was given back.
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: may be called at any time, by any thread.
        unsafe { malloc_trim(0) };
    }
}
