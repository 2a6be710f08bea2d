//! The first rows of a loaded table, as the report page shows them.

/// Rows of a preview.
pub const PREVIEW_ROWS: usize = 10;
/// Columns of a preview; nobody can read a page a hundred columns wide.
pub const PREVIEW_COLUMNS: usize = 30;
/// Bytes of a text that are kept: more than a page shows.
pub const PREVIEW_TEXT_BYTES: usize = 1024;

/// A value in its storage class.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    /// The first [`PREVIEW_TEXT_BYTES`] of a text; not always UTF-8.
    Text(Vec<u8>),
    /// A value that is not looked at: a blob, or a text, of this many bytes.
    Bytes {
        length_bytes: u64,
    },
}

/// The first rows of the first columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preview {
    pub rows: Vec<Vec<Cell>>,
}
