//! The one error of the crate: a request that could not be served.

use std::error::Error;
use std::fmt;

/// A request for memory that failed. Nothing was changed by it: whatever was held before is held still.
///
/// ```
/// use allocator::{AllocError, Cause};
/// let error = AllocError { size: 4096, cause: Cause::Exhausted };
/// assert_eq!(error.to_string(), "cannot allocate 4096 bytes: the reserved address space is full");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllocError {
    /// How many bytes were asked for.
    pub size: usize,
    /// Why they could not be had.
    pub cause: Cause,
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The system refused to reserve address space, even for the smallest size that makes sense.
    AddressSpace,
    /// No run of free pages in the reserved range is long enough.
    Exhausted,
    /// The request is larger than the whole reserved range.
    TooLarge,
    /// The alignment is above what the allocator supports.
    Alignment,
    /// The program's own allocator has no room for a table of lists.
    Tables,
    /// There is no span descriptor left.
    Descriptors,
    /// A limit of memory is reached ([`Quota`](crate::Quota)).
    Limit,
    /// The system refused to take pages back (`madvise`); they stay usable.
    Release,
}

impl AllocError {
    pub(crate) const fn new(size: usize, cause: Cause) -> Self {
        AllocError { size, cause }
    }
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AllocError { size, cause } = self;
        match cause {
            Cause::Release => write!(f, "cannot return {size} bytes to the system: {cause}"),
            _ => write!(f, "cannot allocate {size} bytes: {cause}"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::AddressSpace => "the system refuses to reserve address space",
            Cause::Exhausted => "the reserved address space is full",
            Cause::TooLarge => "it exceeds the reserved address space",
            Cause::Alignment => "the alignment is not supported",
            Cause::Tables => "there is no memory for the tables",
            Cause::Descriptors => "no span descriptor is left",
            Cause::Limit => "the memory limit is reached",
            Cause::Release => "the system refuses to take them",
        })
    }
}

impl Error for AllocError {}
