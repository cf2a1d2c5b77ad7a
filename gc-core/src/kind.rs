//! The two kinds of heap: [`Shared`] (many mutator threads) and [`Owned`] (one mutator, contents need not be `Send`).

mod sealed {
    pub trait Sealed {}
}

/// The kind of a heap: [`Shared`] or [`Owned`]. Sealed.
pub trait Kind: sealed::Sealed + Sized + 'static {
    /// Whether several mutators may use the heap at once.
    #[doc(hidden)]
    const SHARED: bool;
    /// The lock of its containers.
    #[doc(hidden)]
    type Lock: crate::container::ContainerLock;
}

/// A heap that many threads mutate at once ([`Heap`](crate::Heap)); all it stores is `Send + Sync`.
#[derive(Debug, Clone, Copy)]
pub enum Shared {}

/// A heap with a single mutator ([`LocalHeap`](crate::LocalHeap)); what it stores need be neither `Send` nor `Sync`.
#[derive(Debug, Clone, Copy)]
pub enum Owned {}

impl sealed::Sealed for Shared {}
impl sealed::Sealed for Owned {}

impl Kind for Shared {
    const SHARED: bool = true;
    type Lock = crate::container::ThreadLock;
}

impl Kind for Owned {
    const SHARED: bool = false;
    type Lock = crate::container::BorrowFlag;
}
