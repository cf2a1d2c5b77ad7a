//! The value word: a double, or one of seven other things in the room of the negative NaNs.
//!
//! ```text
//!   a number                     any double below fff9 0000 0000 0000, the NaN of either sign included
//!   nil, false, true, undefined  fff9 | 0, 1, 2, 3
//!   a string                     fffa | 48 bits of address
//!   an instance                  fffb | ..
//!   a closure                    fffc | ..
//!   a class                      fffd | ..
//!   a bound method               fffe | ..
//!   a native function            ffff | its index
//! ```
//!
//! Numbers are told from the rest by one comparison of the whole word, and `nil` and `false` from what is true by another.
//! The kind of an object is in its word, since objects have no headers.
//!
//! N1. A word with one of the tags `fffa` to `fffe` was made from a pointer to an object of that kind, of the same brand: its
//!     low 48 bits, and its provenance, are the pointer's. All other words have no provenance.
//! N2. User-space addresses have at most 47 bits on the targets this is for, so the tag never hides one.
//!
//! This file has all that is `unsafe` in the program.

use std::marker::PhantomData;
use std::ptr::without_provenance_mut;

use gc_core::{Gc, Rebrand, Thin, Trace, Tracer, Word};

use crate::object::{BoundMethod, Class, Closure, Instance};

/// An interned string: two are equal if they are the same object.
pub(crate) type Text<'gc> = Thin<'gc, str>;

const SHIFT: u32 = 48;
const SPECIAL: usize = 0xfff9 << SHIFT;
const STRING: usize = 0xfffa;
const INSTANCE: usize = 0xfffb;
const CLOSURE: usize = 0xfffc;
const CLASS: usize = 0xfffd;
const BOUND: usize = 0xfffe;
const NATIVE: usize = 0xffff;
const ADDRESS: usize = (1 << SHIFT) - 1;
const NAN: u64 = 0x7ff8 << SHIFT;

/// One word. Kept as a pointer, for the provenance of those that are one.
#[derive(Clone, Copy)]
pub(crate) struct Value<'gc> {
    word: *mut (),
    _brand: PhantomData<Gc<'gc, Instance<'gc>>>,
}

/// What a value is, for `match` where speed is not at stake.
#[derive(Clone, Copy)]
pub(crate) enum Kind<'gc> {
    Number(f64),
    Nil,
    Bool(bool),
    /// What a global variable holds before it is defined.
    Undefined,
    String(Text<'gc>),
    Instance(Gc<'gc, Instance<'gc>>),
    Closure(Gc<'gc, Closure<'gc>>),
    Class(Gc<'gc, Class<'gc>>),
    Bound(Gc<'gc, BoundMethod<'gc>>),
    Native(usize),
}

impl<'gc> Value<'gc> {
    pub(crate) const NIL: Self = Self::plain(SPECIAL);
    pub(crate) const FALSE: Self = Self::plain(SPECIAL + 1);
    pub(crate) const TRUE: Self = Self::plain(SPECIAL + 2);
    pub(crate) const UNDEFINED: Self = Self::plain(SPECIAL + 3);

    /// A word that is no pointer.
    #[inline(always)]
    const fn plain(bits: usize) -> Self {
        Value { word: without_provenance_mut(bits), _brand: PhantomData }
    }

