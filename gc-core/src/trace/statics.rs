//! [`Static`]: any `'static` type as a type argument of traced containers.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Deref, DerefMut};

use super::leaves;

/// A value of any `'static` type, which therefore can't hold a [`Gc`](crate::Gc) and is never traced.
///
/// For foreign types as type arguments (`Vec<Static<Foreign>>`, `GcRefCell<'gc, Static<Foreign>>`, `mc.alloc(Static(x))`);
/// a field of a type of your own needs only `#[trace(skip)]`. It costs nothing and is transparent in memory.
///
/// ```
/// use gc_core::{Gc, LocalHeap, Static};
/// use std::process::Command; // as an example of a type that knows nothing of this crate
///
/// let heap = LocalHeap::new();
/// let mut mutator = heap.mutator().unwrap();
/// mutator.mutate(|mc| {
///     let command: Gc<'_, Static<Command>> = mc.alloc(Static(Command::new("true")));
///     assert_eq!(command.get_program(), "true");
/// });
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Static<T: 'static>(pub T);

impl<T: 'static> Static<T> {
    /// The value out of its wrapper.
    pub fn into_inner(self) -> T {
        self.0
    }
}

leaves! { [T]: Static<T> }

impl<T> Deref for Static<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Static<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> From<T> for Static<T> {
    fn from(value: T) -> Self {
        Static(value)
    }
}

impl<T> AsRef<T> for Static<T> {
    fn as_ref(&self) -> &T {
        &self.0
    }
}

impl<T> Borrow<T> for Static<T> {
    fn borrow(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Static<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Static<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
