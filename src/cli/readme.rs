//! A chapter of the README as text for a terminal.
//!
//! Comes in: Markdown as the README has it. Goes out: lines of a given width, in which tables are lists of terms. Pure.

use rowmill::internal::report::{text_columns, wrapped};

/// Columns of a term beside which its meaning begins on the same line.
const TERM_COLUMNS: usize = 22;

/// What stands below `heading`, up to the next one, in lines of `columns` columns; `None` if there is no such heading.
pub(super) fn chapter(readme: &str, heading: &str, columns: usize) -> Option<String> {
    let is_heading = |line: &str| line.trim_start_matches('#').strip_prefix(' ') == Some(heading);
    let mut lines = readme
        .lines()
        .skip_while(|line| !(line.starts_with('#') && is_heading(line)));
    lines.next()?;
    let mut is_code = false;
    let body = lines.take_while(|line| {
        is_code ^= line.starts_with("```");
        is_code || !line.starts_with('#')
    });
    let body: Vec<&str> = body.collect();
    let mut text = String::new();
    let mut rest = &body[..];
    while let [first, ..] = rest {
        let length = block_length(rest);
        let (block, after) = rest.split_at(length);
        rest = after;
        if !first.is_empty() && !first.starts_with("![") {
            text += &render(block, columns);
            text.push('\n');
        }
    }
    Some(text.trim_end().to_owned() + "\n")
}

/// Lines of the block that begins here: code, a table, an item of a list, or a paragraph.
fn block_length(lines: &[&str]) -> usize {
    let first = lines[0];
    let until = |ends: &dyn Fn(&&str) -> bool| {
        let end = lines.iter().skip(1).position(ends);
        end.map_or(lines.len(), |at| at + 1)
    };
    if first.starts_with("```") {
        (until(&|line| line.starts_with("```")) + 1).min(lines.len())
    } else if first.starts_with('|') {
        until(&|line| !line.starts_with('|'))
    } else if first.is_empty() {
        1
    } else {
        until(&|line| line.is_empty() || line.starts_with("- ") || line.starts_with('|') || line.starts_with("```"))
    }
}

fn render(block: &[&str], columns: usize) -> String {
    let joined = || plain(&block.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "));
    match block[0] {
        first if first.starts_with("```") => {
            let code = block[1..].iter().filter(|line| !line.starts_with("```"));
            code.map(|line| format!("    {line}\n")).collect()
        }
        first if first.starts_with('|') => table(block, columns),
        first if first.starts_with("- ") => {
            let text = joined();
            wrapped("- ", 2, text.trim_start_matches("- "), columns)
        }
        _ => wrapped("", 0, &joined(), columns),
    }
}

/// A table as terms with their meanings; of more than two columns each meaning has its column's name.
fn table(block: &[&str], columns: usize) -> String {
    let rows: Vec<Vec<String>> = block.iter().map(|line| cells(line)).collect();
    let [heads, _, rows @ ..] = &rows[..] else {
        return String::new();
    };
    let term_columns = rows.iter().map(|row| text_columns(&row[0])).max().unwrap_or(0);
    let indent = term_columns.min(TERM_COLUMNS).min(columns / 3) + 2;
    let mut text = String::new();
    for row in rows {
        let (term, meanings) = row.split_first().expect("a row has a cell");
        let meanings = meanings
            .iter()
            .zip(&heads[1..])
            .filter(|(meaning, _)| !meaning.is_empty());
        let meaning: Vec<String> = match heads.len() {
            0..=2 => meanings.map(|(meaning, _)| meaning.clone()).collect(),
            _ => meanings.map(|(meaning, head)| format!("{head}: {meaning}")).collect(),
        };
        let mut label = term.clone();
        if text_columns(term) + 2 > indent {
            text += &wrapped("", 0, term, columns);
            label.clear();
        }
        for meaning in meaning {
            text += &wrapped(&label, indent, &meaning, columns);
            label.clear();
        }
    }
    text
}

/// The cells of a line of a table; `\|` is no border.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|');
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    let protected = inner.replace("\\|", "\0");
    protected
        .split('|')
        .map(|cell| plain(cell.trim()).replace('\0', "|"))
        .collect()
}

/// Text without marks: of `` `code` ``, `**bold**` and `[links](address)` the words.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '[']) {
        plain += &rest[..at];
        let marked = &rest[at..];
        rest = if let Some(code) = marked.strip_prefix('`') {
            let fence = if code.starts_with('`') { "``" } else { "`" };
            let code = marked.strip_prefix(fence).unwrap_or(code);
            let (inner, after) = code.split_once(fence).unwrap_or((code, ""));
            plain += if fence == "``" { inner.trim() } else { inner };
            after
        } else if let Some(after) = marked.strip_prefix("**") {
            after
        } else if let Some((words, after)) = link(marked) {
            plain += &plain_of_link(words);
            after
        } else {
            plain.push_str(&marked[..1]);
            &marked[1..]
        };
    }
    plain + rest
}

fn plain_of_link(words: &str) -> String {
    words.replace('`', "")
}

/// The words of a link that begins here, and what follows it.
fn link(text: &str) -> Option<(&str, &str)> {
    let (words, after) = text.strip_prefix('[')?.split_once("](")?;
    let (_, after) = after.split_once(')')?;
    (!words.contains(['[', ']'])).then_some((words, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# One

## Two

A `code --x` and **bold** [link](#one), `a **/*.csv`, a[0]
goes on.

| code | meaning |
|---|---|
| `a` | the first, `x \\| y` |
| `a_term_that_is_longer_than_a_term` | the second |

- item one
  goes on
- item two

```sh
# no heading
rowmill
```

### Three
";

    #[test]
    fn a_chapter_becomes_lines_without_marks() {
        let expected = "\
A code --x and bold link, a **/*.csv,
a[0] goes on.

a              the first, x | y
a_term_that_is_longer_than_a_term
               the second

- item one goes on

- item two

    # no heading
    rowmill
";
        assert_eq!(chapter(TEXT, "Two", 40).as_deref(), Some(expected));
        assert_eq!(chapter(TEXT, "Three", 40).as_deref(), Some("\n"));
        assert_eq!(chapter(TEXT, "Four", 40), None);
    }

    #[test]
    fn a_table_of_three_columns_names_what_each_cell_is() {
        let text = "# T\n| t | takes | stores |\n|---|---|---|\n| `i` | `42` | INTEGER |\n| `r` | | REAL |\n";
        assert_eq!(
            chapter(text, "T", 80).as_deref(),
            Some("i  takes: 42\n   stores: INTEGER\nr  stores: REAL\n")
        );
    }
}
