//! Flags that say how inputs are written: their format, what separates fields, what quotes them, what makes a character mean itself.

use rowmill::{Delimiter, Encoding, Escape, InputFormat};

/// What quotes fields; `None`: nothing does.
pub(super) type Quote = Option<u8>;

/// What makes the character after it data; `None`: nothing does.
pub(super) type EscapeArg = Option<Escape>;

pub(super) fn parse_delimiter(text: &str) -> Result<Delimiter, String> {
    let named = match text {
        "tab" => "\t",
        "comma" => ",",
        "semicolon" => ";",
        "pipe" => "|",
        "space" => " ",
        text => text,
    };
    let form = "expected up to 8 bytes of UTF-8, such as ; or ||, where \\t is a tab and \\xNN the byte with that number; or tab, comma, \
                semicolon, pipe or space";
    let bytes = unescaped(named).filter(|_| named != "none").ok_or(form)?;
    std::str::from_utf8(&bytes)
        .ok()
        .and_then(Delimiter::new)
        .ok_or_else(|| form.to_owned())
}

/// `text` with the bytes that `\t`, `\xNN` and `\\` stand for; `None` if a backslash with more after it is none of these.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\').filter(|(_, after)| !after.is_empty()) {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = match after.as_bytes() {
            [b't', ..] => (b'\t', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', ..] => (u8::from_str_radix(after.get(1..3)?, 16).ok()?, 3),
            _ => return None,
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

pub(super) fn parse_escape(text: &str) -> Result<EscapeArg, String> {
    match text.as_bytes() {
        b"none" => Ok(None),
        b"mysql" => Ok(Some(Escape::MySql)),
        b"postgres" => Ok(Some(Escape::Postgres)),
        [byte] if byte.is_ascii() => Ok(Some(Escape::Literal(*byte))),
        _ => Err("expected one ASCII character, `mysql`, `postgres` or `none`".to_owned()),
    }
}

pub(super) fn parse_encoding(name: &str) -> Result<Encoding, String> {
    Encoding::new(name).map_err(|error| error.to_string())
}

pub(super) fn parse_comment(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("expected one ASCII character".to_owned()),
    }
}

pub(super) fn parse_quote(text: &str) -> Result<Quote, String> {
    match text.as_bytes() {
        b"none" => Ok(None),
        [byte] if byte.is_ascii() => Ok(Some(*byte)),
        _ => Err("expected one ASCII character or `none`".to_owned()),
    }
}

pub(super) fn parse_format(text: &str) -> Result<InputFormat, String> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(InputFormat::Auto),
        "csv" => Ok(InputFormat::Csv),
        "jsonl" | "ndjson" => Ok(InputFormat::JsonLines),
        _ => Err("expected csv, jsonl or auto".to_owned()),
    }
}
