//! Patterns of texts: regular expressions of XML Schema, as far as they have a meaning here, matched in time that grows with the text alone.
//!
//! Comes in: a pattern, compiled once. Goes out: whether all of a text is of it. The hard part: the dialect. XML Schema has no anchors, and
//! writes name characters and differences of classes in its own way; what else it has, other dialects have too.

use regex::bytes::{Regex, RegexBuilder};

use super::byte_runs::ByteRuns;

/// Most memory that a compiled pattern takes.
const MAX_COMPILED_BYTES: usize = 2 << 20;
/// Most memory that a thread takes to match it.
const MAX_CACHE_BYTES: usize = 1 << 20;
/// Longest pattern.
pub const MAX_PATTERN_BYTES: usize = 8 << 10;

/// Characters that a name in XML may begin with, and those that may follow. Source: XML 1.0 §2.3.
const NAME_START: &str = r"_:A-Za-z\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{2FF}\u{370}-\u{37D}\u{37F}-\u{1FFF}\u{200C}-\u{200D}\u{2070}-\u{218F}\u{2C00}-\u{2FEF}\u{3001}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFFD}\u{10000}-\u{EFFFF}";
const NAME_MORE: &str = r"\-.0-9\u{B7}\u{0300}-\u{036F}\u{203F}-\u{2040}";

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Matcher {
    regex: Regex,
    /// Most of what matches, found without the engine.
    runs: Option<ByteRuns>,
}

impl Matcher {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(pattern: &str) -> Result<Matcher, String> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(format!("is longer than {MAX_PATTERN_BYTES} bytes"));
        }
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .size_limit(MAX_COMPILED_BYTES)
                .dfa_size_limit(MAX_CACHE_BYTES)
                .build()
        };
        let translated = translated(pattern);
        // By itself first: what closes a group that it does not open must not close the one around it.
        let built = build(&translated).and_then(|_| build(&format!(r"\A(?:{translated})\z")));
        let runs = ByteRuns::of(pattern);
        built.map(|regex| Matcher { regex, runs }).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "would take too much memory; make its repetitions shorter".to_owned(),
            // It draws the pattern and points at the place; the last line says what is wrong there.
            error => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!("cannot be compiled: {last}")
            }
        })
    }

    /// Whether all of `text`, which is UTF-8, is of the pattern.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.runs.as_ref().is_some_and(|runs| runs.take(text)) || self.regex.is_match(text)
    }
}

/// `pattern` in the dialect of the engine.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    // For each class that is open, whether one without its `^` is open around it: what is taken away is taken from all that is not named.
    let mut classes: Vec<bool> = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, classes.is_empty()) {
            ('\\', _) => match characters.next() {
                Some('i') => out.push_str(&format!("[{NAME_START}]")),
                Some('I') => out.push_str(&format!("[^{NAME_START}]")),
                Some('c') => out.push_str(&format!("[{NAME_START}{NAME_MORE}]")),
                Some('C') => out.push_str(&format!("[^{NAME_START}{NAME_MORE}]")),
                Some(escaped) => out.extend(['\\', escaped]),
                None => out.push('\\'),
            },
            ('.', true) => out.push_str(r"[^\n\r]"),
            ('[', true) => classes.push(open_class(&mut characters, &mut out)),
            // A class that is taken away.
            ('-', false) if characters.peek() == Some(&'[') => {
                characters.next();
                if classes.last_mut().is_some_and(std::mem::take) {
                    out.push(']');
                }
                out.push_str("--");
                classes.push(open_class(&mut characters, &mut out));
            }
            ('[', false) => match characters.peek() {
                // `[[:alpha:]]`, which others have.
                Some(':') => {
                    classes.push(false);
                    out.push('[');
                }
                _ => out.push_str(r"\["),
            },
            (']', false) => {
                out.push(']');
                if classes.pop() == Some(true) {
                    out.push(']');
                }
            }
            // What is an operator there, and means itself in XML Schema.
            ('&' | '~', false) => out.extend(['\\', character]),
            (character, _) => out.push(character),
        }
    }
    out
}

