//! The two kinds of heap: [`Shared`] (many mutator threads) and [`Owned`] (one mutator, contents need not be `Send`).

mod sealed {
    /// What of a kind users neither see nor choose.
    pub trait Sealed {
        /// The lock of its containers.
        type Lock: crate::container::ContainerLock;
    }
}

/// The kind of a heap: [`Shared`] or [`Owned`]. Sealed.
pub trait Kind: sealed::Sealed + Sized + 'static {
    /// Whether several mutators may use the heap at once.
    #[doc(hidden)]
    const SHARED: bool;
}

/// A heap that many threads mutate at once ([`Heap`](crate::Heap)); all it stores is `Send + Sync`.
#[derive(Debug, Clone, Copy)]
pub enum Shared {}

/// A heap with a single mutator ([`LocalHeap`](crate::LocalHeap)); what it stores need be neither `Send` nor `Sync`.
#[derive(Debug, Clone, Copy)]
pub enum Owned {}

impl sealed::Sealed for Shared {
    type Lock = crate::container::ThreadLock;
}

impl sealed::Sealed for Owned {
    type Lock = crate::container::BorrowFlag;
}

impl Kind for Shared {
    const SHARED: bool = true;
}

impl Kind for Owned {
    const SHARED: bool = false;
}
