//! [`GcMap`]: a hash map inside an object.
//!
//! M1. [`MapView`] is a `GcMap` whose lock is held: only the guards give one. `&mut MapMut` is the exclusive half.
//! M2. References to elements borrow the guard, so nothing moves an element while there is one.
//! M3. `&mut V` is handed out after the barrier for its element: what it overwrites was shaded, or its segment claimed.

mod entry;
mod iter;

pub use entry::{Entry, OccupiedEntry, VacantEntry};
pub use iter::{MapDrain, MapIter};

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::ops::Deref;

use super::lock::ContainerLock;
use super::table::{Place, Table, spread};
use crate::alloc::out_of_memory;
use crate::cell::{BorrowError, BorrowMutError};
use crate::kind::{Kind, Shared};
use crate::mutator::Mutation;
use crate::trace::{Rebrand, Storable, Trace};
use crate::tracer::Tracer;

/// A hash map for a field of an object, with the feel of [`HashMap`](std::collections::HashMap). It grows, is shaded and is
/// dropped in segments of 4 to 8 KiB, so that no operation takes longer because the map is large, while a cycle is on either.
///
/// [`borrow`](GcMap::borrow) and [`borrow_mut`](GcMap::borrow_mut) give guards with the map's methods. In a
/// [`LocalHeap`](crate::LocalHeap) (`S` = [`Owned`](crate::Owned)) they follow the rules of `RefCell`; in a
/// [`Heap`](crate::Heap) (`S` = [`Shared`], the default) each locks the map for its thread alone, and waits for others. A thread
/// that holds a guard of a map is refused another of the same map instead of waiting for itself: also `Hash` and `Eq` of a
/// key, which run under the guard.
///
/// The hasher, `H`, is foldhash's with a seed of its own for each map, as hashbrown's default: fast, and not to be
/// predicted by someone who only chooses keys. Take `std::hash::RandomState` for keys from adversaries who can measure time.
///
/// Values that are overwritten or removed are returned. What is left when the map is cleared or becomes unreachable is
/// dropped by the collector, segment by segment.
///
/// ```
/// use gc_core::{Gc, GcMap, LocalHeap, Owned, Trace};
///
/// /// An object of a language: properties by name.
/// #[derive(Trace)]
/// struct Object<'gc> {
///     properties: GcMap<'gc, String, Gc<'gc, Object<'gc>>, Owned>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let object = mc.alloc(Object { properties: GcMap::new() });
///     let parent = mc.alloc(Object { properties: GcMap::new() });
///     let mut properties = object.properties.borrow_mut(mc);
///     properties.insert("self".into(), object);
///     properties.insert("parent".into(), parent);
///     assert_eq!(properties.len(), 2);
///     drop(properties);
///     assert!(Gc::ptr_eq(object.properties.get("self").unwrap(), object));
/// });
/// ```
pub struct GcMap<'gc, K, V, S: Kind = Shared, H = foldhash::fast::RandomState> {
    table: Table<'gc, (K, V)>,
    lock: S::Lock,
    hasher: H,
}

// SAFETY: the lock gives one thread at a time access to the table, and elements of a shared map are `Send + Sync`
// (`Storable`); the hasher is shared.
unsafe impl<K: Send + Sync, V: Send + Sync, H: Sync> Sync for GcMap<'_, K, V, Shared, H> {}

impl<K, V, S: Kind, H: Default> GcMap<'_, K, V, S, H> {
    /// An empty map, which has no memory of its own yet.
    pub fn new() -> Self {
        Self::with_hasher(H::default())
    }
}

impl<K, V, S: Kind, H> GcMap<'_, K, V, S, H> {
    /// An empty map that hashes with `hasher`.
    pub fn with_hasher(hasher: H) -> Self {
        GcMap { table: Table::new(), lock: S::Lock::new(), hasher }
    }

    /// Its hasher.
    pub fn hasher(&self) -> &H {
        &self.hasher
    }
}

