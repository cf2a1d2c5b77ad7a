//! Errors a caller can meet.

use std::fmt;

pub use allocator::{AllocError, Cause as AllocCause};

/// Why a thread can't have a mutator of a heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MutatorError {
    /// The thread has a mutator of this heap already. Use that one; pass `&mut Mutator` or the region's `mc` down.
    SecondOnThread,
    /// A [`LocalHeap`](crate::LocalHeap) has one mutator at a time.
    SecondOfLocalHeap,
}

impl fmt::Display for MutatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MutatorError::SecondOnThread => {
                "this thread has a mutator of this heap already: drop that one first, or use it"
            }
            MutatorError::SecondOfLocalHeap => {
                "a LocalHeap has one mutator at a time: drop the other first, or use a Heap"
            }
        })
    }
}

impl std::error::Error for MutatorError {}
