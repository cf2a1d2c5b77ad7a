//! Heaps: [`Heap`] (shared) and [`LocalHeap`] (one mutator), two handles over one core.
//!
//! I1. The core is freed when nobody holds it; the heap ends earlier, when its last *owner* goes: handles, mutators, and (of
//!     a shared heap) roots. Then everything in it is dropped and its memory returned (`teardown`).
//! I2. Everything about who mutates, in which mode a newcomer starts and which handshake is on changes under the registry's
//!     lock.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allocator::{AllocError, Arena, Quota, Space};

use crate::claim::FIRST_EPOCH;
use crate::cleanup::Cleanups;
use crate::config::Config;
use crate::control::{Control, Inhibit};
use crate::cycle::Collector;
use crate::drops::Drops;
use crate::error::MutatorError;
use crate::event::Observer;
use crate::external::External;
use crate::kind::{Kind, Owned, Shared};
use crate::limits::Limits;
use crate::mode::{Handshake, Mode};
use crate::mutator::Mutator;
use crate::pacing::Pacing;
use crate::pool::pool;
use crate::record::Record;
use crate::rendezvous::Rendezvous;
use crate::root_table::RootTable;
use crate::shade::Shades;
use crate::stats::{Recorder, Statistics};
use crate::sync::{AtomicU32, AtomicUsize, Mutex, Ordering};
use crate::team::Marking;

/// The mutators of a heap, and the mode that a newcomer starts in (I2).
pub(crate) struct Registry {
    pub(crate) mutators: Vec<Arc<Record>>,
    /// The mode that the latest request leads to.
    pub(crate) mode: Mode,
    next_id: u64,
    /// What mutators that have left measured.
    departed: Recorder,
    departed_shaded: u64,
    departed_hits: u64,
}

/// What a root or a local takes, about.
const ROOT_BYTES: usize = 24;

/// What both kinds of heap share.
pub(crate) struct HeapCore {
    pub(crate) shared: bool,
    pub(crate) config: Config,
    pub(crate) space: &'static Space,
    pub(crate) arena: Arc<Arena>,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) rendezvous: Rendezvous,
    pub(crate) roots: RootTable,
    pub(crate) shades: Arc<Shades>,
    pub(crate) marking: Arc<Marking>,
    pub(crate) control: Control,
    pub(crate) pacing: Pacing,
    pub(crate) limits: Limits,
    /// What objects own outside the heap.
    pub(crate) external: Arc<External>,
    pub(crate) observer: Observer,
    /// Processors that the process may use.
    pub(crate) processors: usize,
    pub(crate) drops: Drops,
    pub(crate) cleanups: Cleanups,
    /// The cycle that claims count for. Written by the collector before H1 is requested (Relaxed; published by the request's
    /// lock), read in answers (the request's Acquire).
    epoch: AtomicU32,
    /// Handles, mutators, and roots of a shared heap. As `Arc`'s count.
    owners: AtomicUsize,
    began: Instant,
}

impl HeapCore {
    fn new(config: Config, shared: bool) -> Result<Arc<HeapCore>, AllocError> {
        let space = Space::global()?;
        let quota = Quota::new(config.settings.hard_limit, config.budget.as_ref().map(|budget| budget.quota().clone()));
        let arena = Arena::with_quota(space, quota.clone())?;
        let processors = crate::config::cores();
        let shades = Arc::new(Shades::new());
        // Of mutators that would assist at once, no more can than there are processors.
        let assistants = if shared && !cfg!(loom) { processors } else { 1 };
        let (marking, marker) = Marking::new(space, &shades, config.markers, assistants);
        let marking = Arc::new(marking);
        let collector = Collector::new(&marking, marker);
        pool().enter();
        let limits = Limits::new(quota.clone());
        let pacing = Pacing::new(&config, limits.goal_limit());
        pool().change_goal(pacing.begin());
        let heap = Arc::new_cyclic(|heap| HeapCore {
            shared,
            pacing,
            limits,
            external: External::new(heap.clone(), quota),
            observer: Observer::new(config.on_event.clone()),
            processors,
            config,
            space,
            arena,
            registry: Mutex::new(Registry {
                mutators: Vec::new(),
                mode: Mode::Idle,
                next_id: 0,
                departed: Recorder::default(),
                departed_shaded: 0,
                departed_hits: 0,
            }),
            rendezvous: Rendezvous::new(),
            roots: RootTable::new(),
            shades,
            marking,
            control: Control::new(collector),
            drops: Drops::new(),
            cleanups: Cleanups::new(shared),
            epoch: AtomicU32::new(FIRST_EPOCH),
            owners: AtomicUsize::new(1),
            began: Instant::now(),
        });
        if let Some(budget) = &heap.config.budget {
            budget.join(&heap);
        }
        Ok(heap)
    }

