use std::fmt;

use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::*;
use crate::syntax_fault::JsonExpected;

/// The members of an object, in their order.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Taker;

        impl<'de> Visitor<'de> for Taker {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        from.deserialize_map(Taker)
    }
}

/// What was found in a line: its fields as they stand there, or the fault and where it is.
type Line = Result<Vec<String>, (FaultKind, u32)>;

fn lines_with(text: &[u8], format: JsonLines<'_>, at_end: bool) -> (Vec<Line>, usize) {
    let mut parsed = ObjectRecords::default();
    let consumed = format.parse_before(text, text.len(), at_end, &mut parsed);
    let line = |(record, fields): (Record, ObjectFields<'_>)| match record.fault {
        Some(fault) => Err((fault.kind, fault.column)),
        None => Ok((0..fields.count())
            .map(|index| String::from_utf8_lossy(fields.range(index).of(text)).into_owned())
            .collect()),
    };
    (parsed.iter::<false>().map(line).collect(), consumed)
}

fn lines(text: &str, names: &[&str], unknown: UnknownName) -> Vec<Line> {
    let names: FieldNames = names.iter().collect();
    let format = JsonLines {
        names: &names,
        unknown,
        encoding: Encoding::UTF_8,
        max_record_bytes: 1000,
    };
    lines_with(text.as_bytes(), format, true).0
}

fn line(text: &str) -> Line {
    lines(text, &["a", "b"], UnknownName::Refuse).remove(0)
}

fn fields<const N: usize>(fields: [&str; N]) -> Line {
    Ok(fields.map(str::to_owned).to_vec())
}

