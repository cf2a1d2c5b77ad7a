//! [`Edge`]: a word of a container's trie: nothing, a segment, or a node of `2^tag` slots.
//!
//! E1. The word is the address of a slot's start, a multiple of 16, plus the tag: 0 for segments, 1 to [`NODE_BITS`] for nodes,
//!     which are slices of cells with edges.
//! E2. All edges of a container lead to objects of its own brand, of the types that it put there.

use std::marker::PhantomData;
use std::ptr::NonNull;

use allocator::AllocError;

use crate::cell::{GcCell, Word};
use crate::kind::Kind;
use crate::mutator::Mutation;
use crate::trace::Trace;
use crate::tracer::Tracer;
use crate::type_info::SliceLayout;

/// Slots of the largest node, as a power of two: 64 KiB, which is copied when the node before it is full.
pub(super) const NODE_BITS: u32 = if cfg!(loom) { 1 } else { 13 };
const TAG: usize = 15;

/// See the module documentation.
#[derive(Clone, Copy)]
pub(super) struct Edge<'gc> {
    raw: *mut (),
    _brand: PhantomData<fn(&'gc ()) -> &'gc ()>,
}

/// A slot of a node.
pub(super) type Slot<'gc> = GcCell<'gc, Edge<'gc>>;

// SAFETY: an address; the containers decide who may look behind it.
unsafe impl Send for Edge<'_> {}
// SAFETY: as above.
unsafe impl Sync for Edge<'_> {}

impl<'gc> Edge<'gc> {
    pub(super) const NONE: Edge<'gc> = Edge { raw: std::ptr::null_mut(), _brand: PhantomData };

    /// The edge to a segment.
    #[inline(always)]
    pub(super) fn segment(slot: NonNull<u8>) -> Self {
        Edge { raw: slot.as_ptr().cast(), _brand: PhantomData }
    }

    /// A new node with the slots that `slot` gives.
    pub(super) fn node<S: Kind>(
        mc: &Mutation<'gc, S>,
        bits: u32,
        slot: impl Fn(usize) -> Edge<'gc>,
    ) -> Result<Edge<'gc>, AllocError> {
        debug_assert!((1..=NODE_BITS).contains(&bits), "a node has 2 to 2^{NODE_BITS} slots");
        let mut node = mc.slice_slot::<Slot<'gc>>(1 << bits)?;
        for index in 0..1 << bits {
            node.push(GcCell::new(slot(index)));
        }
        let data = crate::gc::Gc::as_ptr(node.finish()).cast::<u8>().cast_mut();
        let raw = data.wrapping_sub(SliceLayout::<Slot<'gc>>::DATA).map_addr(|addr| addr | bits as usize);
        Ok(Edge { raw: raw.cast(), _brand: PhantomData })
    }

    /// 0, or the bits of a node.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        (self.raw.addr() & TAG) as u32
    }

    /// The segment; `None` if there is nothing. For edges that are no nodes.
    #[inline(always)]
    pub(super) fn to_segment(self) -> Option<NonNull<u8>> {
        debug_assert_eq!(self.bits(), 0, "not an edge to a node");
        NonNull::new(self.raw.cast())
    }

    /// The slots of the node that this leads to; none for other edges.
    #[inline(always)]
    pub(super) fn slots(self) -> &'gc [Slot<'gc>] {
        let bits = self.bits();
        if bits == 0 {
            return &[];
        }
        let node = self.raw.cast::<u8>().wrapping_sub(bits as usize);
        let data = node.wrapping_add(SliceLayout::<Slot<'gc>>::DATA).cast::<Slot<'gc>>();
        // SAFETY: E1, E2: a slice of that many slots, kept alive in the region.
        unsafe { std::slice::from_raw_parts(data, 1 << bits) }
    }
}

// SAFETY: the word is the pointer; `Trace` reports it without the tag.
unsafe impl<'gc> Word<'gc> for Edge<'gc> {
    #[inline(always)]
    fn into_raw(self) -> *mut () {
        self.raw
    }

    #[inline(always)]
    unsafe fn from_raw(raw: *mut ()) -> Self {
        Edge { raw, _brand: PhantomData }
    }
}

// SAFETY: reports its one pointer: a slot's start, in the object's first granule (`gc` I2).
unsafe impl<'gc> Trace<'gc> for Edge<'gc> {
    const HOLDS_GC: bool = true;

    #[inline(always)]
    fn trace(&self, tracer: &mut Tracer<'gc>) {
        if let Some(target) = NonNull::new(self.raw.map_addr(|addr| addr & !TAG)) {
            tracer.edge(target);
        }
    }
}
