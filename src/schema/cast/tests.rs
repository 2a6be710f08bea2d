use super::decimal::{long_decimal, short_decimal};
use super::moment::clock;
use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn short_decimals_are_read_as_long_ones(text in "[0-9]{0,16}|[0-9]{0,9}\\.[0-9]{0,9}|[-./0-9:a]{1,16}|[0-9.\\PC]{1,16}") {
        let text = &text.as_bytes()[..text.len().min(16)];
        if !text.is_empty() {
            // A point alone has no digits to read.
            let long = long_decimal(text).filter(|_| text != b".");
            prop_assert_eq!(short_decimal(text), long);
        }
    }

    #[test]
    fn digits_are_read_as_by_the_standard_library(text in "[0-9]{1,19}|[-./0-9:;]{1,19}") {
        let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let wanted = all_digits.then(|| text.parse::<u64>().unwrap());
        prop_assert_eq!(digits(text.as_bytes()), wanted);
    }
}

#[test]
fn integers_are_canonical_and_64_bits_wide() {
    for (text, value) in [("0", 0), ("7", 7), ("-7", -7), ("1234567890", 1_234_567_890)] {
        assert_eq!(integer(text.as_bytes()), Ok(value));
    }
    assert_eq!(integer(b"9223372036854775807"), Ok(i64::MAX));
    assert_eq!(integer(b"-9223372036854775808"), Ok(i64::MIN));
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "123456789012345678901234",
    ] {
        assert_eq!(integer(text.as_bytes()), Err(CastError::Range), "{text}");
    }
    for text in [
        "",
        "-",
        "-0",
        "+5",
        "007",
        "00",
        "1_000",
        "1e3",
        " 5",
        "5 ",
        "12a",
        "1234567:",
        "123456789012345678/",
        "0x1",
    ] {
        assert_eq!(integer(text.as_bytes()), Err(CastError::Type), "{text}");
    }
}

#[test]
fn reals_take_every_usual_form() {
    for (text, value) in [
        ("0", 0.0),
        ("-0", 0.0),
        ("5.10", 5.1),
        ("-2.5", -2.5),
        ("0.1", 0.1),
        ("123456789.000", 123_456_789.0),
    ] {
        assert_eq!(
            real(text.as_bytes()).map(f64::to_bits),
            Ok(f64::to_bits(value)),
            "{text}"
        );
    }
    for (text, value) in [
        (".5", 0.5),
        ("5.", 5.0),
        ("+1.5", 1.5),
        ("-.5", -0.5),
        ("1e-3", 1e-3),
        ("1.5E+10", 1.5e10),
        ("1E5", 1e5),
        ("-0e7", 0.0),
        ("5e-324", 5e-324),
        ("0e400", 0.0),
    ] {
        assert_eq!(
            real(text.as_bytes()).map(f64::to_bits),
            Ok(f64::to_bits(value)),
            "{text}"
        );
        assert_eq!(usual_real(text.as_bytes()), real(text.as_bytes()), "{text}");
    }
    for text in [
        "", "-", ".", "e5", "1e", "1e+", "1.2.3", "nan", "inf", "Infinity", "1,5", " 1.5", "0x1p3", "1_0", "--1",
        "1e5.5",
    ] {
        assert_eq!(real(text.as_bytes()), Err(CastError::Type), "{text}");
        assert_eq!(usual_real(text.as_bytes()), Err(CastError::Type), "{text}");
    }
    // Zeros in front make it a code, unless a number was asked for.
    assert_eq!(real(b"007.5"), Err(CastError::Type));
    assert_eq!(usual_real(b"007.5"), Ok(7.5));
    for text in ["5e400", "-1e309", "1e-400", "1e99999999999999999999"] {
        assert_eq!(real(text.as_bytes()), Err(CastError::Range), "{text}");
    }
    assert_eq!(real("9".repeat(400).as_bytes()), Err(CastError::Range));
}

