//! The centre of the tests: threads, window, chunk, write path and the kind of input never change table, `errors.csv` or counts.
//! The cases here run at every combination; those of the other files at settings in which every pair of values occurs.

use super::data::{Recipe, people};
use super::harness::{Case, PLAIN, Setting, all_settings, side_by_side};

/// A test for each case, at every combination of settings.
macro_rules! invariant {
    ($($name:ident: $case:expr;)+) => {
        $(
            #[test]
            fn $name() {
                $case.check_at(&all_settings());
            }
        )+
    };
}

invariant! {
    every_kind_of_reject_at_every_setting:
        Case::csv(b"a,b,c\n1,x,1.5\n3,\"p\"q,r\n4,only\n5,1,2,3\n6,\xff,1\n7,\0,1\n8,\"m\nn\",2.5\n1,again,3\n\n9,,\n2,\"y\n")
            .args(["--key", "a", "--types", "a=integer,c=real"])
            .expect_rejects([
                (3, "invalid_quote"),
                (4, "missing_columns"),
                (5, "too_many_columns"),
                (6, "invalid_utf8"),
                (7, "nul_byte"),
                (10, "duplicate_key"),
                (13, "unterminated_quote"),
            ]);
    damaged_fields_of_several_lines_at_every_setting:
        Case::csv("id,comment,score\n1,fine,4\n2,\"she said \"wow\" and\nleft, then came back\",5\n3,ok,3\n4,\"a\nb\"x,1\n5,\"c\n6,d,2\n7,\"e\",3\n")
            .expect_types([("id", "integer"), ("comment", "text"), ("score", "integer")])
            .expect_rows(["1: 1, 'fine', 4", "3: 3, 'ok', 3", "6: 6, 'd', 2", "7: 7, 'e', 3"])
            .expect_rejects([(3, "invalid_quote"), (6, "invalid_quote"), (8, "unterminated_quote")]);
    old_mac_files_with_line_feeds_in_quotes_and_at_the_end_at_every_setting:
        Case::csv("id,note\r1,\"a\nb\"\r2,\"c\r\nd\"\r3,e\r4\n")
            .expect_rows(["1: 1, 'a\\nb'", "2: 2, 'c\\r\\nd'", "3: 3, 'e'"])
            .expect_rejects([(6, "missing_columns")]);
    quoted_fields_with_line_ends_at_every_setting:
        Case::csv("id,text\r\n1,\"a\r\nb\"\r\n2,\"\"\"\n\"\"\"\r\n3,\"c\n\n\nd\"\r\n4,e")
            .expect_rows(["1: 1, 'a\\r\\nb'", "2: 2, '\"\\n\"'", "3: 3, 'c\\n\\n\\nd'", "4: 4, 'e'"]);
    stray_quotes_on_many_lines_at_every_setting:
        Case::csv(stray_quotes()).any_rejects();
    a_file_without_a_line_end_at_every_setting:
        Case::csv("only_a_header");
    lone_carriage_returns_at_every_setting:
        Case::csv("a,b\r1,\"x\ry\"\r\r2,\"z\r3,w\r")
            .expect_rows(["1: 1, 'x\\ry'", "3: 3, 'w'"])
            .expect_rejects([(5, "unterminated_quote")]);
    three_files_with_overlapping_keys_at_every_setting:
        Case::csv("id,v\nb,1\na,2\nb,3\n")
            .and_csv("two.csv", "v,id\n4,c\n5,a\n6,\n")
            .and_csv("three.csv", "ID,V\nd,7\nc,8\n,9\nb,10\n")
            .args(["--key", "id"])
            .any_rejects();
}

fn stray_quotes() -> String {
    (0..60)
        .map(|i| {
            if i % 7 == 3 {
                format!("{i},\"x\n")
            } else {
                format!("{i},y\n")
            }
        })
        .fold("a,b\n".to_owned(), |a, b| a + &b)
}

#[test]
fn a_larger_file_is_the_same_at_settings_that_cut_it_often() {
    side_by_side(&[false, true], |_, &text_keys| {
        let recipe = Recipe {
            seed: 7,
            records: 3_000,
            bad_every: 50,
            duplicate_every: 37,
            text_keys,
            padding: 40,
        };
        let (bytes, content) = people(&recipe);
        let case = Case::csv(bytes)
            .args(["--key", "id", "--batch-rows", "100"])
            .any_rejects();
        case.check();
        let run = case.once();
        let counts = ["records", "loaded", "rejected", "duplicates"].map(|name| run.counted(name));
        assert_eq!(counts, [content.records, content.good, content.bad, content.duplicates]);
    });
}

#[test]
fn batch_edges_change_nothing() {
    let (bytes, _) = people(&Recipe {
        seed: 3,
        records: 500,
        bad_every: 9,
        duplicate_every: 11,
        text_keys: true,
        padding: 5,
    });
    let runs = ["1", "7", "499", "100000"].map(|rows| {
        Case::csv(&bytes)
            .args(["--key", "id", "--batch-rows", rows])
            .any_rejects()
            .once()
    });
    for run in &runs[1..] {
        runs[0].must_equal(run);
    }
}

/// Chunks of very short lines are left to the calling thread, which takes them up in pieces; chunks that follow are smaller.
#[test]
fn lines_so_short_that_a_chunk_holds_too_many_are_read_the_same() {
    // Long enough that what was made of earlier chunks is used again when the first short lines come.
    let text = format!("{}\n", "some longer text ".repeat(12)).repeat(20_000);
    let blank = "\n".repeat(500_000);
    let short = "\"\n\"\n1\n\"2\"\n3\"4\n".repeat(20_000);
    let settings = [
        Setting {
            threads: 1,
            chunk: Some(20_000),
            write_path: "sql",
            ..PLAIN
        },
        Setting {
            threads: 3,
            chunk: Some(1 << 20),
            ..PLAIN
        },
        Setting { threads: 200, ..PLAIN },
        Setting {
            threads: 200,
            chunk: Some(1 << 20),
            piped: true,
            ..PLAIN
        },
    ];
    for csv in [
        format!("a\n{text}{blank}{text}{short}{blank}"),
        // Within quotes, with a stray one, and at the very end.
        format!("a\n{text}\"{blank}\"\n{short}\"{blank}{short}"),
        format!("a\n{blank}x,y\n\"{text}\"{blank}"),
        format!("a,b\n1,2\n{blank}3,4\n5,\"{blank}\"\n{blank}6,\"7\n{blank}"),
    ] {
        Case::csv(csv).args(["--text"]).any_rejects().check_at(&settings);
    }
}
