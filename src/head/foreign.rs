//! What is no CSV: the name of its format, and what to do.
//!
//! Comes in: the first bytes of an input. Goes out: a sentence, if they are those of a format that is known and is not CSV. Pure. A CSV file
//! may begin with any text, so the start of a binary format that reads as text (`ORC`, `PAR1`) counts only if bytes follow that no text
//! has, and formats that are text are told by more than one mark.

use serde::de::IgnoredAny;

use crate::database_file;
use crate::option_name::{WIDE_BIG, WIDE_LITTLE, Wording};
use crate::window::IS_DATABASE;

/// Bytes of an input that are looked at: the mark of a tar archive is the furthest.
pub(super) const LOOK_BYTES: usize = 4 << 10;
/// Where a tar archive has its mark.
const TAR_MARK: (usize, &[u8]) = (257, b"ustar");

const UTF_32: &str = "it is UTF-32 text; convert it first: iconv -f UTF-32 -t UTF-8";
const UTF_16: &str = "it is UTF-16 text; convert it first: iconv -f UTF-16 -t UTF-8";
const SPREADSHEET: &str = "it is a spreadsheet; save its sheet as CSV in UTF-8";

/// The words for a format that another program turns into CSV, which can be piped in.
macro_rules! piped {
    ($what:literal, $with:literal) => {
        Wording {
            on_command_line: concat!($what, "; pipe it in: ", $with, " FILE | rowmill load - DB"),
            in_program: concat!($what, "; decompress it, or load it through a reader that does"),
        }
    };
}

/// The same words everywhere.
const fn always(words: &'static str) -> Wording {
    Wording {
        on_command_line: words,
        in_program: words,
    }
}

/// How files of a format begin.
struct Signature {
    start: &'static [u8],
    what: Wording,
}

const fn signature(start: &'static [u8], what: &'static str) -> Signature {
    let what = always(what);
    Signature { start, what }
}

/// Signatures that no text begins with.
const BINARY: &[Signature] = &[
    signature(b"\xFF\xFE\0\0", UTF_32),
    signature(b"\0\0\xFE\xFF", UTF_32),
    signature(b"\xFF\xFE", UTF_16),
    signature(b"\xFE\xFF", UTF_16),
    Signature {
        start: b"\x5D\0\0",
        what: piped!("it is compressed with lzma", "xzcat"),
    },
    Signature {
        start: b"\x1F\x9D",
        what: piped!("it is compressed with compress", "zcat"),
    },
    Signature {
        start: b"\xFF\x06\0\0sNaPpY",
        what: piped!("it is compressed with Snappy", "snzip -dc"),
    },
    signature(
        b"7z\xBC\xAF\x27\x1C",
        "it is a 7z archive; extract its CSV file first: 7z x FILE",
    ),
    signature(
        b"Rar!\x1A\x07",
        "it is a RAR archive; extract its CSV file first: unrar x FILE",
    ),
    signature(
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        "it is an old Office document, such as an Excel workbook (.xls); save its sheet as CSV in UTF-8",
    ),
    signature(b"\x09\x08\x10\0\0\x06", SPREADSHEET),
    signature(b"\x09\x08\x08\0\0\x05", SPREADSHEET),
    signature(b"\x09\x04\x06\0", SPREADSHEET),
    signature(b"\x09\x02\x06\0", SPREADSHEET),
    signature(
        b"ARROW1\0\0",
        "it is an Arrow (Feather) file; write it as CSV first, with pyarrow or DuckDB",
    ),
    signature(
        b"\xFF\xFF\xFF\xFF",
        "it is an Arrow stream or another binary file; write it as CSV first, with pyarrow or DuckDB",
    ),
    Signature {
        start: database_file::START,
        what: IS_DATABASE,
    },
    signature(
        b"\0\x01\0\0Standard ",
        "it is an Access database; write its table as CSV first: mdb-export FILE TABLE",
    ),
    signature(
        b"\x89HDF\r\n\x1A\n",
        "it is an HDF5 file; write its table as CSV first, with h5py or pandas",
    ),
    signature(b"RDX2\n", "it is R data; write it as CSV first: write.csv in R"),
    signature(b"RDX3\n", "it is R data; write it as CSV first: write.csv in R"),
    signature(b"%PDF-", "it is a PDF document; take its tables out first, as CSV"),
    signature(b"{\\rtf", "it is an RTF document; save its table as CSV first"),
    signature(
        b"\0\x05\x16\x07",
        "it is not the file itself but what macOS keeps beside it; load the one whose name does not begin with ._",
    ),
    signature(b"\x89PNG\r\n", "it is a binary file, an image (PNG)"),
    signature(b"\xFF\xD8\xFF", "it is a binary file, an image (JPEG)"),
    signature(b"GIF87a", "it is a binary file, an image (GIF)"),
    signature(b"GIF89a", "it is a binary file, an image (GIF)"),
    signature(b"\x7FELF", "it is a binary file, a program"),
    signature(b"Salted__", "it is encrypted with openssl; decrypt it first"),
    signature(
        b"age-encryption.org/",
        "it is encrypted with age; decrypt it first: age -d FILE",
    ),
    signature(
        b"-----BEGIN PGP MESSAGE-----",
        "it is encrypted with PGP; decrypt it first: gpg -d FILE",
    ),
];

