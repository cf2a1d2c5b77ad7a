//! [`Root`]: an owning handle that keeps an object alive, wherever the handle is.
//!
//! I1. A root's entry names its object from `create` until the last handle is dropped and, if a cycle is on, its walk is
//!     over (`root_table` I2).
//! I2. The core is held by every handle, so an address compared in `get` is never reused.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::gc::Gc;
use crate::heap::HeapCore;
use crate::kind::{Kind, Shared};
use crate::mutator::Mutation;
use crate::root_table::{RootEntry, RootTable};
use crate::trace::{BrandedBy, Pointee};

/// A handle that keeps an object, and all it reaches, alive: `Root<Node<'static>>` is a root of a `Node<'gc>`.
///
/// It lives anywhere. Of a shared heap it is `Send + Sync` where its target is, and keeps the heap alive; of a local heap
/// it stays on its thread, and is of no use once the heap has ended. Cloning makes another handle of the same root.
///
/// Cost: making one and dropping the last take an uncontended lock; cloning is an atomic increment; `get` is a comparison.
///
/// ```
/// use gc_core::{LocalHeap, Root, Owned};
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// let root: Root<str, Owned> = mutator.mutate(|mc| mc.root(mc.alloc_str("kept")));
/// mutator.collect();
/// mutator.mutate(|mc| assert_eq!(&*root.get(mc), "kept"));
/// ```
pub struct Root<T: ?Sized + Pointee, S: Kind = Shared> {
    handle: Handle<S>,
    /// The target under the brand `'static`; never dereferenced as such.
    target: *const T::With<'static>,
}

/// One handle of an entry in a heap's root table, of whatever type.
pub(crate) struct Handle<S: Kind> {
    core: Arc<HeapCore>,
    entry: NonNull<RootEntry>,
    _kind: PhantomData<S>,
}

impl<S: Kind> Handle<S> {
    /// The first handle of a root of `object`, which lives in the heap of `mc`.
    pub(crate) fn new(mc: &Mutation<'_, S>, object: NonNull<()>) -> Self {
        let core = mc.record().heap.clone();
        if S::SHARED {
            core.add_owner();
        }
        let entry = core.roots.create(object);
        Handle { core, entry, _kind: PhantomData }
    }

    fn entry(&self) -> &RootEntry {
        // SAFETY: entries stay put as long as the core, which we hold.
        unsafe { self.entry.as_ref() }
    }

    /// Panics if `mc` belongs to another heap.
    #[inline(always)]
    pub(crate) fn check(&self, mc: &Mutation<'_, S>) {
        assert!(
            Arc::ptr_eq(&self.core, &mc.record().heap),
            "this root belongs to another heap: get it in a region of the heap it was made in"
        );
    }
}

impl<S: Kind> Clone for Handle<S> {
    fn clone(&self) -> Self {
        if S::SHARED {
            self.core.add_owner();
        }
        RootTable::clone_handle(self.entry());
        Handle { core: self.core.clone(), entry: self.entry, _kind: PhantomData }
    }
}

impl<S: Kind> Drop for Handle<S> {
    fn drop(&mut self) {
        self.core.roots.drop_handle(self.entry());
        if S::SHARED {
            self.core.drop_owner();
        }
    }
}

// SAFETY: through `get` other threads reach `T::With<'a>`, which is `Send + Sync`; the entry is handled atomically.
unsafe impl<T: ?Sized + Pointee> Send for Root<T, Shared> where for<'a> T::With<'a>: Send + Sync {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Pointee> Sync for Root<T, Shared> where for<'a> T::With<'a>: Send + Sync {}

impl<'gc, S: Kind> Mutation<'gc, S> {
    /// Makes a root of the object.
    pub fn root<T>(&self, object: Gc<'gc, T>) -> Root<T::With<'static>, S>
    where
        T: ?Sized + Pointee + BrandedBy<'gc>,
        T::With<'static>: Pointee,
    {
        let handle = Handle::new(self, Gc::erased(object));
        // The same pointer under another name of its brand: `BrandedBy` says that `T` is `T::With<'gc>`, and the
        // contract of `Pointee` that brands do not change layouts, metadata included.
        let target = transmute_pointer::<T, <T::With<'static> as Pointee>::With<'static>>(Gc::as_ptr(object));
        Root { handle, target }
    }
}

/// The same pointer, metadata included, to the same type under another brand.
#[inline(always)]
pub(crate) fn transmute_pointer<T: ?Sized, U: ?Sized>(pointer: *const T) -> *const U {
    const { assert!(size_of::<*const T>() == size_of::<*const U>(), "one type under two brands") };
    // SAFETY: same size; both are pointers to one type up to lifetimes, so the metadata means the same.
    unsafe { std::mem::transmute_copy(&pointer) }
}

impl<T: ?Sized + Pointee, S: Kind> Root<T, S> {
    /// The object, in a region of its heap.
    ///
    /// # Panics
    /// When `mc` belongs to another heap.
    #[inline]
    pub fn get<'gc>(&self, mc: &Mutation<'gc, S>) -> Gc<'gc, T::With<'gc>> {
        self.handle.check(mc);
        let target = transmute_pointer::<T::With<'static>, T::With<'gc>>(self.target);
        // SAFETY: not null: it came from a `Gc`.
        let target = unsafe { NonNull::new_unchecked(target.cast_mut()) };
        // SAFETY: I1, and the heap is the region's.
        unsafe { Gc::from_ptr(target) }
    }

    /// Whether both are roots of the same object.
    pub fn ptr_eq(a: &Self, b: &Self) -> bool {
        a.target.addr() == b.target.addr()
    }
}

impl<T: ?Sized + Pointee, S: Kind> Clone for Root<T, S> {
    fn clone(&self) -> Self {
        Root { handle: self.handle.clone(), target: self.target }
    }
}

impl<T: ?Sized + Pointee, S: Kind> fmt::Debug for Root<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Root").field(&self.target.cast::<()>()).finish()
    }
}
