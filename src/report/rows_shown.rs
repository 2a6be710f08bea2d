//! The first few rows of a table, as a table of characters.

use super::lines::{fitted, padded, text_columns};
use super::sheet::Sheet;
use super::{Cell, ColumnReport, Preview};
use crate::escape::cut;

/// Rows that are shown.
const SHOWN: usize = 3;
/// Characters of a value, or of a name.
const CELL_CHARS: usize = 24;

/// Adds the first few rows of a table.
pub(super) fn write(columns: &[ColumnReport], preview: &Preview, sheet: &mut Sheet) {
    let rows = &preview.rows[..preview.rows.len().min(SHOWN)];
    if rows.is_empty() {
        return;
    }
    let room = sheet.room();
    sheet.entry(
        "rows",
        if rows.len() == 1 {
            "the first:"
        } else {
            "the first of the table:"
        },
    );
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let lines = table_lines(&names, rows, room);
    let paint = sheet.paint;
    for (index, line) in lines.into_iter().enumerate() {
        sheet.verbatim(&if index == 0 { paint.faint(&line) } else { line });
    }
}

/// Heads and rows in so many columns; what has no room is left out, and `...` says so.
pub fn table_lines(names: &[&str], rows: &[Vec<Cell>], room: usize) -> Vec<String> {
    let mut lines = vec![String::new(); rows.len() + 1];
    let mut used = 0;
    for (index, name) in names.iter().enumerate() {
        let head = fitted(&cut(name, CELL_CHARS).to_string(), CELL_CHARS);
        let cells: Vec<(String, bool)> = rows
            .iter()
            .map(|row| row.get(index).map_or_else(Default::default, shown))
            .collect();
        let is_last = index + 1 == names.len();
        let widest = cells.iter().map(|(text, _)| text_columns(text)).max().unwrap_or(0);
        let width = widest.max(text_columns(&head));
        let gap = if index == 0 { 0 } else { 2 };
        let rest = if is_last { 0 } else { "  ...".len() };
        if used + gap + width + rest > room && index > 0 {
            lines[0] += "  ...";
            break;
        }
        used += gap + width;
        let is_number = cells.iter().all(|(_, is_number)| *is_number);
        let texts = std::iter::once((head, is_number)).chain(cells);
        for (line, (text, is_number)) in lines.iter_mut().zip(texts) {
            let blanks = " ".repeat(width - text_columns(&text));
            *line += &" ".repeat(gap);
            *line += &if is_number {
                blanks + &text
            } else {
                padded(&text, width)
            };
        }
    }
    lines.iter().map(|line| fitted(line.trim_end(), room)).collect()
}

/// A value, and whether it is a number, which stands to the right.
fn shown(cell: &Cell) -> (String, bool) {
    match cell {
        Cell::Null => ("NULL".to_owned(), false),
        Cell::Integer(value) => (value.to_string(), true),
        Cell::Real(value) => (format!("{value:?}"), true),
        Cell::Text(text) => (fitted(&cut(text, CELL_CHARS).to_string(), CELL_CHARS), false),
        Cell::Bytes { length_bytes } => (format!("({length_bytes} bytes)"), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_their_names_and_what_has_no_room_is_left_out() {
        let columns = ["id", "name", "a\x1b"];
        let text = |text: &str| Cell::Text(text.as_bytes().to_vec());
        let rows = [
            vec![Cell::Integer(1), text("Ada"), Cell::Null],
            vec![Cell::Integer(200), text("一二三"), Cell::Real(1.0)],
        ];
        assert_eq!(
            table_lines(&columns, &rows, 60),
            [" id  name    a\\u{1b}", "  1  Ada     NULL", "200  一二三      1.0"]
        );
        assert_eq!(
            table_lines(&columns, &rows, 18),
            [" id  name    ...", "  1  Ada", "200  一二三"]
        );
        assert_eq!(
            table_lines(&columns[1..], &[vec![text(&"x".repeat(99))]], 10)[1],
            "xxxxxxx..."
        );
    }
}