#[test]
fn inference_refuses_decimals_that_a_double_does_not_give_back() {
    for text in [
        "0.1",
        "3.141592653589793",
        "123456.789",
        "1.10000000000000000000",
        "9007199254740992.0",
        "9007199254740992",
        "-48.8583701234567800",
        "-73.98513412475586",
        "0.00000000000000000012345678901234568",
        "100000000000000000000.0",
        "0.000",
    ] {
        assert!(lossless_real(text.as_bytes()).is_ok(), "{text}");
    }
    for text in [
        "3.14159265358979323846",
        "0.1000000000000000055511151231257827",
        "9007199254740993.0",
        "9007199254740993",
        "9007199254740994",
        "10000000000000000000",
        "-100000000000000000000",
        "-0",
        "-0.00",
    ] {
        assert_eq!(lossless_real(text.as_bytes()), Err(CastError::Range), "{text}");
    }
}

#[test]
fn inference_refuses_decimals_too_small_for_all_their_digits() {
    let tiny = |zeros: usize, digits: &str| format!("0.{}{digits}", "0".repeat(zeros));
    for text in [tiny(400, "1"), tiny(323, "3"), tiny(315, "123456789")] {
        assert_eq!(lossless_real(text.as_bytes()), Err(CastError::Range), "{text}");
    }
    for text in [tiny(300, "123456789012345"), tiny(323, "5"), tiny(400, "")] {
        assert!(lossless_real(text.as_bytes()).is_ok(), "{text}");
    }
}

/// If `text` has this form, in which `0` is any digit: the numbers that it has there.
fn naive_numbers(text: &[u8], form: &str) -> Option<Vec<u32>> {
    let fits = |(&byte, place): (&u8, u8)| {
        if place == b'0' {
            byte.is_ascii_digit()
        } else {
            byte == place
        }
    };
    if text.len() != form.len() || !text.iter().zip(form.bytes()).all(fits) {
        return None;
    }
    let text = std::str::from_utf8(text).unwrap();
    Some(text.split(['-', ':']).map(|digits| digits.parse().unwrap()).collect())
}

proptest! {
    #[test]
    fn dates_and_clocks_are_what_they_look_like(
        (year, month, day) in (0u32..10_000, 0u32..16, 0u32..34),
        (hour, minute, second) in (0u32..26, 0u32..64, 0u32..64),
        (at, byte) in (0usize..14, prop_oneof![any::<u8>(), b'-'..=b':']),
    ) {
        let mut texts = [format!("{year:04}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}")].map(String::into_bytes);
        for text in &mut texts {
            // Often past the end: then nothing is changed.
            if let Some(place) = text.get_mut(at) {
                *place = byte;
            }
        }
        let is_day = |numbers: Vec<u32>| {
            let leap = numbers[0].is_multiple_of(4) && (!numbers[0].is_multiple_of(100) || numbers[0].is_multiple_of(400));
            let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            numbers[1].checked_sub(1).and_then(|month| days.get(month as usize)).is_some_and(|days| (1..=*days).contains(&numbers[2]))
        };
        let is_clock = |numbers: Vec<u32>| numbers[0] < 24 && numbers[1] < 60 && numbers[2] < 60;
        let judge = |exists: Option<bool>| match exists {
            Some(true) => Ok(()),
            Some(false) => Err(CastError::Range),
            None => Err(CastError::Type),
        };
        prop_assert_eq!(date(&texts[0]), judge(naive_numbers(&texts[0], "0000-00-00").map(is_day)));
        prop_assert_eq!(clock(&texts[1]), judge(naive_numbers(&texts[1], "00:00:00").map(is_clock)));
    }
}

/// What is stored for a moment.
fn stored(text: &str) -> Result<String, CastError> {
    date_time(text.as_bytes()).map(|moment| {
        let tail = std::str::from_utf8(moment.tail()).unwrap().to_owned();
        text[..moment.kept_bytes].to_owned() + &tail
    })
}

