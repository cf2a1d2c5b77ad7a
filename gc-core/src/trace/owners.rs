//! `Trace` for what owns a fixed number of values: tuples, arrays, `Option`, `Result`, `Box`, ranges, wrappers, and the
//! phantom of a value.

use std::cmp::Reverse;
use std::marker::PhantomData;
use std::num::{Saturating, Wrapping};
use std::ops::{Bound, ControlFlow, Range, RangeFrom, RangeInclusive, RangeTo, RangeToInclusive};
use std::pin::Pin;
use std::task::Poll;

use super::{Pointee, Rebrand, Trace};
use crate::tracer::Tracer;

macro_rules! tuples {
    ($($name:ident $field:tt),+) => {
        // SAFETY: passes every element on.
        unsafe impl<'gc, $($name: Trace<'gc>),+> Trace<'gc> for ($($name,)+) {
            const HOLDS_GC: bool = $($name::HOLDS_GC)||+;

            #[inline]
            fn trace(&self, tracer: &mut Tracer<'gc>) {
                $(tracer.field(&self.$field);)+
            }
        }

        // SAFETY: T3, element by element.
        unsafe impl<$($name: Rebrand),+> Rebrand for ($($name,)+) {
            type With<'a> = ($($name::With<'a>,)+);
        }
    };
}

tuples! { A 0 }
tuples! { A 0, B 1 }
tuples! { A 0, B 1, C 2 }
tuples! { A 0, B 1, C 2, D 3 }
tuples! { A 0, B 1, C 2, D 3, E 4 }
tuples! { A 0, B 1, C 2, D 3, E 4, F 5 }
tuples! { A 0, B 1, C 2, D 3, E 4, F 5, G 6 }
tuples! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7 }
tuples! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8 }
tuples! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9 }
tuples! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10 }
tuples! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11 }

/// Implements both traits for an enum or struct by its pattern: `owners! { [T] Option<T> { Some(a) => a, None => } }`.
macro_rules! owners {
    ($([$($param:ident),+] $name:ident { $($pattern:pat => $($field:ident)?),+ $(,)? })+) => {$(
        // SAFETY: the match names every field.
        unsafe impl<'gc, $($param: Trace<'gc>),+> Trace<'gc> for $name<$($param),+> {
            const HOLDS_GC: bool = $($param::HOLDS_GC)||+;

            #[inline]
            fn trace(&self, tracer: &mut Tracer<'gc>) {
                match self {
                    $($pattern => { $(tracer.field($field);)? })+
                }
            }
        }

        // SAFETY: T3, parameter by parameter.
        unsafe impl<$($param: Rebrand),+> Rebrand for $name<$($param),+> {
            type With<'a> = $name<$($param::With<'a>),+>;
        }
    )+};
}

owners! {
    [T] Option { Some(a) => a, None => }
    [T, E] Result { Ok(a) => a, Err(b) => b }
    [B, C] ControlFlow { ControlFlow::Break(a) => a, ControlFlow::Continue(b) => b }
    [T] Poll { Poll::Ready(a) => a, Poll::Pending => }
    [T] Bound { Bound::Included(a) => a, Bound::Excluded(b) => b, Bound::Unbounded => }
    [T] Wrapping { Wrapping(a) => a }
    [T] Saturating { Saturating(a) => a }
    [T] Reverse { Reverse(a) => a }
    [T] RangeFrom { RangeFrom { start } => start }
    [T] RangeTo { RangeTo { end } => end }
    [T] RangeToInclusive { RangeToInclusive { end } => end }
}

// SAFETY: passes both ends on.
unsafe impl<'gc, T: Trace<'gc>> Trace<'gc> for Range<T> {
    const HOLDS_GC: bool = T::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        let Range { start, end } = self;
        tracer.field(start);
        tracer.field(end);
    }
}

// SAFETY: T3, by its parameter.
unsafe impl<T: Rebrand> Rebrand for Range<T> {
    type With<'a> = Range<T::With<'a>>;
}

// SAFETY: passes both ends on.
unsafe impl<'gc, T: Trace<'gc>> Trace<'gc> for RangeInclusive<T> {
    const HOLDS_GC: bool = T::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(self.start());
        tracer.field(self.end());
    }
}

// SAFETY: T3, by its parameter.
unsafe impl<T: Rebrand> Rebrand for RangeInclusive<T> {
    type With<'a> = RangeInclusive<T::With<'a>>;
}

// SAFETY: passes every element on.
unsafe impl<'gc, T: Trace<'gc>, const N: usize> Trace<'gc> for [T; N] {
    const HOLDS_GC: bool = T::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(self.as_slice());
    }
}

// SAFETY: T3, by its element.
unsafe impl<T: Rebrand, const N: usize> Rebrand for [T; N] {
    type With<'a> = [T::With<'a>; N];
}

// SAFETY: passes every element on.
unsafe impl<'gc, T: Trace<'gc>> Trace<'gc> for [T] {
    const HOLDS_GC: bool = T::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        for element in self {
            tracer.field(element);
        }
    }
}

// SAFETY: passes its content on; a box has one owner and is as immutable behind `&self` as its content.
unsafe impl<'gc, T: ?Sized + Trace<'gc>> Trace<'gc> for Box<T> {
    const HOLDS_GC: bool = T::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&**self);
    }
}

// SAFETY: T3, by its content.
unsafe impl<T: ?Sized + Pointee> Rebrand for Box<T> {
    type With<'a> = Box<T::With<'a>>;
}

// SAFETY: passes its content on. `Box` alone: the `deref` of any other pointer could do anything.
unsafe impl<'gc, T: ?Sized + Trace<'gc>> Trace<'gc> for Pin<Box<T>> {
    const HOLDS_GC: bool = T::HOLDS_GC;

    #[inline]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        tracer.field(&**self);
    }
}

// SAFETY: T3, by its content.
unsafe impl<T: ?Sized + Pointee> Rebrand for Pin<Box<T>> {
    type With<'a> = Pin<Box<T::With<'a>>>;
}

// SAFETY: holds no value at all.
unsafe impl<'gc, T: ?Sized> Trace<'gc> for PhantomData<T> {
    const HOLDS_GC: bool = false;

    #[inline(always)]
    fn trace(&self, _: &mut Tracer<'gc>) {}
}

// SAFETY: T3, by its parameter.
unsafe impl<T: ?Sized + Pointee> Rebrand for PhantomData<T> {
    type With<'a> = PhantomData<T::With<'a>>;
}
