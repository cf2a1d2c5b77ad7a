//! [`WeakMap`]: properties kept beside objects, by identity.
//!
//! M1. An entry's target is the key, its payload the pair of an ephemeron with the same key: the entry is emptied by the
//!     collector when the key has died, and the pair keeps the value alive only while it lives (`ephemeron` E1). The key of an
//!     entry that was found is kept for the region, so the pair's value may be read (E2).
//! M2. No user code runs under the lock: identity is compared by address.

use std::fmt;
use std::marker::PhantomData;

use allocator::AllocError;

use super::bucket::{Beside, hash_of};
use super::ephemeron::{Pair, key_of, new_pair};
use super::table::{Found, WeakTable};
use crate::alloc::out_of_memory;
use crate::cell::Word;
use crate::gc::Gc;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::trace::{Pointee, Rebrand, Storable, Trace};
use crate::tracer::Tracer;
use crate::type_info::Sized_;

type Entries<'gc, V> = WeakTable<'gc, Beside<'gc, Pair<'gc, V>>>;

/// A map from objects, by identity, to values that live as long as their keys do: JavaScript's `WeakMap`, Python's
/// `WeakKeyDictionary`, Lua's ephemeron tables (`__mode = "k"`).
///
/// The map keeps no key alive, and a value only while its key lives, even if the value names the key ([`Ephemeron`](crate::Ephemeron)
/// says how). When a key has died the collector takes the entry out. The table grows and shrinks by some entries at a time.
///
/// It is a pointer to the table: one word, [`Copy`]. Values are words, as a [`GcCell`](crate::GcCell) holds them. On a shared heap
/// several threads may use it at once; lookups don't exclude one another.
///
/// ```
/// use gc_core::{Gc, LocalHeap, Trace, WeakMap};
///
/// #[derive(Trace)]
/// struct Object<'gc>(&'static str, Option<Gc<'gc, Object<'gc>>>);
///
/// /// Private fields of a class: kept beside its instances.
/// #[derive(Trace)]
/// struct Class<'gc> {
///     secrets: WeakMap<'gc, Object<'gc>, Gc<'gc, Object<'gc>>>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// let (class, instance) = mutator.mutate(|mc| {
///     let class = mc.alloc(Class { secrets: WeakMap::new(mc) });
///     let instance = mc.alloc(Object("instance", None));
///     class.secrets.insert(mc, instance, mc.alloc(Object("secret of", Some(instance))));
///     (mc.root(class), mc.root(instance))
/// });
/// mutator.collect();
/// mutator.mutate(|mc| assert_eq!(class.get(mc).secrets.get(mc, instance.get(mc)).unwrap().0, "secret of"));
/// drop(instance);
/// mutator.collect();
/// mutator.mutate(|mc| assert_eq!(class.get(mc).secrets.len(), 0));
/// ```
pub struct WeakMap<'gc, K: ?Sized + 'gc, V: 'gc> {
    entries: Gc<'gc, Entries<'gc, V>>,
    /// Invariant in `K`, which goes in and comes out.
    _key: PhantomData<(fn(Gc<'gc, K>) -> Gc<'gc, K>, Gc<'gc, K>)>,
}

impl<K: ?Sized, V> Clone for WeakMap<'_, K, V> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: ?Sized, V> Copy for WeakMap<'_, K, V> {}

impl<'gc, K: ?Sized, V: Word<'gc> + 'gc> WeakMap<'gc, K, V> {
    /// An empty map.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn new<S: Kind>(mc: &Mutation<'gc, S>) -> Self
    where
        K: Storable<S>,
        V: Storable<S>,
    {
        let entries = Entries::new(mc)
            .and_then(|table| mc.try_alloc_as(Sized_::<'gc, Entries<'gc, V>>::INFO, table))
            .unwrap_or_else(|error| out_of_memory(error));
        WeakMap { entries, _key: PhantomData }
    }

    /// How many entries there are. Those of keys that died count until the cycle that finds them dead has ended its marking.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    fn find<S: Kind>(&self, mc: &Mutation<'gc, S>, key: Gc<'gc, K>) -> Option<Found<'gc, Beside<'gc, Pair<'gc, V>>>> {
        let key = Gc::erased(key);
        self.entries.find(mc, hash_of(key), |target, _| target == key)
    }

    /// The value of a key.
    #[inline]
    pub fn get<S: Kind>(&self, mc: &Mutation<'gc, S>, key: Gc<'gc, K>) -> Option<V> {
        let _reading = self.entries.read::<S>();
        self.find(mc, key).map(|found| Gc::as_ref(found.payload().get()).value.get()) // M1
    }

    /// Whether the key has a value.
    #[inline]
    pub fn contains_key<S: Kind>(&self, mc: &Mutation<'gc, S>, key: Gc<'gc, K>) -> bool {
        let _reading = self.entries.read::<S>();
        self.find(mc, key).is_some()
    }

    /// Gives the key a value; the one it had before.
    ///
    /// # Panics
    /// When there is no memory; see [`try_insert`](WeakMap::try_insert).
    pub fn insert<S: Kind>(&self, mc: &Mutation<'gc, S>, key: Gc<'gc, K>, value: V) -> Option<V> {
        self.try_insert(mc, key, value).unwrap_or_else(|error| out_of_memory(error))
    }

    /// As [`insert`](WeakMap::insert).
    ///
    /// # Errors
    /// When there is no memory; nothing has changed then.
    pub fn try_insert<S: Kind>(
        &self,
        mc: &Mutation<'gc, S>,
        key: Gc<'gc, K>,
        value: V,
    ) -> Result<Option<V>, AllocError> {
        let _writing = self.entries.write::<S>();
        if let Some(found) = self.find(mc, key) {
            return Ok(Some(Gc::as_ref(found.payload().get()).value.swap(mc, value)));
        }
        let pair = new_pair(mc, key, value)?;
        let target = Gc::erased(key);
        self.entries.insert(mc, hash_of(target), target, |mc, payload| payload.set(mc, pair))?;
        Ok(None)
    }

    /// Takes a key out; the value it had.
    pub fn remove<S: Kind>(&self, mc: &Mutation<'gc, S>, key: Gc<'gc, K>) -> Option<V> {
        let _writing = self.entries.write::<S>();
        let found = self.find(mc, key)?;
        let value = Gc::as_ref(found.payload().get()).value.get();
        self.entries.remove(mc, &found);
        Some(value)
    }

    /// Shows every entry to `see`, in no order: once if it is not changed meanwhile, which `see` may do.
    pub fn for_each<S: Kind>(&self, mc: &Mutation<'gc, S>, mut see: impl FnMut(Gc<'gc, K>, V)) {
        self.entries.each(mc, Beside::get, |target, pair| {
            // SAFETY: the pair was made with a `K`; if it is the target's, that one is kept for the region.
            let key = unsafe { key_of::<K, V>(pair, target) };
            if let Some(key) = key {
                see(key, Gc::as_ref(pair).value.get());
            }
        });
    }
}

impl<K: ?Sized, V> fmt::Debug for WeakMap<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakMap").finish_non_exhaustive()
    }
}

// SAFETY: reports the one pointer it holds, and only for its own brand.
unsafe impl<'gc, K: ?Sized + 'gc, V: 'gc> Trace<'gc> for WeakMap<'gc, K, V> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        self.entries.trace(tracer);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, K: ?Sized + Pointee + 'gc, V: Rebrand + 'gc> Rebrand for WeakMap<'gc, K, V> {
    type With<'a> = WeakMap<'a, K::With<'a>, V::With<'a>>;
}
