//! The same type under another brand: `Node<'gc>` in a region, `Node<'static>` in the name of its root.
//!
//! B1. Whatever changes a brand (`root`, `local`, weak handles, downcasts) demands `T: BrandedBy<'gc>`, that is
//!     `T == T::With<'gc>`. Otherwise a `Node::<'static> { next: None }` made outside could be stored, rooted and got back
//!     as a `Node<'gc>`: one object under two brands, and a `Gc<'gc>` written through one is read as a `Gc<'static>`
//!     through the other.
//! B2. `With<'a>: 'a` holds for every `'a`, so no part of `With<'a>` has a shorter lifetime than `'a`: all that is not the
//!     brand is `'static`.

/// A sized type with its brand made a parameter: `Node<'gc>::With<'a>` is `Node<'a>`.
///
/// Implemented by `#[derive(Trace)]`; a type without a brand is its own `With`.
///
/// # Safety
///
/// `With<'a>` is `Self` with its one brand replaced by `'a`, and nothing else replaced; it is idempotent:
/// `T::With<'a>::With<'b>` is `T::With<'b>`.
#[diagnostic::on_unimplemented(
    message = "the brand of `{Self}` can't be replaced: it doesn't implement `Rebrand`",
    label = "not known to the collector",
    note = "`#[derive(Trace)]` implements `Rebrand` too; for a foreign type that is `'static` use `Static<{Self}>`"
)]
pub unsafe trait Rebrand {
    /// The same type with the brand `'a`.
    type With<'a>: 'a;
}

/// What a [`Gc`](crate::Gc) can point to and a [`Root`](crate::Root) can name: every type that is [`Rebrand`], `str`,
/// slices, and `dyn Trait` after [`gc_dyn!`](crate::gc_dyn).
///
/// # Safety
///
/// As [`Rebrand`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be rooted or named by a handle: it doesn't implement `Pointee`",
    label = "not known to the collector",
    note = "for a type of your own: `#[derive(Trace)]`; for a `dyn Trait` of your own: `gc_dyn!(Trait)`",
    note = "for a foreign type that is `'static`: `Static<{Self}>`"
)]
pub unsafe trait Pointee {
    /// The same type with the brand `'a`.
    type With<'a>: ?Sized + 'a;
}

// SAFETY: T3, by the contract of `Rebrand`.
unsafe impl<T: Rebrand> Pointee for T {
    type With<'a> = <T as Rebrand>::With<'a>;
}

// SAFETY: T3. A slice has no brand but its element's.
unsafe impl<T: Rebrand> Pointee for [T] {
    type With<'a> = [<T as Rebrand>::With<'a>];
}

mod sealed {
    use super::Pointee;

    pub trait Sealed<'gc> {
        /// A trait with a constant has no `dyn` form. With one, `dyn Tr` would be `BrandedBy<'gc>` for the mere reason that
        /// `Tr` has it as a supertrait, whatever the blanket implementation demands (B1).
        const NOT_BY_SUPERTRAIT: () = ();
    }
    impl<'gc, T: ?Sized + Pointee<With<'gc> = T> + 'gc> Sealed<'gc> for T {}
}

/// `Self` has the brand `'gc` wherever it has a brand: `Self == Self::With<'gc>`. Sealed.
///
/// A marker with a blanket implementation, since the equation as a bound makes the compiler use it for *every* `With` of
/// the function that has it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` doesn't have the brand of this region",
    label = "some lifetime in this type isn't the brand of the region",
    note = "an object is rooted under the brand of its own region only; a type parameter of a generic function needs \
            `T: Pointee + BrandedBy<'gc>`"
)]
pub trait BrandedBy<'gc>: sealed::Sealed<'gc> + 'gc {}

impl<'gc, T: ?Sized + Pointee<With<'gc> = T> + 'gc> BrandedBy<'gc> for T {}
