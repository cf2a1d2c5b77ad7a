//! Which kind of heap may hold a type.

use crate::kind::{Owned, Shared};

mod sealed {
    use crate::kind::{Owned, Shared};

    pub trait Sealed<S> {
        /// No `dyn` form: `dyn Tr` must not be `Storable` for the mere reason that `Tr` has it as a supertrait.
        const NOT_BY_SUPERTRAIT: () = ();
    }
    impl<T: ?Sized> Sealed<Owned> for T {}
    impl<T: ?Sized + Send + Sync> Sealed<Shared> for T {}
}

/// A type that a heap of the kind `S` may hold: any for a [`LocalHeap`](crate::LocalHeap) (`S` = [`Owned`]), those that
/// are `Send + Sync` for a [`Heap`](crate::Heap) (`S` = [`Shared`]). Sealed.
///
/// Code that is generic over the kind of heap has the bound `where Node<'gc>: Storable<S>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be stored in a heap of the kind `{S}`: a shared `Heap` holds only types that are `Send` \
               and `Sync`",
    label = "not `Send + Sync`",
    note = "in a shared heap use `GcMutex`, `GcRwLock`, `GcOnceCell` or `GcCell` instead of `GcRefCell`, `RefCell` and \
            `Cell`, `Arc` instead of `Rc`, `dyn Trait + Send + Sync` instead of `dyn Trait`",
    note = "a `LocalHeap` (one mutator thread) stores any type; code generic over the kind needs the bound \
            `{Self}: Storable<{S}>`"
)]
pub trait Storable<S>: sealed::Sealed<S> {}

impl<T: ?Sized> Storable<Owned> for T {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Send + Sync> Storable<Shared> for T {}
