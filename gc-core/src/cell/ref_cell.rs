//! [`GcRefCell`]: anything, by `RefCell`'s rules, in a local heap.
//!
//! I1. The borrow flag is the mutator's alone (`!Sync`); markers look at the claim only. A guard can't outlive its region, so
//!     none is held across a handshake; a leaked one makes the cell unusable, never unsound.
//! I2. A marker reads the content under a claim for this cycle; an exclusive borrow in Trace begins after the cell was
//!     scanned (`claim` I1).

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::before_write;
use crate::claim::Claim;
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

/// The borrow flag: 0 free, positive: shared borrows, -1: an exclusive one.
type Flag = i32;
const FREE: Flag = 0;
const EXCLUSIVE: Flag = -1;

/// A mutable place inside an object of a [`LocalHeap`](crate::LocalHeap), with the rules of [`RefCell`](std::cell::RefCell):
/// any number of [`borrow`](GcRefCell::borrow)s or one [`borrow_mut`](GcRefCell::borrow_mut).
///
/// The first exclusive borrow in a cycle shades the content, in time proportional to the pointers in it.
///
/// ```
/// use gc_core::{Gc, GcRefCell, LocalHeap, Trace};
///
/// #[derive(Trace)]
/// struct Table<'gc> {
///     rows: GcRefCell<'gc, Vec<Gc<'gc, str>>>,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let table = mc.alloc(Table { rows: GcRefCell::new(Vec::new()) });
///     table.rows.borrow_mut(mc).push(mc.alloc_str("first"));
///     assert_eq!(table.rows.borrow().len(), 1);
/// });
/// ```
pub struct GcRefCell<'gc, T: ?Sized> {
    claim: Claim,
    borrow: Cell<Flag>,
    _brand: PhantomData<fn(&'gc ()) -> &'gc ()>,
    value: UnsafeCell<T>,
}

impl<'gc, T: Trace<'gc>> GcRefCell<'gc, T> {
    /// A cell with this content.
    pub fn new(value: T) -> Self {
        GcRefCell { claim: Claim::new(), borrow: Cell::new(FREE), _brand: PhantomData, value: UnsafeCell::new(value) }
    }

    /// The content, out of a cell that is not (or no longer) in an object.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// A copy of the content.
    ///
    /// # Panics
    /// While it is borrowed exclusively.
    pub fn get(&self) -> T
    where
        T: Copy,
    {
        *self.borrow()
    }

    /// Replaces the content; the old one is dropped after the borrow has ended.
    ///
    /// # Panics
    /// While it is borrowed.
    pub fn set<S: Kind>(&self, mc: &Mutation<'gc, S>, value: T) {
        drop(self.replace(mc, value));
    }

    /// Replaces the content and returns the old one.
    ///
    /// # Panics
    /// While it is borrowed.
    pub fn replace<S: Kind>(&self, mc: &Mutation<'gc, S>, value: T) -> T {
        std::mem::replace(&mut *self.borrow_mut(mc), value)
    }

    /// Takes the content and leaves the default.
    ///
    /// # Panics
    /// While it is borrowed.
    pub fn take<S: Kind>(&self, mc: &Mutation<'gc, S>) -> T
    where
        T: Default,
    {
        self.replace(mc, T::default())
    }
}