impl<'gc, K, V, S: Kind, H> GcMap<'gc, K, V, S, H> {
    /// Locks the map for reading.
    ///
    /// # Panics
    /// While this thread has a guard for writing (or, of a shared map, any guard).
    #[inline]
    #[track_caller]
    pub fn borrow(&self) -> MapRef<'_, 'gc, K, V, S, H> {
        if !self.lock.share(true) {
            refused();
        }
        MapRef { map: self, _not_send: PhantomData }
    }

    /// Locks the map for reading, if that is possible at once.
    ///
    /// # Errors
    /// While it is locked for writing (or, a shared map, at all).
    #[inline]
    pub fn try_borrow(&self) -> Result<MapRef<'_, 'gc, K, V, S, H>, BorrowError> {
        if self.lock.share(false) { Ok(MapRef { map: self, _not_send: PhantomData }) } else { Err(BorrowError(())) }
    }

    /// Locks the map for writing.
    ///
    /// # Panics
    /// While this thread has a guard.
    #[inline]
    #[track_caller]
    pub fn borrow_mut<'m>(&'m self, mc: &'m Mutation<'gc, S>) -> MapMut<'m, 'gc, K, V, S, H> {
        if !self.lock.exclude(true) {
            refused();
        }
        MapMut { map: self, mc }
    }

    /// Locks the map for writing, if that is possible at once.
    ///
    /// # Errors
    /// While it is locked.
    #[inline]
    pub fn try_borrow_mut<'m>(
        &'m self,
        mc: &'m Mutation<'gc, S>,
    ) -> Result<MapMut<'m, 'gc, K, V, S, H>, BorrowMutError> {
        if self.lock.exclude(false) { Ok(MapMut { map: self, mc }) } else { Err(BorrowMutError(())) }
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refused() -> ! {
    panic!("GcMap already borrowed by this thread")
}

/// One operation under a guard of its own. They panic where [`borrow`](GcMap::borrow) and [`borrow_mut`](GcMap::borrow_mut)
/// do.
impl<'gc, K, V, S, H> GcMap<'gc, K, V, S, H>
where
    K: Trace<'gc> + Storable<S> + Hash + Eq + 'gc,
    V: Trace<'gc> + Storable<S> + 'gc,
    S: Kind,
    H: BuildHasher,
{
    /// A copy of the value of a key.
    #[inline]
    pub fn get<Q: ?Sized + Hash + Eq>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        V: Copy,
    {
        self.borrow().get(key).copied()
    }

    /// Sets the value of a key; the one it had.
    ///
    /// # Panics
    /// Also when there is no memory.
    #[inline]
    pub fn insert(&self, mc: &Mutation<'gc, S>, key: K, value: V) -> Option<V> {
        self.borrow_mut(mc).insert(key, value)
    }

    /// Removes a key; the value it had.
    #[inline]
    pub fn remove<Q: ?Sized + Hash + Eq>(&self, mc: &Mutation<'gc, S>, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.borrow_mut(mc).remove(key)
    }
}

// SAFETY: passes the table on; keys and values are in its segments, and the hasher is `'static`.
unsafe impl<'gc, K, V, S, H> Trace<'gc> for GcMap<'gc, K, V, S, H>
where
    K: Trace<'gc>,
    V: Trace<'gc>,
    S: Kind,
    H: 'static,
{
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.table);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<K: Rebrand, V: Rebrand, S: Kind, H: 'static> Rebrand for GcMap<'_, K, V, S, H> {
    type With<'a> = GcMap<'a, K::With<'a>, V::With<'a>, S, H>;
}

impl<K, V, S: Kind, H: Default> Default for GcMap<'_, K, V, S, H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S: Kind, H> fmt::Debug for GcMap<'_, K, V, S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_borrow() {
            Ok(map) => map.fmt(f),
            Err(_) => f.write_str("{<borrowed>}"),
        }
    }
}

/// A [`GcMap`] that may be read: what both guards are.
#[repr(transparent)]
pub struct MapView<'gc, K, V, S: Kind = Shared, H = foldhash::fast::RandomState>(GcMap<'gc, K, V, S, H>);

