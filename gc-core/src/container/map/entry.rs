//! The entry of a key: one look for a reading and a write.

use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::MapMut;
use crate::alloc::out_of_memory;
use crate::container::table::Place;
use crate::kind::Kind;
use crate::trace::{Storable, Trace};

/// The place of a key in a map: see [`MapMut::entry`].
pub enum Entry<'e, 'm, 'gc, K, V, S: Kind, H> {
    /// The map has the key.
    Occupied(OccupiedEntry<'e, 'm, 'gc, K, V, S, H>),
    /// The map does not have it.
    Vacant(VacantEntry<'e, 'm, 'gc, K, V, S, H>),
}

/// The place of a key that the map has.
pub struct OccupiedEntry<'e, 'm, 'gc, K, V, S: Kind, H> {
    map: &'e mut MapMut<'m, 'gc, K, V, S, H>,
    at: Place<'gc, (K, V)>,
}

/// The place of a key that the map does not have.
pub struct VacantEntry<'e, 'm, 'gc, K, V, S: Kind, H> {
    map: &'e mut MapMut<'m, 'gc, K, V, S, H>,
    hash: u64,
    /// Where the key may be put, if there is room: nothing changes while the entry borrows the guard.
    free: Option<Place<'gc, (K, V)>>,
    key: K,
}

impl<'m, 'gc, K, V, S, H> MapMut<'m, 'gc, K, V, S, H>
where
    K: Trace<'gc> + Storable<S> + Hash + Eq + 'gc,
    V: Trace<'gc> + Storable<S> + 'gc,
    S: Kind,
    H: BuildHasher,
{
    /// The place of a key.
    ///
    /// ```
    /// use gc_core::{GcMap, Heap};
    ///
    /// let heap = Heap::new();
    /// let mut mutator = heap.mutator().unwrap();
    /// mutator.mutate(|mc| {
    ///     let counts = mc.alloc(GcMap::<String, u32>::new());
    ///     let mut counts = counts.borrow_mut(mc);
    ///     for word in "to be or not to be".split(' ') {
    ///         *counts.entry(word.to_string()).or_insert(0) += 1;
    ///     }
    ///     assert_eq!(counts.get("be"), Some(&2));
    /// });
    /// ```
    pub fn entry(&mut self, key: K) -> Entry<'_, 'm, 'gc, K, V, S, H> {
        let hash = self.hash(&key);
        match self.map.table.look(hash, |(known, _)| *known == key) {
            Ok(at) => Entry::Occupied(OccupiedEntry { map: self, at }),
            Err(free) => Entry::Vacant(VacantEntry { map: self, hash, free, key }),
        }
    }
}

impl<'e, 'gc, K, V, S, H> Entry<'e, '_, 'gc, K, V, S, H>
where
    K: Trace<'gc> + Storable<S> + Hash + Eq + 'gc,
    V: Trace<'gc> + Storable<S> + 'gc,
    S: Kind,
    H: BuildHasher,
{
    /// The value, which is set to `value` if there is none.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn or_insert(self, value: V) -> &'e mut V {
        self.or_insert_with(|| value)
    }

    /// The value, which is set to what `value` makes if there is none.
    ///
    /// # Panics
    /// When there is no memory, and when `value` does; the map is as it was then.
    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> &'e mut V {
        match self {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(value()),
        }
    }

    /// The value, which is set to the default if there is none.
    ///
    /// # Panics
    /// As [`or_insert_with`](Entry::or_insert_with).
    pub fn or_default(self) -> &'e mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value if there is one.
    pub fn and_modify(mut self, change: impl FnOnce(&mut V)) -> Self {
        if let Entry::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }
}

impl<'e, 'gc, K, V, S, H> OccupiedEntry<'e, '_, 'gc, K, V, S, H>
where
    K: Trace<'gc>,
    V: Trace<'gc>,
    S: Kind,
{
    /// The value.
    pub fn get(&self) -> &V {
        // SAFETY: an element, borrowed with the guard.
        &unsafe { self.at.segment.at(self.at.place).as_ref() }.1
    }

    /// The value, to be changed.
    pub fn get_mut(&mut self) -> &mut V {
        self.map.value_mut(self.at)
    }

    /// The value, to be changed for as long as the guard is borrowed.
    pub fn into_mut(self) -> &'e mut V {
        self.map.value_mut(self.at)
    }

    /// Sets the value; the one it was.
    pub fn insert(&mut self, value: V) -> V {
        std::mem::replace(self.get_mut(), value)
    }

    /// Removes the key; itself and its value.
    pub fn remove_entry(self) -> (K, V) {
        // SAFETY: found when the entry was made, and nothing has changed since.
        unsafe { self.map.map.table.remove(self.map.mc, self.at) }
    }
}

impl<'e, 'gc, K, V, S, H> VacantEntry<'e, '_, 'gc, K, V, S, H>
where
    K: Trace<'gc> + Storable<S> + Hash + Eq + 'gc,
    V: Trace<'gc> + Storable<S> + 'gc,
    S: Kind,
    H: BuildHasher,
{
    /// The key.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Adds the key with this value.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn insert(self, value: V) -> &'e mut V {
        let at =
            self.map.insert_new(self.hash, self.free, self.key, value).unwrap_or_else(|error| out_of_memory(error));
        self.map.value_mut(at)
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S: Kind, H> fmt::Debug for Entry<'_, '_, '_, K, V, S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Occupied(entry) => entry.fmt(f),
            Entry::Vacant(entry) => entry.fmt(f),
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S: Kind, H> fmt::Debug for OccupiedEntry<'_, '_, '_, K, V, S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: an element, borrowed with the guard.
        let (key, value) = unsafe { self.at.segment.at(self.at.place).as_ref() };
        f.debug_struct("OccupiedEntry").field("key", key).field("value", value).finish()
    }
}

impl<K: fmt::Debug, V, S: Kind, H> fmt::Debug for VacantEntry<'_, '_, '_, K, V, S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VacantEntry").field("key", &self.key).finish()
    }
}
