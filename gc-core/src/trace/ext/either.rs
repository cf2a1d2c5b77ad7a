use ::either::Either;

use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

// SAFETY: the match names both fields.
unsafe impl<'gc, L: Trace<'gc>, R: Trace<'gc>> Trace<'gc> for Either<L, R> {
    const HOLDS_GC: bool = L::HOLDS_GC || R::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        match self {
            Either::Left(left) => tracer.field(left),
            Either::Right(right) => tracer.field(right),
        }
    }
}

// SAFETY: T3, by its parameters.
unsafe impl<L: Rebrand, R: Rebrand> Rebrand for Either<L, R> {
    type With<'a> = Either<L::With<'a>, R::With<'a>>;
}
