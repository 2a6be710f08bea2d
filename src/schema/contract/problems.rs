//! What is wrong with a schema, all of it, each with the JSON path of what it is about.

use std::fmt::{self, Display};

use serde_json::Value;

use crate::escape::excerpt;

/// Most problems that are listed.
const MAX_LISTED: usize = 20;
/// Characters of a value that a message quotes.
const VALUE_CHARS: usize = 60;

/// What is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<String>,
}

impl Problems {
    /// Notes that something is wrong at `path`: `what` goes on from it.
    pub(super) fn add(&mut self, path: impl Display, what: impl Display) {
        self.found.push(format!("{path} {what}"));
    }

    pub(super) fn is_none(&self) -> bool {
        self.found.is_empty()
    }

    /// The value at `path`, if it is a text; another one is a problem.
    pub(super) fn text<'v>(&mut self, value: &'v Value, path: &str) -> Option<&'v str> {
        let text = value.as_str();
        if text.is_none() {
            self.add(path, format_args!("must be a string, and is {}", shown(value)));
        }
        text
    }

    /// As [`text`](Self::text), for `true` and `false`.
    pub(super) fn boolean(&mut self, value: &Value, path: &str) -> Option<bool> {
        let found = value.as_bool();
        if found.is_none() {
            self.add(path, format_args!("must be true or false, and is {}", shown(value)));
        }
        found
    }

    /// As [`text`](Self::text), for an array.
    pub(super) fn array<'v>(&mut self, value: &'v Value, path: &str) -> Option<&'v [Value]> {
        let items = value.as_array();
        if items.is_none() {
            self.add(path, format_args!("must be an array, and is {}", shown(value)));
        }
        items.map(Vec::as_slice)
    }

    /// As [`text`](Self::text), for an array of texts; a text alone is one of one.
    pub(super) fn texts<'v>(&mut self, value: &'v Value, path: &str) -> Option<Vec<&'v str>> {
        if let Some(text) = value.as_str() {
            return Some(vec![text]);
        }
        let items = self.array(value, path)?;
        let texts: Vec<Option<&str>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.text(item, &format!("{path}[{index}]")))
            .collect();
        texts.into_iter().collect()
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = &self.found[..] {
            return f.write_str(only);
        }
        write!(f, "{} things are wrong with it:", self.found.len())?;
        for problem in self.found.iter().take(MAX_LISTED) {
            write!(f, "\n  {problem}")?;
        }
        match self.found.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// A value of the schema for a message.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    excerpt(&text, VALUE_CHARS).to_string()
}