/// Signatures that might be the first name in a header; of the binary formats only if bytes follow that no text has.
const LIKE_TEXT: &[Signature] = &[
    Signature {
        start: b"LZIP",
        what: piped!("it is compressed with lzip", "lzip -dc"),
    },
    signature(
        b"PAR1",
        "it is a Parquet file; write it as CSV first, with DuckDB or pyarrow",
    ),
    signature(
        b"PARE",
        "it is an encrypted Parquet file; write it as CSV first, with pyarrow",
    ),
    signature(
        b"FEA1",
        "it is an Arrow (Feather) file; write it as CSV first, with pyarrow",
    ),
    signature(b"ORC", "it is an ORC file; write it as CSV first, with pyarrow"),
    signature(
        b"CDF",
        "it is a NetCDF file; write its table as CSV first: ncdump or xarray",
    ),
    signature(
        b"$FL2",
        "it is an SPSS file; write it as CSV first, in SPSS or with pyreadstat",
    ),
    signature(b"MZ", "it is a binary file, a program"),
];

/// What a file begins with that is text, but not CSV; in any case.
const TEXT: &[Signature] = &[
    signature(b"<!doctype html", HTML),
    signature(b"<html", HTML),
    signature(b"<head>", HTML),
    signature(b"<body", HTML),
    signature(b"<script", HTML),
    signature(b"<?xml", XML),
    signature(b"<!doctype ", XML),
    signature(
        b"%!ps-adobe",
        "it is a PostScript document; take its tables out first, as CSV",
    ),
    signature(b"version https://git-lfs.github.com/spec/", LFS_POINTER),
    signature(b"version https://hawser.github.com/spec/", LFS_POINTER),
    signature(
        b"/annex/objects/",
        "it is a pointer of git-annex, and the file itself is elsewhere: git annex get FILE",
    ),
    signature(b"-- mysql dump", SQL),
    signature(b"-- mariadb dump", SQL),
    signature(b"--\n-- postgresql database dump", SQL),
    signature(b"insert into ", SQL),
    signature(b"create table ", SQL),
    signature(b"drop table ", SQL),
    signature(
        b"pragma foreign_keys=off;",
        "it is a SQL script of SQLite's; it makes its tables itself: sqlite3 DB < FILE",
    ),
];

const HTML: &str = "it is an HTML page, perhaps a login page or an error in place of the file; download it again, and look at it \
                    in a browser or with head";
const XML: &str = "it is XML, perhaps an error in place of the file; write its records as CSV first";
const LFS_POINTER: &str = "it is a pointer of Git LFS, and the file itself is elsewhere: git lfs pull";
const SQL: &str = "it is a SQL script; run it in its own database, and export the table from there as CSV";
const JSON: &str = "it is JSON; write its records one on a line first, as with jq: jq -c '.[]' FILE";
/// JSON that can be loaded, if that is asked for.
pub(super) const JSON_LINES: &str = "it is JSON, one object in a line";

/// Says what an input that begins with `start` is, if it is binary and known, and what to do about it.
pub(super) fn binary_format(start: &[u8]) -> Option<&'static str> {
    let begins = |signature: &&Signature| start.starts_with(signature.start);
    if let Some(found) = BINARY.iter().find(begins) {
        return Some(found.what.as_str());
    }
    if is_tar(start) {
        return Some("it is a tar archive; extract its CSV file first: tar -xf FILE");
    }
    if let Some(found) = LIKE_TEXT.iter().find(begins)
        && start[found.start.len()..].iter().take(64).any(|&byte| is_no_text(byte))
    {
        return Some(found.what.as_str());
    }
    if start.starts_with(b"Obj\x01") && memchr::memmem::find(start, b"avro.").is_some() {
        return Some("it is an Avro file; write it as CSV first, with avro-tools or DuckDB");
    }
    if start.get(8..12) == Some(b"DUCK".as_slice()) && start[..8].iter().any(|&byte| is_no_text(byte)) {
        return Some("it is a DuckDB database; write its table as CSV first: COPY t TO 't.csv'");
    }
    wide_text(start)
}