impl<'gc, K, V, S: Kind, H> MapView<'gc, K, V, S, H> {
    /// The view of a map whose lock the caller holds (M1).
    #[inline(always)]
    fn of<'m>(map: &'m GcMap<'gc, K, V, S, H>) -> &'m Self {
        // SAFETY: transparent.
        unsafe { &*std::ptr::from_ref(map).cast() }
    }

    /// How many keys it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.table.len()
    }

    /// Whether it has none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys with their values, in no order.
    pub fn iter(&self) -> MapIter<'_, 'gc, K, V> {
        MapIter::new(&self.0.table)
    }

    /// All keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<'gc, K: Hash + Eq, V, S: Kind, H: BuildHasher> MapView<'gc, K, V, S, H> {
    #[inline(always)]
    fn hash<Q: ?Sized + Hash>(&self, key: &Q) -> u64 {
        spread(self.0.hasher.hash_one(key))
    }

    #[inline(always)]
    fn place<Q: ?Sized + Hash + Eq>(&self, key: &Q) -> Option<Place<'gc, (K, V)>>
    where
        K: Borrow<Q>,
    {
        self.0.table.find(self.hash(key), |(known, _)| known.borrow() == key)
    }

    /// The value of a key.
    ///
    /// Cost: on average that of one look at a hash table, and one or two loads in the trie before.
    #[inline]
    pub fn get<Q: ?Sized + Hash + Eq>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// A key of the map, and its value.
    #[inline]
    pub fn get_key_value<Q: ?Sized + Hash + Eq>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let at = self.place(key)?;
        // SAFETY: an element, which nobody writes while `self` is borrowed (M2).
        let (key, value) = unsafe { at.segment.at(at.place).as_ref() };
        Some((key, value))
    }

    /// Whether it has the key.
    #[inline]
    pub fn contains_key<Q: ?Sized + Hash + Eq>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_some()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S: Kind, H> fmt::Debug for MapView<'_, K, V, S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A [`GcMap`], borrowed.
pub struct MapRef<'m, 'gc, K, V, S: Kind = Shared, H = foldhash::fast::RandomState> {
    map: &'m GcMap<'gc, K, V, S, H>,
    _not_send: PhantomData<*const ()>,
}

impl<'gc, K, V, S: Kind, H> Deref for MapRef<'_, 'gc, K, V, S, H> {
    type Target = MapView<'gc, K, V, S, H>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        MapView::of(self.map)
    }
}

impl<K, V, S: Kind, H> Drop for MapRef<'_, '_, K, V, S, H> {
    #[inline(always)]
    fn drop(&mut self) {
        self.map.lock.end_share();
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S: Kind, H> fmt::Debug for MapRef<'_, '_, K, V, S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A [`GcMap`], borrowed exclusively.
pub struct MapMut<'m, 'gc, K, V, S: Kind = Shared, H = foldhash::fast::RandomState> {
    map: &'m GcMap<'gc, K, V, S, H>,
    /// Not `Send`, so neither is the guard.
    mc: &'m Mutation<'gc, S>,
}

impl<'gc, K, V, S, H> MapMut<'_, 'gc, K, V, S, H>
where
    K: Trace<'gc> + Storable<S> + Hash + Eq + 'gc,
    V: Trace<'gc> + Storable<S> + 'gc,
    S: Kind,
    H: BuildHasher,
{
    /// The value of a key, to be changed.
    #[inline]
    pub fn get_mut<Q: ?Sized + Hash + Eq>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.place(key)?;
        Some(self.value_mut(at))
    }

    /// Sets the value of a key; the one it had. The key that was there first stays.
    ///
    /// # Panics
    /// When there is no memory; see [`try_insert`](MapMut::try_insert).
    #[inline]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.try_insert(key, value).unwrap_or_else(|error| out_of_memory(error))
    }

