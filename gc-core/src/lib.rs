//! A garbage-collected heap for language runtimes: concurrent, non-moving, without object headers, and without ever
//! stopping the world.
//!
//! ```
//! use gc_core::{Gc, GcCell, LocalHeap, Trace};
//!
//! #[derive(Trace)]
//! struct Node<'gc> {
//!     name: String,
//!     friend: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
//! }
//!
//! let heap = LocalHeap::new();
//! let mut mutator = heap.mutator().unwrap();
//!
//! let alice = mutator.mutate(|mc| {
//!     let alice = mc.alloc(Node { name: "Alice".into(), friend: GcCell::new(None) });
//!     let bob = mc.alloc(Node { name: "Bob".into(), friend: GcCell::new(Some(alice)) });
//!     alice.friend.set(mc, Some(bob)); // a cycle
//!     mc.root(alice)
//! });
//!
//! mutator.collect(); // alice is rooted, bob is reachable from her
//! mutator.mutate(|mc| assert_eq!(alice.get(mc).friend.get().unwrap().name, "Bob"));
//!
//! drop(alice);
//! mutator.collect(); // now both are gone, and their strings are freed
//! assert_eq!(heap.statistics().live_objects, 0);
//! ```
//!
//! # The parts
//!
//! - A heap: [`Heap`] (many mutator threads; contents `Send + Sync`) or [`LocalHeap`] (one thread; contents need be
//!   neither). Marking runs on background threads in both.
//! - A [`Mutator`] per thread; [`Mutator::mutate`] opens a *region*, in which [`Gc`] pointers are plain `Copy` values.
//! - Between regions: [`Root`] (owning handle) and [`Local`] (stack root of a [`Scope`]).
//! - Types derive [`Trace`]; what changes inside objects is a [cell](GcCell).
//!
//! # Safety
//!
//! Everything but the traits marked `unsafe` is safe: a branded lifetime `'gc` proves that no pointer survives a safepoint
//! unrooted, leaves its heap, or is written without its barrier.

extern crate self as gc_core;

mod alloc;
mod assist;
mod budget;
mod cell;
mod claim;
mod cleanup;
mod clock;
mod config;
mod container;
mod control;
mod cycle;
mod drive;
mod drops;
mod error;
mod event;
mod external;
mod fat;
mod gc;
mod grey;
mod heap;
mod keys;
mod kind;
mod limiter;
mod limits;
mod locals;
#[cfg(all(test, loom))]
mod loom_models;
mod marker;
mod mode;
mod mutator;
mod pacer;
mod pacing;
mod pool;
mod record;
mod rendezvous;
mod root;
mod root_table;
mod safepoint;
mod scope;
mod shade;
mod stats;
mod sync;
mod team;
mod teardown;
mod termination;
mod thin;
mod trace;
mod tracer;
mod trim;
mod type_info;
mod weak;

pub use alloc::SliceBuilder;
pub use budget::MemoryBudget;
pub use cell::{
    BorrowError, BorrowMutError, GcCell, GcMutex, GcMutexGuard, GcOnceCell, GcRefCell, GcRwLock, GcRwLockReadGuard,
    GcRwLockWriteGuard, Ref, RefMut, Word,
};
pub use cleanup::{Cleanup, CleanupQueue, Movable};
pub use config::Config;
pub use container::{DequeMut, GcDeque, GcVec, SeqDrain, SeqIter, SeqIterMut, SeqRef, SeqView, VecMut};
pub use container::{Entry, GcMap, MapDrain, MapIter, MapMut, MapRef, MapView, OccupiedEntry, VacantEntry};
pub use control::Inhibit;
pub use drive::Slice;
pub use error::{AllocCause, AllocError, MutatorError};
pub use event::{Event, Limit};
pub use external::{Charge, GcAlloc};
pub use gc::{ByPtr, GC_ALIGN, Gc};
pub use gc_derive::Trace;
pub use heap::{Heap, LocalHeap};
pub use kind::{Kind, Owned, Shared};
pub use mutator::{Mutation, Mutator};
pub use pacer::PacerReport;
pub use root::Root;
pub use scope::{Local, Scope, ScopeMutation};
pub use stats::{Cause, CycleReport, Distribution, Statistics};
pub use thin::{Thin, ThinTarget};
pub use trace::{BrandedBy, DynFrom, DynTrace, Pointee, Rebrand, Static, Storable, Trace};
pub use tracer::Tracer;
pub use weak::{Ephemeron, Interner, Weak, WeakMap, WeakRoot, WeakSet, WeakValueMap};

/// For the model of the protocol, which has the same modes and handshakes.
#[doc(hidden)]
pub mod __model {
    pub use crate::mode::{handshakes, modes};
}

/// For this crate's macros.
#[doc(hidden)]
pub mod __private {
    pub use crate::thin::fatten_dyn;
    pub use crate::trace::{GcDyn, known_dyn};
}
