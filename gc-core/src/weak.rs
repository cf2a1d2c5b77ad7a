//! Weak references: [`Weak`] names an object without keeping it alive, [`WeakRoot`] does from outside the heap.
//!
//! A `Weak` points to a slot of its own, a small object that holds the target's address. Marking does not follow it; between
//! Done and H4 the collector empties the slots of all targets that stayed white.
//!
//! W1. A slot that marking reached is scanned once in the cycle, and its scanner puts it on the list of those to settle. A
//!     slot born black is on no list: its maker held the target, which is black or reached from the snapshot.
//! W2. Slots are settled after Done and before H4 is requested. So a mutator in Idle, Sync or Ended finds settled ones; in
//!     Rooted and Trace the target's mark and the termination word decide ([`ShadeSink::try_shade`]).
//! W3. An upgrade never revives: at Done a white target is lost, and every earlier upgrade has shaded it.
//!
//! [`ShadeSink::try_shade`]: crate::shade::ShadeSink::try_shade

mod bucket;
mod ephemeron;
mod interner;
mod map;
mod set;
mod table;
mod value_map;

pub use ephemeron::Ephemeron;
pub use interner::Interner;
pub use map::WeakMap;
pub use set::WeakSet;
pub use value_map::WeakValueMap;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::cell::Word;
use crate::fat::{Fat, from_fat, to_fat};
use crate::gc::Gc;
use crate::kind::{Kind, Shared};
use crate::mode::Mode;
use crate::mutator::Mutation;
use crate::record::Record;
use crate::root::Handle;
use crate::sync::{AtomicPtr, Ordering};
use crate::trace::{BrandedBy, Pointee, Rebrand, Storable, Trace};
use crate::tracer::Tracer;
use crate::type_info::{Sized_, TypeInfo};