#[test]
fn values_are_found_by_name_as_they_stand_there() {
    for (text, found) in [
        (r#"{"a":1,"b":"x"}"#, ["1", "\"x\""]),
        (r#" { "b" : -1.50e+3 , "a" : true } "#, ["true", "-1.50e+3"]),
        (r#"{"b":null}"#, ["", ""]),
        (r#"{}"#, ["", ""]),
        (
            r#"{"a":[1, {"b":"}"}],"b":{"a" : [ ]}}"#,
            [r#"[1, {"b":"}"}]"#, r#"{"a" : [ ]}"#],
        ),
        (r#"{"\u0061":"\u00e9","B":""}"#, [r#""\u00e9""#, r#""""#]),
    ] {
        assert_eq!(line(text), fields(found), "{text}");
    }
}

#[test]
fn lines_end_with_line_feeds_and_blank_ones_hold_nothing() {
    let text = "{\"a\":1}\r\n\n \t\r\n\x0c\n{\"b\":2}\r\r\n{\"a\":3}";
    let found = lines(text, &["a", "b"], UnknownName::Refuse);
    let blank = fields([]);
    assert_eq!(
        found,
        [
            fields(["1", ""]),
            blank.clone(),
            blank.clone(),
            blank,
            fields(["", "2"]),
            fields(["3", ""])
        ]
    );
}

#[test]
fn a_fault_says_what_was_expected_and_where() {
    use JsonExpected::*;
    for (text, expected, column) in [
        ("[1]", Object, 1),
        ("1", Object, 1),
        ("\u{feff}{}", Object, 1),
        ("{", NameOrEnd, 2),
        ("{a:1}", NameOrEnd, 2),
        (r#"{"a":1,}"#, Name, 8),
        (r#"{"a" 1}"#, Colon, 6),
        (r#"{"a":}"#, Value, 6),
        (r#"{"a":nul}"#, Value, 6),
        (r#"{"a":NaN}"#, Value, 6),
        (r#"{"a":01}"#, ObjectEnd, 7),
        (r#"{"a":1 "b":2}"#, ObjectEnd, 8),
        (r#"{"a":1."#, Digit, 8),
        (r#"{"a":-}"#, Digit, 7),
        (r#"{"a":1e}"#, Digit, 8),
        (r#"{"a":"x"#, StringEnd, 8),
        ("{\"a\":\"x\ty\"}", Character, 8),
        (r#"{"a":"\x"}"#, Escape, 7),
        (r#"{"a":"\u12g4"}"#, Escape, 7),
        (r#"{"a":"\ud800"}"#, Surrogate, 7),
        (r#"{"a":"\ud800\u0041"}"#, Surrogate, 7),
        (r#"{"a":"\udc00"}"#, Surrogate, 7),
        (r#"{"a":["\ud800"]}"#, Surrogate, 8),
        (r#"{"a":[1 2]}"#, ArrayEnd, 9),
        (r#"{"a":[1,]}"#, Value, 9),
        (r#"{"a":{"b":1,}}"#, Name, 13),
        (r#"{"a":1}x"#, LineEnd, 8),
        (r#"{"a":1}{"a":2}"#, LineEnd, 8),
    ] {
        assert_eq!(line(text), Err((FaultKind::NoObject(expected), column)), "{text}");
    }
    // What is no JSON comes before names.
    for (text, kind, column) in [
        (r#"{"c":1,"a":1,"a":2}"#, FaultKind::UnknownName, 2),
        (r#"{"a":1,"A":null}"#, FaultKind::RepeatedName, 8),
        (r#"{"a":null,"\u0061":1}"#, FaultKind::RepeatedName, 11),
        (r#"{"c":1,"a":"\u0000"}"#, FaultKind::EscapedNul, 12),
        (r#"{"a\u0000":1}"#, FaultKind::EscapedNul, 2),
        (r#"{"c":1,"a"}"#, FaultKind::NoObject(Colon), 11),
    ] {
        assert_eq!(line(text), Err((kind, column)), "{text}");
    }
    // Within a value, it stays as it is written.
    assert_eq!(line(r#"{"a":["\u0000"]}"#), fields([r#"["\u0000"]"#, ""]));
}

#[test]
fn objects_may_be_within_each_other_as_deep_as_serde_json_goes() {
    for (depth, is_good) in [(126, true), (127, false), (100_000, false)] {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(serde_json::from_str::<Value>(&text).is_ok(), is_good, "{depth}");
        let names: FieldNames = ["a"].iter().collect();
        let format = JsonLines {
            names: &names,
            unknown: UnknownName::Refuse,
            encoding: Encoding::UTF_8,
            max_record_bytes: 1 << 20,
        };
        assert_eq!(
            lines_with(text.as_bytes(), format, true).0[0].is_ok(),
            is_good,
            "{depth}"
        );
    }
}

#[test]
fn names_that_are_no_columns_are_refused_left_out_or_passed_over() {
    let text = r#"{"x":1,"a":2,"x":3}"#;
    assert!(line(text).is_err());
    assert_eq!(
        lines(text, &["a"], UnknownName::LeaveOut),
        [fields(["2", ""])],
        "it has more"
    );
    assert_eq!(lines(text, &["a"], UnknownName::PassOver), [fields(["2"])]);
}

#[test]
fn a_line_may_be_as_long_as_a_record() {
    let text = |bytes: usize| format!("{{\"a\":\"{}\"}}\n", "x".repeat(bytes - 8));
    assert!(line(&text(1000)).is_ok());
    assert_eq!(line(&text(1001)), Err((FaultKind::RecordTooLarge, 0)));
    assert_eq!(line(&" ".repeat(1001)), Err((FaultKind::RecordTooLarge, 0)));
}

/// Text that is JSON, mostly.
fn json_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", " ", "\"a\"", "\"b\"", "\"a\":", "\"b\":1,", "null", "true", "false", "-", "0",
            "1", "12.5", "1e5", "E-2", ".", "\"", "\\", "\\u", "d83d", "\\ude00", "\\ud83d\\ude00", "\\n", "\t", "é", "\u{1}", "tru",
        ]).prop_map(str::to_owned),
        1 => "[a-z0-9 ]{0,9}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~é\n\t\u{1}😀\"\\\\]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-c\"\\\\]{0,3}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// `text` with a byte or two changed.
fn damaged(text: &str, damage: &[(prop::sample::Index, char)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (at, other) in damage {
        if characters.is_empty() {
            break;
        }
        let at = at.index(characters.len());
        match other {
            '-' => drop(characters.remove(at)),
            other => characters[at] = *other,
        }
    }
    characters.into_iter().filter(|&other| other != '\n').collect()
}

/// What `serde_json` says of a line must be what was found.
fn must_be_as_serde_json_says(text: &str) {
    let (names, unknown) = (["a", "b"], UnknownName::PassOver);
    let found = lines(text, &names, unknown).remove(0);
    let read = serde_json::from_str::<Members>(text);
    let is_number_too_large = |error: &serde_json::Error| error.to_string().starts_with("number out of range");
    let Members(members) = match (read, &found) {
        (Ok(members), _) => members,
        // As it is written, it is a number all the same.
        (Err(error), _) if is_number_too_large(&error) => return,
        (Err(_), Ok(fields)) => return assert!(fields.is_empty(), "{text}: {found:?}"),
        (Err(_), Err(_)) => return,
    };
    let named = |name: &str| {
        let of_name = members.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value).collect::<Vec<_>>()
    };
    let is_repeated = names.iter().any(|name| named(name).len() > 1);
    let has_nul = |text: &str| text.contains('\0');
    let is_nul = members
        .iter()
        .any(|(name, value)| has_nul(name) || value.as_str().is_some_and(has_nul));
    let fields = match found {
        Err((FaultKind::EscapedNul, _)) => return assert!(is_nul, "{text}"),
        Err((FaultKind::RepeatedName, _)) => return assert!(is_repeated, "{text}"),
        Err(fault) => panic!("{text}: {fault:?}"),
        Ok(fields) => fields,
    };
    assert!(!is_repeated && !is_nul, "{text}");
    for (name, field) in names.iter().zip(&fields) {
        let expected = named(name).first().map_or(&Value::Null, |value| value);
        let nothing = field.is_empty();
        let read: Value = if nothing {
            Value::Null
        } else {
            serde_json::from_str(field).unwrap()
        };
        assert_eq!(&read, expected, "{text}");
        if let Some(expected) = expected.as_str() {
            let format = JsonLines {
                names: &FieldNames::default(),
                unknown,
                encoding: Encoding::UTF_8,
                max_record_bytes: 0,
            };
            let mut resolved = Vec::new();
            format.resolve(format.field(field.as_bytes()), &mut |piece| {
                resolved.extend_from_slice(piece);
            });
            assert_eq!(resolved, expected.as_bytes(), "{text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_what_serde_json_takes_it_for(text in json_text()) {
        if !is_blank(text.as_bytes()) {
            must_be_as_serde_json_says(&text);
            must_be_as_serde_json_says(&format!("{{{text}}}"));
            must_be_as_serde_json_says(&format!("{{\"a\":{text}}}"));
        }
    }

    #[test]
    fn values_and_damaged_ones_are_what_serde_json_takes_them_for(
        a in value(),
        b in value(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec!['-', '"', '\\', ',', '}', '[', '0', 'u'])), 0..3),
    ) {
        let text = serde_json::json!({ "a": a, "B": b }).to_string();
        must_be_as_serde_json_says(&text);
        let text = damaged(&text, &damage);
        if !is_blank(text.as_bytes()) {
            must_be_as_serde_json_says(&text);
        }
    }

    #[test]
    fn a_span_in_pieces_is_the_span(texts in prop::collection::vec(json_text(), 0..6), cut in any::<prop::sample::Index>()) {
        let text = texts.join("\n");
        let names: FieldNames = ["a"].iter().collect();
        let format = JsonLines { names: &names, unknown: UnknownName::LeaveOut, encoding: Encoding::UTF_8, max_record_bytes: 40 };
        let (whole, _) = lines_with(text.as_bytes(), format, true);
        let cut = cut.index(text.len() + 1);
        let (mut pieces, consumed) = lines_with(&text.as_bytes()[..cut], format, false);
        let (rest, _) = lines_with(&text.as_bytes()[consumed..], format, true);
        pieces.extend(rest);
        prop_assert_eq!(pieces, whole);
    }

    #[test]
    fn a_run_of_plain_characters_ends_where_a_loop_finds_it(text: Vec<u8>, plain in "[a-zé]{0,40}", at in 0usize..50) {
        let text = [plain.as_bytes(), &text].concat();
        let is_mark = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
        let rest = text.get(at..).unwrap_or_default();
        let wanted = at + rest.iter().position(is_mark).unwrap_or(rest.len());
        prop_assert_eq!(object::plain_end(&text, at), wanted);
    }
}