/// Says what an input is whose text begins with `start`, byte order mark aside, if it is a known format and not CSV.
pub(super) fn text_format(start: &[u8]) -> Option<&'static str> {
    let text = start.trim_ascii_start();
    let begins = |signature: &&Signature| {
        (text.get(..signature.start.len())).is_some_and(|head| head.eq_ignore_ascii_case(signature.start))
    };
    if let Some(found) = TEXT.iter().find(begins) {
        return Some(found.what.as_str());
    }
    match text.first()? {
        b'<' => is_markup(text).then_some(XML),
        b'{' | b'[' => json(text),
        _ => None,
    }
}

/// Whether the text that begins with `start` is JSON, an object on each line: the first two show it.
pub(super) fn holds_json_lines(start: &[u8]) -> bool {
    let text = start.trim_ascii_start();
    text.first() == Some(&b'{') && json(text) == Some(JSON_LINES)
}

/// Says what an input is, if the text `start`, with which it begins, is one JSON value of several lines, or its beginning.
pub(super) fn is_one_value(start: &[u8]) -> Option<&'static str> {
    let text = start.trim_ascii_start();
    let first_line = memchr::memchr(b'\n', text)?;
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    let spans_lines = match values.next()? {
        Ok(_) => values.byte_offset() > first_line,
        Err(error) => error.is_eof(),
    };
    spans_lines.then_some(JSON)
}

/// What no text in UTF-8 or in an encoding like ASCII has.
fn is_no_text(byte: u8) -> bool {
    byte < b' '
        && !matches!(
            byte,
            b'\t' | b'\n' | b'\r' | b'\x0B' | b'\x0C' | b'\x1A' | b'\x1B'..=b'\x1F' | b'\x01'
        )
}

fn is_tar(start: &[u8]) -> bool {
    let (at, mark) = TAR_MARK;
    start.get(at..at + mark.len()) == Some(mark) && start[..at].contains(&0)
}

/// UTF-16 and UTF-32 without a byte order mark: text in ASCII has NULs at the same places in each unit. In UTF-16 there may be some
/// characters that are not ASCII, such as accents in a header.
fn wide_text(start: &[u8]) -> Option<&'static str> {
    /// Units that are looked at.
    const UNITS: usize = 32;
    /// Units of which no byte is another one's: fewer may be chance.
    const FEWEST: usize = 4;
    /// Of so many characters, one may be none of ASCII.
    const OTHER_ONE_OF: usize = 4;
    let is_ascii = |unit: &[u8], at: usize| {
        unit.iter()
            .enumerate()
            .all(|(index, &byte)| (byte == 0) == (index != at) && (byte == 0 || byte.is_ascii()))
    };
    let are_units = |bytes: usize, at: usize, one_of: usize| {
        let units = start.chunks_exact(bytes).take(UNITS);
        let count = units.len();
        let others = units.filter(|unit| !is_ascii(unit, at));
        let (mut odd, mut are_sound) = (0, true);
        for unit in others {
            odd += 1;
            are_sound &= unit[at] != 0;
        }
        count >= FEWEST && are_sound && odd * one_of <= count
    };
    if are_units(4, 0, UNITS + 1) || are_units(4, 3, UNITS + 1) {
        return Some(UTF_32);
    }
    if are_units(2, 0, OTHER_ONE_OF) {
        return Some(WIDE_LITTLE.as_str());
    }
    are_units(2, 1, OTHER_ONE_OF).then(|| WIDE_BIG.as_str())
}

/// Whether `text`, which begins with `<`, is XML or HTML without a declaration: its first line is one tag, and a tag is closed. A header
/// such as `<DATE>,<OPEN>` is neither.
fn is_markup(text: &[u8]) -> bool {
    let line = text
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or(text)
        .trim_ascii_end();
    let is_tag = line
        .get(1)
        .is_some_and(|&byte| byte.is_ascii_alphabetic() || byte == b'!')
        && line.ends_with(b">")
        && !line.iter().any(|byte| matches!(byte, b',' | b';' | b'\t' | b'|'));
    is_tag && memchr::memmem::find(text, b"</").is_some()
}

