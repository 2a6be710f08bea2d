//! What a person looks at besides figures.

use super::Preview;

/// A column that is TEXT because nothing else was said or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeclaredText {
    pub column: String,
    /// The first value that is no number, and where it stands, if numbers stand before it.
    pub first_other: Option<(Vec<u8>, String)>,
}

/// A loaded table at a glance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Glance {
    pub preview: Preview,
    /// Columns that are TEXT though nearly all values are numbers or dates, in words.
    pub why_text: Vec<String>,
}
