//! loom models of the crate's protocols, on the shipped types.
//!
//! `ci/loom` runs them; the bound on preemptions is `LOOM_MAX_PREEMPTIONS`, 2 there. Under loom a window has 4 pages, a
//! sweep's batch 2 spans, a cache's table 2 sets, a span its shortest length and the global space 8 pages; each execution
//! has a space of its own. Each file says what is shown, for how many threads, and which changes of the code it was seen
//! to fail for. Statistics (`sync::Statistic`) are not modelled: nothing rests on them.

mod loom_bitmap;
mod loom_central;
mod loom_hand_over;
mod loom_inside;
mod loom_page_cache;
mod loom_quota;
mod loom_scavenger;
mod loom_span_ids;
mod loom_sweep;

use std::ptr::NonNull;

use crate::sync::Arc;
use crate::{Arena, Cache, Owner, SizeClass, Space};

/// A span of one page with one slot: 8 words to sweep.
const PAGE: SizeClass = SizeClass::of(8192, 16).unwrap();
/// A span of one page with two slots.
const HALF: SizeClass = SizeClass::of(4096, 16).unwrap();

const PLAIN: Owner = Owner { word: 0, attributes: 1 };
const VISITED: Owner = Owner { word: 64, attributes: Owner::VISIT };

/// The space of this execution, and an arena in it.
fn arena() -> (&'static Space, Arc<Arena>) {
    let space = Space::global().unwrap();
    (space, Arena::new(space).unwrap())
}

/// A slot, as a collector would take it.
fn allocate(cache: &mut Cache, owner: Owner, class: SizeClass) -> usize {
    let slot = if owner.word == 0 { cache.bump_plain(class) } else { cache.bump(owner.word, class) };
    NonNull::new(slot).unwrap_or_else(|| cache.refill(owner, class).unwrap()).addr().get()
}