#[test]
fn declared_integers_may_have_a_plus_and_zeros_in_front() {
    for (text, value) in [
        ("+5", 5),
        ("007", 7),
        ("-0", 0),
        ("-007", -7),
        ("+0", 0),
        ("00000000000000000000000012", 12),
    ] {
        assert_eq!(usual_integer(text.as_bytes()), Ok(value), "{text}");
        assert_eq!(integer(text.as_bytes()), Err(CastError::Type), "{text}");
    }
    assert_eq!(usual_integer(b"+9223372036854775807"), Ok(i64::MAX));
    assert_eq!(usual_integer(b"-09223372036854775808"), Ok(i64::MIN));
    for text in ["+9223372036854775808", "09223372036854775808", "-9223372036854775809"] {
        assert_eq!(usual_integer(text.as_bytes()), Err(CastError::Range), "{text}");
    }
    for text in ["", "+", "-", "+-5", "5.0", "1e3", " 5", "1_000", "x"] {
        assert_eq!(usual_integer(text.as_bytes()), Err(CastError::Type), "{text}");
    }
}

#[test]
fn truth_values_are_the_usual_words_in_any_case() {
    for text in ["true", "T", "Yes", "y", "1", "TRUE"] {
        assert_eq!(boolean(text.as_bytes()), Ok(true), "{text}");
    }
    for text in ["false", "F", "No", "n", "0"] {
        assert_eq!(boolean(text.as_bytes()), Ok(false), "{text}");
    }
    for text in ["", "tr", "on", "2", "01", " t", "ja"] {
        assert_eq!(boolean(text.as_bytes()), Err(CastError::Type), "{text}");
    }
}

#[test]
fn moments_are_stored_as_sqlites_functions_understand_them() {
    for (text, kept) in [
        ("2024-01-02 03:04:05.678+00", "2024-01-02 03:04:05.678+00:00"),
        ("2024-01-02 03:04", "2024-01-02 03:04"),
        ("2024-01-02T03:04:05+0000", "2024-01-02T03:04:05+00:00"),
        ("2024-01-02T03:04:05z", "2024-01-02T03:04:05Z"),
        ("2024-01-02T03:04:05.123456789Z", "2024-01-02T03:04:05.123456789Z"),
        ("2024-01-02 03:04:05-0530", "2024-01-02 03:04:05-05:30"),
        ("2024-01-02 03:04+14:59", "2024-01-02 03:04+14:59"),
        ("2024-01-02 03:04:05 +0100", "2024-01-02 03:04:05+01:00"),
        ("2024-01-02 03:04 Z", "2024-01-02 03:04Z"),
    ] {
        assert_eq!(stored(text).as_deref(), Ok(kept), "{text}");
    }
    for text in ["24:00:00", "23:59:60", "12:60", "12:00+15:00", "12:00:00+01:60"] {
        assert_eq!(time(text.as_bytes()), Err(CastError::Range), "{text}");
        assert_eq!(stored(&format!("2024-01-02 {text}")), Err(CastError::Range), "{text}");
    }
    for text in [
        "",
        "12",
        "1:00",
        "12:0",
        "12:00:",
        "12:00:0",
        "12:00.5",
        "12:00:00.",
        "12:00+1",
        "12:00+100",
        "12:00+01:0",
        "12:00+01:00:00",
        "12:00  Z",
        "12:00ZZ",
        "12:00+xx",
        "+01:00",
    ] {
        assert_eq!(time(text.as_bytes()), Err(CastError::Type), "{text}");
        assert_eq!(stored(&format!("2024-01-02T{text}")), Err(CastError::Type), "{text}");
    }
}

