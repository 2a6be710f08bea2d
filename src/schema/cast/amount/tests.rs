use proptest::prelude::*;

use super::*;

const PLAIN: NumberStyle = NumberStyle {
    decimal_comma: false,
    thousands: None,
};

fn style(decimal_comma: bool, thousands: char) -> NumberStyle {
    NumberStyle {
        decimal_comma,
        thousands: Some(thousands),
    }
}

const GERMAN: NumberStyle = NumberStyle {
    decimal_comma: true,
    thousands: Some('.'),
};

fn number(style: NumberStyle, text: &str) -> Result<f64, CastError> {
    style
        .number(text.as_bytes(), &mut b"rest".to_vec())
        .map(|recast| recast.value)
}

fn cents(style: NumberStyle, text: &str) -> Result<i64, CastError> {
    style
        .units(text.as_bytes(), 2, &mut Vec::new())
        .map(|recast| recast.value)
}

#[test]
fn amounts_are_read_as_people_write_them() {
    for (text, value) in [
        ("5", 5.0),
        ("+5", 5.0),
        ("-5.25", -5.25),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.5e3", 1500.0),
        ("(5)", -5.0),
        ("( 5 )", -5.0),
        ("5-", -5.0),
        ("5 -", -5.0),
        ("5+", 5.0),
        ("- 5", -5.0),
        ("-\u{a0}5", -5.0),
        ("\u{2212}5", -5.0),
        ("5\u{2212}", -5.0),
        ("$5", 5.0),
        ("$-5", -5.0),
        ("-$5", -5.0),
        ("($5)", -5.0),
        ("$(5)", -5.0),
        ("(5) $", -5.0),
        (" 5\u{202f}€ ", 5.0),
        ("EUR 5", 5.0),
        ("5 CHF", 5.0),
        ("R$ 5", 5.0),
        ("5 kr.", 5.0),
        ("5 kr", 5.0),
        ("Fr. 5", 5.0),
        ("Rs.5", 5.0),
        ("12.5%", 12.5),
        ("%12.5", 12.5),
        ("12.5 %", 12.5),
        ("(12.5%)", -12.5),
        ("(12.5)%", -12.5),
        ("-12.5\u{a0}%", -12.5),
    ] {
        assert_eq!(number(PLAIN, text), Ok(value), "{text}");
    }
    assert!(number(PLAIN, "-0").unwrap().is_sign_positive());
    assert!(number(PLAIN, "(0.00)").unwrap().is_sign_positive());
}

#[test]
fn what_is_no_amount_is_none() {
    for text in [
        "",
        " ",
        "-",
        "()",
        "(5",
        "5)",
        ")5(",
        "((5))",
        "-(5)",
        "(-5)",
        "(5)-",
        "--5",
        "-5-",
        "+5-",
        "5 5",
        "5,5",
        "1,234",
        "$$5",
        "$5€",
        "5%%",
        "%5%",
        "x5",
        "5x",
        "ABC 5",
        "5 $ 5",
        "e5",
        "5e",
        "5 e3",
        "%",
        "$",
        ".",
        "€.",
        "0x5",
        "1_000",
        "inf",
        "NaN",
        "５",
        "5 EURO",
        "5\u{a0}\u{a0}5",
    ] {
        assert_eq!(number(PLAIN, text), Err(CastError::Type), "{text}");
    }
    assert_eq!(number(PLAIN, "1e999"), Err(CastError::Range));
    assert_eq!(number(PLAIN, "$1e-999"), Err(CastError::Range));
}