    /// As [`insert`](MapMut::insert).
    ///
    /// # Errors
    /// When there is no memory; the map is as it was, and key and value are dropped.
    #[inline]
    pub fn try_insert(&mut self, key: K, value: V) -> Result<Option<V>, crate::AllocError> {
        let hash = self.hash(&key);
        match self.map.table.look(hash, |(known, _)| *known == key) {
            Ok(at) => Ok(Some(std::mem::replace(self.value_mut(at), value))),
            Err(free) => self.insert_new(hash, free, key, value).map(|_| None),
        }
    }

    /// Removes a key; the value it had.
    #[inline]
    pub fn remove<Q: ?Sized + Hash + Eq>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes a key; itself and the value it had.
    #[inline]
    pub fn remove_entry<Q: ?Sized + Hash + Eq>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        let at = self.place(key)?;
        // SAFETY: found just now.
        Some(unsafe { self.map.table.remove(self.mc, at) })
    }

    /// Removes all for which `keep` is false. Each is dropped at once, under the guard.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        for at in self.map.table.elements() {
            at.segment.before_write(self.mc, Some(at.place)); // M3
            // SAFETY: an element, exclusively borrowed.
            let (key, value) = unsafe { at.segment.at(at.place).as_mut() };
            if !keep(key, value) {
                // SAFETY: an element of this table.
                drop(unsafe { self.map.table.remove(self.mc, at) });
            }
        }
    }

    /// Inserts a key that is not there; `free` is what `Table::look` said.
    #[inline]
    fn insert_new(
        &mut self,
        hash: u64,
        free: Option<Place<'gc, (K, V)>>,
        key: K,
        value: V,
    ) -> Result<Place<'gc, (K, V)>, crate::AllocError> {
        let hasher = &self.map.hasher;
        self.map.table.insert(self.mc, hash, free, (key, value), |(key, _)| spread(hasher.hash_one(key)))
    }
}

impl<'gc, K, V, S, H> MapMut<'_, 'gc, K, V, S, H>
where
    K: Trace<'gc>,
    V: Trace<'gc>,
    S: Kind,
{
    #[inline]
    fn value_mut(&mut self, at: Place<'gc, (K, V)>) -> &mut V {
        at.segment.before_write(self.mc, Some(at.place)); // M3
        // SAFETY: an element, exclusively borrowed with `self`.
        &mut unsafe { at.segment.at(at.place).as_mut() }.1
    }

    /// Removes everything, in a step: what was there is dropped by the collector.
    pub fn clear(&mut self) {
        let _unreachable = self.map.table.take(self.mc);
    }

    /// Removes everything and hands it out one by one. What is not taken is dropped by the collector.
    pub fn drain(&mut self) -> MapDrain<'_, 'gc, K, V, S> {
        MapDrain::new(self.map.table.take(self.mc), self.mc)
    }

    /// All keys with their values, which may be changed, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        let mc = self.mc;
        self.map.table.elements().map(move |at| {
            at.segment.before_write(mc, Some(at.place)); // M3
            // SAFETY: an element, exclusively borrowed with `self`, and come upon once.
            let (key, value) = unsafe { at.segment.at(at.place).as_mut() };
            (&*key, value)
        })
    }
}

impl<'gc, K, V, S, H> Extend<(K, V)> for MapMut<'_, 'gc, K, V, S, H>
where
    K: Trace<'gc> + Storable<S> + Hash + Eq + 'gc,
    V: Trace<'gc> + Storable<S> + 'gc,
    S: Kind,
    H: BuildHasher,
{
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<'gc, K, V, S: Kind, H> Deref for MapMut<'_, 'gc, K, V, S, H> {
    type Target = MapView<'gc, K, V, S, H>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        MapView::of(self.map)
    }
}

impl<K, V, S: Kind, H> Drop for MapMut<'_, '_, K, V, S, H> {
    #[inline(always)]
    fn drop(&mut self) {
        self.map.lock.end_exclude();
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S: Kind, H> fmt::Debug for MapMut<'_, '_, K, V, S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
