//! One value of a random table: its text in the input, what a plain INSERT is given for it, and how many bytes a record needs for it.

use rusqlite::types::Value;

/// A value of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Integer(i64),
    /// The text of a plain decimal.
    Real(String),
    Text(String),
    /// The text, and what it means.
    Boolean(&'static str, bool),
}

impl Cell {
    /// Appends the field; `quoted`: also where that is not needed.
    pub fn write_csv(&self, quoted: bool, out: &mut String) {
        let text = match self {
            Cell::Null => return,
            Cell::Integer(integer) => &integer.to_string(),
            Cell::Real(text) | Cell::Text(text) => text,
            Cell::Boolean(text, _) => *text,
        };
        if quoted || text.is_empty() || text.contains([',', '"', '\n']) {
            out.push('"');
            out.push_str(&text.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(text);
        }
    }

    /// What INSERT is given: the rest is SQLite's own affinity.
    pub fn bound(&self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Integer(integer) => Value::Integer(*integer),
            Cell::Real(text) => Value::Real(text.parse().expect("a decimal")),
            Cell::Text(text) => Value::Text(text.clone()),
            Cell::Boolean(_, value) => Value::Integer(i64::from(*value)),
        }
    }

    /// Bytes of text, roughly those of the input.
    pub fn text_bytes(&self) -> usize {
        match self {
            Cell::Null => 0,
            Cell::Integer(_) => 20,
            Cell::Real(text) | Cell::Text(text) => text.len(),
            Cell::Boolean(text, _) => text.len(),
        }
    }
}

/// Bytes of the record that SQLite makes of `cells`. Source: SQLite file format §2.1.
pub fn record_bytes<'a>(cells: impl Iterator<Item = &'a Cell>) -> usize {
    let (mut header, mut body) = (0, 0);
    for cell in cells {
        let (serial_type, bytes) = match cell.bound() {
            Value::Null => (0, 0),
            Value::Integer(integer) => (1, integer_bytes(integer)),
            // As SQLite stores it in a REAL column.
            Value::Real(real) if real == (real as i64) as f64 && real.abs() < (1i64 << 47) as f64 => {
                (1, integer_bytes(real as i64))
            }
            Value::Real(_) => (7, 8),
            Value::Text(text) => (13 + 2 * text.len(), text.len()),
            Value::Blob(_) => unreachable!("no blobs come from CSV"),
        };
        header += varint_bytes(serial_type);
        body += bytes;
    }
    let own = if header + 1 < 128 { 1 } else { varint_bytes(header + 2) };
    own + header + body
}

fn integer_bytes(integer: i64) -> usize {
    match integer {
        0 | 1 => 0,
        _ => [1, 2, 3, 4, 6]
            .into_iter()
            .find(|bytes| (integer >> (8 * bytes - 1)) == 0 || (integer >> (8 * bytes - 1)) == -1)
            .unwrap_or(8),
    }
}

fn varint_bytes(value: usize) -> usize {
    (1..).find(|bytes| value >> (7 * bytes) == 0).unwrap_or(9)
}