/// Opens a class, and a second one around it if it names what is not in it; whether it did that.
fn open_class(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> bool {
    let is_negated = characters.next_if_eq(&'^').is_some();
    out.push_str(if is_negated { "[[^" } else { "[" });
    is_negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_text_is_matched_in_the_dialect_of_xml_schema() {
        for (pattern, sound, other) in [
            ("^a.*$", &["a", "apple"][..], &["orange", "ba", "a\nb"][..]),
            ("a|ab", &["a", "ab"], &["abc", ""]),
            ("[A-Z]{3}", &["ABC"], &["ABCD", "abc", "AB"]),
            ("[a-z-[aeiou]]+", &["bcd"], &["bad", "a"]),
            ("[^a-c-[d]]", &["e"], &["a", "d"]),
            (r"\i\c*", &["a-1", "_x.y", "\u{e9}1"], &["1a", "-a"]),
            (r"[\i-[:]]+", &["ab"], &["a:b"]),
            (r"\d{4}", &["2024"], &["202", "20245"]),
            (r"\p{Lu}+", &["\u{c4}B"], &["\u{e4}b"]),
            ("[a&&b]+", &["a&b"], &["c"]),
            ("[[]", &["["], &["]"]),
            ("[-+]?x", &["-x", "+x", "x"], &["--x"]),
            ("(?i)yes|no", &["YES", "No"], &["yesno"]),
            ("", &[""], &["a"]),
        ] {
            let matcher = Matcher::new(pattern).unwrap_or_else(|error| panic!("{pattern} {error}"));
            for text in sound {
                assert!(matcher.matches(text.as_bytes()), "{pattern}: {text}");
            }
            for text in other {
                assert!(!matcher.matches(text.as_bytes()), "{pattern}: {text}");
            }
        }
    }

    #[test]
    fn what_is_taken_without_the_engine_is_what_it_takes() {
        let texts = [
            "",
            "AB12345",
            "ab",
            "a-b",
            "-",
            "a",
            "b.c",
            "x y",
            "a\nb",
            "1234567890",
            "_",
            "^$",
            "a\\b",
            "\u{e9}",
            "aab",
            "]",
        ];
        for (pattern, is_simple) in [
            ("[A-Z]{2}[0-9]{5}", true),
            ("^[a-z]+$", true),
            (r"\d{10}", true),
            (r"\w+", true),
            (r"\w\s\w", true),
            (".*", true),
            ("a*b", true),
            ("a*ab", true),
            ("[a-c]{1,2}-?[a-c]{0,}", true),
            ("[-a]+", true),
            (r"[\-_.b-c]+", true),
            (r"[a&&b]+", true),
            (r"b\.c", true),
            (r"a\\b", true),
            ("^", true),
            ("[^a]", false),
            ("a|b", false),
            ("a+?b", false),
            ("a{1}{1}", false),
            ("[]a]", false),
            ("[[]", false),
            ("[+--]", false),
            ("[--a]+", false),
            ("a^b", false),
            (r"a\$", false),
            (r"\p{L}", false),
            ("\u{e9}", false),
        ] {
            let matcher = Matcher::new(pattern).unwrap_or_else(|error| panic!("{pattern} {error}"));
            assert_eq!(matcher.runs.is_some(), is_simple, "{pattern}");
            let mut is_found = !is_simple;
            for text in texts {
                let is_taken = matcher.runs.as_ref().is_some_and(|runs| runs.take(text.as_bytes()));
                assert!(
                    !is_taken || matcher.regex.is_match(text.as_bytes()),
                    "{pattern}: {text:?}"
                );
                is_found |= is_taken;
                // Greed and what is not ASCII are the only differences.
                let is_same = is_taken == matcher.regex.is_match(text.as_bytes());
                assert!(
                    !is_simple || is_same || !text.is_ascii() || pattern == "a*ab",
                    "{pattern}: {text:?}"
                );
            }
            assert!(is_found || pattern == "a*ab", "{pattern} takes nothing");
        }
    }

    #[test]
    fn patterns_that_cannot_be_compiled_say_why() {
        for (pattern, why) in [
            ("(a", "unclosed group"),
            ("a)(b", "unopened group"),
            (r"(a)\1", "backreferences"),
            ("(?=a)", "look-around"),
            (r"\p{IsBasicLatin}", "Unicode property"),
            (r"\w{1000}{1000}", "too much memory"),
        ] {
            let error = Matcher::new(pattern).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
        assert!(Matcher::new(&"a".repeat(MAX_PATTERN_BYTES + 1)).is_err());
    }
}
