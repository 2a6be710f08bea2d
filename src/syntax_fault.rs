//! What is wrong with a record's syntax, whatever its format.

/// What is wrong with a record's syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A quoted field is not closed within the record limit, or by the end of input, or by a quote that belongs to a
    /// record of its own.
    UnterminatedQuote,
    /// Text follows a closing quote.
    InvalidQuote,
    /// The physical line, or the record, is longer than the record limit.
    RecordTooLarge,
    /// The line is not one JSON object: something else was expected.
    NoObject(JsonExpected),
    /// A name stands in its object twice.
    RepeatedName,
    /// A name of an object is no column's.
    UnknownName,
    /// An escape in a name or value stands for a NUL.
    EscapedNul,
}

/// A syntax fault: it costs the physical line on which the record starts; an invalid quote costs all lines that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// The field in which it was found, 1-based; in JSON the byte of the record at which it was, 1-based.
    pub column: u32,
}

/// What JSON allows where something else stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonExpected {
    Object,
    Name,
    NameOrEnd,
    Colon,
    Value,
    ObjectEnd,
    ArrayEnd,
    StringEnd,
    Character,
    Escape,
    Surrogate,
    Digit,
    LineEnd,
    FewerLevels,
}

impl JsonExpected {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            JsonExpected::Object => "an object, such as {\"id\": 1}",
            JsonExpected::Name => "a name in double quotes",
            JsonExpected::NameOrEnd => "a name in double quotes, or }",
            JsonExpected::Colon => "a colon",
            JsonExpected::Value => "a value",
            JsonExpected::ObjectEnd => "a comma or }",
            JsonExpected::ArrayEnd => "a comma or ]",
            JsonExpected::StringEnd => "a closing quote",
            JsonExpected::Character => "an escape in place of a control character",
            JsonExpected::Escape => "an escape that JSON has, such as \\n or \\u00e9",
            JsonExpected::Surrogate => "both halves of a surrogate pair, as in \\ud83d\\ude00",
            JsonExpected::Digit => "a digit",
            JsonExpected::LineEnd => "the end of the line after the object",
            JsonExpected::FewerLevels => "no more than 127 objects and arrays within each other",
        }
    }
}
