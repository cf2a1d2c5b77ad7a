//! Pages, spans and slots: the memory under a garbage collector.

mod arena;
mod bitmap;
mod cache;
mod central;
mod error;
#[cfg(feature = "fault-injection")]
pub mod fault;
#[cfg(not(feature = "fault-injection"))]
#[allow(unreachable_pub, reason = "what is public with the feature")]
mod fault;
mod large;
mod layout;
mod os;
mod page_cache;
mod page_heap;
mod scavenge;
mod side_table;
mod size_class;
mod space;
mod span;
mod span_ids;
mod stats;
mod sweep;
mod sync;

#[cfg(all(test, loom))]
mod loom_models;

pub use arena::Arena;
pub use bitmap::Birth;
pub use cache::Cache;
pub use error::{AllocError, Cause};
pub use layout::{GRANULE, PAGE_SIZE};
pub use os::OS_PAGE;
pub use page_heap::{PageCounters, PageHeap, PageRun};
pub use scavenge::STEP;
pub use size_class::{CLASSES, MAX_ALIGN, MAX_SMALL, MAX_SPAN_PAGES, SizeClass};
pub use space::{PageId, Space};
pub use span::{Owner, Span};
pub use stats::{Allocated, ClassStats};
pub use sweep::{DyingSpan, SweepProgress, VisitSpan};
