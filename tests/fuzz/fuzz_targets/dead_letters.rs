//! Dead letters of any content, whole and in pieces, written and read back by the csv crate: every byte as it was.

#![cfg_attr(feature = "libfuzzer", no_main)]

use std::path::PathBuf;

use arbitrary::Arbitrary;
use rowmill::ColumnType;
use rowmill::internal::position::Position;
use rowmill::internal::reject::{ColumnLabel, DeadLetter, DeadLetters, FirstRecord, Left, LettersPlace, RejectReason};
use rowmill_fuzz::Text;
use rowmill_fuzz::dead_letters::{Reject, read_rejects};

#[derive(Debug, Arbitrary)]
struct Letter {
    reason: u8,
    line: u64,
    lines: u8,
    record: u64,
    offset_bytes: u32,
    name: String,
    number: u32,
    refusal: String,
    value: Text,
    raw: Text,
    /// Lengths of the pieces in which the raw bytes come; empty: whole.
    pieces: Vec<u8>,
}

#[derive(Debug, Arbitrary)]
struct Input {
    guarded: bool,
    file_name: String,
    letters: Vec<Letter>,
}

impl Letter {
    fn reason(&self) -> RejectReason {
        let column_type = ColumnType::Date;
        match self.reason % 12 {
            0 => RejectReason::MissingColumns { expected: 2, found: 1 },
            1 => RejectReason::TooManyColumns { expected: 2, found: 3 },
            2 => RejectReason::UnterminatedQuote,
            3 => RejectReason::InvalidQuote {
                rule: "a quote is written twice",
            },
            4 => RejectReason::RecordTooLarge { limit_bytes: 9 },
            5 => RejectReason::InvalidUtf8,
            6 => RejectReason::NulByte,
            7 => RejectReason::TypeError { expected: column_type },
            8 => RejectReason::OutOfRange { expected: column_type },
            9 => RejectReason::NullViolation,
            10 => RejectReason::DuplicateKey {
                first: FirstRecord::Record {
                    file_index: u32::from(self.lines) % 2,
                    record: u64::from(self.number),
                },
            },
            _ => RejectReason::ConstraintFailed {
                message: self.refusal.as_str().into(),
            },
        }
    }

    fn column(&self) -> ColumnLabel<'_> {
        match self.number % 3 {
            0 => ColumnLabel::None,
            1 => ColumnLabel::Name(&self.name),
            _ => ColumnLabel::Number(self.number),
        }
    }

    fn position(&self) -> Position {
        Position {
            file_index: 0,
            line: self.line,
            line_end: self.line.saturating_add(u64::from(self.lines)),
            record: self.record,
            offset_bytes: u64::from(self.offset_bytes),
            length_bytes: self.raw.0.len() as u64,
        }
    }
}

rowmill_fuzz::target!(|input: Input| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("errors.csv");
    // A path that ends up in the file as it was given; NUL cannot be part of one.
    let inputs = [PathBuf::from(&input.file_name), PathBuf::from("other.csv")];
    let place = LettersPlace {
        path: &path,
        inputs: &inputs,
        taken: &[],
        token: "fuzz",
    };
    let mut letters = DeadLetters::create(&place, 0)
        .expect("a new file")
        .guarded(input.guarded);
    for letter in &input.letters {
        let (reason, value, raw) = (letter.reason(), &letter.value.0[..], &letter.raw.0[..]);
        let whole = DeadLetter {
            position: letter.position(),
            column: letter.column(),
            reason: &reason,
            value,
            raw,
        };
        if letter.pieces.is_empty() {
            letters.append(&whole).expect("a line");
        } else {
            append_in_pieces(&mut letters, &whole, &letter.pieces);
        }
    }
    letters.flush().expect("written");
    let bytes = std::fs::read(&path).expect("the file is there");
    assert_eq!(bytes.len() as u64, letters.len_bytes());
    let read = read_rejects(&bytes).expect("valid CSV");
    assert_eq!(read.len(), input.letters.len());
    for (letter, mut read) in input.letters.iter().zip(read) {
        if input.guarded {
            take_guards_off(&mut read);
        }
        let position = letter.position();
        assert_eq!(read.file, input.file_name);
        assert_eq!((read.line, read.line_end), (position.line, position.line_end));
        assert_eq!(
            (read.record, read.byte_offset as u64),
            (position.record, position.offset_bytes)
        );
        assert_eq!(read.byte_length as u64, position.length_bytes);
        let column = match letter.column() {
            ColumnLabel::None => String::new(),
            ColumnLabel::Name(name) => name.to_owned(),
            ColumnLabel::Number(number) => number.to_string(),
        };
        assert_eq!(read.column, column);
        assert_eq!(read.code, letter.reason().code().as_str());
        assert_eq!((&read.value, &read.raw), (&letter.value.0, &letter.raw.0));
        assert!(
            read.message.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{}",
            read.message
        );
        assert_eq!(
            read.first_record.is_some(),
            matches!(letter.reason(), RejectReason::DuplicateKey { .. })
        );
    }
    let written = letters.state();
    // One load at a time has the file.
    drop(letters);
    let reopened = DeadLetters::reopen(&place, Left::whole(written));
    assert!(reopened.is_ok(), "what was written can be taken up again");
});

/// What whoever reads a guarded file does.
fn take_guards_off(read: &mut Reject) {
    for field in [&mut read.value, &mut read.raw] {
        assert!(
            !matches!(field.first(), Some(b'=' | b'@' | b'\t' | b'\r' | b'\n')),
            "a formula"
        );
        if field.first() == Some(&b'\'') {
            field.remove(0);
        }
    }
    for field in [&mut read.file, &mut read.column] {
        assert!(!field.starts_with(['=', '@', '\t', '\r', '\n']), "a formula");
        if field.starts_with('\'') {
            field.remove(0);
        }
    }
}

fn append_in_pieces(letters: &mut DeadLetters, letter: &DeadLetter<'_>, pieces: &[u8]) {
    letters.begin_large().expect("a temporary file");
    let mut rest = letter.raw;
    for &length in pieces.iter().cycle() {
        let (piece, after) = rest.split_at(rest.len().min(usize::from(length).max(1)));
        letters.large_piece(piece).expect("a piece");
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    letters.end_large(letter).expect("a line");
}
