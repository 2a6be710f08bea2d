//! Text from outside and numbers, as the page shows them.
//!
//! What is returned is plain text: the page's templates escape it for HTML, as they do everything.

use std::path::Path;

use crate::escape::cut;

/// Characters of a name: of a file, a table, a column.
pub(super) const NAME_CHARS: usize = 120;
/// Characters of a value in the preview: what a cell can hold.
pub(super) const VALUE_CHARS: usize = 80;
/// Characters of a reject's raw bytes.
pub(super) const RAW_CHARS: usize = 300;
/// Characters of a message or of SQLite's own words.
pub(super) const MESSAGE_CHARS: usize = 1000;

/// The beginning of `text`, with characters that are invisible or would reorder the line spelled out.
pub(super) fn shown<T: AsRef<[u8]> + ?Sized>(text: &T, max_chars: usize) -> String {
    cut(text, max_chars).to_string()
}

pub(super) fn name(text: &str) -> String {
    shown(text, NAME_CHARS)
}

/// A path's end says more than its beginning, but both are shown: file systems allow 4,096 bytes.
pub(super) fn path(path: &Path) -> String {
    shown(path.as_os_str().as_encoded_bytes(), 4096)
}

/// `part` of `whole` in percent; a part is never shown as 0 % unless it is nothing, nor as 100 % unless it is all.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    let percent = 100.0 * part as f64 / whole as f64;
    match percent {
        _ if part == 0 => "0 %".to_owned(),
        _ if part == whole => "100 %".to_owned(),
        ..0.01 => "< 0.01 %".to_owned(),
        99.99.. => "> 99.99 %".to_owned(),
        10.0.. => format!("{percent:.1} %"),
        _ => format!("{percent:.2} %"),
    }
}

/// A count at an axis: `0`, `250`, `1.5 k`, `2 M`.
pub(super) fn axis_count(number: f64) -> String {
    scaled(number, &["", " k", " M", " G", " T"])
}

/// A size at an axis, in decimal units as everywhere: `0 B`, `50 MB`.
pub(super) fn axis_bytes(number: f64) -> String {
    scaled(number, &[" B", " kB", " MB", " GB", " TB"])
}

/// A number in thousands of its unit without needless digits.
fn scaled(number: f64, units: &[&str]) -> String {
    let mut value = number;
    let mut unit_index = 0;
    while value >= 1000.0 && unit_index + 1 < units.len() {
        value /= 1000.0;
        unit_index += 1;
    }
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{}", units[unit_index])
}

/// A time at an axis: `2 ms`, `0.25 s`, `30 s`, `5 min`, `2 h`.
pub(super) fn axis_time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        ..0.01 if seconds > 0.0 => (seconds * 1e3, "ms"),
        ..60.0 => (seconds, "s"),
        ..3600.0 => (seconds / 60.0, "min"),
        _ => (seconds / 3600.0, "h"),
    };
    let text = format!("{value:.2}");
    format!("{} {unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_invisible_is_spelled_out_and_what_is_huge_is_cut() {
        assert_eq!(shown("a\u{202e}b\0\u{200b}", 10), "a\\u{202e}b\\u{0}\\u{200b}");
        assert_eq!(
            shown(&"é".repeat(100_000), VALUE_CHARS),
            "é".repeat(VALUE_CHARS) + "..."
        );
        assert_eq!(shown(b"caf\xe9", 10), "caf\\xe9");
    }

    #[test]
    fn shares_never_hide_a_part() {
        for (part, whole, expected) in [
            (0, 0, ""),
            (0, 7, "0 %"),
            (7, 7, "100 %"),
            (1, 1_000_000, "< 0.01 %"),
            (999_999, 1_000_000, "> 99.99 %"),
            (1, 3, "33.3 %"),
            (1, 100, "1.00 %"),
        ] {
            assert_eq!(percent(part, whole), expected);
        }
    }

    #[test]
    fn axes_have_units_and_no_needless_digits() {
        assert_eq!(axis_count(0.0), "0");
        assert_eq!(axis_count(1_500.0), "1.5 k");
        assert_eq!(axis_count(2e6), "2 M");
        assert_eq!(axis_bytes(5e7), "50 MB");
        assert_eq!(axis_bytes(0.0), "0 B");
        for (seconds, expected) in [
            (0.0, "0 s"),
            (0.005, "5 ms"),
            (0.02, "0.02 s"),
            (0.25, "0.25 s"),
            (90.0, "1.5 min"),
            (7200.0, "2 h"),
        ] {
            assert_eq!(axis_time(seconds), expected);
        }
    }
}
