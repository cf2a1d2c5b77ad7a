use ::arrayvec::{ArrayString, ArrayVec};

use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

// SAFETY: passes every element on.
unsafe impl<'gc, T: Trace<'gc>, const CAP: usize> Trace<'gc> for ArrayVec<T, CAP> {
    const HOLDS_GC: bool = T::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(self.as_slice());
    }
}

// SAFETY: T3, by its element.
unsafe impl<T: Rebrand, const CAP: usize> Rebrand for ArrayVec<T, CAP> {
    type With<'a> = ArrayVec<T::With<'a>, CAP>;
}

// SAFETY: T1. Text.
unsafe impl<'gc, const CAP: usize> Trace<'gc> for ArrayString<CAP> {
    const HOLDS_GC: bool = false;

    #[inline(always)]
    fn trace(&self, _: &mut Tracer<'gc>) {}
}

// SAFETY: T3. There is no brand to replace.
unsafe impl<const CAP: usize> Rebrand for ArrayString<CAP> {
    type With<'a> = ArrayString<CAP>;
}
