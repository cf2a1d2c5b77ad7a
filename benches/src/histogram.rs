//! The workloads' histogram of nanoseconds: 128 buckets per power of two, so a percentile is at most 0.8 % too low; the
//! maximum is exact.

const PER_POWER: u64 = 128;
const BUCKETS: usize = 64 * PER_POWER as usize;

/// See the module documentation.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max: u64,
}

impl Histogram {
    /// An empty one. Its memory is touched here, not at the first value.
    pub fn new() -> Self {
        let mut counts = vec![1; BUCKETS].into_boxed_slice();
        counts.fill(0);
        Histogram { counts, total: 0, max: 0 }
    }

    /// Counts a value in nanoseconds.
    #[inline]
    pub fn add(&mut self, ns: u64) {
        self.counts[Self::bucket(ns)] += 1;
        self.total += 1;
        self.max = self.max.max(ns);
    }

    #[inline]
    fn bucket(ns: u64) -> usize {
        if ns < PER_POWER {
            return ns as usize;
        }
        let power = u64::from(ns.ilog2());
        ((power - 6) * PER_POWER + ((ns >> (power - 7)) & (PER_POWER - 1))) as usize
    }

    fn lower_bound(bucket: usize) -> u64 {
        let bucket = bucket as u64;
        if bucket < PER_POWER {
            return bucket;
        }
        let power = bucket / PER_POWER + 6;
        (PER_POWER + bucket % PER_POWER) << (power - 7)
    }

    /// The lower bound of the bucket in which the fraction `q` of all values is reached, in microseconds.
    pub fn quantile_us(&self, q: f64) -> f64 {
        let want = (q * self.total as f64).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= want {
                return Self::lower_bound(bucket) as f64 / 1e3;
            }
        }
        self.max_us()
    }

    /// The greatest value, in microseconds.
    pub fn max_us(&self) -> f64 {
        self.max as f64 / 1e3
    }

    /// (lower bound in microseconds, count) by quarters of a power of two, those with a count: for drawing.
    pub fn coarse(&self) -> Vec<Vec<f64>> {
        const WIDTH: usize = PER_POWER as usize / 4;
        let quarters = self.counts.chunks(WIDTH).enumerate().map(|(index, counts)| {
            let count: u64 = counts.iter().sum();
            vec![Self::lower_bound(index * WIDTH) as f64 / 1e3, count as f64]
        });
        quarters.filter(|quarter| quarter[1] != 0.0).collect()
    }

    /// How many values were above `ns`, by their buckets: those in the same bucket count.
    pub fn count_above(&self, ns: u64) -> u64 {
        self.counts[Self::bucket(ns)..].iter().sum()
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.total
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_ascend() {
        let mut before = 0;
        for ns in (0..100_000).chain([1 << 20, (1 << 40) + 12_345, u64::MAX]) {
            let bucket = Histogram::bucket(ns);
            assert!(bucket >= before, "{ns}");
            before = bucket;
            let lower = Histogram::lower_bound(bucket);
            assert!(lower <= ns && ns - lower <= ns / 128, "{ns}: {lower}");
        }
    }

    #[test]
    fn quantiles_are_lower_bounds() {
        let mut histogram = Histogram::new();
        for ns in 1..=100 {
            histogram.add(ns * 1000);
        }
        let median = histogram.quantile_us(0.5);
        assert!((49.6..=50.0).contains(&median), "{median}");
        assert_eq!(histogram.max_us(), 100.0);
    }
}
