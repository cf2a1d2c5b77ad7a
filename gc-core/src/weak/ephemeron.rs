//! [`Ephemeron`]: a value that lives as long as its key does.
//!
//! E1. A value is traced when both its ephemeron was scanned and its key is marked, by who comes second (`keys`). So at Done the
//!     value of a live key is black; a key that is still white is dead, and is settled as a weak reference's target is.
//! E2. The value is read only after the key was upgraded (`weak` W2): the key is marked then, or will be before Done, and so will
//!     the value. What stands in the word of a dead key's value is never looked at again.
//! E3. An ephemeron that is born black is not scanned: its maker holds key and value, which are black or reached from the
//!     snapshot. So is what a `set` puts in, and what it takes out is shaded.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use allocator::AllocError;

use super::{WeakSlot, is_kept};
use crate::alloc::out_of_memory;
use crate::cell::{GcCell, Word};
use crate::fat::{Fat, from_fat, to_fat};
use crate::gc::Gc;
use crate::keys::Waiting;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::trace::{Pointee, Rebrand, Storable, Trace};
use crate::tracer::Tracer;
use crate::type_info::Sized_;

/// What an [`Ephemeron`] points to.
#[repr(C)]
pub(crate) struct Pair<'gc, V> {
    waiting: Waiting,
    pub(super) value: GcCell<'gc, V>,
}

// SAFETY: the value is shown when the key is marked (E1).
unsafe impl<'gc, V: Word<'gc>> Trace<'gc> for Pair<'gc, V> {
    const HOLDS_GC: bool = true;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        if tracer.ephemeron(&self.waiting) {
            tracer.field(&self.value);
        }
    }
}

/// A pair of this key.
pub(super) fn new_pair<'gc, K: ?Sized, V: Word<'gc>, S: Kind>(
    mc: &Mutation<'gc, S>,
    key: Gc<'gc, K>,
    value: V,
) -> Result<Gc<'gc, Pair<'gc, V>>, AllocError> {
    let [_, metadata]: Fat = to_fat(Gc::as_ptr(key));
    let waiting = Waiting::new(WeakSlot::new(Gc::erased(key), metadata));
    mc.try_alloc_as(Sized_::<'gc, Pair<'gc, V>>::INFO, Pair { waiting, value: GcCell::new(value) })
}

/// The key of a pair, if it is this object.
///
/// # Safety
/// The pair was made with a `K`; if `object` is its key, that is kept for the region.
pub(super) unsafe fn key_of<'gc, K: ?Sized, V>(pair: Gc<'gc, Pair<'gc, V>>, object: NonNull<()>) -> Option<Gc<'gc, K>> {
    let slot = &Gc::as_ref(pair).waiting.key;
    if slot.target()? != object {
        return None;
    }
    let fat: Fat = [object.as_ptr(), slot.metadata];
    // SAFETY: not null: the object's own address.
    let key = unsafe { NonNull::new_unchecked(from_fat::<K>(fat).cast_mut()) };
    // SAFETY: by contract alive, and kept alive for as long as the region lasts (`weak` W2).
    Some(unsafe { Gc::from_ptr(key) })
}

