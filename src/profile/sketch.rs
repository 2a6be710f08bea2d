//! About how many different values there are, from a few thousand bytes: HyperLogLog.
//!
//! Sketches of parts merge in any order into the sketch of the whole, so that the estimate depends on the values alone. Pure.
//!
//! Source: Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithms 3, 5 and 6: it needs no tables
//! and is as good for few values as for many.

/// Bits of a hash that choose a register.
const INDEX_BITS: u32 = 12;
const REGISTERS: usize = 1 << INDEX_BITS;
/// The greatest rank that the other bits of a hash can have, but for one more where all of them are zeros.
const MAX_RANK: usize = 64 - INDEX_BITS as usize;

/// A sketch of the values of a column. The standard error of its estimate is 1.6 %.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    registers: Vec<u8>,
}

impl Default for Sketch {
    fn default() -> Self {
        Sketch {
            registers: vec![0; REGISTERS],
        }
    }
}

impl Sketch {
    pub(super) const BYTES: usize = REGISTERS;

    /// Adds a value by its hash, whose bits must be as good as random.
    #[inline]
    pub fn see(&mut self, hash: u64) {
        let index = (hash >> (64 - INDEX_BITS)) as usize;
        // The bit that is set here ends the run of zeros where all other bits are.
        let rank = ((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))).leading_zeros() as u8 + 1;
        let register = &mut self.registers[index];
        *register = (*register).max(rank);
    }

    /// Adds all values of another sketch.
    pub fn merge(&mut self, other: &Sketch) {
        for (own, other) in self.registers.iter_mut().zip(&other.registers) {
            *own = (*own).max(*other);
        }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.registers.fill(0);
    }

    /// About how many different values were seen.
    pub fn estimate(&self) -> f64 {
        let mut counts = [0_u32; MAX_RANK + 2];
        for &register in &self.registers {
            counts[usize::from(register)] += 1;
        }
        let registers = REGISTERS as f64;
        let share = |rank: usize| f64::from(counts[rank]) / registers;
        let mut sum = registers * tau(1.0 - share(MAX_RANK + 1));
        for rank in (1..=MAX_RANK).rev() {
            sum = 0.5 * (sum + f64::from(counts[rank]));
        }
        sum += registers * sigma(share(0));
        registers * registers / (2.0 * std::f64::consts::LN_2 * sum)
    }
}

/// What the registers without a value add: endless where none has one.
fn sigma(share: f64) -> f64 {
    if share >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (share, 1.0, share);
    loop {
        let before = sum;
        power *= power;
        sum += power * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// What the registers that are full add.
fn tau(share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        let before = sum;
        root = root.sqrt();
        weight *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn sketch(values: std::ops::Range<u64>) -> Sketch {
        let mut sketch = Sketch::default();
        values.for_each(|value| sketch.see(xxh3_64(&value.to_le_bytes())));
        sketch
    }

    #[test]
    fn the_estimate_is_near_for_few_and_for_many() {
        assert_eq!(Sketch::default().estimate(), 0.0);
        for count in [1, 2, 20, 100, 1000, 5000, 10_000, 20_000, 100_000, 1_000_000] {
            let estimate = sketch(0..count).estimate();
            let off = (estimate - count as f64).abs() / count as f64;
            assert!(off < 0.065, "{estimate} for {count}");
        }
    }

    #[test]
    fn parts_merge_in_any_order_into_the_whole() {
        let whole = sketch(0..3000);
        let (a, b, c) = (sketch(0..1500), sketch(1000..2500), sketch(2400..3000));
        for order in [[&a, &b, &c], [&c, &a, &b], [&b, &c, &a]] {
            let mut merged = Sketch::default();
            order.iter().for_each(|part| merged.merge(part));
            merged.merge(&a);
            assert_eq!(merged, whole);
        }
        let mut cleared = whole;
        cleared.clear();
        assert_eq!(cleared, Sketch::default());
    }
}
