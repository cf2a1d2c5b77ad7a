//! Growable containers in segments of bounded size: [`GcMap`], [`GcDeque`], [`GcVec`].
//!
//! A container is a value inside an object, as a `Vec` is. Its elements lie in *segments*, objects of a few KiB with a claim
//! each; a trie of small *nodes* leads to them. So whatever grows, splits, is shaded or dropped is one segment or one node, and no
//! operation takes longer because the container is large.
//!
//! B1. The way to the elements (the container's root and the slots of nodes) consists of word cells (`cell::GcCell`), with
//!     their barrier: what a store overwrites is shaded, and markers may read at any time. The container value therefore is an
//!     object's field like any other: what is moved, swapped or overwritten in a `GcRefCell` or `GcMutex` is shaded there.
//! B2. In Trace the first write to a segment, of whatever kind, claims it and shades all it holds, or waits for the marker
//!     that reads it (`claim` I1); later writes of the cycle are free. So no marker reads a segment while it is written.
//! B3. In Sync and Rooted nothing is scanned (all answers to H3 come first), so a write needs no claim, and a claim would hide
//!     what others store later. What a write takes out of a place, or may overwrite, is shaded before: that element alone. A
//!     write to a free place takes nothing out, so it shades nothing. What moves from one segment to another is shaded as taken
//!     out of the first.
//! B4. A segment made in Trace is black: no marker scans it. It is born claimed: all its mutator can store in it was
//!     reachable or newborn when all had answered H3, and is marked anyway.
//! B5. The barrier comes after the last allocation before a write. An allocation may answer a handshake, but only one that
//!     ends the shading (`mode` M2); H1 is answered outside regions, where no guard lives.
//! B6. Elements are read and written under the container's lock (`lock`), and no code of the user's runs between the first and
//!     the last write of an operation. A panic in `Hash` or `Eq` finds and leaves the container whole.

mod deque;
mod edge;
mod group;
mod lock;
mod map;
mod segment;
mod table;
mod vec;

pub use deque::{DequeMut, GcDeque, SeqDrain, SeqIter, SeqIterMut, SeqRef, SeqView};
pub(crate) use lock::{BorrowFlag, ContainerLock, ThreadLock};
pub use map::{Entry, GcMap, MapDrain, MapIter, MapMut, MapRef, MapView, OccupiedEntry, VacantEntry};
pub use vec::{GcVec, VecMut};
