//! Scopes and [`Local`]s: stack roots that survive safepoints inside a running computation.
//!
//! I1. A `Local<'s, _>` names an entry of its mutator's stack below the length, for as long as `'s`: scopes nest (each is
//!     opened by a call on the one outside, which it borrows), and a scope truncates to where it began.
//! I2. Pushing and setting happen inside regions; truncating outside (`locals` I1, I2).

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::control::Control;
use crate::fat::{from_fat, to_fat};
use crate::gc::Gc;
use crate::kind::{Kind, Shared};
use crate::mutator::{Mutation, region};
use crate::record::Record;
use crate::trace::{BrandedBy, Pointee};

/// A scope of stack roots. Between its regions are safepoints; what is in a [`Local`] survives them.
///
/// ```
/// use gc_core::{Local, LocalHeap, Owned, Scope};
///
/// // Sums a list of numbers by recursion, collecting at any depth.
/// fn sum<'s>(scope: &mut Scope<'s, Owned>, n: u64) -> Local<'s, u64> {
///     scope.nested(|scope| {
///         let rest = if n == 0 { 0 } else {
///             let rest = sum(scope, n - 1);
///             scope.mutate(|mc| *rest.get(mc))
///         };
///         scope.safepoint();
///         scope.mutate(|mc| mc.local(mc.alloc(rest + n)))
///     })
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// let total = mutator.scope(|scope| {
///     let total = sum(scope, 100);
///     scope.mutate(|mc| *total.get(mc))
/// });
/// assert_eq!(total, 5050);
/// ```
pub struct Scope<'s, S: Kind = Shared> {
    /// The mutator's, which the scope's opener borrows.
    record: &'s Arc<Record>,
    /// Invariant in `'s`; not `Send`.
    _scope: PhantomData<(fn(&'s ()) -> &'s (), S, *const ())>,
}

/// Truncates the stack when a scope ends, by return or by panic.
struct Truncate<'a> {
    record: &'a Record,
    len: usize,
}

impl Drop for Truncate<'_> {
    fn drop(&mut self) {
        self.record.locals.truncate(self.len);
    }
}

impl<'s, S: Kind> Scope<'s, S> {
    pub(crate) fn open<R>(record: &Arc<Record>, f: impl for<'t> FnOnce(&mut Scope<'t, S>) -> R) -> R {
        let _truncate = Truncate { record, len: record.locals.len() };
        f(&mut Scope { record, _scope: PhantomData })
    }

    pub(crate) fn record(&self) -> &Record {
        self.record
    }

    /// Opens a region, as [`Mutator::mutate`](crate::Mutator::mutate); locals of this scope are made and read in it.
    #[inline]
    pub fn mutate<R>(&mut self, f: impl for<'gc> FnOnce(&'gc ScopeMutation<'gc, 's, S>) -> R) -> R {
        self.zeal();
        region(self.record, || {
            // SAFETY: the record is INSIDE, and `f` takes any `'gc`; `ScopeMutation` is transparent over `Mutation`.
            f(unsafe { ScopeMutation::of(self.record) })
        })
    }

    /// A safepoint.
    #[inline]
    pub fn safepoint(&mut self) {
        self.zeal();
        region(self.record, || {});
    }

    /// Collects, as [`Mutator::collect`](crate::Mutator::collect).
    pub fn collect(&mut self) {
        Control::collect(self.record);
    }

    /// A scope inside this one; its locals end with it.
    pub fn scope<R>(&mut self, f: impl for<'t> FnOnce(&mut Scope<'t, S>) -> R) -> R {
        Scope::open(self.record, f)
    }

    /// A scope inside this one, whose result survives as a local of this one.
    pub fn nested<T: ?Sized + Pointee>(
        &mut self,
        f: impl for<'t> FnOnce(&mut Scope<'t, S>) -> Local<'t, T>,
    ) -> Local<'s, T> {
        match self.try_nested(|scope| Ok::<_, Infallible>(f(scope))) {
            Ok(local) => local,
        }
    }

    /// As [`nested`](Scope::nested), for what can fail: an error ends the scope with all its locals.
    ///
    /// # Errors
    /// Those of `f`.
    ///
    /// ```
    /// use gc_core::{Local, LocalHeap, Owned, Scope};
    ///
    /// fn half<'s>(scope: &mut Scope<'s, Owned>, n: u32) -> Result<Local<'s, u32>, String> {
    ///     scope.try_nested(|scope| match n % 2 {
    ///         0 => Ok(scope.mutate(|mc| mc.local(mc.alloc(n / 2)))),
    ///         _ => Err(format!("{n} is odd")),
    ///     })
    /// }
    ///
    /// let heap = LocalHeap::new();
    /// let mut mutator = heap.mutator().unwrap();
    /// mutator.scope(|scope| {
    ///     let four = half(scope, 8).unwrap();
    ///     assert_eq!(scope.mutate(|mc| *four.get(mc)), 4);
    ///     assert_eq!(half(scope, 5).unwrap_err(), "5 is odd");
    /// });
    /// ```
    pub fn try_nested<T: ?Sized + Pointee, E>(
        &mut self,
        f: impl for<'t> FnOnce(&mut Scope<'t, S>) -> Result<Local<'t, T>, E>,
    ) -> Result<Local<'s, T>, E> {
        let len = self.record.locals.len();
        let inner = {
            // By panic, or by an error.
            let truncate = Truncate { record: self.record, len };
            let inner = f(&mut Scope { record: self.record, _scope: PhantomData })?;
            std::mem::forget(truncate);
            inner.index
        };
        if inner != len {
            let record = self.record;
            region(record, || {
                // SAFETY: in a region; `inner` is a local of the scope that just ended, still below the length.
                let (target, fat) = unsafe { record.locals.entry(inner) };
                record.locals.truncate(len);
                // SAFETY: in a region.
                unsafe { record.locals.push(target, fat) };
            });
        } else {
            self.record.locals.truncate(len + 1);
        }
        Ok(Local { index: len, mutator: self.record.id, heap: heap_id(self.record), _scope: PhantomData })
    }

    #[inline(always)]
    fn zeal(&self) {
        if self.record.heap.config.zeal.is_some() && self.record.zeal_strikes() {
            Control::collect(self.record);
        }
    }
}