#[test]
fn moments_outside_the_years_of_sqlite_are_out_of_range() {
    for text in [
        "9999-12-31 23:59:59.9999999",
        "9999-12-31 23:59:59.9995Z",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59-00:01",
        "9999-12-31T22:59:59.9999-01:00",
        "9999-12-31T23:59:59.9999+00:00",
        "0000-01-01T00:00:00+14:00",
        "0000-01-01 00:00+00:01",
        "0000-01-01 13:59:59.999+14",
    ] {
        assert_eq!(stored(text), Err(CastError::Range), "{text}");
    }
    for text in [
        "9999-12-31 23:59:59.999",
        "9999-12-31 23:59:59.9994",
        "9999-12-31 23:59:58.9999",
        "9999-12-31 23:58:59.9999",
        "9999-12-31T23:59:59+00:01",
        "9999-12-31T22:58:59.9999-01:00",
        "9999-12-30T23:59:59-14:59",
        "0000-01-01T00:00:00-14:00",
        "0000-01-01T14:00:00+14:00",
        "0000-01-02T00:00:00+14:59",
        "2024-12-31 23:59:59.9999999",
    ] {
        assert_eq!(stored(text).as_deref(), Ok(text));
    }
    // SQLite reads the digits of a fraction into a double.
    let clock = |digits: usize| format!("12:00:00.{}", "9".repeat(digits));
    assert!(time(clock(308).as_bytes()).is_ok());
    assert_eq!(time(clock(309).as_bytes()), Err(CastError::Range));
    assert_eq!(time(format!("{}x", clock(309)).as_bytes()), Err(CastError::Type));
}