    /// Bytes in use: objects, and what they own outside the heap.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.pacing.object_bytes(&self.arena).wrapping_add(self.external.roughly())
    }

    /// Bytes of all roots.
    pub(crate) fn root_bytes(&self) -> usize {
        let locals: usize = self.registry.lock().mutators.iter().map(|record| record.locals.len()).sum();
        (self.roots.len() + locals) * ROOT_BYTES
    }

    /// Whether the heap has outgrown its goal.
    pub(crate) fn is_overdue(&self) -> bool {
        self.heap_bytes() > self.pacing.goal()
    }

    /// Nanoseconds since the heap was made.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Time since the heap was made.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// The cycle that claims count for.
    pub(crate) fn epoch(&self) -> u32 {
        // Relaxed: see the field.
        self.epoch.load(Ordering::Relaxed)
    }

    /// The next cycle's claims begin. Called by the collector before H1.
    pub(crate) fn advance_epoch(&self) {
        // Relaxed: see the field.
        self.epoch.store(crate::claim::next_epoch(self.epoch()), Ordering::Relaxed);
    }

    // ---- owners

    pub(crate) fn add_owner(&self) {
        // Relaxed: the caller is or borrows an owner.
        let before = self.owners.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            std::process::abort(); // leaked owners in a loop; as `Arc`
        }
    }

    /// One owner less; the last one ends the heap.
    pub(crate) fn drop_owner(self: &Arc<Self>) {
        // AcqRel: as `Arc`: Release what this owner did, Acquire what the others did before the end.
        if self.owners.fetch_sub(1, Ordering::AcqRel) == 1 {
            crate::teardown::end(self);
        }
    }

    // ---- mutators

    fn register(self: &Arc<Self>) -> Result<Arc<Record>, MutatorError> {
        let record = self.register_in_mode()?;
        if !self.shared && self.control.drops_due() {
            record.state.attend();
        }
        Ok(record)
    }

    fn register_in_mode(self: &Arc<Self>) -> Result<Arc<Record>, MutatorError> {
        let mut registry = self.registry.lock();
        let me = crate::sync::thread::current().id();
        if registry.mutators.iter().any(|record| record.thread == me) {
            return Err(MutatorError::SecondOnThread);
        }
        if !self.shared && !registry.mutators.is_empty() {
            return Err(MutatorError::SecondOfLocalHeap);
        }
        let id = registry.next_id;
        registry.next_id += 1;
        let record = Arc::new(Record::new(self, id, registry.mode, self.epoch()));
        registry.mutators.push(record.clone());
        Ok(record)
    }

    /// A mutator leaves, in whatever mode it is.
    pub(crate) fn unregister(&self, record: &Arc<Record>) {
        record.enter();
        let mut registry = self.registry.lock();
        // A request can come only under the lock: what waits now is all that ever will.
        record.retire();
        let place = registry.mutators.iter().position(|other| Arc::ptr_eq(other, record));
        registry.mutators.swap_remove(place.expect("a mutator is registered until it leaves"));
        registry.departed.merge(&record.recorder.lock());
        registry.departed_shaded += record.counts.shaded();
        registry.departed_hits += record.counts.barrier_hits();
    }

    /// Requests `handshake` of all mutators, and answers for those that are outside. `asked` is for the caller to keep until
    /// all have answered.
    pub(crate) fn request(&self, handshake: Handshake, asked: &mut Vec<Arc<Record>>) {
        {
            let mut registry = self.registry.lock();
            registry.mode = handshake.next_mode(registry.mode);
            if handshake.begins_epoch() {
                // Newcomers from here on allocate for the new epoch; who has yet to answer, for the old one.
                self.arena.flip();
            }
            asked.clone_from(&registry.mutators);
            self.rendezvous.begin(asked.len());
            let now = self.now();
            for record in asked.iter() {
                record.ask(handshake, now);
            }
        }
        for record in asked.iter() {
            record.act(handshake);
        }
    }

    // ---- readings

    fn statistics(&self) -> Statistics {
        let mut statistics = self.control.statistics();
        {
            let registry = self.registry.lock();
            statistics.recorder.merge(&registry.departed);
            statistics.shaded = registry.departed_shaded;
            statistics.barrier_hits = registry.departed_hits;
            for record in &registry.mutators {
                statistics.recorder.merge(&record.recorder.lock());
                statistics.shaded += record.counts.shaded();
                statistics.barrier_hits += record.counts.barrier_hits();
            }
            statistics.mutators = registry.mutators.len();
        }
        statistics.roots = self.roots.len();
        let allocated = self.arena.allocated();
        statistics.bytes_allocated = allocated.bytes;
        statistics.objects_allocated = allocated.objects;
        statistics.heap_bytes = self.heap_bytes();
        statistics.external_bytes = self.external.bytes();
        statistics.memory_bytes = self.limits.quota.charged();
        statistics.emergencies = self.limits.emergencies();
        statistics.event_panics = self.observer.panics();
        statistics.goal = self.pacing.goal();
        statistics.drops = self.drops.run();
        statistics.drop_panics = self.drops.panics();
        (statistics.cleanups, statistics.cleanup_panics) = self.cleanups.counts();
        statistics
    }
}

