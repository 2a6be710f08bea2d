//! What ends the lines of inputs that are larger than what is looked at for it (1 MiB, or twice that, and so on): the same of a file and
//! of a pipe.

use super::harness::{Case, PLAIN, Setting};

const MIB: usize = 1 << 20;
const PIPED: Setting = Setting { piped: true, ..PLAIN };

/// Loads `bytes`, records of up to 20 MiB, from a file and through a pipe, and demands this many rows, the first column being integers.
fn has_rows(bytes: &[u8], args: &[&str], rows: usize) {
    let mut all_args = vec!["--max-record-bytes".to_owned(), (20 * MIB).to_string()];
    all_args.extend(args.iter().map(|&arg| arg.to_owned()));
    let case = Case::csv(bytes).arg_list(all_args);
    let run = case.check_at(&[PLAIN, PIPED]).expect("two settings");
    assert_eq!(run.counted("loaded"), rows as u64);
    assert!(
        run.column_types()[0].ends_with(" integer"),
        "{:?}",
        run.column_types()[0]
    );
}

/// `before`, text, `after`, the text so long that `after` begins at `offset`.
fn filled(before: &str, after: &str, offset: usize) -> Vec<u8> {
    let text = "x".repeat(offset - before.len());
    [before, &text, after].concat().into_bytes()
}

#[test]
fn a_crlf_may_lie_across_the_border_of_what_is_looked_at() {
    for mib in [1, 2, 4, 8] {
        let cr = mib * MIB - 1;
        for args in [&[][..], &["--no-header"]] {
            let rows = if args.is_empty() { 2 } else { 3 };
            has_rows(&filled("1,", "\r\n2,y\r\n3,z\r\n", cr), args, rows);
            has_rows(&filled("1,\"", "\"\r\n2,y\r\n3,z\r\n", cr - 1), args, rows);
        }
    }
}

#[test]
fn so_may_more_crs_before_a_line_feed_and_those_that_end_lines_themselves() {
    for shift in 0..4 {
        has_rows(&filled("1,", "\r\r\r\n2,y\n3,z\n", MIB - shift), &["--no-header"], 3);
        has_rows(&filled("a,", "\r2,y\r3,z\r", MIB - shift), &[], 2);
        // The first line end, a blank line's, reaches across the border.
        let crs = "\r".repeat(MIB + shift);
        has_rows(format!("{crs}a,b\r1,x\r2,y\r").as_bytes(), &[], 2);
        has_rows(format!("{crs}\na,b\n1,x\n2,y\n").as_bytes(), &[], 2);
    }
}

#[test]
fn an_old_mac_file_as_long_as_what_is_looked_at_may_end_with_a_line_feed() {
    for length in MIB - 1..=MIB + 2 {
        let lines = "id,v\r".to_owned() + &"10,2\r".repeat(10_000);
        has_rows(&filled(&(lines + "7,"), "\r\n", length - 2), &[], 10_001);
    }
}

#[test]
fn an_old_mac_file_larger_than_what_is_looked_at_may_hold_line_feeds_in_quotes() {
    let mut lines = "id,txt\r".to_owned();
    for id in 0..20_000 {
        lines += &format!("{id},\"a comment\nof two lines {}\"\r", "x".repeat(id % 60 + 30));
    }
    assert!(lines.len() > MIB + MIB / 4);
    has_rows(lines.as_bytes(), &[], 20_000);
    // Without a header the border may cut the first record.
    has_rows(&filled("1,\"a\nb", "\n\"\r2,y\r", MIB + 5), &["--no-header"], 2);
    has_rows(&filled("1,\"a\rb", "\r\"\n2,y\n", MIB + 5), &["--no-header"], 2);
}

#[test]
fn a_stray_quote_does_not_make_line_feeds_in_quotes_speak_against_an_old_mac_file() {
    Case::csv("id,txt\r1,\"never closed\r2,\"l1\nl2\"\r3,\"odd\r4,z\r")
        .expect_rows(["2: 2, 'l1\\nl2'", "4: 4, 'z'"])
        .expect_rejects([(2, "unterminated_quote"), (4, "unterminated_quote")])
        .check();
    for bytes in [
        "a,b\rc,\"d\n1,2\n3,4\n",
        "a,b\rc,\"d\" e\n1,2\n3,4\n",
        "\"a\",\"b\"\r\"c\"\n1,\"2\"\n3,\"4\n",
    ] {
        Case::csv(bytes).expect_exit(65).expect_said("carriage return").check();
    }
}

/// Nobody means a column whose name has a line end in it.
#[test]
fn a_header_with_a_bare_carriage_return_in_a_file_of_line_feeds_is_refused() {
    for text in [
        "\n\n\na,b\r1,2\r3,4\r",
        "\r\na,b\r1,2\r",
        "\nid\r1\r2\r",
        "\na,b\r1,2\r3,4\n",
        "\r\n\"a\",b\r1,2\r",
        "\u{feff}\na,b\r1,2\r",
        "\n\ra,b\n1,2\n",
    ] {
        Case::csv(text).expect_exit(65).expect_said("carriage return").check();
    }
    // In quotes it is a part of the name.
    has_rows(b"\nid,\"a\rb\"\n1,2\n", &[], 1);
}

/// The outcome is the same however the input is cut into pieces.
#[test]
fn a_line_feed_at_the_end_of_an_old_mac_file_is_no_part_of_a_line_that_is_too_long() {
    let run = Case::csv("1,x\r\raaa00.0\n")
        .args(["--no-header", "--max-record-bytes", "3"])
        .expect_rejects([(3, "record_too_large")])
        .check_at(&[
            PLAIN,
            PIPED,
            Setting {
                window: Some(1),
                ..PLAIN
            },
        ]);
    assert_eq!(run.unwrap().rejects()[0].raw, b"aaa00.0");
}
