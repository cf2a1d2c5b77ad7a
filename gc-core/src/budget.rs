//! [`MemoryBudget`]: one hard limit for several heaps.

use std::fmt;
use std::sync::{Arc, Weak};

use allocator::Quota;

use crate::heap::HeapCore;
use crate::pacer::UNLIMITED;
use crate::sync::Mutex;

/// A hard limit that several heaps share, for the heaps of one tenant: what they take together never passes it. A clonable
/// handle; heaps join it by [`Config::budget`](crate::Config::budget), and what they took is free again when they end.
///
/// A heap that comes near the limit collects itself, as at a limit of its own, and asks the other heaps to collect: they
/// do so concurrently, it does not wait for them.
///
/// ```
/// use gc_core::{Config, Heap, LocalHeap, MemoryBudget};
///
/// let tenant = MemoryBudget::new(64 << 20);
/// let scripts = LocalHeap::with_config(Config::new().budget(&tenant));
/// let documents = Heap::with_config(Config::new().budget(&tenant).hard_limit(16 << 20));
/// let mut mutator = scripts.mutator().unwrap();
/// let list = mutator.mutate(|mc| mc.root(mc.alloc_slice(0..2_000_000_u32)));
/// assert!(tenant.used() > 8_000_000);
/// drop((list, mutator, scripts));
/// assert!(tenant.used() < 1_000_000);
/// # drop(documents);
/// ```
#[derive(Clone)]
pub struct MemoryBudget(Arc<Shared>);

struct Shared {
    quota: Arc<Quota>,
    /// The heaps that count in it, ended ones among them until the next one joins.
    heaps: Mutex<Vec<Weak<HeapCore>>>,
}

impl MemoryBudget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> MemoryBudget {
        MemoryBudget(Arc::new(Shared { quota: Quota::new(bytes, None), heaps: Mutex::new(Vec::new()) }))
    }

    /// Bytes that its heaps take.
    pub fn used(&self) -> usize {
        self.0.quota.charged()
    }

    /// The limit, in bytes.
    pub fn limit(&self) -> usize {
        self.0.quota.limit()
    }

    /// Another limit, from now on; `None`: none. Below what its heaps take already it refuses all more.
    pub fn set_limit(&self, bytes: impl Into<Option<usize>>) {
        self.0.quota.set_limit(bytes.into().unwrap_or(UNLIMITED));
        for heap in self.heaps() {
            heap.limit_changed();
        }
    }

    pub(crate) fn quota(&self) -> &Arc<Quota> {
        &self.0.quota
    }

    pub(crate) fn join(&self, heap: &Arc<HeapCore>) {
        let mut heaps = self.0.heaps.lock();
        heaps.retain(|other| other.strong_count() != 0);
        heaps.push(Arc::downgrade(heap));
    }

    /// Its heaps.
    pub(crate) fn heaps(&self) -> Vec<Arc<HeapCore>> {
        self.0.heaps.lock().iter().filter_map(Weak::upgrade).collect()
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBudget").field("used", &self.used()).field("limit", &self.limit()).finish()
    }
}
