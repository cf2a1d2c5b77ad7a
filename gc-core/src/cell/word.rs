//! [`GcCell`]: one machine word, with a barrier per store.
//!
//! I1. The word is only ever read and written atomically: markers read it at any time in Trace.
//! I2. A store is Release: a marker (or another mutator) that reads the pointer sees the object behind it, and the mark bit
//!     it was born with.
//! I3. While a cycle is on, what a store overwrites is shaded. In a shared heap the exchange decides what that is: with a
//!     load and a store, two mutators could both overwrite a third's value, and one shade neither.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::gc::Gc;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::sync::{AtomicPtr, Ordering};
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

/// A value of one machine word that a [`GcCell`] can hold: a `Gc`, an `Option<Gc>`, or a VM's NaN-boxed or tagged word.
///
/// # Safety
/// `from_raw(into_raw(v))` is `v` up to its brand, and [`Trace`] of the value reports the `Gc` that the word holds, if any.
/// Words that are no pointers are made with [`std::ptr::without_provenance_mut`]. Neither panics or allocates.
///
/// ```
/// use gc_core::{Gc, GcCell, LocalHeap, Rebrand, Trace, Tracer, Word};
///
/// /// An integer of 63 bits, or a string.
/// #[derive(Clone, Copy)]
/// enum Value<'gc> { Int(i64), Text(Gc<'gc, String>) }
///
/// unsafe impl<'gc> Trace<'gc> for Value<'gc> {
///     const HOLDS_GC: bool = true;
///     fn trace(&self, tracer: &mut Tracer<'gc>) {
///         if let Value::Text(text) = self { tracer.field(text); }
///     }
/// }
/// unsafe impl<'gc> Rebrand for Value<'gc> { type With<'a> = Value<'a>; }
/// unsafe impl<'gc> Word<'gc> for Value<'gc> {
///     fn into_raw(self) -> *mut () {
///         match self {
///             Value::Int(i) => std::ptr::without_provenance_mut((i as usize) << 1 | 1),
///             Value::Text(text) => Gc::into_raw(text).cast_mut(),
///         }
///     }
///     unsafe fn from_raw(raw: *mut ()) -> Self {
///         if raw.addr() & 1 == 1 {
///             Value::Int(raw.addr() as i64 >> 1)
///         } else {
///             Value::Text(unsafe { Gc::from_raw(raw) })
///         }
///     }
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let cell = mc.alloc(GcCell::new(Value::Int(-3)));
///     assert!(matches!(cell.get(), Value::Int(-3)));
///     cell.set(mc, Value::Text(mc.alloc("three".to_string())));
///     assert!(matches!(cell.get(), Value::Text(t) if *t == "three"));
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "a `GcCell` holds one machine word, and `{Self}` is not one",
    note = "use `GcRefCell` (local heaps), `GcMutex` or `GcRwLock` (both) for anything larger, or std's `Cell` for plain data"
)]
pub unsafe trait Word<'gc>: Copy + Trace<'gc> {
    /// The value as a word.
    fn into_raw(self) -> *mut ();

    /// The value back.
    ///
    /// # Safety
    /// `raw` came from `into_raw` of a value of the same heap that the collector has kept alive.
    unsafe fn from_raw(raw: *mut ()) -> Self;
}

// SAFETY: a pointer to a sized type is one word, and `Trace` of `Gc` reports it.
unsafe impl<'gc, T: 'gc> Word<'gc> for Gc<'gc, T> {
    #[inline(always)]
    fn into_raw(self) -> *mut () {
        Gc::into_raw(self).cast_mut()
    }

    #[inline(always)]
    unsafe fn from_raw(raw: *mut ()) -> Self {
        // SAFETY: by contract.
        unsafe { Gc::from_raw(raw) }
    }
}

// SAFETY: as above, null for `None`.
unsafe impl<'gc, T: 'gc> Word<'gc> for Option<Gc<'gc, T>> {
    #[inline(always)]
    fn into_raw(self) -> *mut () {
        self.map_or(std::ptr::null_mut(), |gc| Gc::into_raw(gc).cast_mut())
    }

    #[inline(always)]
    unsafe fn from_raw(raw: *mut ()) -> Self {
        NonNull::new(raw).map(|raw| {
            // SAFETY: by contract.
            unsafe { Gc::from_raw(raw.as_ptr()) }
        })
    }
}

/// A mutable word inside an object, with the feel of [`Cell`](std::cell::Cell): `get` and `set`, no borrows.
///
/// In a local heap a store costs what `Cell`'s costs and a predicted branch. In a shared heap several threads may store at
/// once; `compare_exchange` and `swap` are there too.
///
/// ```
/// use gc_core::{Gc, GcCell, LocalHeap, Trace};
///
/// #[derive(Trace)]
/// struct Node<'gc> {
///     value: u32,
///     next: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let a = mc.alloc(Node { value: 1, next: GcCell::new(None) });
///     let b = mc.alloc(Node { value: 2, next: GcCell::new(Some(a)) });
///     a.next.set(mc, Some(b));
///     assert_eq!(b.next.get().unwrap().next.get().unwrap().value, 2);
/// });
/// ```
pub struct GcCell<'gc, V> {
    /// Written by mutators (Release, or AcqRel while marking), read by mutators and markers (Acquire).
    word: AtomicPtr<()>,
    /// Invariant in the content and in the brand; `Send` and `Sync` as below.
    _content: PhantomData<(std::cell::Cell<V>, fn(&'gc ()) -> &'gc ())>,
}

