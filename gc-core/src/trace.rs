//! What the collector asks of the types it stores: [`Trace`] (where the pointers are), [`Rebrand`] and [`Pointee`] (the same
//! type under another brand), [`Storable`] (which kind of heap may hold it).
//!
//! T1. No value of type `Gc<'static, _>` ever exists, so a type that is `'static` holds no live [`Gc`](crate::Gc): "can't
//!     hold a `Gc`" is simply the bound `T: 'static`. Every implementation that traces nothing rests on this.
//! T2. `trace` runs on another thread at the same time as uses through `&self`: it reads only what can't change behind
//!     `&self` (plain fields, tags, lengths, boxes, vectors).
//! T3. `With<'a>` replaces the one brand of a type and nothing else; doing it twice is doing the second.
//!
//! Three traits and not one, because a trait with a constant has no `dyn` form, and `Gc<'gc, dyn Tr>` has no sized `With`:
//! [`Trace`] has the constant, [`DynTrace`] the part that objects need, `Rebrand` is for what is stored in fields and
//! `Pointee` for what a `Gc` points to.
//!
//! Lengths of the recursion: tracing a field that owns its content (`Box`, `Vec`) recurses, as dropping it does. A chain of
//! a million `Box`es inside *one* object overflows the stack and aborts; a chain of `Gc`s doesn't recurse at all.

mod any;
mod cells;
mod collections;
mod dyn_macros;
mod ext;
mod functions;
mod owners;
mod rebrand;
mod statics;
mod storable;
mod values;

pub use dyn_macros::{DynFrom, GcDyn, known_dyn};
pub use rebrand::{BrandedBy, Pointee, Rebrand};
pub use statics::Static;
pub use storable::Storable;

use crate::tracer::Tracer;

/// Shows the collector the pointers that a value holds, all of the brand `'gc`.
///
/// Derive it: `#[derive(Trace)]` writes the three implementations that a type needs (this one, [`Rebrand`], and the
/// guard against `Drop`) in safe code, and can't be made to miss a field.
///
/// ```
/// use gc_core::{Gc, LocalHeap, Trace};
///
/// #[derive(Trace)]
/// struct Node<'gc> {
///     next: Option<Gc<'gc, Node<'gc>>>,
///     label: String,
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let last = mc.alloc(Node { next: None, label: "last".into() });
///     let first = mc.alloc(Node { next: Some(last), label: "first".into() });
///     assert_eq!(first.next.unwrap().label, "last");
/// });
/// ```
///
/// # What has it
///
/// - What can hold a `Gc` and owns its content: tuples, arrays, slices, `Option`, `Result`, `Box`, `Vec` and the other
///   collections (also of the crates behind this crate's features). A hasher must be `'static`.
/// - What can't, in whatever form: numbers, strings, paths, durations, files, function pointers and `&'static T`.
/// - What can be changed or shared behind the collector's back only if its content is `'static`: `Cell`, `RefCell`,
///   `Mutex`, atomics, `Rc`, `Arc`, `ManuallyDrop`, `MaybeUninit`. To *change* a `Gc` in an object use
///   [`GcCell`](crate::GcCell) and its kin; to *share* an object use `Gc` itself.
/// - Everything else that is `'static`, wrapped in [`Static`] or marked with `#[trace(skip)]` in the type that has the
///   field.
///
/// # Safety
///
/// `trace` passes every `Gc` of the value to the tracer exactly through [`Tracer::field`], every time.
/// `HOLDS_GC` is true if a value can hold one; it must not depend on the types of the fields of a recursive type.
///
/// `trace` runs on a collector thread, for types of a [`LocalHeap`](crate::LocalHeap) too, and at the same time as uses of
/// `&self` by the mutator. It reads only what can't change behind `&self`: plain fields, tags, lengths, boxes, vectors. No
/// content of a cell (but through the cells of this crate), no clone of an `Rc`, no thread-local, no allocation, no panic.
///
/// A type that can hold a `Gc` has no `Drop` that reads one: when it runs, what the `Gc` named may be gone. (The derive forbids
/// the `Drop`.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be stored in a garbage-collected heap: it doesn't implement `Trace`",
    label = "not known to the collector",
    note = "for a type of your own: `#[derive(Trace)]`",
    note = "for a field of a foreign type that can't hold a `Gc` (it is `'static`): `#[trace(skip)]` on the field, or \
            `Static<{Self}>` as a type argument",
    note = "for something that changes or shares a `Gc`: `GcCell`, `GcRefCell`, `GcMutex` instead of std's cells and \
            locks, `Gc` instead of `Rc` and `Arc`; a closure that captures a `Gc` becomes a struct with a trait \
            (`gc_dyn!`)"
)]
pub unsafe trait Trace<'gc> {
    /// Whether a value of this type can hold a `Gc` at all. Values of types that can't are never visited.
    const HOLDS_GC: bool;

    /// Passes every field that can hold a `Gc` to [`tracer.field`](Tracer::field).
    fn trace(&self, tracer: &mut Tracer<'gc>);
}

