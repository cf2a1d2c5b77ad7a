//! AddressSanitizer's view of the slots: it knows nothing of memory that we map ourselves, so under `--cfg asan` (`ci/asan`)
//! each slot is poisoned by hand while it is free. In every other build these are nothing.
//!
//! - A span is poisoned whole when it is made, and is not when its pages go back.
//! - A run is addressable from its opening on; what is closed unused, or swept or visited dead, is poisoned.

/// Nobody may touch these bytes from now on.
#[inline(always)]
pub(crate) fn poison(addr: usize, bytes: usize) {
    #[cfg(asan)]
    // SAFETY: marks shadow memory; whoever gets these bytes next unpoisons them.
    unsafe {
        __asan_poison_memory_region(std::ptr::with_exposed_provenance(addr), bytes);
    }
    #[cfg(not(asan))]
    let _ = (addr, bytes);
}

/// These bytes have an owner from now on.
#[inline(always)]
pub(crate) fn unpoison(addr: usize, bytes: usize) {
    #[cfg(asan)]
    // SAFETY: marks shadow memory.
    unsafe {
        __asan_unpoison_memory_region(std::ptr::with_exposed_provenance(addr), bytes);
    }
    #[cfg(not(asan))]
    let _ = (addr, bytes);
}

#[cfg(asan)]
unsafe extern "C" {
    fn __asan_poison_memory_region(addr: *const u8, bytes: usize);
    fn __asan_unpoison_memory_region(addr: *const u8, bytes: usize);
}
