//! `#[derive(Trace)]` for `gc-core`.
//!
//! Use it through `gc_core::Trace`. The derive writes, for one type:
//!
//! - `Trace<'gc>`: passes every field to the tracer (`expand`);
//! - `Rebrand`: the type with another brand (`rebrand`);
//! - for types that can hold a `Gc` a guard that makes `impl Drop` a compile error (`expand`).
//!
//! What is sound about it, each kept by the module named:
//!
//! D1. The body destructures exhaustively: a field that the derive didn't see, because another attribute macro added it
//!     later, is a compile error. Skipped fields are checked to be `'static`. (`expand`)
//! D2. Types are classified by their generics, never by their fields. (`model`)
//! D3. A type with a brand or a rebranded type parameter has no `Drop`: it would run when the objects that its fields point
//!     to may be gone. (`expand`)
//! D4. Code for a field has the field's span, so that errors point there. (`expand`)
//! D5. The check of skipped fields is written out and not called by path: the path of the crate is the user's to choose.

#![forbid(unsafe_code)]

mod attr;
mod expand;
mod model;
mod rebrand;

use proc_macro::TokenStream;

/// Derives `Trace` and `Rebrand` for a struct or enum.
///
/// ```
/// use gc_core::{Gc, GcCell, Trace};
///
/// #[derive(Trace)]
/// struct Node<'gc, T> {
///     next: GcCell<'gc, Option<Gc<'gc, Node<'gc, T>>>>,
///     value: T,
///     /// Of a type that knows nothing of this crate, and is `'static`.
///     #[trace(skip)]
///     position: std::ops::Bound<std::thread::ThreadId>,
/// }
/// ```
///
/// # How a type is seen
///
/// By its generics alone:
///
/// - **No lifetime and no type parameter**: it can't hold a `Gc`. Nothing is traced, its fields may be of any type, and it may
///   have a `Drop`, which runs when the object is swept. Parameters with the bound `'static` written on them and const
///   parameters change nothing.
/// - **A lifetime**: it is the brand of the heap. More than one is an error.
/// - **Type parameters** get the bounds they need. A type with parameters alone can hold a `Gc` if one of them can.
///
/// Every field of a type of the last two kinds must be `Trace`, or `'static` and marked with `#[trace(skip)]`. Such a type
/// can't implement `Drop`.
///
/// # Attributes
///
/// - `#[trace(skip)]` on a field: it is `'static` (the compiler checks it) and isn't traced.
/// - `#[trace(crate = "path::to::gc_core")]` on the type: where to find `gc_core`, if it is re-exported.
///
/// # Errors
///
/// - "`X` can't be stored in a garbage-collected heap" at a field: its type isn't `Trace`; the notes say what to do.
/// - "borrowed data escapes" or "lifetime may not live long enough" at a field: something that must be `'static` isn't, as a
///   skipped field, the content of a std cell or of an `Rc`.
/// - "conflicting implementations of `ATypeThatHoldsGcMustNotImplementDrop`": take the `Drop` to a leaf type, and make that
///   a field.
#[proc_macro_derive(Trace, attributes(trace))]
pub fn derive_trace(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
