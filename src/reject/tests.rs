//! The dead-letter file against the csv crate, and merges against a file that was written in order.

use std::fs;
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use proptest::prelude::*;

use super::output::BUFFER_BYTES;
use super::*;
use crate::position::Position;
use crate::schema::ColumnType;

const TYPE_ERROR: RejectReason = RejectReason::TypeError {
    expected: ColumnType::Integer,
};

fn letters(folder: &Path) -> DeadLetters {
    let inputs = [PathBuf::from("in.csv"), PathBuf::from("b, \"2\".csv")];
    let place = LettersPlace {
        path: &folder.join("errors.csv"),
        inputs: &inputs,
        taken: &[],
        token: "07",
    };
    DeadLetters::create(&place, 0).unwrap()
}

fn letter<'a>(reason: &'a RejectReason, value: &'a [u8], raw: &'a [u8]) -> DeadLetter<'a> {
    let position = Position {
        file_index: 0,
        line: 4,
        line_end: 6,
        record: 3,
        offset_bytes: 20,
        length_bytes: raw.len() as u64,
    };
    DeadLetter {
        position,
        column: ColumnLabel::Name("id"),
        reason,
        value,
        raw,
    }
}

fn read_back(path: &Path) -> Vec<ByteRecord> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).unwrap();
    reader.byte_records().map(Result::unwrap).collect()
}

#[test]
fn a_line_reads_as_the_readme_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut errors = letters(folder.path());
    errors.append(&letter(&TYPE_ERROR, b"12a", b"12a,\"Ann\",x")).unwrap();
    errors.sync().unwrap();
    let expected = "file,line,line_end,record,byte_offset,byte_length,column,code,message,value,first_record,raw\n\
        in.csv,4,6,3,20,11,id,type_error,\"expected an integer such as 42 or -7, found '12a'\",12a,,\"12a,\"\"Ann\"\",x\"\n";
    assert_eq!(fs::read_to_string(errors.path()).unwrap(), expected);
    assert_eq!(errors.len_bytes(), expected.len() as u64);
}

#[test]
fn a_duplicate_names_its_first_record_also_in_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut errors = letters(folder.path());
    let same = RejectReason::DuplicateKey {
        first: FirstRecord::Record {
            file_index: 0,
            record: 2,
        },
    };
    let other = RejectReason::DuplicateKey {
        first: FirstRecord::Record {
            file_index: 1,
            record: 9,
        },
    };
    let existing = RejectReason::DuplicateKey {
        first: FirstRecord::Existing,
    };
    for reason in [&same, &other, &existing] {
        errors.append(&letter(reason, b"", b"1,x")).unwrap();
    }
    errors.flush().unwrap();
    let lines = read_back(errors.path());
    let cells = |line: usize| (&lines[line][8], &lines[line][10]);
    assert_eq!(cells(1), (&b"the key came first in record 2"[..], &b"2"[..]));
    assert_eq!(
        cells(2),
        (&b"the key came first in record 9 of b, \"2\".csv"[..], &b"9"[..])
    );
    assert_eq!(cells(3), (&b"the key was in the table before this load"[..], &b""[..]));
}

#[test]
fn a_column_without_a_name_is_given_by_number_and_no_column_is_left_empty() {
    let folder = tempfile::tempdir().unwrap();
    let mut errors = letters(folder.path());
    for column in [ColumnLabel::Number(7), ColumnLabel::None, ColumnLabel::Name("a,b")] {
        errors
            .append(&DeadLetter {
                column,
                ..letter(&RejectReason::NulByte, b"", b"")
            })
            .unwrap();
    }
    errors.flush().unwrap();
    let lines = read_back(errors.path());
    assert_eq!(
        [&lines[1][6], &lines[2][6], &lines[3][6]],
        [b"7".as_slice(), b"", b"a,b"]
    );
}

#[test]
fn a_record_that_came_in_pieces_gives_the_same_line_as_one_that_came_whole() {
    let mut raw = b"\"\",\r\n\0\xff".repeat(BUFFER_BYTES / 2);
    raw.push(b'"');
    let reason = RejectReason::RecordTooLarge { limit_bytes: 10 };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut whole = letters(folders[0].path());
    let mut pieces = letters(folders[1].path());
    for raw in [&raw[..], b"short", b""] {
        whole.append(&letter(&reason, b"", raw)).unwrap();
        pieces.begin_large().unwrap();
        pieces
            .large_piece(b"left over from a record that was given up")
            .unwrap();
        pieces.begin_large().unwrap();
        for piece in raw.chunks(1001) {
            pieces.large_piece(piece).unwrap();
        }
        pieces
            .end_large(&DeadLetter {
                raw: b"",
                ..letter(&reason, b"", raw)
            })
            .unwrap();
        assert_eq!(whole.len_bytes(), pieces.len_bytes());
    }
    whole.flush().unwrap();
    pieces.flush().unwrap();
    assert!(fs::read(whole.path()).unwrap() == fs::read(pieces.path()).unwrap());
    assert_eq!(
        fs::read_dir(folders[1].path()).unwrap().count(),
        1,
        "the temporary file has no name"
    );
    assert_eq!(read_back(whole.path())[1][11], raw);
}

#[test]
fn a_merge_without_duplicates_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut errors = letters(folder.path());
    errors.append(&letter(&TYPE_ERROR, b"x", b"x")).unwrap();
    errors.sync().unwrap();
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&path.metadata().unwrap());
    let before = inode(errors.path());
    errors.merge_duplicates().finish().unwrap();
    assert_eq!(inode(errors.path()), before);
}