/// The part of [`Trace`] that a `dyn Trait` needs: make it a supertrait of the traits whose objects the heap shall hold.
///
/// ```
/// use gc_core::{gc_dyn, unsize, DynTrace, Gc, LocalHeap, Trace};
///
/// trait Shape<'gc>: DynTrace<'gc> {
///     fn area(&self) -> f64;
/// }
/// gc_dyn!(Shape);
///
/// #[derive(Trace)]
/// struct Square(f64);
///
/// impl<'gc> Shape<'gc> for Square {
///     fn area(&self) -> f64 {
///         self.0 * self.0
///     }
/// }
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let shape: Gc<'_, dyn Shape> = unsize!(mc.alloc(Square(2.0)) => dyn Shape);
///     assert_eq!(shape.area(), 4.0);
/// });
/// ```
///
/// # Safety
///
/// As [`Trace`]. Implemented for every type that has it; never by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an object of the heap behind a `dyn` trait: it doesn't implement `Trace`",
    note = "`#[derive(Trace)]` on `{Self}`"
)]
pub unsafe trait DynTrace<'gc> {
    /// [`Trace::trace`], if the type can hold a `Gc`.
    #[doc(hidden)]
    fn dyn_trace(&self, tracer: &mut Tracer<'gc>);
}

// SAFETY: calls `trace`, which keeps the contract.
unsafe impl<'gc, T: Trace<'gc>> DynTrace<'gc> for T {
    #[inline]
    fn dyn_trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(self);
    }
}

/// Implements [`Trace`] and [`Rebrand`] for types that are `'static` whatever their parameters, so hold no `Gc` (T1).
///
/// `leaves! { i32, u32 }`, or `leaves! { [T]: Cell<T>, RefCell<T>; [T ?Sized]: Rc<T> }`: each parameter gets the bound
/// `'static`.
macro_rules! leaves {
    (@one [$($param:ident $(?$sized:ident)?),*] $type:ty) => {
        // SAFETY: T1. The type and all its parameters are `'static`.
        unsafe impl<'gc $(, $param: 'static $(+ ?$sized)?)*> $crate::trace::Trace<'gc> for $type {
            const HOLDS_GC: bool = false;

            #[inline(always)]
            fn trace(&self, _: &mut $crate::tracer::Tracer<'gc>) {}
        }

        // SAFETY: T3. There is no brand to replace: the type is `'static`.
        unsafe impl<$($param: 'static $(+ ?$sized)?),*> $crate::trace::Rebrand for $type {
            type With<'a> = $type;
        }
    };
    ($($params:tt: $($type:ty),+ $(,)?);+ $(;)?) => {
        $($($crate::trace::leaves! { @one $params $type })+)+
    };
    ($($type:ty),+ $(,)?) => {
        $($crate::trace::leaves! { @one [] $type })+
    };
}
pub(crate) use leaves;

/// As [`leaves!`] for unsized types: [`Trace`] and [`Pointee`].
macro_rules! unsized_leaves {
    ($($type:ty),* $(,)?) => {$(
        // SAFETY: T1. The type is `'static`.
        unsafe impl<'gc> $crate::trace::Trace<'gc> for $type {
            const HOLDS_GC: bool = false;

            #[inline(always)]
            fn trace(&self, _: &mut $crate::tracer::Tracer<'gc>) {}
        }

        // SAFETY: T3. There is no brand to replace: the type is `'static`.
        unsafe impl $crate::trace::Pointee for $type {
            type With<'a> = $type;
        }
    )*};
}
pub(crate) use unsized_leaves;