impl fmt::Debug for HeapCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(if self.shared { "Heap" } else { "LocalHeap" })
            .field("config", &self.config)
            .field("heap_bytes", &self.heap_bytes())
            .field("roots", &self.roots.len())
            .finish_non_exhaustive()
    }
}

/// One owner of a heap (I1).
pub(crate) struct Owner(Arc<HeapCore>);

impl Owner {
    pub(crate) fn core(&self) -> &Arc<HeapCore> {
        &self.0
    }
}

impl Clone for Owner {
    fn clone(&self) -> Self {
        self.0.add_owner();
        Owner(self.0.clone())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.drop_owner();
    }
}

/// A heap that many threads mutate at once. A clonable handle; what is stored must be `Send + Sync`.
///
/// It lives until the last handle, mutator and root are gone; then all its objects are dropped. An object may hold the
/// last handle of its own heap.
///
/// ```
/// use gc_core::{Gc, GcCell, Heap, Trace};
///
/// #[derive(Trace)]
/// struct Node<'gc> {
///     next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
/// }
///
/// let heap = Heap::new();
/// std::thread::scope(|threads| {
///     for _ in 0..2 {
///         threads.spawn(|| {
///             let mut mutator = heap.mutator().unwrap();
///             mutator.mutate(|mc| {
///                 let node = mc.alloc(Node { next: GcCell::new(None) });
///                 node.next.set(mc, Some(node)); // a cycle
///             });
///             mutator.collect();
///         });
///     }
/// });
/// ```
#[derive(Clone)]
pub struct Heap(Owner);

