//! The workloads' random numbers: xorshift64* (S. Vigna, "An experimental exploration of Marsaglia's xorshift generators",
//! 2016), one stream per run, from one seed.

/// The stream. Every call counts: the order of calls is part of a workload's definition.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The stream from its beginning.
    pub fn new() -> Self {
        Rng(0x9E37_79B9_7F4A_7C15)
    }

    /// The next 64 bits.
    #[inline(always)]
    #[expect(clippy::should_implement_trait, reason = "endless, and never behind an iterator")]
    pub fn next(&mut self) -> u64 {
        let mut x = self.0;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0 = x;
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `n`, which is below 2^31.
    #[inline(always)]
    pub fn below(&mut self, n: u64) -> u64 {
        ((self.next() >> 32) * n) >> 32
    }
}

impl Default for Rng {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_one_that_other_programs_draw() {
        // Computed by hand from the definition: one step of xorshift from the seed, times the multiplier.
        let seed: u64 = 0x9E37_79B9_7F4A_7C15;
        let a = seed ^ (seed >> 12);
        let b = a ^ (a << 25);
        let c = b ^ (b >> 27);
        let mut rng = Rng::new();
        assert_eq!(rng.next(), c.wrapping_mul(0x2545_F491_4F6C_DD1D));
    }

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut rng = Rng::new();
        let mut seen = [false; 10];
        for _ in 0..1000 {
            seen[rng.below(10) as usize] = true;
        }
        assert_eq!(seen, [true; 10]);
    }
}
