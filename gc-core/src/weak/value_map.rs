//! [`WeakValueMap`]: a cache whose entries go with their values.
//!
//! V1. An entry's target is the value, its payload an object with the key, which goes when the value has died.
//! V2. User code (`Hash`, `Eq`) runs without the lock, as with the `interner` (I1): candidates are taken under the lock and
//!     compared after it, and an entry is changed only if none was added since.

use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::bucket::Beside;
use super::table::{Found, WeakTable};
use crate::alloc::out_of_memory;
use crate::gc::Gc;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::thin::ThinTarget;
use crate::trace::{Pointee, Rebrand, Storable, Trace};
use crate::tracer::Tracer;
use crate::type_info::Sized_;

/// What a map points to.
struct Head<'gc, K: 'gc, H> {
    table: WeakTable<'gc, Beside<'gc, K>>,
    hasher: H,
}

// SAFETY: the hasher is `'static`, so holds no `Gc`.
unsafe impl<'gc, K, H: 'static> Trace<'gc> for Head<'gc, K, H> {
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.table);
    }
}

/// A map whose values stand weakly: an entry goes when nothing else names its value. Python's `WeakValueDictionary`, Lua's tables
/// with `__mode = "v"`; a cache of what is in use: modules by name, shapes by their transitions.
///
/// Keys are kept alive while their entries are there. As [`Interner`](crate::Interner) otherwise.
///
/// ```
/// use gc_core::{LocalHeap, Trace, WeakValueMap};
///
/// #[derive(Trace)]
/// struct Module(&'static str);
///
/// #[derive(Trace)]
/// struct Loader<'gc> {
///     loaded: WeakValueMap<'gc, String, Module>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// let (loader, kept) = mutator.mutate(|mc| {
///     let loader = mc.alloc(Loader { loaded: WeakValueMap::new(mc) });
///     let (kept, lost) = (mc.alloc(Module("fn f() {}")), mc.alloc(Module("fn g() {}")));
///     loader.loaded.insert(mc, "kept".to_string(), kept);
///     loader.loaded.insert(mc, "lost".to_string(), lost);
///     (mc.root(loader), mc.root(kept))
/// });
/// mutator.collect();
/// mutator.mutate(|mc| {
///     let loaded = loader.get(mc).loaded;
///     assert_eq!(loaded.get(mc, "kept").unwrap().0, kept.get(mc).0);
///     assert!(loaded.get(mc, "lost").is_none());
/// });
/// ```
pub struct WeakValueMap<'gc, K: 'gc, V: ?Sized + 'gc, H: 'static = RandomState> {
    head: Gc<'gc, Head<'gc, K, H>>,
    /// Invariant in `V`, which goes in and comes out.
    _value: PhantomData<(fn(Gc<'gc, V>) -> Gc<'gc, V>, Gc<'gc, V>)>,
}

impl<K, V: ?Sized, H> Clone for WeakValueMap<'_, K, V, H> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V: ?Sized, H> Copy for WeakValueMap<'_, K, V, H> {}

impl<'gc, K: Trace<'gc>, V: ?Sized> WeakValueMap<'gc, K, V> {
    /// An empty map.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn new<S: Kind>(mc: &Mutation<'gc, S>) -> Self
    where
        K: Storable<S>,
        V: Storable<S>,
    {
        Self::make(mc, RandomState::new())
    }
}

/// What may be an entry of a key: what it names, and its key.
type Candidate<'gc, K> = (NonNull<()>, Gc<'gc, K>);