impl<'gc, T: Trace<'gc> + ?Sized> GcRefCell<'gc, T> {
    /// Borrows the content.
    ///
    /// # Panics
    /// While it is borrowed exclusively.
    #[inline]
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        match self.try_borrow() {
            Ok(borrow) => borrow,
            Err(_) => already_mutably_borrowed(),
        }
    }

    /// Borrows the content, unless it is borrowed exclusively.
    ///
    /// # Errors
    /// While it is borrowed exclusively.
    #[inline]
    pub fn try_borrow(&self) -> Result<Ref<'_, T>, BorrowError> {
        let flag = self.borrow.get();
        if !(FREE..Flag::MAX).contains(&flag) {
            return Err(BorrowError(()));
        }
        self.borrow.set(flag + 1);
        // SAFETY: `UnsafeCell` gives no null.
        let value = unsafe { NonNull::new_unchecked(self.value.get()) };
        Ok(Ref { value, flag: &self.borrow, _borrow: PhantomData })
    }

    /// Borrows the content exclusively.
    ///
    /// # Panics
    /// While it is borrowed.
    #[inline]
    #[track_caller]
    pub fn borrow_mut<S: Kind>(&self, mc: &Mutation<'gc, S>) -> RefMut<'_, T> {
        match self.try_borrow_mut(mc) {
            Ok(borrow) => borrow,
            Err(_) => already_borrowed(),
        }
    }

    /// Borrows the content exclusively, unless it is borrowed.
    ///
    /// # Errors
    /// While it is borrowed.
    #[inline]
    pub fn try_borrow_mut<S: Kind>(&self, mc: &Mutation<'gc, S>) -> Result<RefMut<'_, T>, BorrowMutError> {
        if self.borrow.get() != FREE {
            return Err(BorrowMutError(()));
        }
        before_write(mc, &self.claim, self.value.get());
        self.borrow.set(EXCLUSIVE);
        // SAFETY: `UnsafeCell` gives no null.
        let value = unsafe { NonNull::new_unchecked(self.value.get()) };
        Ok(RefMut { value, flag: &self.borrow, _borrow: PhantomData })
    }

    /// The content of a cell that the caller owns.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn already_mutably_borrowed() -> ! {
    panic!("GcRefCell already mutably borrowed")
}

#[cold]
#[inline(never)]
#[track_caller]
fn already_borrowed() -> ! {
    panic!("GcRefCell already borrowed")
}

// SAFETY: the content is read under the claim (I2); the flag is not read.
unsafe impl<'gc, T: Trace<'gc> + ?Sized> Trace<'gc> for GcRefCell<'gc, T> {
    const HOLDS_GC: bool = T::HOLDS_GC;

    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.compound(&self.claim, |tracer| {
            // SAFETY: I2: claimed, or held exclusively by the mutator that traces.
            tracer.field(unsafe { &*self.value.get() });
        });
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl<'gc, T: Rebrand> Rebrand for GcRefCell<'gc, T> {
    type With<'a> = GcRefCell<'a, T::With<'a>>;
}

impl<'gc, T: Trace<'gc> + Default> Default for GcRefCell<'gc, T> {
    fn default() -> Self {
        GcRefCell::new(T::default())
    }
}

impl<'gc, T: Trace<'gc> + fmt::Debug + ?Sized> fmt::Debug for GcRefCell<'gc, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_borrow() {
            Ok(value) => f.debug_struct("GcRefCell").field("value", &&*value).finish(),
            Err(_) => f.debug_struct("GcRefCell").field("value", &format_args!("<borrowed>")).finish(),
        }
    }
}

/// The content of a [`GcRefCell`], borrowed.
pub struct Ref<'b, T: ?Sized> {
    value: NonNull<T>,
    flag: &'b Cell<Flag>,
    _borrow: PhantomData<&'b T>,
}

impl<'b, T: ?Sized> Ref<'b, T> {
    /// Another borrow of the same content.
    ///
    /// # Panics
    /// After two thousand million borrows at once.
    #[expect(clippy::should_implement_trait, reason = "associated, as `std::cell::Ref::clone`")]
    pub fn clone(this: &Self) -> Self {
        let flag = this.flag.get();
        assert!(flag != Flag::MAX, "too many borrows of one GcRefCell");
        this.flag.set(flag + 1);
        Ref { value: this.value, flag: this.flag, _borrow: PhantomData }
    }

    /// A part of the content.
    pub fn map<U: ?Sized>(this: Self, part: impl FnOnce(&T) -> &U) -> Ref<'b, U> {
        let value = NonNull::from(part(&this));
        let this = std::mem::ManuallyDrop::new(this);
        Ref { value, flag: this.flag, _borrow: PhantomData }
    }
}

impl<T: ?Sized> Deref for Ref<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the flag counts this borrow, so there is no exclusive one.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> Drop for Ref<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.flag.set(self.flag.get() - 1);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The content of a [`GcRefCell`], borrowed exclusively.
pub struct RefMut<'b, T: ?Sized> {
    value: NonNull<T>,
    flag: &'b Cell<Flag>,
    _borrow: PhantomData<&'b mut T>,
}

impl<'b, T: ?Sized> RefMut<'b, T> {
    /// A part of the content.
    pub fn map<U: ?Sized>(mut this: Self, part: impl FnOnce(&mut T) -> &mut U) -> RefMut<'b, U> {
        let value = NonNull::from(part(&mut this));
        let this = std::mem::ManuallyDrop::new(this);
        RefMut { value, flag: this.flag, _borrow: PhantomData }
    }
}

impl<T: ?Sized> Deref for RefMut<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the flag says that this is the only borrow.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for RefMut<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized> Drop for RefMut<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.flag.set(FREE);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RefMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RefMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The content is borrowed exclusively.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BorrowError(pub(crate) ());

impl fmt::Display for BorrowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already mutably borrowed")
    }
}

impl std::error::Error for BorrowError {}

/// The content is borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BorrowMutError(pub(crate) ());

impl fmt::Display for BorrowMutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already borrowed")
    }
}

impl std::error::Error for BorrowMutError {}