// SAFETY: a cell hands out and takes in copies of `V` from any thread, as `RwLock<V>` does references.
unsafe impl<V: Send + Sync> Sync for GcCell<'_, V> {}

impl<'gc, V: Word<'gc>> GcCell<'gc, V> {
    /// A cell with this content.
    #[inline(always)]
    pub fn new(value: V) -> Self {
        GcCell { word: AtomicPtr::new(value.into_raw()), _content: PhantomData }
    }

    /// The content. A plain load on x86-64.
    #[inline(always)]
    pub fn get(&self) -> V {
        // Acquire: pairs with every store (I2).
        // MUTATION(word-get-relaxed) Ordering::Acquire ==> Ordering::Relaxed
        let raw = self.word.load(Ordering::Acquire);
        // SAFETY: the cell holds what `into_raw` of its own brand made; the collector sees it there.
        unsafe { V::from_raw(raw) }
    }

    /// Replaces the content.
    #[inline(always)]
    pub fn set<S: Kind>(&self, mc: &Mutation<'gc, S>, value: V) {
        let raw = value.into_raw();
        // MUTATION(word-set-unshaded) mc.record().mode().shades() ==> false
        // MUTATION(sync-shades-nothing) mc.record().mode().shades() ==> (mc.record().mode() > crate::mode::Mode::Sync)
        if mc.record().mode().shades() {
            self.set_shading(mc, raw);
        } else {
            // Release: I2.
            // MUTATION(word-store-relaxed) Ordering::Release ==> Ordering::Relaxed
            self.word.store(raw, Ordering::Release);
        }
    }

    #[cold]
    #[inline(never)]
    fn set_shading<S: Kind>(&self, mc: &Mutation<'gc, S>, raw: *mut ()) {
        // MUTATION(word-load-then-store) S::SHARED ==> false
        let old = if S::SHARED {
            // AcqRel: Release as I2; Acquire because the old object's mark is looked at next. I3: the exchange decides.
            // MUTATION(word-exchange-relaxed) Ordering::AcqRel ==> Ordering::Relaxed
            self.word.swap(raw, Ordering::AcqRel)
        } else {
            // Relaxed: this thread alone stores.
            let old = self.word.load(Ordering::Relaxed);
            // Release: I2.
            self.word.store(raw, Ordering::Release);
            old
        };
        self.shade(mc, old);
    }

    /// Shades what came out.
    #[inline]
    fn shade<S: Kind>(&self, mc: &Mutation<'gc, S>, old: *mut ()) {
        // SAFETY: it was this cell's content.
        let old = unsafe { V::from_raw(old) };
        mc.record().shade(&old);
    }

    /// Empties the cell without a barrier: by the collector, between Done and H4, of a cell that no mutator looks at.
    pub(crate) fn settle(&self, empty: V) {
        // Release: as every store.
        self.word.store(empty.into_raw(), Ordering::Release);
    }

    /// Replaces the content and returns what was there.
    #[inline]
    pub fn swap<S: Kind>(&self, mc: &Mutation<'gc, S>, value: V) -> V {
        // AcqRel: as in `set_shading`.
        let old = self.word.swap(value.into_raw(), Ordering::AcqRel);
        // MUTATION(word-swap-unshaded) skip
        if mc.record().mode().shades() {
            self.shade(mc, old);
        }
        // SAFETY: it was this cell's content.
        unsafe { V::from_raw(old) }
    }

    /// Replaces the content if it is `current`, by the word's bits: `Ok` of what was there, or `Err` of what is.
    ///
    /// # Errors
    /// When the content is another word.
    #[inline]
    pub fn compare_exchange<S: Kind>(&self, mc: &Mutation<'gc, S>, current: V, value: V) -> Result<V, V> {
        // AcqRel, Acquire: as in `set_shading` and `get`.
        let outcome =
            self.word.compare_exchange(current.into_raw(), value.into_raw(), Ordering::AcqRel, Ordering::Acquire);
        match outcome {
            Ok(old) => {
                // MUTATION(word-exchange-unshaded) skip
                if mc.record().mode().shades() {
                    self.shade(mc, old);
                }
                // SAFETY: it was this cell's content.
                Ok(unsafe { V::from_raw(old) })
            }
            // SAFETY: it is this cell's content.
            Err(now) => Err(unsafe { V::from_raw(now) }),
        }
    }
}

// SAFETY: reports what the word holds; the word is read atomically (I1).
unsafe impl<'gc, V: Word<'gc>> Trace<'gc> for GcCell<'gc, V> {
    const HOLDS_GC: bool = V::HOLDS_GC;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&self.get());
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, V: Rebrand> Rebrand for GcCell<'gc, V> {
    type With<'a> = GcCell<'a, V::With<'a>>;
}

impl<'gc, V: Word<'gc> + Default> Default for GcCell<'gc, V> {
    fn default() -> Self {
        GcCell::new(V::default())
    }
}

impl<'gc, V: Word<'gc> + fmt::Debug> fmt::Debug for GcCell<'gc, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GcCell").field(&self.get()).finish()
    }
}