    /// The word of a pointer, by N1 to an object of the kind that the tag names.
    #[inline(always)]
    fn tagged(pointer: *const (), tag: usize) -> Self {
        Value { word: pointer.cast_mut().map_addr(|address| address | tag << SHIFT), _brand: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn number(number: f64) -> Self {
        let bits = number.to_bits();
        // A NaN whose bits would mean something else; arithmetic makes none on the targets this is for.
        Self::plain(if bits < SPECIAL as u64 { bits } else { NAN } as usize)
    }

    #[inline(always)]
    pub(crate) fn bool(bool: bool) -> Self {
        Self::plain(SPECIAL + 1 + usize::from(bool))
    }

    #[inline(always)]
    pub(crate) fn string(text: Text<'gc>) -> Self {
        Self::tagged(Thin::into_raw(text), STRING)
    }

    #[inline(always)]
    pub(crate) fn instance(instance: Gc<'gc, Instance<'gc>>) -> Self {
        Self::tagged(Gc::into_raw(instance), INSTANCE)
    }

    #[inline(always)]
    pub(crate) fn closure(closure: Gc<'gc, Closure<'gc>>) -> Self {
        Self::tagged(Gc::into_raw(closure), CLOSURE)
    }

    #[inline(always)]
    pub(crate) fn class(class: Gc<'gc, Class<'gc>>) -> Self {
        Self::tagged(Gc::into_raw(class), CLASS)
    }

    #[inline(always)]
    pub(crate) fn bound(bound: Gc<'gc, BoundMethod<'gc>>) -> Self {
        Self::tagged(Gc::into_raw(bound), BOUND)
    }

    pub(crate) fn native(index: usize) -> Self {
        Self::plain(NATIVE << SHIFT | index & ADDRESS)
    }

    #[inline(always)]
    fn tag(self) -> usize {
        self.word.addr() >> SHIFT
    }

    /// The pointer without the tag.
    #[inline(always)]
    fn pointer(self) -> *const () {
        self.word.map_addr(|address| address & ADDRESS)
    }

    #[inline(always)]
    pub(crate) fn as_number(self) -> Option<f64> {
        let bits = self.word.addr();
        (bits < SPECIAL).then(|| f64::from_bits(bits as u64))
    }

    /// Whether it is `nil` or `false`.
    #[inline(always)]
    pub(crate) fn is_falsey(self) -> bool {
        self.word.addr() & !1 == SPECIAL
    }

    #[inline(always)]
    pub(crate) fn is_undefined(self) -> bool {
        self.word.addr() == SPECIAL + 3
    }

    #[inline(always)]
    pub(crate) fn as_string(self) -> Option<Text<'gc>> {
        (self.tag() == STRING).then(|| {
            // SAFETY: N1: from `into_raw` of this brand, and kept alive: a `Value<'gc>` exists in its region only, and
            // stands where the collector sees it otherwise (`trace`).
            unsafe { Thin::from_raw(self.pointer()) }
        })
    }

    #[inline(always)]
    pub(crate) fn as_instance(self) -> Option<Gc<'gc, Instance<'gc>>> {
        (self.tag() == INSTANCE).then(|| {
            // SAFETY: N1, as in `as_string`.
            unsafe { Gc::from_raw(self.pointer()) }
        })
    }

    #[inline(always)]
    pub(crate) fn as_closure(self) -> Option<Gc<'gc, Closure<'gc>>> {
        (self.tag() == CLOSURE).then(|| {
            // SAFETY: N1, as in `as_string`.
            unsafe { Gc::from_raw(self.pointer()) }
        })
    }

    #[inline(always)]
    pub(crate) fn as_class(self) -> Option<Gc<'gc, Class<'gc>>> {
        (self.tag() == CLASS).then(|| {
            // SAFETY: N1, as in `as_string`.
            unsafe { Gc::from_raw(self.pointer()) }
        })
    }

    #[inline(always)]
    fn as_bound(self) -> Option<Gc<'gc, BoundMethod<'gc>>> {
        (self.tag() == BOUND).then(|| {
            // SAFETY: N1, as in `as_string`.
            unsafe { Gc::from_raw(self.pointer()) }
        })
    }

    pub(crate) fn kind(self) -> Kind<'gc> {
        if let Some(number) = self.as_number() {
            return Kind::Number(number);
        }
        let low = self.word.addr() & ADDRESS;
        None.or_else(|| self.as_string().map(Kind::String))
            .or_else(|| self.as_instance().map(Kind::Instance))
            .or_else(|| self.as_closure().map(Kind::Closure))
            .or_else(|| self.as_class().map(Kind::Class))
            .or_else(|| self.as_bound().map(Kind::Bound))
            .unwrap_or(match (self.tag(), low) {
                (NATIVE, index) => Kind::Native(index),
                (_, 0) => Kind::Nil,
                (_, 3) => Kind::Undefined,
                (_, bit) => Kind::Bool(bit == 2),
            })
    }
}

/// As Lox's `==`: numbers by value, everything else by identity.
impl PartialEq for Value<'_> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        match (self.as_number(), other.as_number()) {
            (Some(a), Some(b)) => a == b,
            _ => self.word.addr() == other.word.addr(),
        }
    }
}

// SAFETY: passes the one pointer that a value can hold to the tracer, and reads nothing else.
unsafe impl<'gc> Trace<'gc> for Value<'gc> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        if let Some(text) = self.as_string() {
            tracer.field(&text);
        } else if let Some(instance) = self.as_instance() {
            tracer.field(&instance);
        } else if let Some(closure) = self.as_closure() {
            tracer.field(&closure);
        } else if let Some(class) = self.as_class() {
            tracer.field(&class);
        } else if let Some(bound) = self.as_bound() {
            tracer.field(&bound);
        }
    }
}

// SAFETY: substitutes the brand and nothing else.
unsafe impl Rebrand for Value<'_> {
    type With<'a> = Value<'a>;
}

// SAFETY: the word is the value, and `Trace` reports its pointer.
unsafe impl<'gc> Word<'gc> for Value<'gc> {
    #[inline(always)]
    fn into_raw(self) -> *mut () {
        self.word
    }

    #[inline(always)]
    unsafe fn from_raw(word: *mut ()) -> Self {
        Value { word, _brand: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_they_were() {
        for number in [0.0, -0.0, 1.5, f64::MIN, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE] {
            assert!(matches!(Value::number(number).kind(), Kind::Number(n) if n.to_bits() == number.to_bits()));
        }
        // Whatever NaN comes in, with the bits of a tag too, a NaN comes out.
        for bits in [0x7ff8 << 48, 0x7fff << 48, 0xfff8 << 48, 0xfff9 << 48, 0xfffc_0000_dead_beef, u64::MAX] {
            assert!(matches!(Value::number(f64::from_bits(bits)).kind(), Kind::Number(n) if n.is_nan()));
        }
    }

    #[test]
    fn the_four_that_are_no_numbers() {
        assert!(matches!(Value::NIL.kind(), Kind::Nil) && Value::NIL.is_falsey());
        assert!(matches!(Value::FALSE.kind(), Kind::Bool(false)) && Value::FALSE.is_falsey());
        assert!(matches!(Value::TRUE.kind(), Kind::Bool(true)) && !Value::TRUE.is_falsey());
        assert!(matches!(Value::UNDEFINED.kind(), Kind::Undefined) && !Value::UNDEFINED.is_falsey());
        assert!(matches!(Value::native(3).kind(), Kind::Native(3)) && !Value::native(0).is_falsey());
        assert!(Value::bool(true) == Value::TRUE && Value::bool(false) == Value::FALSE);
    }

    #[test]
    fn equality_is_of_numbers_by_value_and_of_the_rest_by_identity() {
        assert!(Value::number(0.0) == Value::number(-0.0));
        assert!(Value::number(f64::NAN) != Value::number(f64::NAN));
        assert!(Value::NIL != Value::FALSE && Value::number(0.0) != Value::FALSE);
    }
}
