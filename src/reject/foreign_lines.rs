//! Whether what stands in a dead-letter file may be the load's own.
//!
//! Comes in: a file and how much of it is known to be the load's. Goes out: whether the rest may be the load's own too, as after a
//! kill. A load's lines begin with the name of one of its inputs and a line number.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::reject::append_file::AppendFile;
use crate::reject::output::BUFFER_BYTES;

/// Whether every line after the first `from_bytes` of the file is one that a load of `inputs` may have written. The last may be torn.
///
/// # Errors
/// [`ErrorKind::Io`](crate::ErrorKind::Io).
pub(super) fn may_be_own(out: &AppendFile, from_bytes: u64, inputs: &[PathBuf]) -> Result<bool, Error> {
    let starts: Vec<Vec<u8>> = inputs.iter().flat_map(|input| starts_of(input)).collect();
    let longest = starts.iter().map(Vec::len).max().unwrap_or(0) + 1;
    let mut piece = vec![0; BUFFER_BYTES];
    let mut at = from_bytes;
    let mut is_quoted = false;
    // The beginning of the current line, as far as it is looked at; `None` once it was recognized.
    let mut start: Option<Vec<u8>> = Some(Vec::with_capacity(longest));
    loop {
        let read = out.read_at(&mut piece, at)?;
        if read == 0 {
            return Ok(start.is_none_or(|start| begins_a_line(&start, &starts, true)));
        }
        for &byte in &piece[..read] {
            if let Some(begun) = &mut start {
                begun.push(byte);
                if begun.len() == longest || (byte == b'\n' && !is_quoted) {
                    if !begins_a_line(begun, &starts, false) {
                        return Ok(false);
                    }
                    start = None;
                }
            }
            is_quoted ^= byte == b'"';
            if byte == b'\n' && !is_quoted {
                start = Some(Vec::with_capacity(longest));
            }
        }
        at += read as u64;
    }
}

/// How the lines of an input's records begin: its name as a field, and with a guard for spreadsheets.
fn starts_of(input: &Path) -> [Vec<u8>; 2] {
    let name = input.as_os_str().as_bytes();
    let is_bare = !name.iter().any(|byte| b",\"\r\n".contains(byte));
    [b"".as_slice(), b"'"].map(|guard| {
        let mut field = guard.to_vec();
        for &byte in name {
            field.extend_from_slice(if byte == b'"' {
                b"\"\""
            } else {
                std::slice::from_ref(&byte)
            });
        }
        match is_bare {
            true => [&field, b",".as_slice()].concat(),
            false => [b"\"", field.as_slice(), b"\","].concat(),
        }
    })
}

/// Whether `begun` is the beginning of a line; `torn`: the file ends there.
fn begins_a_line(begun: &[u8], starts: &[Vec<u8>], torn: bool) -> bool {
    starts.iter().any(|start| match begun.strip_prefix(start.as_slice()) {
        Some(rest) => rest.first().map_or(torn, u8::is_ascii_digit),
        None => torn && start.starts_with(begun),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reject::state::HEADER;

    #[test]
    fn the_lines_of_a_load_are_recognized_among_those_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("errors.csv");
        let inputs = [
            PathBuf::from("in.csv"),
            PathBuf::from("a,\"b\".csv"),
            PathBuf::from("=x"),
        ];
        let own = "in.csv,2,2,1,4,3,,missing_columns,m,,,\"a\nnotes\n\"\n\"a,\"\"b\"\".csv\",7,7,6,1,1,,c,m,,,\"x\"\n'=x,3,3,1,1,1,,c,m,,,\"\"\n";
        for (text, expected) in [
            (String::new(), true),
            (own.to_owned(), true),
            // Torn anywhere.
            (own[..own.len() - 30].to_owned(), true),
            (format!("{own}in.c"), true),
            (format!("{own}in.csv,"), true),
            (format!("{own}in.csv,x"), false),
            (format!("{own}# seen by Ann\n"), false),
            (format!("{own}\n"), false),
            ("note".to_owned(), false),
            (format!("other.csv,2\n{own}"), false),
        ] {
            for text in [text.clone(), format!("{}{text}", own.repeat(2000))] {
                std::fs::write(&path, format!("{HEADER}\n{text}")).unwrap();
                let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
                let out = AppendFile::new(file, &path);
                let found = may_be_own(&out, HEADER.len() as u64 + 1, &inputs).unwrap();
                assert_eq!(found, expected, "{}", &text[text.len().saturating_sub(60)..]);
            }
        }
    }
}
