//! Numbers that look random and come out the same every time.

/// A small, fast generator (splitmix64).
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64, stream: u64) -> Self {
        Rng(Rng(seed).draw() ^ Rng(!stream).draw())
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A permutation of the numbers of `bits` bits, because every step (add, xor with a right shift, multiply by an odd
/// number) is one.
pub fn shuffle(ordinal: u64, bits: u32, seed: u64) -> u64 {
    let mask = (1 << bits) - 1;
    let mut mixed = ordinal.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) & mask;
    for factor in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93_u64] {
        mixed = (mixed ^ (mixed >> (bits / 2))).wrapping_mul(factor) & mask;
    }
    mixed ^ (mixed >> (bits / 2))
}