impl<S: Kind> fmt::Debug for Scope<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("locals", &self.record.locals.len()).finish_non_exhaustive()
    }
}

/// The token of a region of a [`Scope`]: a [`Mutation`] that can also make locals of the scope.
#[repr(transparent)]
pub struct ScopeMutation<'gc, 's, S: Kind = Shared> {
    mutation: Mutation<'gc, S>,
    _scope: PhantomData<fn(&'s ()) -> &'s ()>,
}

impl<'gc, 's, S: Kind> ScopeMutation<'gc, 's, S> {
    /// # Safety
    /// As `Mutation::of`, and `'s` is the scope's.
    #[inline(always)]
    unsafe fn of(record: &'gc Record) -> &'gc Self {
        // SAFETY: by contract.
        let mutation = unsafe { Mutation::<'gc, S>::of(record) };
        // SAFETY: transparent.
        unsafe { &*std::ptr::from_ref(mutation).cast() }
    }

    /// Makes a stack root of the object, for as long as the scope.
    #[inline]
    pub fn local<T>(&self, object: Gc<'gc, T>) -> Local<'s, T::With<'static>>
    where
        T: ?Sized + Pointee + BrandedBy<'gc>,
        T::With<'static>: Pointee,
    {
        let record = self.record();
        // SAFETY: in a region.
        let index = unsafe { record.locals.push(Gc::erased(object), to_fat(Gc::as_ptr(object))) };
        Local { index, mutator: record.id, heap: heap_id(record), _scope: PhantomData }
    }
}

impl<'gc, S: Kind> Deref for ScopeMutation<'gc, '_, S> {
    type Target = Mutation<'gc, S>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.mutation
    }
}

/// A stack root: keeps an object alive for as long as the scope `'s`. Copy; stays on its thread.
pub struct Local<'s, T: ?Sized + Pointee> {
    index: usize,
    /// The mutator whose stack it is on, and that mutator's heap.
    mutator: u64,
    heap: usize,
    /// Invariant in `'s`, and in `T`: `set` writes. Not `Send`.
    _scope: PhantomData<(fn(&'s ()) -> &'s (), *mut T)>,
}

impl<T: ?Sized + Pointee> Clone for Local<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized + Pointee> Copy for Local<'_, T> {}

impl<T: ?Sized + Pointee> fmt::Debug for Local<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Local").field(&self.index).finish()
    }
}

fn heap_id(record: &Record) -> usize {
    Arc::as_ptr(&record.heap).addr()
}

impl<T: ?Sized + Pointee> Local<'_, T> {
    #[inline]
    fn check(self, record: &Record) {
        // A scope borrows its mutator, which keeps its heap: the address is not reused while a local of it exists.
        assert!(
            self.mutator == record.id && self.heap == heap_id(record),
            "this local belongs to another mutator: use it in regions of the scope it was made in"
        );
    }

    /// The object, in a region of the scope or of one inside it.
    ///
    /// # Panics
    /// When `mc` belongs to another mutator.
    #[inline]
    pub fn get<'gc, S: Kind>(self, mc: &Mutation<'gc, S>) -> Gc<'gc, T::With<'gc>> {
        let record = mc.record();
        self.check(record);
        // SAFETY: I1, in a region.
        let fat = unsafe { record.locals.get(self.index) };
        let target = from_fat::<T::With<'gc>>(fat);
        // SAFETY: not null: it came from a `Gc`.
        let target = unsafe { NonNull::new_unchecked(target.cast_mut()) };
        // SAFETY: I1: a root of this heap, kept alive.
        unsafe { Gc::from_ptr(target) }
    }

    /// Lets the local name another object.
    ///
    /// # Panics
    /// As [`get`](Local::get).
    #[inline]
    pub fn set<'gc, S: Kind>(self, mc: &Mutation<'gc, S>, object: Gc<'gc, T::With<'gc>>) {
        let record = mc.record();
        self.check(record);
        // SAFETY: I1, in a region.
        unsafe { record.locals.set(self.index, Gc::erased(object), to_fat(Gc::as_ptr(object))) };
    }
}
