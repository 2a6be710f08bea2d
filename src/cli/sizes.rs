//! Sizes on the command line.

/// Units of a size, in lower case. One letter and `KiB` count in 1024s, `KB` in 1000s.
const SIZE_UNITS: [(&str, u64); 14] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("t", 1 << 40),
    ("tib", 1 << 40),
    ("tb", 1_000_000_000_000),
];

/// A number of bytes, or one with a unit.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let form = "expected a whole number of bytes, or one with a unit, such as 64k, 16MiB, 256MB or 1g";
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start().to_ascii_lowercase();
    let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or(form)?;
    if number.is_empty() {
        return Err(form.to_owned());
    }
    let size = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*factor));
    size.ok_or_else(|| "a size that takes more than 64 bits is too large".to_owned())
}
