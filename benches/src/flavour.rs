//! Both kinds of heap behind one trait, so that a workload is written once.

use gc_core::{
    AllocError, Config, Gc, Heap, Kind, LocalHeap, Mutation, Mutator, Owned, Shared, Statistics, Trace, Weak,
};

/// A kind of heap, with what a workload does to it. The methods only forward.
pub trait Flavour: Kind {
    /// The handle.
    type Heap;
    /// As in `--heap`.
    const NAME: &'static str;

    /// A heap.
    fn heap(config: Config) -> Self::Heap;
    /// This thread's mutator.
    fn mutator(heap: &Self::Heap) -> Mutator<Self>;
    /// What was measured.
    fn statistics(heap: &Self::Heap) -> Statistics;
    /// [`Mutation::alloc`]; what may be stored in both kinds is `Send + Sync`.
    fn alloc<'gc, T: Trace<'gc> + Send + Sync + 'gc>(mc: &Mutation<'gc, Self>, value: T) -> Gc<'gc, T>;
    /// [`Mutation::try_alloc`].
    fn try_alloc<'gc, T: Trace<'gc> + Send + Sync + 'gc>(
        mc: &Mutation<'gc, Self>,
        value: T,
    ) -> Result<Gc<'gc, T>, AllocError>;
    /// [`Heap::set_soft_limit`].
    fn set_soft_limit(heap: &Self::Heap, bytes: Option<usize>);
    /// [`Gc::downgrade`].
    fn downgrade<'gc, T: Trace<'gc> + Send + Sync + 'gc>(mc: &Mutation<'gc, Self>, object: Gc<'gc, T>) -> Weak<'gc, T>;
    /// [`Mutation::alloc_slice`].
    fn alloc_slice<'gc, T, I>(mc: &Mutation<'gc, Self>, items: I) -> Gc<'gc, [T]>
    where
        T: Trace<'gc> + Send + Sync + 'gc,
        I: IntoIterator<Item = T>,
        I::IntoIter: ExactSizeIterator;
}

macro_rules! flavour {
    ($kind:ty, $heap:ty, $name:literal) => {
        impl Flavour for $kind {
            type Heap = $heap;
            const NAME: &'static str = $name;

            fn heap(config: Config) -> $heap {
                <$heap>::with_config(config)
            }

            fn mutator(heap: &$heap) -> Mutator<Self> {
                heap.mutator().expect("one mutator per thread")
            }

            fn statistics(heap: &$heap) -> Statistics {
                heap.statistics()
            }

            #[inline(always)]
            fn alloc<'gc, T: Trace<'gc> + Send + Sync + 'gc>(mc: &Mutation<'gc, Self>, value: T) -> Gc<'gc, T> {
                mc.alloc(value)
            }

            fn try_alloc<'gc, T: Trace<'gc> + Send + Sync + 'gc>(
                mc: &Mutation<'gc, Self>,
                value: T,
            ) -> Result<Gc<'gc, T>, AllocError> {
                mc.try_alloc(value)
            }

            fn set_soft_limit(heap: &$heap, bytes: Option<usize>) {
                heap.set_soft_limit(bytes);
            }

            #[inline(always)]
            fn downgrade<'gc, T: Trace<'gc> + Send + Sync + 'gc>(
                mc: &Mutation<'gc, Self>,
                object: Gc<'gc, T>,
            ) -> Weak<'gc, T> {
                Gc::downgrade(object, mc)
            }

            #[inline(always)]
            fn alloc_slice<'gc, T, I>(mc: &Mutation<'gc, Self>, items: I) -> Gc<'gc, [T]>
            where
                T: Trace<'gc> + Send + Sync + 'gc,
                I: IntoIterator<Item = T>,
                I::IntoIter: ExactSizeIterator,
            {
                mc.alloc_slice(items)
            }
        }
    };
}

flavour!(Owned, LocalHeap, "local");
flavour!(Shared, Heap, "shared");