#[test]
fn groups_must_be_sound() {
    for (style, text, value) in [
        (style(false, ','), "1,234", 1234.0),
        (style(false, ','), "12,345,678.5", 12_345_678.5),
        (style(false, ','), "1234567.5", 1_234_567.5),
        (style(false, ','), "12,34,567", 1_234_567.0),
        (style(false, ','), "1,00,00,000", 10_000_000.0),
        (GERMAN, "1.234,5", 1234.5),
        (GERMAN, "-1.234.567,25 €", -1_234_567.25),
        (GERMAN, "1,5e3", 1500.0),
        (style(false, '\''), "1'234.5", 1234.5),
        (style(false, '\''), "1’234.5", 1234.5),
        (style(false, '_'), "1_234", 1234.0),
        (style(true, ' '), "1 234,5", 1234.5),
        (style(true, ' '), "1\u{a0}234,5", 1234.5),
        (style(true, ' '), "1\u{202f}234,5 €", 1234.5),
        (style(true, '\u{202f}'), "1\u{202f}234,5", 1234.5),
        (style(true, ' '), "- 1 234", -1234.0),
    ] {
        assert_eq!(number(style, text), Ok(value), "{text}");
    }
    for (style, text) in [
        (style(false, ','), "1,23"),
        (style(false, ','), "1,2345"),
        (style(false, ','), "1234,567"),
        (style(false, ','), "0,123"),
        (style(false, ','), "00,123"),
        (style(false, ','), ",123"),
        (style(false, ','), "1,,234"),
        (style(false, ','), "1,234,"),
        (style(false, ','), "1,234,56"),
        (style(false, ','), "1,23,4567"),
        (style(false, ','), "123,45,678"),
        (style(false, ','), "1,23,456,789"),
        (style(false, ','), "1,234,56,789"),
        (style(false, ','), "1.234,5"),
        (style(false, ','), "1.234,567"),
        (GERMAN, "1.5"),
        (GERMAN, "1.23"),
        (GERMAN, "1,234,567"),
        (GERMAN, "1,5.5"),
        (GERMAN, "1,5e3,5"),
        (GERMAN, "1.234e1.000"),
        (style(false, '\''), "1,234"),
        (style(true, '\u{202f}'), "1 234"),
        (style(true, ' '), "1 23"),
        (style(true, ' '), "1  234"),
    ] {
        assert_eq!(number(style, text), Err(CastError::Type), "{text}");
    }
}

#[test]
fn percentages_need_their_sign_and_are_rounded_once() {
    let percent = |text: &str| {
        GERMAN
            .percent(text.as_bytes(), &mut Vec::new())
            .map(|recast| recast.value)
    };
    assert_eq!(percent("12,5%"), Ok(0.125));
    assert_eq!(percent("7 %"), Ok(0.07));
    assert_eq!(percent("-1.234,5%"), Ok(-12.345));
    assert_eq!(percent("(5%)"), Ok(-0.05));
    assert_eq!(percent("0%"), Ok(0.0));
    for text in ["5", "", "%", "5e3%", "5%%"] {
        assert_eq!(percent(text), Err(CastError::Type), "{text}");
    }
}

#[test]
fn units_are_exact_and_never_rounded() {
    for (text, value) in [
        ("0", 0),
        ("-0,00", 0),
        ("12,5", 1250),
        ("12,50", 1250),
        ("12,5000", 1250),
        ("12", 1200),
        ("12,", 1200),
        (",05", 5),
        ("(1.234,50) EUR", -123_450),
        ("92.233.720.368.547.758,07", i64::MAX),
        ("-92.233.720.368.547.758,08", i64::MIN),
        ("000000000000000000000000000001,00", 100),
    ] {
        assert_eq!(cents(GERMAN, text), Ok(value), "{text}");
    }
    for text in [
        "12,505",
        "0,001",
        "92.233.720.368.547.758,08",
        "-92.233.720.368.547.758,09",
        "999999999999999999999",
    ] {
        assert_eq!(cents(GERMAN, text), Err(CastError::Range), "{text}");
    }
    for text in ["", "x", "1e3", "1.5", "1,5,5", "-", ","] {
        assert_eq!(cents(GERMAN, text), Err(CastError::Type), "{text}");
    }
}

#[test]
fn a_number_in_its_usual_form_is_not_recoded() {
    let is_recoded =
        |style: NumberStyle, text: &str| style.number(text.as_bytes(), &mut Vec::new()).unwrap().is_recoded;
    for text in ["5", "-5", "+5", "5.5", "1e3"] {
        assert!(!is_recoded(PLAIN, text), "{text}");
    }
    for text in ["5-", "- 5", "$5", "5%", "(5)", " 5", "5 "] {
        assert!(is_recoded(PLAIN, text), "{text}");
    }
    assert!(is_recoded(GERMAN, "1.234") && is_recoded(GERMAN, "5,5") && !is_recoded(GERMAN, "1234"));
}

/// The digits of `whole` in groups, as a slow hand would write them.
fn grouped(whole: &str, separator: &str, is_indian: bool) -> String {
    let mut groups = Vec::new();
    let (mut rest, mut size) = (whole, 3);
    while rest.len() > size {
        let (front, group) = rest.split_at(rest.len() - size);
        groups.insert(0, group);
        rest = front;
        if is_indian {
            size = 2;
        }
    }
    groups.insert(0, rest);
    groups.join(separator)
}