impl<'gc, K: Trace<'gc> + Hash + Eq, V: ?Sized + ThinTarget, H: BuildHasher> WeakValueMap<'gc, K, V, H> {
    /// The value of a key.
    pub fn get<Q, S>(&self, mc: &Mutation<'gc, S>, key: &Q) -> Option<Gc<'gc, V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        S: Kind,
    {
        let (found, _) = self.look_up(mc, self.hash(key), key);
        // SAFETY: an entry's target, upgraded.
        found.map(|(target, _)| unsafe { Self::value(target) })
    }

    /// Gives the key a value, which the map does not keep alive; the one it had before.
    ///
    /// # Panics
    /// When there is no memory; when `Hash` or `Eq` do. Nothing has changed then.
    pub fn insert<S: Kind>(&self, mc: &Mutation<'gc, S>, key: K, value: Gc<'gc, V>) -> Option<Gc<'gc, V>>
    where
        K: Storable<S>,
    {
        let hash = self.hash(&key);
        let key = mc.alloc(key);
        let table = &Gc::as_ref(self.head).table;
        loop {
            let (old, additions) = self.look_up(mc, hash, Gc::as_ref(key));
            let _writing = table.write::<S>();
            if table.additions() != additions {
                continue; // V2
            }
            let target = Gc::erased(value);
            // It may have been taken out meanwhile.
            if let Some(found) = old.and_then(|old| self.find_again(mc, hash, old)) {
                table.replace(&found, target);
                // SAFETY: an entry's target, upgraded.
                return Some(unsafe { Self::value(found.target) });
            }
            match table.insert(mc, hash, target, |mc, payload| payload.set(mc, key)) {
                Ok(()) => return None,
                Err(error) => out_of_memory(error),
            }
        }
    }

    /// Takes a key out; the value it had.
    pub fn remove<Q, S>(&self, mc: &Mutation<'gc, S>, key: &Q) -> Option<Gc<'gc, V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        S: Kind,
    {
        let hash = self.hash(key);
        let (entry, _) = self.look_up(mc, hash, key);
        let entry = entry?;
        let table = &Gc::as_ref(self.head).table;
        let _writing = table.write::<S>();
        let found = self.find_again(mc, hash, entry)?;
        table.remove(mc, &found);
        // SAFETY: an entry's target, upgraded.
        Some(unsafe { Self::value(found.target) })
    }

    /// Shows every entry to `see`, in no order: once if it is not changed meanwhile, which `see` may do.
    pub fn for_each<S: Kind>(&self, mc: &Mutation<'gc, S>, mut see: impl FnMut(&'gc K, Gc<'gc, V>)) {
        Gc::as_ref(self.head).table.each(mc, Beside::get, |target, key| {
            // SAFETY: an entry's target, upgraded.
            see(Gc::as_ref(key), unsafe { Self::value(target) });
        });
    }

    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u32 {
        let hash = self.head.hasher.hash_one(key);
        (hash ^ hash >> 32) as u32 // as `Interner`
    }

    /// The value of an entry.
    ///
    /// # Safety
    /// `target` is the target of an entry of this map, upgraded in this region.
    unsafe fn value(target: NonNull<()>) -> Gc<'gc, V> {
        // SAFETY: by contract a live `V`, allocated as what it is.
        let target = unsafe { V::fatten(target) };
        // SAFETY: alive for as long as the region lasts.
        unsafe { Gc::from_ptr(target) }
    }

    /// The entry with this key, and how often one had been added when it was looked for.
    fn look_up<Q, S>(&self, mc: &Mutation<'gc, S>, hash: u32, key: &Q) -> (Option<Candidate<'gc, K>>, usize)
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
        S: Kind,
    {
        let table = &Gc::as_ref(self.head).table;
        let mut candidates: Vec<Candidate<'gc, K>> = Vec::new();
        let reading = table.read::<S>();
        let additions = table.additions();
        let _none = table.find(mc, hash, |target, payload| {
            candidates.push((target, payload.get()));
            false
        });
        drop(reading); // V2
        let found = candidates.into_iter().find(|(_, candidate)| Gc::as_ref(*candidate).borrow() == key);
        (found, additions)
    }

    /// An entry that was found before, if it is still there. Under the lock.
    fn find_again<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        hash: u32,
        (value, key): Candidate<'gc, K>,
    ) -> Option<Found<'gc, Beside<'gc, K>>> {
        let table = &Gc::as_ref(self.head).table;
        table.find(mc, hash, |target, payload| target == value && Gc::ptr_eq(payload.get(), key))
    }
}

impl<'gc, K: Trace<'gc>, V: ?Sized, H: BuildHasher> WeakValueMap<'gc, K, V, H> {
    /// An empty map that hashes with `hasher`.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn with_hasher<S: Kind>(mc: &Mutation<'gc, S>, hasher: H) -> Self
    where
        K: Storable<S>,
        V: Storable<S>,
        H: Storable<S>,
    {
        Self::make(mc, hasher)
    }

    fn make<S: Kind>(mc: &Mutation<'gc, S>, hasher: H) -> Self {
        let head = WeakTable::new(mc)
            .and_then(|table| mc.try_alloc_as(Sized_::<'gc, Head<'gc, K, H>>::INFO, Head { table, hasher }))
            .unwrap_or_else(|error| out_of_memory(error));
        WeakValueMap { head, _value: PhantomData }
    }

    /// How many entries there are. Those whose values died count until the cycle that finds them dead has ended its marking.
    pub fn len(&self) -> usize {
        self.head.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V: ?Sized, H> fmt::Debug for WeakValueMap<'_, K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakValueMap").finish_non_exhaustive()
    }
}

// SAFETY: reports the one pointer it holds, and only for its own brand.
unsafe impl<'gc, K: 'gc, V: ?Sized + 'gc, H: 'static> Trace<'gc> for WeakValueMap<'gc, K, V, H> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        self.head.trace(tracer);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, K: Rebrand + 'gc, V: ?Sized + Pointee + 'gc, H: 'static> Rebrand for WeakValueMap<'gc, K, V, H> {
    type With<'a> = WeakValueMap<'a, K::With<'a>, V::With<'a>, H>;
}
