//! Patterns that are nothing but runs of ASCII characters, such as `[A-Z]{2}[0-9]{5}`: walked through by hand.
//!
//! A text that passes is of the pattern. One that does not may be of it all the same: each run takes as much as it may, and characters
//! beyond ASCII are left to the engine. So this is right if each class here has no character that the engine's has not.

use std::iter::Peekable;
use std::str::Chars;

/// Most digits of a number of repetitions.
const MAX_COUNT_DIGITS: usize = 6;

/// Characters of a class, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ByteRun {
    /// A bit for each ASCII character.
    class: [u64; 2],
    least: usize,
    most: usize,
}

/// A pattern of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ByteRuns {
    runs: Box<[ByteRun]>,
}

impl ByteRuns {
    /// The runs of a pattern in the dialect of XML Schema, which the engine takes; `None` if it is anything else.
    pub(super) fn of(pattern: &str) -> Option<ByteRuns> {
        // All of a text is matched: these say what is so anyway.
        let pattern = match pattern.strip_prefix('^') {
            Some(rest) => rest,
            None => pattern,
        };
        let pattern = match pattern.strip_suffix('$') {
            Some(rest) if rest.ends_with('\\') => return None,
            Some(rest) => rest,
            None => pattern,
        };
        let mut characters = pattern.chars().peekable();
        let mut runs = Vec::new();
        while let Some(character) = characters.next() {
            let class = match character {
                '\\' => escaped(characters.next()?)?,
                '[' => bracketed(&mut characters)?,
                '.' => without(range('\0', '\x7f')?, "\n\r"),
                '^' | '$' | '(' | ')' | '|' | '{' | '}' | ']' | '*' | '+' | '?' => return None,
                character => range(character, character)?,
            };
            let (least, most) = repetitions(&mut characters)?;
            runs.push(ByteRun { class, least, most });
        }
        Some(ByteRuns { runs: runs.into() })
    }

    /// Whether `text` is certain to be of the pattern.
    #[inline]
    pub(super) fn take(&self, text: &[u8]) -> bool {
        let mut rest = text;
        for run in &self.runs {
            let most = &rest[..rest.len().min(run.most)];
            let has = |byte: &u8| *byte < 128 && run.class[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1;
            let taken = most.iter().position(|byte| !has(byte)).unwrap_or(most.len());
            if taken < run.least {
                return false;
            }
            rest = &rest[taken..];
        }
        rest.is_empty()
    }
}

/// The class of all characters from `first` to `last`, which are ASCII.
fn range(first: char, last: char) -> Option<[u64; 2]> {
    let mut class = [0; 2];
    if !first.is_ascii() || !last.is_ascii() {
        return None;
    }
    for byte in first as u8..=last as u8 {
        class[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    Some(class)
}

fn without(class: [u64; 2], characters: &str) -> [u64; 2] {
    characters.bytes().fold(class, |mut class, byte| {
        class[usize::from(byte >> 6)] &= !(1 << (byte & 63));
        class
    })
}

fn union(classes: &[[u64; 2]]) -> [u64; 2] {
    classes
        .iter()
        .fold([0; 2], |all, class| [all[0] | class[0], all[1] | class[1]])
}

/// The class that a character stands for after a backslash, as far as it is ASCII.
fn escaped(character: char) -> Option<[u64; 2]> {
    let digits = range('0', '9')?;
    match character {
        'd' => Some(digits),
        'w' => Some(union(&[digits, range('A', 'Z')?, range('a', 'z')?, range('_', '_')?])),
        's' => Some(union(&[range('\t', '\n')?, range('\r', '\r')?, range(' ', ' ')?])),
        // The engine gives `<` and `>` a meaning after a backslash.
        '<' | '>' => None,
        character if character.is_ascii_punctuation() => range(character, character),
        _ => None,
    }
}

/// A class in brackets, of which the first was taken.
fn bracketed(characters: &mut Peekable<Chars<'_>>) -> Option<[u64; 2]> {
    let mut classes = Vec::new();
    loop {
        let is_first = classes.is_empty();
        let class = match characters.next()? {
            ']' if !is_first => return Some(union(&classes)),
            ']' | '[' => return None,
            '^' if is_first => return None,
            '-' if !is_first && characters.peek() != Some(&']') => return None,
            '\\' => escaped(characters.next()?)?,
            first => match characters.next_if_eq(&'-') {
                None => range(first, first)?,
                Some(_) => match characters.next()? {
                    // It means itself at the end.
                    ']' if first != '-' => {
                        return Some(union(&[union(&classes), range(first, first)?, range('-', '-')?]));
                    }
                    last if last.is_ascii_alphanumeric() && first != '-' => range(first, last)?,
                    _ => return None,
                },
            },
        };
        classes.push(class);
    }
}

/// How often what stands before may be repeated.
fn repetitions(characters: &mut Peekable<Chars<'_>>) -> Option<(usize, usize)> {
    let is_counted = characters.peek() == Some(&'{');
    let found = match characters.peek() {
        Some('?') => (0, 1),
        Some('*') => (0, usize::MAX),
        Some('+') => (1, usize::MAX),
        Some('{') => {
            characters.next();
            let least = count(characters)?;
            match characters.next_if_eq(&',') {
                None => (least, least),
                Some(_) if characters.peek() == Some(&'}') => (least, usize::MAX),
                Some(_) => (least, count(characters)?),
            }
        }
        _ => return Some((1, 1)),
    };
    let last = characters.next()?;
    let is_closed = !is_counted || last == '}';
    // Another one means something else.
    let is_alone = !matches!(characters.peek(), Some('?' | '*' | '+' | '{'));
    (is_closed && is_alone).then_some(found)
}

fn count(characters: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let mut digits = String::new();
    while let Some(digit) = characters.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    match digits.len() <= MAX_COUNT_DIGITS {
        true => digits.parse().ok(),
        false => None,
    }
}