#[test]
fn an_abandoned_merge_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut errors = letters(folder.path());
    errors.append(&letter(&TYPE_ERROR, b"x", b"x")).unwrap();
    errors.sync().unwrap();
    let before = fs::read(errors.path()).unwrap();
    let end = errors.len_bytes();
    let mut merge = errors.merge_duplicates();
    merge.push(end, &letter(&TYPE_ERROR, b"y", b"y")).unwrap();
    assert!(
        merge.push(end - 1, &letter(&TYPE_ERROR, b"z", b"z")).is_err(),
        "offsets never go back"
    );
    assert!(
        merge.push(end + 1, &letter(&TYPE_ERROR, b"z", b"z")).is_err(),
        "offsets stay within the file"
    );
    drop(merge);
    assert_eq!(fs::read(errors.path()).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_merge_copies_files_of_many_buffers_byte_for_byte() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (mut in_order, mut merged) = (letters(folders[0].path()), letters(folders[1].path()));
    let raws = [3 * BUFFER_BYTES + 7, 1, 5 * BUFFER_BYTES, 2 * BUFFER_BYTES + 1]
        .map(|length| (0..length).map(|index| (index % 251) as u8).collect::<Vec<u8>>());
    let mut offsets = Vec::new();
    for raw in &raws {
        in_order.append(&letter(&RejectReason::NulByte, b"", b"late")).unwrap();
        in_order.append(&letter(&TYPE_ERROR, b"", raw)).unwrap();
        offsets.push(merged.len_bytes());
        merged.append(&letter(&TYPE_ERROR, b"", raw)).unwrap();
    }
    let mut merge = merged.merge_duplicates();
    for offset in offsets {
        merge
            .push(offset, &letter(&RejectReason::NulByte, b"", b"late"))
            .unwrap();
    }
    merge.finish().unwrap();
    in_order.flush().unwrap();
    assert!(fs::read(in_order.path()).unwrap() == fs::read(merged.path()).unwrap());
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => Just(b'"'), 1 => Just(b','), 1 => Just(b'\n'), 1 => Just(b'\r'), 4 => any::<u8>()];
    proptest::collection::vec(byte, 0..40)
}

proptest! {
    #[test]
    fn another_parser_reads_every_byte_back(rejects in proptest::collection::vec((any_bytes(), any_bytes()), 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        let mut errors = letters(folder.path());
        for (value, raw) in &rejects {
            errors.append(&letter(&TYPE_ERROR, value, raw)).unwrap();
        }
        errors.flush().unwrap();
        let lines = read_back(errors.path());
        prop_assert_eq!(lines.len(), rejects.len() + 1);
        for (line, (value, raw)) in lines[1..].iter().zip(&rejects) {
            prop_assert_eq!(&line[9], value.as_slice());
            prop_assert_eq!(&line[11], raw.as_slice());
        }
    }

    /// The file that grew in input order is the oracle; `true` marks the rejects that are held back and merged at the end.
    #[test]
    fn merged_duplicates_stand_where_they_would_have_been_written(
        rejects in proptest::collection::vec((any::<bool>(), any_bytes()), 0..30),
    ) {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut in_order = letters(folders[0].path());
        let mut merged = letters(folders[1].path());
        let mut held_back = Vec::new();
        for (late, raw) in &rejects {
            in_order.append(&letter(&TYPE_ERROR, b"", raw)).unwrap();
            if *late {
                held_back.push((merged.len_bytes(), raw));
            } else {
                merged.append(&letter(&TYPE_ERROR, b"", raw)).unwrap();
            }
        }
        let mut merge = merged.merge_duplicates();
        for (errors_offset, raw) in &held_back {
            merge.push(*errors_offset, &letter(&TYPE_ERROR, b"", raw)).unwrap();
        }
        merge.finish().unwrap();
        for errors in [&mut in_order, &mut merged] {
            errors.append(&letter(&TYPE_ERROR, b"", b"after the merge")).unwrap();
            errors.sync().unwrap();
        }
        prop_assert_eq!(in_order.len_bytes(), merged.len_bytes());
        prop_assert_eq!(fs::read(in_order.path()).unwrap(), fs::read(merged.path()).unwrap());
        prop_assert_eq!(fs::read_dir(folders[1].path()).unwrap().count(), 1);
    }
}

#[test]
fn guarded_fields_are_no_formulas_and_give_their_bytes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut errors = letters(folder.path()).guarded(true);
    let values: [(&[u8], bool); 16] = [
        (b"=1+1", true),
        (b"+SUM(A1)", true),
        (b"-2+3", true),
        (b"@x", true),
        (b"\t=1", true),
        (b"\r=1", true),
        (b"\n=1", true),
        (b"'tis", true),
        (b"-", true),
        (b"+1.2.3", true),
        (b"-5", false),
        (b"+5", false),
        (b"-1.5", false),
        (b"a=1", false),
        (b" =1", false),
        (b"", false),
    ];
    for (value, _) in values {
        errors.append(&letter(&TYPE_ERROR, value, value)).unwrap();
        errors.begin_large().unwrap();
        value.chunks(2).for_each(|piece| errors.large_piece(piece).unwrap());
        errors.end_large(&letter(&TYPE_ERROR, value, b"")).unwrap();
    }
    errors.flush().unwrap();
    let lines = read_back(errors.path());
    for ((value, guarded), pair) in values.iter().zip(lines[1..].chunks(2)) {
        let expected = if *guarded {
            [b"'", *value].concat()
        } else {
            value.to_vec()
        };
        for line in pair {
            assert_eq!((&line[9], &line[11]), (&expected[..], &expected[..]));
        }
    }
}
