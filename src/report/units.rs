//! Counts, sizes and times as people read them.

use std::fmt;

/// A number with its thousands separated: `1,234,567`.
pub fn grouped(number: u64) -> impl fmt::Display {
    struct Grouped(u64);
    impl fmt::Display for Grouped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let digits = self.0.to_string();
            let head = (digits.len() - 1) % 3 + 1;
            f.write_str(&digits[..head])?;
            for start in (head..digits.len()).step_by(3) {
                write!(f, ",{}", &digits[start..start + 3])?;
            }
            Ok(())
        }
    }
    Grouped(number)
}

/// `1 row`, `2,000 rows`.
pub fn rows(count: u64) -> String {
    format!("{} row{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// The form of a word that agrees with a number: `1 row stays`, `2 rows stay`.
pub const fn agreeing(count: u64, one: &'static str, others: &'static str) -> &'static str {
    if count == 1 { one } else { others }
}

/// A size in decimal units: `512 B`, `1.5 kB`, `244.0 MB`, `1.05 GB`.
pub fn bytes(size_bytes: u64) -> impl fmt::Display {
    struct Bytes(u64);
    impl fmt::Display for Bytes {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let size = self.0 as f64;
            match self.0 {
                0..1_000 => write!(f, "{} B", self.0),
                1_000..1_000_000 => write!(f, "{:.1} kB", size / 1e3),
                1_000_000..1_000_000_000 => write!(f, "{:.1} MB", size / 1e6),
                _ => write!(f, "{:.2} GB", size / 1e9),
            }
        }
    }
    Bytes(size_bytes)
}

/// A size of memory in the form in which `--memory` takes it: `244MiB`; with a decimal if it is not a whole number.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..0x400 => format!("{bytes}B"),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        0x400..0x10_0000 if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        0x400..0x10_0000 => format!("{:.1}KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1}MiB", bytes as f64 / 1_048_576.0),
    }
}

/// A count in at most seven characters.
pub fn short_count(count: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    let unit = UNITS.iter().find(|(size, _)| count >= 100_000 && count >= *size);
    match unit {
        None => grouped(count).to_string(),
        Some((size, letter)) => {
            let parts = count as f64 / *size as f64;
            let decimals = if parts < 10.0 { 2 } else { usize::from(parts < 100.0) };
            format!("{parts:.decimals$}{letter}")
        }
    }
}

/// A wall time: `12 ms`, `3.21 s`, `2 min 05 s`, `1 h 02 min`.
pub(super) fn duration(seconds: f64) -> impl fmt::Display {
    struct Elapsed(f64);
    impl fmt::Display for Elapsed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let whole = self.0.round() as u64;
            if self.0 < 1.0 {
                write!(f, "{:.0} ms", self.0 * 1e3)
            } else if whole < 60 {
                write!(f, "{:.2} s", self.0)
            } else if whole < 3600 {
                write!(f, "{} min {:02} s", whole / 60, whole % 60)
            } else {
                write!(f, "{} h {:02} min", whole / 3600, whole % 3600 / 60)
            }
        }
    }
    Elapsed(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_short() {
        for (count, text) in [
            (0, "0"),
            (99_999, "99,999"),
            (100_000, "100k"),
            (1_234_567, "1.23M"),
            (45_678_901_234, "45.7G"),
            (999_999_999_999_999, "1000T"),
        ] {
            assert_eq!(short_count(count), text);
        }
    }

    #[test]
    fn numbers_read_well_at_every_size() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(number).to_string(), shown);
        }
        for (size, shown) in [
            (0, "0 B"),
            (1_500, "1.5 kB"),
            (244 << 20, "255.9 MB"),
            (1_050_000_000, "1.05 GB"),
        ] {
            assert_eq!(bytes(size).to_string(), shown);
        }
        for (seconds, shown) in [
            (0.012, "12 ms"),
            (3.214, "3.21 s"),
            (125.0, "2 min 05 s"),
            (3725.0, "1 h 02 min"),
        ] {
            assert_eq!(duration(seconds).to_string(), shown);
        }
    }
}
