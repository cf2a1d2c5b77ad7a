//! Pages, spans and slots: the memory under a garbage collector.
//!
//! This crate hands out memory, and takes it back by sweeping bitmaps that its user has marked. It knows slots, bits and
//! pages, and nothing of types, colours or phases: each span belongs to an opaque [`Owner`] word.
//!
//! # One allocation, from the call to the system call and back
//!
//! ```text
//!   Cache::bump            moves a cursor inside an open run of free slots        no atomics, no lock, no zeroing   cache
//!     | run used up
//!   Cache::refill          the next run of free slots of the span                 two bitmaps, a word at a time     bitmap
//!     | span used up
//!                          a span with free slots from the owner's list           one lock                          central
//!                          an unswept one, swept                                  alloc := mark                     sweep
//!     | none
//!                          a fresh span: pages, an id, a descriptor               shared state once in 16 spans     span, span_ids
//!   PageCache              cuts pages from a window of 64                         bit arithmetic                    page_cache
//!     | window used up
//!   PageHeap               the window with the lowest free page                   one lock, O(levels)               page_heap
//!     | at the first store
//!   the system             backs the page: everything is one reserved mapping     a page fault                      os, space
//!
//!   back:   a sweep finds the span empty  ->  PageHeap::free at once  ->  Scavenger or Space::release_free: madvise
//!           a sweep leaves slots in use   ->  the list; Arena::release_free_pages returns the OS pages between them
//! ```
//!
//! The header of each module states its algorithm and its numbered invariants; `SAFETY` comments and orderings name them.
//!
//! # How to use it
//!
//! A [`Space`] is the address range of the process; an [`Arena`] in it is the memory of one heap; a [`Cache`] is one thread's
//! part of an arena. A collector marks slots with [`Space::mark`] and ends its cycle as [`Arena`] describes:
//!
//! ```
//! use allocator::{Arena, Cache, Owner, SizeClass, Space, SweepProgress};
//! # fn main() -> Result<(), allocator::AllocError> {
//! let space = Space::global()?;
//! let arena = Arena::new(space)?;
//! let mut cache = Cache::new(&arena);
//!
//! // Slots of 48 bytes for some owner: a type's descriptor, say, aligned to 64.
//! let owner = Owner { word: 0x1000, attributes: 0 };
//! const CLASS: SizeClass = SizeClass::of(40, 8).unwrap();
//! let mut allocate = || match std::ptr::NonNull::new(cache.bump(owner.word, CLASS)) {
//!     Some(slot) => Ok(slot),
//!     None => cache.refill(owner, CLASS),
//! };
//! let (kept, lost) = (allocate()?, allocate()?);
//! // SAFETY: the slots are ours and 48 bytes long.
//! unsafe { kept.write_bytes(7, 48) };
//!
//! // A cycle: mark what is reachable, begin the next epoch, hand the caches over, sweep.
//! space.mark(kept.addr().get());
//! let epoch = arena.flip();
//! cache.hand_over(epoch);
//! arena.allow_sweep();
//! while arena.sweep(64, &mut |_| {}) == SweepProgress::More {}
//! assert_eq!((arena.live_objects(), arena.live_bytes()), (1, 48));
//! assert_eq!(space.slot_bits(kept.addr().get()), (true, false));
//! assert_eq!(space.slot_bits(lost.addr().get()), (false, false));
//!
//! // Memory goes back to the system in the background (`Scavenger`), or at once:
//! arena.release_free_pages()?;
//! space.release_free(usize::MAX)?;
//!
//! drop(cache);
//! arena.teardown(&mut |_, _| {});
//! assert_eq!(arena.snapshot().arena_in_use, 0);
//! # Ok(()) }
//! ```
//!
//! # What it costs
//!
//! Side tables take 1.83 % of the pages in use; a slot wastes at most 12.5 % from 64 bytes up, at most 15 bytes below
//! ([`SizeClass`]); a span at most 12.5 % behind its last slot. Times are in `benches/benches/allocator.rs`, which prints each
//! with its bound and its baseline: `cargo bench -p benches --bench allocator`.
//!
//! # What it refuses
//!
//! Every request can fail, with an [`AllocError`] that says how much was asked for and what was missing; nothing has changed
//! then. Broken contracts panic with a message: pages given back twice, an owner word that is not aligned, a cache that was
//! not handed over, a sweep at the wrong time; and in debug builds also foreign addresses, addresses where no slot begins,
//! marks on free slots. The feature `fault-injection` makes any request fail on demand.

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
mod inside;
mod large;
mod layout;
mod os;
mod page_cache;
mod page_heap;
mod poison;
mod quota;
mod scavenge;
mod scavenger;
mod side_table;
mod size_class;
mod snapshot;
mod space;
mod span;
mod span_ids;
mod stats;
mod sweep;
mod sync;

#[cfg(all(test, not(loom)))]
mod fault_tests;
#[cfg(all(test, loom))]
mod loom_models;

pub use arena::Arena;
pub use bitmap::Birth;
pub use cache::Cache;
pub use error::{AllocError, Cause};
pub use large::Large;
pub use layout::{GRANULE, PAGE_SIZE};
pub use os::OS_PAGE;
pub use page_heap::{PageCounters, PageHeap, PageRun};
pub use quota::{PAGE_COST, Quota};
pub use scavenge::STEP;
pub use scavenger::{ScavengeInput, ScavengePlan, Scavenger};
pub use size_class::{CLASSES, MAX_ALIGN, MAX_SMALL, MAX_SPAN_PAGES, SizeClass};
pub use snapshot::Snapshot;
pub use space::{PageId, Space};
pub use span::{Owner, Span};
pub use stats::{Allocated, ClassStats};
pub use sweep::{DyingSpan, SweepProgress, VisitSpan};
