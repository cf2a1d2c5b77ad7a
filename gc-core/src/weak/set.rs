//! [`WeakSet`]: objects, by identity, that the set does not keep alive.

use std::fmt;
use std::marker::PhantomData;

use allocator::AllocError;

use super::bucket::hash_of;
use super::table::WeakTable;
use crate::alloc::out_of_memory;
use crate::gc::Gc;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::thin::ThinTarget;
use crate::trace::{Pointee, Rebrand, Storable, Trace};
use crate::tracer::Tracer;
use crate::type_info::Sized_;

/// A set of objects, by identity, that keeps none of them alive: JavaScript's `WeakSet`. As [`WeakMap`](crate::WeakMap) without
/// values.
///
/// ```
/// use gc_core::{LocalHeap, Trace, WeakSet};
///
/// /// Who is told of changes, as long as somebody else holds them.
/// #[derive(Trace)]
/// struct Subject<'gc> {
///     observers: WeakSet<'gc, u32>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// let (subject, kept) = mutator.mutate(|mc| {
///     let subject = mc.alloc(Subject { observers: WeakSet::new(mc) });
///     let (kept, lost) = (mc.alloc(1), mc.alloc(2));
///     assert!(subject.observers.insert(mc, kept) && subject.observers.insert(mc, lost));
///     (mc.root(subject), mc.root(kept))
/// });
/// mutator.collect();
/// mutator.mutate(|mc| {
///     let observers = subject.get(mc).observers;
///     assert!(observers.contains(mc, kept.get(mc)));
///     let mut told = 0;
///     observers.for_each(mc, |observer| told += *observer);
///     assert_eq!((told, observers.len()), (1, 1));
/// });
/// ```
pub struct WeakSet<'gc, T: ?Sized + 'gc> {
    entries: Gc<'gc, WeakTable<'gc, ()>>,
    /// Invariant in `T`, which goes in and comes out.
    _target: PhantomData<(fn(Gc<'gc, T>) -> Gc<'gc, T>, Gc<'gc, T>)>,
}

impl<T: ?Sized> Clone for WeakSet<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for WeakSet<'_, T> {}

impl<'gc, T: ?Sized + ThinTarget> WeakSet<'gc, T> {
    /// An empty set.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn new<S: Kind>(mc: &Mutation<'gc, S>) -> Self
    where
        T: Storable<S>,
    {
        let entries = WeakTable::new(mc)
            .and_then(|table| mc.try_alloc_as(Sized_::<'gc, WeakTable<'gc, ()>>::INFO, table))
            .unwrap_or_else(|error| out_of_memory(error));
        WeakSet { entries, _target: PhantomData }
    }

    /// How many objects stand in it. Those that died count until the cycle that finds them dead has ended its marking.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the object stands in it.
    #[inline]
    pub fn contains<S: Kind>(&self, mc: &Mutation<'gc, S>, object: Gc<'gc, T>) -> bool {
        let object = Gc::erased(object);
        let _reading = self.entries.read::<S>();
        self.entries.find(mc, hash_of(object), |target, ()| target == object).is_some()
    }

    /// Puts an object in; false if it is in already.
    ///
    /// # Panics
    /// When there is no memory; see [`try_insert`](WeakSet::try_insert).
    pub fn insert<S: Kind>(&self, mc: &Mutation<'gc, S>, object: Gc<'gc, T>) -> bool {
        self.try_insert(mc, object).unwrap_or_else(|error| out_of_memory(error))
    }

    /// As [`insert`](WeakSet::insert).
    ///
    /// # Errors
    /// When there is no memory; nothing has changed then.
    pub fn try_insert<S: Kind>(&self, mc: &Mutation<'gc, S>, object: Gc<'gc, T>) -> Result<bool, AllocError> {
        let object = Gc::erased(object);
        let _writing = self.entries.write::<S>();
        let new = self.entries.find(mc, hash_of(object), |target, ()| target == object).is_none();
        if new {
            self.entries.insert(mc, hash_of(object), object, |_, ()| {})?;
        }
        Ok(new)
    }

    /// Takes an object out; whether it was in.
    pub fn remove<S: Kind>(&self, mc: &Mutation<'gc, S>, object: Gc<'gc, T>) -> bool {
        let object = Gc::erased(object);
        let _writing = self.entries.write::<S>();
        let found = self.entries.find(mc, hash_of(object), |target, ()| target == object);
        if let Some(found) = &found {
            self.entries.remove(mc, found);
        }
        found.is_some()
    }

    /// Shows every object to `see`, in no order: once if it is not changed meanwhile, which `see` may do.
    pub fn for_each<S: Kind>(&self, mc: &Mutation<'gc, S>, mut see: impl FnMut(Gc<'gc, T>)) {
        self.entries.each(
            mc,
            |()| (),
            |target, ()| {
                // SAFETY: a `T`, allocated as what it is, and kept for the region.
                let target = unsafe { T::fatten(target) };
                // SAFETY: as above.
                see(unsafe { Gc::from_ptr(target) });
            },
        );
    }
}

impl<T: ?Sized> fmt::Debug for WeakSet<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSet").finish_non_exhaustive()
    }
}

// SAFETY: reports the one pointer it holds, and only for its own brand.
unsafe impl<'gc, T: ?Sized + 'gc> Trace<'gc> for WeakSet<'gc, T> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        self.entries.trace(tracer);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, T: ?Sized + Pointee + 'gc> Rebrand for WeakSet<'gc, T> {
    type With<'a> = WeakSet<'a, T::With<'a>>;
}
