//! [`Interner`]: one object for all that are equal.
//!
//! I1. User code (`Hash`, `Eq`, what makes an object) runs without the table's lock: on a shared heap candidates are taken
//!     under the lock and compared after it, and a new object is put in only if nothing was added since the search; so it may
//!     use the interner itself.

use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::ptr::NonNull;

use allocator::AllocError;

use super::table::WeakTable;
use crate::alloc::out_of_memory;
use crate::gc::Gc;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::thin::ThinTarget;
use crate::trace::{Pointee, Rebrand, Storable, Trace};
use crate::tracer::Tracer;
use crate::type_info::Sized_;

/// What an [`Interner`] points to.
struct Head<'gc, H> {
    table: WeakTable<'gc, ()>,
    hasher: H,
}

// SAFETY: the hasher is `'static`, so holds no `Gc`.
unsafe impl<'gc, H: 'static> Trace<'gc> for Head<'gc, H> {
    const HOLDS_GC: bool = true;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.table);
    }
}

/// A table in which equal values are one object, and stand weakly: hash-consing, the string table of a language runtime.
///
/// Interned objects that are equal are the same object, so that [`Gc::ptr_eq`] decides. An object that nothing else names is
/// collected, and its entry with it; the same content interned later is another object. The table grows and shrinks by some
/// entries at a time: no operation takes longer the more it holds.
///
/// It is a pointer to the table: one word, [`Copy`]; it goes into objects as a [`Gc`] does. On a shared heap several threads may
/// use it at once; lookups of what is there don't exclude one another.
///
/// Cost: a lookup is the hash, two or three loads to a bucket (those of the directory are few and warm), and a comparison with the
/// one entry that has the same eight bits of hash; on a shared heap also a lock for reading. While a cycle marks, the found
/// object is shaded, as with [`Weak::upgrade`](crate::Weak::upgrade).
///
/// The hasher is std's, which withstands chosen keys, or any other ([`with_hasher`](Interner::with_hasher)).
///
/// ```
/// use gc_core::{Gc, Interner, LocalHeap, Trace};
///
/// /// Names are compared by identity, as in Lua or Python.
/// #[derive(Trace)]
/// struct Vm<'gc> {
///     names: Interner<'gc, str>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// let vm = mutator.mutate(|mc| mc.root(mc.alloc(Vm { names: Interner::new(mc) })));
/// let kept = mutator.mutate(|mc| {
///     let names = vm.get(mc).names;
///     let (a, b) = (names.intern(mc, "print"), names.intern(mc, "print"));
///     assert!(Gc::ptr_eq(a, b));
///     names.intern(mc, "forgotten");
///     mc.root(a)
/// });
/// mutator.collect();
/// mutator.mutate(|mc| {
///     let names = vm.get(mc).names;
///     assert!(Gc::ptr_eq(names.get(mc, "print").unwrap(), kept.get(mc)));
///     assert!(names.get(mc, "forgotten").is_none());
///     assert_eq!(names.len(), 1);
/// });
/// ```
pub struct Interner<'gc, T: ?Sized + 'gc, H: 'static = RandomState> {
    head: Gc<'gc, Head<'gc, H>>,
    /// Invariant in `T`, which goes in and comes out; `Send` and `Sync` as pointers to it.
    _target: PhantomData<(fn(Gc<'gc, T>) -> Gc<'gc, T>, Gc<'gc, T>)>,
}

impl<T: ?Sized, H> Clone for Interner<'_, T, H> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized, H> Copy for Interner<'_, T, H> {}

impl<'gc, T: ?Sized> Interner<'gc, T> {
    /// An empty interner.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn new<S: Kind>(mc: &Mutation<'gc, S>) -> Self
    where
        T: Storable<S>,
    {
        Self::make(mc, RandomState::new())
    }
}

impl<'gc, T: ?Sized, H: BuildHasher> Interner<'gc, T, H> {
    /// An empty interner that hashes with `hasher`.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn with_hasher<S: Kind>(mc: &Mutation<'gc, S>, hasher: H) -> Self
    where
        T: Storable<S>,
        H: Storable<S>,
    {
        Self::make(mc, hasher)
    }

    fn make<S: Kind>(mc: &Mutation<'gc, S>, hasher: H) -> Self {
        let head = WeakTable::new(mc)
            .and_then(|table| mc.try_alloc_as(Sized_::<'gc, Head<'gc, H>>::INFO, Head { table, hasher }))
            .unwrap_or_else(|error| out_of_memory(error));
        Interner { head, _target: PhantomData }
    }

    /// How many objects stand in it. Those that died count until the cycle that finds them dead has ended its marking.
    pub fn len(&self) -> usize {
        self.head.table.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are the same interner.
    pub fn ptr_eq(a: Self, b: Self) -> bool {
        Gc::ptr_eq(a.head, b.head)
    }
}

impl<'gc, T: ?Sized + ThinTarget, H: BuildHasher> Interner<'gc, T, H> {
    /// The object that equals `key`, if there is one.
    #[inline]
    pub fn get<Q, S>(&self, mc: &Mutation<'gc, S>, key: &Q) -> Option<Gc<'gc, T>>
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        S: Kind,
    {
        self.look_up(mc, self.hash(key), key).ok()
    }

    /// The object that equals `key`, or else what `make` makes, which is to equal it and to have its hash.
    ///
    /// `make` may use this interner. If it, or another thread, interns an equal object meanwhile, that is the result, and what
    /// `make` made is garbage.
    ///
    /// # Panics
    /// When there is no memory; when `make` does, or `Eq` or `Hash`: nothing has changed then.
    #[inline]
    pub fn get_or_insert_with<Q, S>(
        &self,
        mc: &Mutation<'gc, S>,
        key: &Q,
        make: impl FnOnce() -> Gc<'gc, T>,
    ) -> Gc<'gc, T>
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        S: Kind,
    {
        self.get_or_try_insert_with(mc, key, || Ok(make())).unwrap_or_else(|error| out_of_memory(error))
    }

    /// As [`get_or_insert_with`](Interner::get_or_insert_with).
    ///
    /// # Errors
    /// Of `make`, or when there is no memory for the entry; nothing has changed then.
    #[inline]
    pub fn get_or_try_insert_with<Q, S>(
        &self,
        mc: &Mutation<'gc, S>,
        key: &Q,
        make: impl FnOnce() -> Result<Gc<'gc, T>, AllocError>,
    ) -> Result<Gc<'gc, T>, AllocError>
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        S: Kind,
    {
        let hash = self.hash(key);
        match self.look_up(mc, hash, key) {
            Ok(found) => Ok(found),
            Err(additions) => self.insert(mc, hash, key, additions, make),
        }
    }

    #[inline(always)]
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u32 {
        let hash = self.head.hasher.hash_one(key);
        // Some hashers have their best bits on top, others below.
        (hash ^ hash >> 32) as u32
    }

    /// The object of an entry.
    ///
    /// # Safety
    /// `target` is the target of an entry of this interner, upgraded in this region.
    #[inline(always)]
    unsafe fn object(target: NonNull<()>) -> Gc<'gc, T> {
        // SAFETY: by contract a live `T`, allocated as what it is.
        let target = unsafe { T::fatten(target) };
        // SAFETY: alive for as long as the region lasts (`weak` W2).
        unsafe { Gc::from_ptr(target) }
    }

    /// The object that equals `key`; if there is none, how often one had been added when this was found out.
    #[inline(always)]
    fn look_up<Q, S>(&self, mc: &Mutation<'gc, S>, hash: u32, key: &Q) -> Result<Gc<'gc, T>, usize>
    where
        T: Borrow<Q>,
        Q: Eq + ?Sized,
        S: Kind,
    {
        let table = &Gc::as_ref(self.head).table;
        if S::SHARED {
            return self.look_up_shared(mc, hash, key);
        }
        let additions = table.additions();
        let found = table.find(mc, hash, |target, ()| {
            // SAFETY: upgraded by `find`.
            let object = unsafe { Self::object(target) };
            (*object).borrow() == key
        });
        // SAFETY: as above.
        found.map(|found| unsafe { Self::object(found.target) }).ok_or(additions)
    }

    fn look_up_shared<Q, S>(&self, mc: &Mutation<'gc, S>, hash: u32, key: &Q) -> Result<Gc<'gc, T>, usize>
    where
        T: Borrow<Q>,
        Q: Eq + ?Sized,
        S: Kind,
    {
        let table = &Gc::as_ref(self.head).table;
        let (mut first, mut more) = (None, Vec::new());
        let reading = table.read::<S>();
        let additions = table.additions();
        let _none = table.find(mc, hash, |target, ()| {
            if first.is_none() {
                first = Some(target);
            } else {
                more.push(target);
            }
            false
        });
        drop(reading); // I1
        first
            .into_iter()
            .chain(more)
            // SAFETY: upgraded by `find`.
            .map(|target| unsafe { Self::object(target) })
            .find(|object| (**object).borrow() == key)
            .ok_or(additions)
    }

    #[cold]
    #[inline(never)]
    fn insert<Q, S>(
        &self,
        mc: &Mutation<'gc, S>,
        hash: u32,
        key: &Q,
        mut additions: usize,
        make: impl FnOnce() -> Result<Gc<'gc, T>, AllocError>,
    ) -> Result<Gc<'gc, T>, AllocError>
    where
        T: Borrow<Q>,
        Q: Eq + ?Sized,
        S: Kind,
    {
        let new = make()?;
        let table = &Gc::as_ref(self.head).table;
        loop {
            let writing = table.write::<S>();
            if table.additions() == additions {
                table.insert(mc, hash, Gc::erased(new), |_, ()| {})?;
                return Ok(new);
            }
            drop(writing); // I1
            match self.look_up(mc, hash, key) {
                Ok(found) => return Ok(found),
                Err(seen) => additions = seen,
            }
        }
    }
}

impl<'gc, H: BuildHasher> Interner<'gc, str, H> {
    /// The string with this text; a new one if there is none.
    ///
    /// # Panics
    /// When there is no memory.
    #[inline]
    pub fn intern<S: Kind>(&self, mc: &Mutation<'gc, S>, text: &str) -> Gc<'gc, str> {
        self.get_or_insert_with(mc, text, || mc.alloc_str(text))
    }
}

impl<'gc, E: Trace<'gc> + Hash + Eq + Copy + 'gc, H: BuildHasher> Interner<'gc, [E], H> {
    /// The slice that equals `items`; a copy of it if there is none.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn intern_slice<S: Kind>(&self, mc: &Mutation<'gc, S>, items: &[E]) -> Gc<'gc, [E]>
    where
        E: Storable<S>,
    {
        self.get_or_insert_with(mc, items, || mc.alloc_slice_copy(items))
    }
}

impl<'gc, T: Trace<'gc> + Hash + Eq + 'gc, H: BuildHasher> Interner<'gc, T, H> {
    /// The object that equals `value`, which is dropped then; `value` itself if there is none: hash-consing.
    ///
    /// ```
    /// use gc_core::{Gc, Interner, LocalHeap, Trace};
    ///
    /// /// Types of a compiler: equal types are one object, so their parts are compared by identity.
    /// #[derive(Trace, PartialEq, Eq, Hash)]
    /// enum Type<'gc> {
    ///     Int,
    ///     List(gc_core::ByPtr<'gc, Type<'gc>>),
    /// }
    ///
    /// let heap = LocalHeap::new();
    /// let mut mutator = heap.mutator().unwrap();
    /// mutator.mutate(|mc| {
    ///     let types = Interner::new(mc);
    ///     let list = |of| types.intern_value(mc, Type::List(gc_core::ByPtr(of)));
    ///     let int = types.intern_value(mc, Type::Int);
    ///     assert!(Gc::ptr_eq(list(list(int)), list(list(int))));
    ///     assert_eq!(types.len(), 3);
    /// });
    /// ```
    ///
    /// # Panics
    /// When there is no memory.
    pub fn intern_value<S: Kind>(&self, mc: &Mutation<'gc, S>, value: T) -> Gc<'gc, T>
    where
        T: Storable<S>,
    {
        let hash = self.hash(&value);
        match self.look_up(mc, hash, &value) {
            Ok(found) => found,
            Err(additions) => {
                let new = mc.alloc(value);
                let inserted = self.insert(mc, hash, Gc::as_ref(new), additions, || Ok(new));
                inserted.unwrap_or_else(|error| out_of_memory(error))
            }
        }
    }
}

impl<T: ?Sized, H> fmt::Debug for Interner<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interner").field("len", &self.head.table.len()).finish_non_exhaustive()
    }
}

// SAFETY: reports the one pointer it holds, and only for its own brand.
unsafe impl<'gc, T: ?Sized + 'gc, H: 'static> Trace<'gc> for Interner<'gc, T, H> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        self.head.trace(tracer);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, T: ?Sized + Pointee + 'gc, H: 'static> Rebrand for Interner<'gc, T, H> {
    type With<'a> = Interner<'a, T::With<'a>, H>;
}