/// An amount, and how it is written.
#[derive(Debug, Clone)]
struct Written {
    style: NumberStyle,
    text: String,
    /// As Rust writes it.
    plain: String,
}

fn written() -> impl Strategy<Value = Written> {
    let separators = prop::sample::select(vec![
        None,
        Some(' '),
        Some('.'),
        Some(','),
        Some('\''),
        Some('_'),
        Some('\u{202f}'),
    ]);
    let around = prop::sample::select(vec![
        ("", "", false),
        ("-", "", true),
        ("- ", "", true),
        ("", "-", true),
        ("", " \u{2212}", true),
        ("(", ")", true),
        ("$", "", false),
        ("-€", "", true),
        ("€ -", "", true),
        ("(US$", ")", true),
        ("", " EUR", false),
        ("-", "\u{a0}kr.", true),
        ("+", "%", false),
        ("CHF ", "-", true),
    ]);
    let digits = ("(0|[1-9][0-9]{0,24})", "([0-9]{1,9})?");
    (separators, any::<bool>(), any::<bool>(), digits, around).prop_map(
        |(thousands, mut decimal_comma, is_indian, (whole, fraction), (before, after, negative))| {
            decimal_comma = match thousands {
                Some('.') => true,
                Some(',') => false,
                _ => decimal_comma,
            };
            let style = NumberStyle {
                decimal_comma,
                thousands,
            };
            let number = match thousands {
                Some(separator) => grouped(&whole, &separator.to_string(), is_indian),
                None => whole.clone(),
            };
            let sign = if negative { "-" } else { "" };
            let (written_fraction, plain_fraction) = match fraction.as_str() {
                "" => (String::new(), String::new()),
                fraction => (
                    format!("{}{fraction}", char::from(style.decimal_sign())),
                    format!(".{fraction}"),
                ),
            };
            Written {
                style,
                text: format!("{before}{number}{written_fraction}{after}"),
                plain: format!("{sign}{whole}{plain_fraction}"),
            }
        },
    )
}

proptest! {
    #[test]
    fn a_number_is_the_double_nearest_to_what_is_written(written in written()) {
        let value: f64 = written.plain.parse().unwrap();
        prop_assert_eq!(number(written.style, &written.text), Ok(value + 0.0));
    }

    #[test]
    fn units_are_those_of_whole_numbers(written in written(), decimals in 0u8..=18) {
        let (whole, fraction) = written.plain.split_once('.').unwrap_or((&written.plain, ""));
        let fraction = fraction.trim_end_matches('0');
        let expected = if fraction.len() > usize::from(decimals) {
            Err(CastError::Range)
        } else {
            let zeros = "0".repeat(usize::from(decimals) - fraction.len());
            let units: Result<i128, _> = format!("{whole}{fraction}{zeros}").parse();
            units.ok().and_then(|units| i64::try_from(units).ok()).ok_or(CastError::Range)
        };
        let found = written.style.units(written.text.as_bytes(), decimals, &mut Vec::new()).map(|recast| recast.value);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn whatever_is_taken_has_the_digits_that_are_written(
        text in "[-+(]?[$€]?[0-9., '%eE()+-]{0,12}[0-9]{0,3}[ %€)-]{0,2}",
        decimal_comma: bool,
        thousands in prop::sample::select(vec![None, Some(' '), Some('.'), Some(','), Some('\'')]),
    ) {
        let decimal_sign = if decimal_comma { ',' } else { '.' };
        let style = NumberStyle { decimal_comma, thousands: thousands.filter(|separator| *separator != decimal_sign) };
        let only_digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == char::from(style.decimal_sign())).collect();
        if let Ok(value) = number(style, &text) && !text.contains(['e', 'E']) {
            let magnitude: f64 = only_digits.replace(',', ".").parse().unwrap();
            prop_assert_eq!(value.abs(), magnitude);
            let is_negative = text.contains(['-', '(']) && magnitude != 0.0;
            prop_assert_eq!(value.is_sign_negative(), is_negative);
        }
    }

    #[test]
    fn no_bytes_are_too_strange(text: Vec<u8>, thousands in prop::sample::select(NumberStyle::SEPARATORS.to_vec())) {
        let style = NumberStyle { decimal_comma: thousands == '.', thousands: Some(thousands) };
        let _ = style.number(&text, &mut Vec::new());
        let _ = style.units(&text, 2, &mut Vec::new());
    }
}