/// What `text`, which begins with a bracket, is if that is JSON: a value, or its beginning, and nothing else in its last line. The names of a
/// header may be in brackets, too: `[id],[name]`.
fn json(text: &[u8]) -> Option<&'static str> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    match values.next()? {
        Ok(_) => {}
        Err(error) if error.is_eof() => return Some(JSON),
        Err(_) => return None,
    }
    let after = &text[values.byte_offset()..];
    let is_alone = after
        .iter()
        .find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))
        .is_none_or(|&byte| byte == b'\n');
    let is_one_of_many = after.trim_ascii_start().first().is_some_and(|&byte| byte == text[0]);
    is_alone.then_some(if is_one_of_many { JSON_LINES } else { JSON })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it is said to be.
    fn name_of(start: &[u8]) -> Option<&'static str> {
        binary_format(start).or_else(|| text_format(start))
    }

    #[test]
    fn known_formats_are_named() {
        let mut tar = vec![0; 512];
        tar[..5].copy_from_slice(b"a.csv");
        tar[257..262].copy_from_slice(b"ustar");
        let cases: [(&[u8], &str); 24] = [
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0", ".xls"),
            (b"PAR1\x15\x04\x15\0", "Parquet"),
            (b"ARROW1\0\0\xFF", "Arrow"),
            (b"Obj\x01\x04\x14avro.codec", "Avro"),
            (b"ORC\x08\x03\x10\0", "ORC"),
            (b"SQLite format 3\0\x10", "SQLite"),
            (b"\x01\x02\x03\x04\x05\x06\x07\x08DUCK", "DuckDB"),
            (b"%PDF-1.7\n", "PDF"),
            (b"{\\rtf1\\ansi", "RTF"),
            (b"7z\xBC\xAF\x27\x1C\0", "7z"),
            (&tar, "tar"),
            (b"\xFF\xFEa\0", "UTF-16"),
            (b"a\0,\0b\0\n\0", "UTF-16"),
            (b"\0a\0,\0b\0\n", "UTF-16"),
            (b"\0a\x01\x02\0b\0,\0c\0\n", "UTF-16"),
            (b"a\0\0\0,\0\0\0b\0\0\0\n\0\0\0", "UTF-32"),
            (b"\r\n <!DOCTYPE HTML><title>Sign in</title>", "HTML"),
            (b"<html lang=\"en\">", "HTML"),
            (b"<?xml version=\"1.0\"?><a/>", "XML"),
            (b"<rows>\n<row id=\"1\"></row>\n</rows>", "XML"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "Git LFS"),
            (b"[\n  {\"id\": 1, \"name\": \"a\"}]", "JSON;"),
            (b"{\"id\": 1}\n{\"id\": 2}\n", "JSON, one object in a line"),
            (b"-- MySQL dump 10.13\n", "SQL script"),
        ];
        for (start, name) in cases {
            let said = name_of(start);
            assert!(said.is_some_and(|said| said.contains(name)), "{start:?}: {said:?}");
        }
    }

    #[test]
    fn csv_is_taken_for_nothing_else() {
        let cases: [&[u8]; 23] = [
            b"",
            b"PAR1,PAR2\n1,2\n",
            b"ORC,count\nred,5\n",
            b"MZ,intensity\n1.5,2\n",
            b"BZh,x\n",
            b"CDF\n1\n",
            b"PK,name\n1,a\n",
            b"[id],[name]\n1,a\n",
            b"[id]\n1\n",
            b"{id},{name}\n",
            b"{\"id\",1\n",
            b"{\"id\": 1},5\n",
            b"[1, 2],x\n",
            b"{},x\n",
            b"<DATE>,<OPEN>,<HIGH>\n2024-01-01,1,2\n",
            b"<TICKER>;<PER>\nX;</b>\n",
            b"<p>text</p>,5\n",
            b"version,https://git-lfs.github.com/spec/v1\n",
            b"-- note\n",
            b"a\0b,c\n",
            b"id\x01name\n1\x01\x1Fa\n",
            b"Obj\x01name\x01x\n",
            b"%PDF,%DOC\n1,2\n",
        ];
        for start in cases {
            assert_eq!(name_of(start), None, "{}", String::from_utf8_lossy(start));
        }
    }

    #[test]
    fn no_start_of_a_format_panics_when_it_is_cut() {
        for signature in BINARY.iter().chain(LIKE_TEXT).chain(TEXT) {
            for end in 0..=signature.start.len() {
                name_of(&signature.start[..end]);
            }
        }
        for text in ["<", "{", "[", "{\"", "[\"", "{\"a", "{\"a\"", "<a", "<a>"] {
            name_of(text.as_bytes());
        }
    }
}