/// A key, and a value that lives as long as the key does: the entry of a weak map, a property kept beside an object that it
/// must not keep alive.
///
/// The ephemeron keeps neither. The key lives if something else reaches it, and only then does the ephemeron keep the value alive:
/// even if the value names the key, both die when nothing else names the key. (With a [`Weak`](crate::Weak) key and a strong value
/// such a pair would live for ever.) When the key has died, [`key`](Ephemeron::key) and [`value`](Ephemeron::value) give `None`.
///
/// One word, [`Copy`], to an object of 32 bytes. The value is a word as a [`GcCell`] holds it: a `Gc`, a value word of a VM.
/// Marking takes time linear in the number of ephemerons, in whatever order chains of them are met.
///
/// ```
/// use gc_core::{Ephemeron, Gc, GcCell, LocalHeap, Trace};
///
/// #[derive(Trace)]
/// struct Object<'gc> {
///     name: &'static str,
///     other: GcCell<'gc, Option<Gc<'gc, Object<'gc>>>>,
/// }
///
/// #[derive(Trace)]
/// struct Private<'gc>(Ephemeron<'gc, Object<'gc>, Gc<'gc, Object<'gc>>>);
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// let (object, private) = mutator.mutate(|mc| {
///     let new = |name| mc.alloc(Object { name, other: GcCell::new(None) });
///     let (object, data) = (new("object"), new("data"));
///     data.other.set(mc, Some(object)); // the value names the key
///     (mc.root(object), mc.root(mc.alloc(Private(Ephemeron::new(mc, object, data)))))
/// });
/// mutator.collect();
/// mutator.mutate(|mc| assert_eq!(private.get(mc).0.value(mc).unwrap().name, "data"));
/// drop(object);
/// mutator.collect();
/// mutator.mutate(|mc| assert!(private.get(mc).0.value(mc).is_none()));
/// ```
pub struct Ephemeron<'gc, K: ?Sized + 'gc, V: 'gc> {
    pair: Gc<'gc, Pair<'gc, V>>,
    _key: PhantomData<Gc<'gc, K>>,
}

impl<K: ?Sized, V> Clone for Ephemeron<'_, K, V> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: ?Sized, V> Copy for Ephemeron<'_, K, V> {}

impl<'gc, K: ?Sized, V: Word<'gc>> Ephemeron<'gc, K, V> {
    /// A new ephemeron, of 32 bytes in the heap.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn new<S: Kind>(mc: &Mutation<'gc, S>, key: Gc<'gc, K>, value: V) -> Self
    where
        K: Storable<S>,
        V: Storable<S>,
    {
        let pair = new_pair(mc, key, value).unwrap_or_else(|error| out_of_memory(error));
        Ephemeron { pair, _key: PhantomData }
    }

    /// The key, if it lives. As [`Weak::upgrade`](crate::Weak::upgrade) in all respects.
    #[inline]
    pub fn key<S: Kind>(self, mc: &Mutation<'gc, S>) -> Option<Gc<'gc, K>> {
        let target = Gc::as_ref(self.pair).waiting.key.target()?;
        if !is_kept(mc.record(), target) {
            return None;
        }
        // SAFETY: made with a `K`, which is kept.
        unsafe { key_of(self.pair, target) }
    }

    /// The value, if the key lives, which is then kept alive for the region.
    #[inline]
    pub fn value<S: Kind>(self, mc: &Mutation<'gc, S>) -> Option<V> {
        let pair = Gc::as_ref(self.pair);
        // E2: the key first.
        is_kept(mc.record(), pair.waiting.key.target()?).then(|| pair.value.get())
    }

    /// Replaces the value, if the key lives; whether it does.
    #[inline]
    pub fn set<S: Kind>(self, mc: &Mutation<'gc, S>, value: V) -> bool {
        let pair = Gc::as_ref(self.pair);
        let lives = pair.waiting.key.target().is_some_and(|key| is_kept(mc.record(), key));
        if lives {
            pair.value.set(mc, value);
        }
        lives
    }

    /// Whether both are copies of one handle.
    #[inline(always)]
    pub fn ptr_eq(a: Self, b: Self) -> bool {
        Gc::ptr_eq(a.pair, b.pair)
    }
}

// SAFETY: reports the one pointer it holds, and only for its own brand.
unsafe impl<'gc, K: ?Sized + 'gc, V: 'gc> Trace<'gc> for Ephemeron<'gc, K, V> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        self.pair.trace(tracer);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, K: ?Sized + Pointee + 'gc, V: Rebrand + 'gc> Rebrand for Ephemeron<'gc, K, V> {
    type With<'a> = Ephemeron<'a, K::With<'a>, V::With<'a>>;
}

impl<K: ?Sized, V> fmt::Debug for Ephemeron<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(Ephemeron)")
    }
}
