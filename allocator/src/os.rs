//! The system calls: reserve a range, give pages of it back. Nothing else in the crate talks to the system.
//!
//! - I1. A mapping is private, anonymous, readable and writable, without swap reserved: it costs address space only
//!   until it is touched, and an untouched page reads as zero.
//! - I2. Only whole pages of the system are given back. [`OS_PAGE`] is the page size where it is known and an upper
//!   bound where it is not; ranges are rounded inwards before the call, since `madvise` itself rounds outwards.
//!
//! **fork**: a child has a copy of the whole mapping (copy on write), and a copy of every lock in the state it had.
//! A child of a process with several threads may only `exec` or exit, as POSIX says; a child of a process with one
//! thread may go on, with a heap of its own.
//! **exit**: the process-wide mapping is never taken down; threads that still run while the process exits find their
//! memory in place.

use std::io;

use memmap2::{MmapOptions, MmapRaw, UncheckedAdvice};

use crate::fault;
use crate::layout::Part;
use crate::side_table::{Table, ZeroValid};

#[cfg(not(all(unix, target_pointer_width = "64")))]
compile_error!("the allocator reserves a large range by mmap: it needs a 64-bit Unix");

/// The system's page in bytes, or an upper bound of it: x86-64 has 4 KiB, others go up to 64 KiB.
pub const OS_PAGE: usize = if cfg!(target_arch = "x86_64") { 4096 } else { 65536 };

/// Whether a page that was given back reads as zero when it is touched again. Linux promises it for private anonymous
/// memory; others treat `MADV_DONTNEED` as a hint.
pub(crate) const RELEASED_IS_ZERO: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A reserved range of addresses; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping(MmapRaw);

impl Mapping {
    /// Reserves `bytes` (I1). One `mmap`.
    pub(crate) fn reserve(bytes: usize) -> io::Result<Mapping> {
        if fault::strikes(fault::Point::Reserve) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let map = MmapOptions::new().len(bytes).no_reserve_swap().map_anon()?;
        Ok(Mapping(MmapRaw::from(map)))
    }

    /// The table in `part` of this mapping.
    ///
    /// # Safety
    /// Nobody else uses the part, nobody has written to it, and the mapping outlives the table.
    pub(crate) unsafe fn table<T: ZeroValid>(&self, part: Part) -> Table<T> {
        // Loom's atomics are larger, and stand in memory of their own.
        assert!(part.end() <= self.0.len() && (cfg!(loom) || part.element_size() == size_of::<T>()));
        let base = self.base().wrapping_add(part.offset);
        // SAFETY: the part is inside the mapping, aligned to a cache line, zero (I1); the caller promises the rest.
        unsafe { Table::at(base, part.len) }
    }

    /// Where the range begins.
    pub(crate) fn base(&self) -> *mut u8 {
        self.0.as_mut_ptr()
    }

    /// Gives the system's pages of `offset..offset + bytes` back. One `madvise`.
    ///
    /// # Safety
    /// The range is aligned to pages of the system (I2), and until this returns nobody reads or writes it; what was in it is lost.
    pub(crate) unsafe fn release(&self, offset: usize, bytes: usize) -> io::Result<()> {
        debug_assert!((self.base() as usize + offset).is_multiple_of(OS_PAGE));
        debug_assert!(bytes.is_multiple_of(OS_PAGE) && offset + bytes <= self.0.len());
        if fault::strikes(fault::Point::Release) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the mapping is private and anonymous (I1), and the caller promises that nobody uses the range.
        unsafe { self.0.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, bytes) }
    }
}