/// What a [`Weak`] points to.
#[repr(C)]
pub(crate) struct WeakSlot<'gc, T: ?Sized + 'gc> {
    /// The target; null once it has died. Written by the collector, between Done and H4 (Release), read by mutators
    /// (Acquire).
    target: AtomicPtr<()>,
    /// The second word of a fat pointer to the target.
    metadata: *const (),
    _target: PhantomData<(fn(&'gc ()) -> &'gc (), Gc<'gc, T>)>,
}

// SAFETY: an address and metadata; who upgrades shares `&T`, as with a `Gc`.
unsafe impl<T: ?Sized + Send + Sync> Send for WeakSlot<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for WeakSlot<'_, T> {}

/// Whether the target of a weak reference that is not (yet) emptied is there for the region to have; if so it is kept alive
/// for as long as the region lasts (W2).
#[inline(always)]
fn is_kept(record: &Record, target: NonNull<()>) -> bool {
    // MUTATION(upgrade-unshaded) matches!(record.mode(), Mode::Rooted | Mode::Trace) ==> false
    // MUTATION(upgrade-unshaded-in-rooted) record.try_shade(target) ==> (record.mode() == Mode::Rooted || record.try_shade(target))
    !matches!(record.mode(), Mode::Rooted | Mode::Trace) || record.try_shade(target)
}

/// All slots are of one type to the collector.
const SLOTS: &TypeInfo = Sized_::<'static, WeakSlot<'static, ()>>::INFO;

impl<'gc, T: ?Sized> WeakSlot<'gc, T> {
    /// A slot for this target, whose fat pointer has this second word.
    #[inline(always)]
    pub(crate) fn new(target: NonNull<()>, metadata: *const ()) -> Self {
        WeakSlot { target: AtomicPtr::new(target.as_ptr()), metadata, _target: PhantomData }
    }

    /// The target, unless the slot is emptied.
    #[inline(always)]
    pub(crate) fn target(&self) -> Option<NonNull<()>> {
        // Acquire: pairs with the Release in `settle`.
        NonNull::new(self.target.load(Ordering::Acquire))
    }

    /// Empties the slot if its target is white. Called by the collector, after Done (W2).
    ///
    /// # Safety
    /// `slot` is a live slot.
    pub(crate) unsafe fn settle(slot: NonNull<()>, is_marked: impl FnOnce(usize) -> bool) {
        // SAFETY: by contract.
        let slot = unsafe { slot.cast::<WeakSlot<'static, ()>>().as_ref() };
        // Relaxed: this thread alone writes.
        let target = slot.target.load(Ordering::Relaxed);
        if !target.is_null() && !is_marked(target.addr()) {
            // Release: pairs with the load in `upgrade`; H4 orders it too.
            // MUTATION(settle-relaxed) Ordering::Release ==> Ordering::Relaxed
            slot.target.store(std::ptr::null_mut(), Ordering::Release);
        }
    }
}

// SAFETY: follows no pointer; the slot is shown to the collector.
unsafe impl<'gc, T: ?Sized + 'gc> Trace<'gc> for WeakSlot<'gc, T> {
    const HOLDS_GC: bool = true;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.weak_slot(NonNull::from(self).cast());
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, T: ?Sized + Pointee + 'gc> Rebrand for WeakSlot<'gc, T> {
    type With<'a> = WeakSlot<'a, T::With<'a>>;
}

/// A reference that does not keep its target alive: JavaScript's `WeakRef`, Python's `weakref.ref`.
///
/// One word, [`Copy`]; it goes where a [`Gc`] goes: into objects, into a [`GcCell`](crate::GcCell), into a
/// [`WeakRoot`]. [`upgrade`](Weak::upgrade) gives the target while it lives. Equality and hash are the handle's, and outlive
/// the target: copies of a handle are equal, two [`downgrade`](Gc::downgrade)s of one object are not.
///
/// ```
/// use gc_core::{Gc, GcCell, LocalHeap, Trace, Weak};
///
/// /// A tree whose nodes know their parents without keeping them.
/// #[derive(Trace)]
/// struct Node<'gc> {
///     parent: GcCell<'gc, Option<Weak<'gc, Node<'gc>>>>,
///     child: GcCell<'gc, Option<Gc<'gc, Node<'gc>>>>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// let child = mutator.mutate(|mc| {
///     let new = || Node { parent: GcCell::new(None), child: GcCell::new(None) };
///     let (parent, child) = (mc.alloc(new()), mc.alloc(new()));
///     parent.child.set(mc, Some(child));
///     child.parent.set(mc, Some(Gc::downgrade(parent, mc)));
///     assert!(child.parent.get().unwrap().upgrade(mc).is_some());
///     mc.root(child)
/// });
/// mutator.collect();
/// mutator.mutate(|mc| {
///     let parent = child.get(mc).parent.get().unwrap();
///     assert!(parent.upgrade(mc).is_none(), "nothing but a weak reference named it");
/// });
/// ```
pub struct Weak<'gc, T: ?Sized + 'gc>(Gc<'gc, WeakSlot<'gc, T>>);

impl<T: ?Sized> Clone for Weak<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Weak<'_, T> {}

impl<'gc, T: ?Sized> Gc<'gc, T> {
    /// A weak reference to the object: a new handle, of 16 bytes in the heap.
    ///
    /// # Panics
    /// When there is no memory.
    pub fn downgrade<S: Kind>(this: Self, mc: &Mutation<'gc, S>) -> Weak<'gc, T>
    where
        T: Storable<S>,
    {
        let [_, metadata]: Fat = to_fat(Gc::as_ptr(this));
        Weak(mc.alloc_as(SLOTS, WeakSlot::new(Gc::erased(this), metadata)))
    }
}

impl<'gc, T: ?Sized> Weak<'gc, T> {
    /// The target, if it lives: if it is reachable, or was when the cycle began that would have found it dead. Never blocks.
    ///
    /// Cost: two loads and two branches; while a cycle marks, a look at the mark bit too, and now and then a shade.
    #[inline]
    pub fn upgrade<S: Kind>(self, mc: &Mutation<'gc, S>) -> Option<Gc<'gc, T>> {
        let slot = Gc::as_ref(self.0);
        let target = slot.target()?;
        if !is_kept(mc.record(), target) {
            return None;
        }
        let fat: Fat = [target.as_ptr(), slot.metadata];
        // SAFETY: not null: the target's own address.
        let target = unsafe { NonNull::new_unchecked(from_fat::<T>(fat).cast_mut()) };
        // SAFETY: W2: alive, and kept alive by the mode's rules for as long as the region lasts.
        Some(unsafe { Gc::from_ptr(target) })
    }

    /// Whether both are copies of one handle.
    #[inline(always)]
    pub fn ptr_eq(a: Self, b: Self) -> bool {
        Gc::ptr_eq(a.0, b.0)
    }
}

impl<'gc, S: Kind> Mutation<'gc, S> {
    /// Makes a weak root: a weak reference that lives outside the heap.
    pub fn weak_root<T>(&self, weak: Weak<'gc, T>) -> WeakRoot<T::With<'static>, S>
    where
        T: ?Sized + Pointee + BrandedBy<'gc>,
        T::With<'static>: Pointee,
    {
        let slot = Gc::erased(weak.0);
        WeakRoot { handle: Handle::new(self, slot), slot, _target: PhantomData }
    }
}

/// A [`Weak`] that lives anywhere outside the heap, as a [`Root`](crate::Root) does.
///
/// ```
/// use gc_core::{Gc, LocalHeap, Owned, WeakRoot};
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// let (strong, weak) = mutator.mutate(|mc| {
///     let text = mc.alloc_str("seen");
///     (mc.root(text), mc.weak_root(Gc::downgrade(text, mc)))
/// });
/// mutator.collect();
/// mutator.mutate(|mc| assert_eq!(&*weak.upgrade(mc).unwrap(), "seen"));
/// drop(strong);
/// mutator.collect();
/// mutator.mutate(|mc| assert!(weak.upgrade(mc).is_none()));
/// ```
pub struct WeakRoot<T: ?Sized + Pointee, S: Kind = Shared> {
    handle: Handle<S>,
    /// The slot that the handle keeps alive.
    slot: NonNull<()>,
    _target: PhantomData<*const T>,
}

// SAFETY: as `Root`.
unsafe impl<T: ?Sized + Pointee> Send for WeakRoot<T, Shared> where for<'a> T::With<'a>: Send + Sync {}
// SAFETY: as `Root`.
unsafe impl<T: ?Sized + Pointee> Sync for WeakRoot<T, Shared> where for<'a> T::With<'a>: Send + Sync {}

impl<T: ?Sized + Pointee, S: Kind> WeakRoot<T, S> {
    /// The weak reference, in a region of its heap.
    ///
    /// # Panics
    /// When `mc` belongs to another heap.
    #[inline]
    pub fn weak<'gc>(&self, mc: &Mutation<'gc, S>) -> Weak<'gc, T::With<'gc>> {
        self.handle.check(mc);
        // SAFETY: the slot was made for a `T` under another name of its brand, and the handle keeps it alive.
        Weak(unsafe { Gc::from_ptr(self.slot.cast()) })
    }

    /// The target, if it lives ([`Weak::upgrade`]).
    ///
    /// # Panics
    /// When `mc` belongs to another heap.
    #[inline]
    pub fn upgrade<'gc>(&self, mc: &Mutation<'gc, S>) -> Option<Gc<'gc, T::With<'gc>>> {
        self.weak(mc).upgrade(mc)
    }
}

impl<T: ?Sized + Pointee, S: Kind> Clone for WeakRoot<T, S> {
    fn clone(&self) -> Self {
        WeakRoot { handle: self.handle.clone(), slot: self.slot, _target: PhantomData }
    }
}

impl<T: ?Sized + Pointee, S: Kind> fmt::Debug for WeakRoot<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WeakRoot").field(&self.slot).finish()
    }
}

// SAFETY: reports the slot, and only for its own brand.
unsafe impl<'gc, T: ?Sized + 'gc> Trace<'gc> for Weak<'gc, T> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        self.0.trace(tracer);
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, T: ?Sized + Pointee + 'gc> Rebrand for Weak<'gc, T> {
    type With<'a> = Weak<'a, T::With<'a>>;
}

// SAFETY: one word, the slot's, which `Trace` reports.
unsafe impl<'gc, T: ?Sized + 'gc> Word<'gc> for Weak<'gc, T> {
    #[inline(always)]
    fn into_raw(self) -> *mut () {
        Gc::into_raw(self.0).cast_mut()
    }

    #[inline(always)]
    unsafe fn from_raw(raw: *mut ()) -> Self {
        // SAFETY: by contract.
        Weak(unsafe { Gc::from_raw(raw) })
    }
}

// SAFETY: as above, null for `None`.
unsafe impl<'gc, T: ?Sized + 'gc> Word<'gc> for Option<Weak<'gc, T>> {
    #[inline(always)]
    fn into_raw(self) -> *mut () {
        self.map_or(std::ptr::null_mut(), Word::into_raw)
    }

    #[inline(always)]
    unsafe fn from_raw(raw: *mut ()) -> Self {
        // SAFETY: by contract.
        NonNull::new(raw).map(|raw| unsafe { Word::from_raw(raw.as_ptr()) })
    }
}

impl<T: ?Sized> PartialEq for Weak<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(*self, *other)
    }
}

impl<T: ?Sized> Eq for Weak<'_, T> {}

impl<T: ?Sized> Hash for Weak<'_, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Gc::addr(self.0).hash(state);
    }
}

impl<T: ?Sized> fmt::Debug for Weak<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(Weak)")
    }
}
