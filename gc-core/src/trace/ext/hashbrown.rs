//! With `allocator-api2` the collections of hashbrown have a parameter for their allocator; without, they can't name it.

use ::hashbrown::{HashMap, HashSet, HashTable};

#[cfg(not(feature = "allocator-api2"))]
use crate::trace::collections::{maps, sequences};
use crate::trace::{Rebrand, Trace};
use crate::tracer::Tracer;

#[cfg(not(feature = "allocator-api2"))]
sequences! { HashSet<T; H>, HashTable<T> }
#[cfg(not(feature = "allocator-api2"))]
maps! { HashMap<K, V; H> }

/// As `sequences!` and `maps!`, for any allocator that is `'static`.
#[cfg(feature = "allocator-api2")]
mod with_allocators {
    use allocator_api2::alloc::Allocator;

    use super::*;

    // SAFETY: passes every key and value on; the rest is `'static`.
    unsafe impl<'gc, K, V, H, A> Trace<'gc> for HashMap<K, V, H, A>
    where
        K: Trace<'gc>,
        V: Trace<'gc>,
        H: 'static,
        A: Allocator + 'static,
    {
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
    unsafe impl<K: Rebrand, V: Rebrand, H: 'static, A: Allocator + 'static> Rebrand for HashMap<K, V, H, A> {
        type With<'a> = HashMap<K::With<'a>, V::With<'a>, H, A>;
    }

    // SAFETY: passes every element on; the rest is `'static`.
    unsafe impl<'gc, T: Trace<'gc>, H: 'static, A: Allocator + 'static> Trace<'gc> for HashSet<T, H, A> {
        const HOLDS_GC: bool = T::HOLDS_GC;

        #[inline]
        fn trace(&self, tracer: &mut Tracer<'gc>) {
            for element in self.iter() {
                tracer.field(element);
            }
        }
    }

    // SAFETY: T3, by its element.
    unsafe impl<T: Rebrand, H: 'static, A: Allocator + 'static> Rebrand for HashSet<T, H, A> {
        type With<'a> = HashSet<T::With<'a>, H, A>;
    }

    // SAFETY: passes every element on; the allocator is `'static`.
    unsafe impl<'gc, T: Trace<'gc>, A: Allocator + 'static> Trace<'gc> for HashTable<T, A> {
        const HOLDS_GC: bool = T::HOLDS_GC;

        #[inline]
        fn trace(&self, tracer: &mut Tracer<'gc>) {
            for element in self.iter() {
                tracer.field(element);
            }
        }
    }

    // SAFETY: T3, by its element.
    unsafe impl<T: Rebrand, A: Allocator + 'static> Rebrand for HashTable<T, A> {
        type With<'a> = HashTable<T::With<'a>, A>;
    }
}
