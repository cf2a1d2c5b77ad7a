use ::slotmap::{DefaultKey, DenseSlotMap, Key, KeyData, SecondaryMap, SlotMap, SparseSecondaryMap};

use crate::trace::{Rebrand, Trace, leaves};
use crate::tracer::Tracer;

leaves! { DefaultKey, KeyData }

/// Keys are indices: user types, but copied and compared only, and `'static`.
macro_rules! slot_maps {
    ($($name:ident<K, V $(; $fixed:ident)?>),+) => {$(
        // SAFETY: passes every value on; the rest is `'static`.
        unsafe impl<'gc, K: Key + 'static, V: Trace<'gc> $(, $fixed: std::hash::BuildHasher + 'static)?> Trace<'gc>
            for $name<K, V $(, $fixed)?>
        {
            const HOLDS_GC: bool = V::HOLDS_GC;

            #[inline]
            fn trace(&self, tracer: &mut Tracer<'gc>) {
                for value in self.values() {
                    tracer.field(value);
                }
            }
        }

        // SAFETY: T3, by its value.
        unsafe impl<K: Key + 'static, V: Rebrand $(, $fixed: std::hash::BuildHasher + 'static)?> Rebrand
            for $name<K, V $(, $fixed)?>
        {
            type With<'a> = $name<K, V::With<'a> $(, $fixed)?>;
        }
    )+};
}

slot_maps! { SlotMap<K, V>, DenseSlotMap<K, V>, SecondaryMap<K, V>, SparseSecondaryMap<K, V; H> }
