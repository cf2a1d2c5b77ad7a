//! `Trace` for std's collections. A hasher must be `'static`: it is user code that could hold a `Gc` and is never visited.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};

use super::{Rebrand, Trace};
use crate::tracer::Tracer;

/// Implements both traits for a collection that is walked by `iter()` over references to elements.
///
/// `sequences! { Vec<T>; HashSet<T; H> }`, where parameters behind the semicolon are `'static`.
macro_rules! sequences {
    ($($name:ident<T $(; $fixed:ident)?>),+ $(,)?) => {$(
        // SAFETY: passes every element on; the rest is `'static`.
        unsafe impl<'gc, T: Trace<'gc> $(, $fixed: 'static)?> $crate::trace::Trace<'gc> for $name<T $(, $fixed)?> {
            const HOLDS_GC: bool = T::HOLDS_GC;

            #[inline]
            fn trace(&self, tracer: &mut Tracer<'gc>) {
                for element in self.iter() {
                    tracer.field(element);
                }
            }
        }

        // SAFETY: T3, by its element.
        unsafe impl<T: Rebrand $(, $fixed: 'static)?> $crate::trace::Rebrand for $name<T $(, $fixed)?> {
            type With<'a> = $name<T::With<'a> $(, $fixed)?>;
        }
    )+};
}
#[allow(unused_imports, reason = "the modules of foreign collections use it, each behind a feature")]
pub(super) use sequences;

/// As [`sequences!`] for maps, walked by `iter()` over pairs of references.
macro_rules! maps {
    ($($name:ident<K, V $(; $fixed:ident)?>),+ $(,)?) => {$(
        // SAFETY: passes every key and value on; the rest is `'static`.
        unsafe impl<'gc, K: Trace<'gc>, V: Trace<'gc> $(, $fixed: 'static)?> Trace<'gc> for $name<K, V $(, $fixed)?> {
            const HOLDS_GC: bool = K::HOLDS_GC || V::HOLDS_GC;

            #[inline]
            fn trace(&self, tracer: &mut Tracer<'gc>) {
                for (key, value) in self.iter() {
                    tracer.field(key);
                    tracer.field(value);
                }
            }
        }

        // SAFETY: T3, by its key and value.
        unsafe impl<K: Rebrand, V: Rebrand $(, $fixed: 'static)?> Rebrand for $name<K, V $(, $fixed)?> {
            type With<'a> = $name<K::With<'a>, V::With<'a> $(, $fixed)?>;
        }
    )+};
}
#[allow(unused_imports, reason = "the modules of foreign collections use it, each behind a feature")]
pub(super) use maps;

sequences! { Vec<T>, VecDeque<T>, LinkedList<T>, BinaryHeap<T>, BTreeSet<T>, HashSet<T; H> }
maps! { BTreeMap<K, V>, HashMap<K, V; H> }
