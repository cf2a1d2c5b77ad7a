//! The collector's protocol as an explicit-state model: every interleaving of a few mutators, markers and the collector over
//! a few objects, cycle after cycle, all of them from any graph.
//!
//! # What is modelled
//!
//! - Objects with one cell each, a word or compound; free slots, allocation in every colour, sweeping, newborns of the next
//!   epoch. Global roots, local roots and the pointers of a region; weak references; mutators that join and leave.
//! - The handshakes and modes of `gc_core`'s `mode`, by the same names (a test compares the tables), the phases of its
//!   `cycle`, the termination word, shade buffers, hand-ins and waves, claims.
//! - Deferred shades: what a barrier shades waits in the mutator's edge buffer, which is flushed in every answer, when a mutator
//!   leaves, and, in Trace, whenever it may be full, which is at any moment.
//! - Answers inside regions: a wave, H4 and H5 are answered with pointers in hand and guards held.
//! - Local heaps: H1 to H3 in one answer, H4 and H5 in one, the walk of the roots after the first.
//! - Memory is sequentially consistent. What weak orders may do is the business of the loom models.
//!
//! # What is looked for
//!
//! After Done no mutator reaches a white object; none ever reaches a free slot; no marker reads a content that a mutator may be
//! writing; and no deletion that still waits in an edge buffer at Done is of a white object ([`steps::Wrong`]).
//!
//! # Why so few states
//!
//! Each reduction keeps every behaviour that can tell a difference.
//!
//! - R1. States are the same up to names of mutators, and of objects with the same kind of cell ([`state::Packer`]).
//! - R2. *More in hand is never less possible.* So a mutator loads at once whatever it can reach, gets every global root, and lets
//!   go only when that is seen: in its answer to H2, which shades what it still holds (any subset), and when it leaves the
//!   heap. Whoever lets go earlier does less.
//! - R3. After H2 nobody looks at what a mutator holds, so a region's pointers at a wave are as good as local roots; whether a
//!   region is open matters only for guards.
//! - R4. A shade, or a mark, of what is marked does nothing, and is forgotten at once.
//! - R5. Before Trace nobody looks at the buffers of others or scans, so there it is all the same when they are flushed: it is
//!   done in the answers. A look at the mark and the look at the word that follows are one step: where the mark is set between
//!   them, the wave that is on has a hand-in, or its word was moved, by whoever set it.
//! - R6. Steps that nobody can tell the time of are taken first, and alone: the last of an answer, and those of the collector
//!   that only lead on.
//! - R7. All markers, assisting mutators among them, are one with a set of things found: which of them does a step is all the same.
//!
//! The search keeps whole states, not fingerprints, in 32 bytes each, so that its verdicts are exact. The checker `stateright`
//! (0.31), given the same steps and keys, meets the same numbers of states and steps, in about the same time.
//!
//! `cargo test -p tests --test model` explores the sizes that take seconds, and every broken variant; the binary `model` of this
//! package takes larger ones (`cargo run --release -p tests --bin model -- all`).

mod mutator_steps;
pub mod protocol;
pub mod search;
pub mod state;
pub mod steps;
mod story;
pub mod suite;
