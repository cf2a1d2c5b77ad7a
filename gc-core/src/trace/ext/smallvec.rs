use ::smallvec::{Array, SmallVec};

use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

// SAFETY: passes every element on.
unsafe impl<'gc, A: Array<Item: Trace<'gc>>> Trace<'gc> for SmallVec<A> {
    const HOLDS_GC: bool = <A::Item as Trace<'gc>>::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(self.as_slice());
    }
}

// SAFETY: T3, by its element.
unsafe impl<T: Rebrand, const N: usize> Rebrand for SmallVec<[T; N]> {
    type With<'a> = SmallVec<[T::With<'a>; N]>;
}