proptest! {
    /// A text of the right form is taken if all of SQLite's functions know it, within its years, and refused if they do not.
    #[test]
    fn sqlite_knows_what_is_taken_near_the_ends_and_nothing_else(
        day in "(0000-01-0[1-3]|9999-12-(29|3[0-2])|9999-13-01|[0-9]{4}-[01][0-9]-[0-3][0-9])",
        clock in "([0-2][0-9]:[0-5][0-9]|(00|09|14|23):(00|59)(:(00|59|60)(\\.(0{1,9}|9{1,9}|999[0-9]{1,3}|9{305,312}))?)?)",
        zone in "(|Z|[+-](00|01|09|1[0-5]):(00|01|59|60))",
    ) {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let known = |text: &str| -> bool {
            // A day that does not exist is the first of the next month to SQLite, and 24:00 the next day.
            let exists = "SELECT date(substr(?1, 1, 10)) IS substr(?1, 1, 10)";
            let all = "SELECT datetime(?1) IS NOT NULL AND julianday(?1) IS NOT NULL AND date(?1) IS NOT NULL
                       AND strftime('%s', ?1) IS NOT NULL AND strftime('%Y', ?1) NOT LIKE '-%'";
            let is_moment = text.len() > 10 && text.as_bytes()[4] == b'-';
            [exists, all].iter().skip(usize::from(!is_moment)).all(|sql| {
                connection.query_row(sql, [text], |row| row.get(0)).unwrap()
            })
        };
        let is_known_clock = !clock.starts_with("24");
        let fraction_bytes = clock.len().saturating_sub(9);
        // Older versions round up what this one cuts off, see `is_next_minute`.
        let is_rounded = |text: &str| {
            let sql = "SELECT strftime('%Y-%m-%d %H:%M:%f', ?1) = '9999-12-31 23:59:59.999'";
            fraction_bytes > 3 && connection.query_row(sql, [text], |row| row.get(0)).unwrap_or(false)
        };
        let moment = format!("{day} {clock}{zone}");
        let is_taken = stored(&moment).is_ok();
        if is_rounded(&moment) {
            prop_assert_eq!(is_taken, &clock[9..] < "9995", "{}", moment);
        } else if fraction_bytes <= 308 {
            prop_assert_eq!(is_taken, is_known_clock && known(&moment), "{}", moment);
        }
        let text = format!("{clock}{zone}");
        let taken = time(text.as_bytes()).is_ok();
        if fraction_bytes <= 308 {
            prop_assert_eq!(taken, is_known_clock && known(&text), "{}", text);
        } else {
            prop_assert!(!taken && !is_taken, "{}", text);
        }
    }

    #[test]
    fn sqlite_understands_every_moment_that_is_taken(
        day in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]",
        join in "[T ]",
        clock in "[012][0-9]:[0-5][0-9](:[0-6][0-9](\\.[0-9]{1,9})?)?",
        zone in " ?(|[zZ]|[+-][01][0-9](:?[0-5][0-9])?)",
    ) {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let moment = |text: &str| -> Option<f64> {
            connection.query_row("SELECT julianday(?1)", [text], |row| row.get(0)).unwrap()
        };
        if let Ok(kept) = stored(&format!("{day}{join}{clock}{zone}")) {
            // With the colon that SQLite wants, written the slow way.
            let spelled = match zone.trim().to_ascii_uppercase() {
                zone if zone.len() == 3 => format!("{zone}:00"),
                zone if zone.len() == 5 => format!("{}:{}", &zone[..3], &zone[3..]),
                zone => zone,
            };
            prop_assert_eq!(moment(&kept), moment(&format!("{day}{join}{clock}{spelled}")), "{}", kept);
            prop_assert!(moment(&kept).is_some(), "{}", kept);
        }
    }

    /// What is taken comes back as it was; what is refused would not, or is beyond SQLite's numbers.
    #[test]
    fn numeric_affinity_does_what_sqlite_does(
        text in "[+-]?[0-9]{0,3}\\.?[0-9]{0,3}([eE][+-]?[0-9]{0,3})?|[ \t]?-?[0-9]{1,22}[ \n]?|-?[0-9]{1,12}\\.[0-9]{1,9}|[0-9.e+ -]{0,8}|inf|nan|0x1F|[a-z0-9-]{0,12}",
    ) {
        use rusqlite::types::Value;
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let store = |value: Value| -> Value {
            connection.execute_batch("DROP TABLE IF EXISTS t; CREATE TABLE t (a NUMERIC)").unwrap();
            connection.execute("INSERT INTO t VALUES (?1)", [value]).unwrap();
            connection.query_row("SELECT a FROM t", [], |row| row.get(0)).unwrap()
        };
        let itself = store(Value::Text(text.clone()));
        // How the stored number is written by someone who knows nothing but the number.
        let told = match &itself {
            Value::Integer(value) => value.to_string(),
            Value::Real(value) => format!("{value}"),
            Value::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        match numeric(text.as_bytes()) {
            Ok(Numeric::Text) => prop_assert_eq!(itself, Value::Text(text)),
            Ok(Numeric::Integer(value)) => {
                prop_assert_eq!(&itself, &Value::Integer(value));
                prop_assert_eq!(store(Value::Integer(value)), itself);
                prop_assert_eq!(told, text);
            }
            Ok(Numeric::Real(value)) => {
                prop_assert_eq!(store(Value::Real(value)), Value::Real(value));
                prop_assert_eq!(format!("{value}"), text);
                prop_assert!(value.abs() >= 1e-4, "SQLite writes {} with an exponent", value);
            }
            Err(_) => {
                let is_small = matches!(itself, Value::Real(value) if value.abs() < 1e-4);
                prop_assert!((is_small || told != text) && !matches!(itself, Value::Text(_)), "{} as {:?}", text, itself);
            }
        }
    }

    #[test]
    fn usual_forms_agree_with_the_standard_library(text in "[+-]?[0-9]{0,25}\\.?[0-9]{0,25}([eE][+-]?[0-9]{0,3})?") {
        let wanted = match text.parse::<f64>() {
            Err(_) => Err(CastError::Type),
            Ok(value) if value.is_infinite() => Err(CastError::Range),
            Ok(0.0) => {
                let mantissa = text.split(['e', 'E']).next().unwrap();
                if mantissa.contains(|c: char| ('1'..='9').contains(&c)) { Err(CastError::Range) } else { Ok(0f64.to_bits()) }
            }
            Ok(value) => Ok(value.to_bits()),
        };
        prop_assert_eq!(usual_real(text.as_bytes()).map(f64::to_bits), wanted);
        let unsigned = text.trim_start_matches(['+', '-']).as_bytes();
        let has_zeros_in_front = matches!(unsigned, [b'0', b'0'..=b'9', ..]);
        let wanted = if has_zeros_in_front { Err(CastError::Type) } else { wanted };
        prop_assert_eq!(real(text.as_bytes()).map(f64::to_bits), wanted);
    }
}

