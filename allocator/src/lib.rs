//! Pages, spans and slots: the memory under a garbage collector.

mod error;
mod layout;
mod os;
mod page_heap;
mod side_table;
mod space;
mod span_ids;
mod sync;

pub use error::{AllocError, Cause};
pub use layout::{GRANULE, PAGE_SIZE};
pub use os::OS_PAGE;
pub use page_heap::{PageHeap, PageRun};
pub use space::{PageId, Space};