impl Heap {
    /// A heap with the default [`Config`].
    ///
    /// # Panics
    /// When the system has no address space left; see [`try_with_config`](Heap::try_with_config).
    pub fn new() -> Self {
        Self::with_config(Config::new())
    }

    /// A heap with this configuration.
    ///
    /// # Panics
    /// As [`new`](Heap::new).
    pub fn with_config(config: Config) -> Self {
        Self::try_with_config(config).unwrap_or_else(|error| panic!("no address space for a heap: {error}"))
    }

    /// A heap with this configuration, or why there can be none.
    ///
    /// # Errors
    /// When the system has no address space left.
    pub fn try_with_config(config: Config) -> Result<Self, AllocError> {
        Ok(Heap(Owner(HeapCore::new(config, true)?)))
    }

    /// Registers the calling thread as a mutator of this heap.
    ///
    /// # Errors
    /// When the thread has one already.
    pub fn mutator(&self) -> Result<Mutator<Shared>, MutatorError> {
        let record = self.0.core().register()?;
        Ok(Mutator::new(record, self.0.clone()))
    }

    /// Asks for a cycle and does not wait for it. Safe to call anywhere.
    pub fn start_collection(&self) {
        Control::start(self.0.core());
    }

    /// No cycle begins, and one that is on stands still, until the guard is dropped.
    pub fn inhibit(&self) -> Inhibit {
        Inhibit::new(self.0.clone())
    }

    /// What was measured so far.
    pub fn statistics(&self) -> Statistics {
        self.0.core().statistics()
    }
}

impl Heap {
    pub(crate) fn core(&self) -> &Arc<HeapCore> {
        self.0.core()
    }
}

impl LocalHeap {
    pub(crate) fn core(&self) -> &Arc<HeapCore> {
        self.0.core()
    }
}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.core().fmt(f)
    }
}

/// A heap with one mutator at a time, on the thread that made it. What is stored need be neither `Send` nor `Sync`, and is
/// dropped on this thread. Marking runs on a background thread all the same.
///
/// It lives until the handle and its mutator are gone. A root left over is then of no use: getting its target takes a
/// region of its heap, and there is none any more.
pub struct LocalHeap(Owner, PhantomData<*const ()>);

impl LocalHeap {
    /// A heap with the default [`Config`].
    ///
    /// # Panics
    /// When the system has no address space left; see [`try_with_config`](LocalHeap::try_with_config).
    pub fn new() -> Self {
        Self::with_config(Config::new())
    }

    /// A heap with this configuration.
    ///
    /// # Panics
    /// As [`new`](LocalHeap::new).
    pub fn with_config(config: Config) -> Self {
        Self::try_with_config(config).unwrap_or_else(|error| panic!("no address space for a heap: {error}"))
    }

    /// A heap with this configuration, or why there can be none.
    ///
    /// # Errors
    /// When the system has no address space left.
    pub fn try_with_config(config: Config) -> Result<Self, AllocError> {
        Ok(LocalHeap(Owner(HeapCore::new(config, false)?), PhantomData))
    }

    /// The heap's mutator.
    ///
    /// # Errors
    /// While there is one already.
    pub fn mutator(&self) -> Result<Mutator<Owned>, MutatorError> {
        let record = self.0.core().register()?;
        Ok(Mutator::new(record, self.0.clone()))
    }

    /// Asks for a cycle and does not wait for it. Safe to call anywhere.
    pub fn start_collection(&self) {
        Control::start(self.0.core());
    }

    /// No cycle begins, and one that is on stands still, until the guard is dropped.
    pub fn inhibit(&self) -> Inhibit {
        Inhibit::new(self.0.clone())
    }

    /// What was measured so far.
    pub fn statistics(&self) -> Statistics {
        self.0.core().statistics()
    }
}

impl Default for LocalHeap {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalHeap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.core().fmt(f)
    }
}

// Kinds are told apart by the type parameter of what a heap hands out; the core knows by a flag.
const _: () = assert!(Shared::SHARED && !Owned::SHARED);