#[test]
fn dates_and_times_exist() {
    for text in ["2024-02-29", "1999-12-31", "0000-01-01"] {
        assert_eq!(date(text.as_bytes()), Ok(()), "{text}");
    }
    for text in ["2023-02-29", "2023-13-01", "2023-00-10", "2023-04-31", "1900-02-29"] {
        assert_eq!(date(text.as_bytes()), Err(CastError::Range), "{text}");
    }
    for text in ["2023-1-01", "20230101", "2023/01/01", "2023-01-01 ", "", "2023-0x-01"] {
        assert_eq!(date(text.as_bytes()), Err(CastError::Type), "{text}");
    }
    for text in [
        "2023-01-01T00:00:00Z",
        "2023-01-01 23:59:59.123+02:00",
        "2023-01-01T12:00:00",
    ] {
        assert_eq!(stored(text), Ok(text.to_owned()));
    }
    for text in [
        "2023-13-45T00:00:00Z",
        "2023-01-01T24:00:00Z",
        "2023-01-01 10:60:00",
        "2023-01-01T00:00:00+15:00",
    ] {
        assert_eq!(date_time(text.as_bytes()), Err(CastError::Range), "{text}");
    }
    for text in [
        "2023-01-01",
        "2023-01-01T",
        "2023-01-01X00:00:00",
        "2023-01-01T00:00:00.",
        "é023-01-01T00:00:00",
    ] {
        assert_eq!(date_time(text.as_bytes()), Err(CastError::Type), "{text}");
    }
    assert_eq!(time(b"25:00:00"), Err(CastError::Range));
}

proptest! {
    #[test]
    fn integers_agree_with_the_standard_library(text in "-?[0-9]{1,21}") {
        let canonical = text.parse::<i128>().unwrap().to_string() == text;
        let wanted = match text.parse::<i64>() {
            _ if !canonical => Err(CastError::Type),
            Ok(value) => Ok(value),
            Err(_) => Err(CastError::Range),
        };
        prop_assert_eq!(integer(text.as_bytes()), wanted);
    }

    #[test]
    fn reals_agree_with_the_standard_library_bit_for_bit(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,30})?") {
        let wanted = text.parse::<f64>().unwrap();
        let wanted = if wanted == 0.0 { 0.0 } else { wanted };
        prop_assert_eq!(real(text.as_bytes()).map(f64::to_bits), Ok(wanted.to_bits()));
    }

    #[test]
    fn what_inference_takes_for_a_real_can_be_recovered(text in "-?(0|[1-9][0-9]{0,18})\\.(0{0,330}[0-9]{1,18})") {
        // The slow way: the shortest text of the double, written out, against the text itself.
        let value = text.parse::<f64>().unwrap();
        let shortest = format!("{value}");
        let shortest = if shortest.contains('.') { shortest } else { shortest + ".0" };
        let plain = |text: &str| text.trim_end_matches('0').to_owned();
        let minus_zero = value == 0.0 && text.starts_with('-');
        let wanted = plain(&shortest) == plain(&text) && !minus_zero;
        prop_assert_eq!(lossless_real(text.as_bytes()).is_ok(), wanted, "{}", text);
    }

    #[test]
    fn any_bytes_are_no_panic(bytes: Vec<u8>) {
        let _ = (integer(&bytes), real(&bytes), lossless_real(&bytes), date(&bytes), time(&bytes), date_time(&bytes));
    }
}
