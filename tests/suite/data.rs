//! Inputs made from a seed: the same bytes on every machine.

use std::io::{BufWriter, Write};
use std::path::Path;

/// Whether the large files are to be as large as those that people have.
pub fn big() -> bool {
    std::env::var_os("ROWMILL_BIG_TESTS").is_some_and(|value| value != "0")
}

/// A small generator of numbers (SplitMix64): no crate, no surprise.
#[derive(Debug, Clone)]
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// What a generated file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Content {
    pub records: u64,
    pub good: u64,
    pub bad: u64,
    pub duplicates: u64,
}

/// How a generated file is made.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    pub seed: u64,
    pub records: u64,
    /// Every n-th record lacks columns; 0: none.
    pub bad_every: u64,
    /// Every n-th record repeats the key of an earlier good one; 0: none.
    pub duplicate_every: u64,
    /// Text keys in no order instead of ascending integers.
    pub text_keys: bool,
    /// Length of the last column.
    pub padding: usize,
}

/// Writes `id,name,amount,note` records and says what they are.
pub fn write_people(recipe: &Recipe, out: impl Write) -> Content {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let mut numbers = Numbers(recipe.seed);
    let mut content = Content::default();
    let padding = "lorem ipsum, dolor sit amet; ".repeat(recipe.padding / 29 + 1);
    let padding = &padding[..recipe.padding];
    let mut last_good = 0;
    writeln!(out, "id,name,amount,note").unwrap();
    let every = |n: u64, number: u64| n > 0 && number.is_multiple_of(n);
    for number in 1..=recipe.records {
        content.records += 1;
        let random = numbers.next();
        let mut id = number;
        if every(recipe.bad_every, number) {
            content.bad += 1;
            writeln!(out, "{id},only {}", random % 1000).unwrap();
            continue;
        }
        if last_good > 0 && every(recipe.duplicate_every, number) {
            content.duplicates += 1;
            id = last_good;
        } else {
            content.good += 1;
            last_good = id;
        }
        if recipe.text_keys {
            // An odd factor permutes the 64-bit numbers: unique, in no order.
            write!(out, "k{:016x}", id.wrapping_mul(0x9E37_79B9_7F4A_7C15)).unwrap();
        } else {
            write!(out, "{id}").unwrap();
        }
        writeln!(
            out,
            ",Name {},{}.{:02},\"{padding}\"",
            random % 5000,
            random % 10_000,
            random % 100
        )
        .unwrap();
    }
    out.flush().unwrap();
    content
}

pub fn people(recipe: &Recipe) -> (Vec<u8>, Content) {
    let mut bytes = Vec::new();
    let content = write_people(recipe, &mut bytes);
    (bytes, content)
}

pub fn people_file(recipe: &Recipe, path: &Path) -> Content {
    write_people(recipe, std::fs::File::create(path).expect("the file can be created"))
}
