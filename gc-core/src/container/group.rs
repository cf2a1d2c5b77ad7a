//! Sixteen control bytes at once, after Google's Swiss tables (M. Kulukundis, "Designing a Fast, Efficient, Cache-friendly Hash
//! Table, Step by Step", CppCon 2017): a place's byte is seven bits of its element's hash, or says that there is none.

/// Places per group.
pub(super) const GROUP: usize = 16;
/// Nothing was ever here: a probe ends.
pub(super) const EMPTY: u8 = 0xff;
/// Nothing is here any more: a probe goes on.
pub(super) const DELETED: u8 = 0x80;
/// There is no such place: the rest of a table's only group. Looks full, and equals no hash's byte.
pub(super) const ABSENT: u8 = 0x7f;

/// Sixteen bytes, aligned.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(super) struct Group([u8; GROUP]);

/// Bit i: the place i.
pub(super) type Mask = u32;

impl Group {
    /// Which places were never used.
    #[inline(always)]
    pub(super) fn empty(self) -> Mask {
        self.matches(EMPTY)
    }

    /// Which places have an element.
    #[inline(always)]
    pub(super) fn full(self) -> Mask {
        !(self.free() | self.matches(ABSENT)) & 0xffff
    }
}

#[cfg(target_arch = "x86_64")]
impl Group {
    #[inline(always)]
    fn vector(self) -> std::arch::x86_64::__m128i {
        // SAFETY: sixteen bytes, whatever they are.
        unsafe { std::mem::transmute(self.0) }
    }

    /// Which places have this byte.
    #[inline(always)]
    pub(super) fn matches(self, byte: u8) -> Mask {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set1_epi8};
        // SAFETY: SSE2 is part of x86-64.
        let wanted = unsafe { _mm_set1_epi8(byte as i8) };
        // SAFETY: as above.
        let equal = unsafe { _mm_cmpeq_epi8(self.vector(), wanted) };
        // SAFETY: as above.
        unsafe { _mm_movemask_epi8(equal) as Mask }
    }

    /// Which places can take an element.
    #[inline(always)]
    pub(super) fn free(self) -> Mask {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { std::arch::x86_64::_mm_movemask_epi8(self.vector()) as Mask }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Group {
    /// Which places have this byte.
    #[inline(always)]
    pub(super) fn matches(self, byte: u8) -> Mask {
        self.mask(|of| of == byte)
    }

    /// Which places can take an element.
    #[inline(always)]
    pub(super) fn free(self) -> Mask {
        self.mask(|of| of >= 0x80)
    }

    #[inline(always)]
    fn mask(self, is: impl Fn(u8) -> bool) -> Mask {
        let mut mask = 0;
        for (index, &byte) in self.0.iter().enumerate() {
            mask |= Mask::from(is(byte)) << index;
        }
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_name_places() {
        let mut bytes = [EMPTY; GROUP];
        bytes[1] = 7;
        bytes[2] = DELETED;
        bytes[3] = ABSENT;
        bytes[15] = 0;
        let group = Group(bytes);
        assert_eq!(group.matches(7), 1 << 1);
        assert_eq!(group.full(), 1 << 1 | 1 << 15);
        assert_eq!(group.free(), 0x7ff5);
        assert_eq!(group.empty(), group.free() & !(1 << 2));
    }
}
