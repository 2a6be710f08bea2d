//! The lines of a summary: a label, and what is to be said, broken between words where a width is known.

use super::lines::wrapped;
use super::paint::Paint;

/// How far what is said is set in, and characters of a label.
const INDENT: usize = 14;
const LABEL_CHARS: usize = 10;
/// How far it is set in on a terminal that is narrower than this.
const NARROW_COLUMNS: usize = 60;
const NARROW_INDENT: usize = 4;
/// Columns for what has a shape of its own, where no width is known.
const USUAL_COLUMNS: usize = 80;
/// What the first line follows.
const PREFIX_COLUMNS: usize = "rowmill: ".len();

/// Lines without a line end after the last.
#[derive(Debug)]
pub(super) struct Sheet {
    text: String,
    /// Columns of the terminal; `None`: lines are as long as they are.
    columns: Option<usize>,
    pub(super) paint: Paint,
}

impl Sheet {
    /// A sheet with this first line.
    pub(super) fn new(headline: &str, columns: Option<usize>, paint: Paint) -> Self {
        let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(PREFIX_COLUMNS));
        let lines = wrapped("", 0, headline, room);
        let text = paint.strong(lines.trim_end()).replace('\n', "\n  ");
        Sheet { text, columns, paint }
    }

    /// Columns for what is not broken between words, set in by four.
    pub(super) fn room(&self) -> usize {
        self.columns
            .unwrap_or(USUAL_COLUMNS)
            .saturating_sub(NARROW_INDENT)
            .max(1)
    }

    /// Adds a line with a label.
    pub(super) fn entry(&mut self, label: &str, words: &str) {
        self.labelled(label, words, Paint::label);
    }

    /// Adds a line with a label; it ends in a mark that says that all is well.
    pub(super) fn entry_with_good(&mut self, label: &str, words: &str, mark: &str) {
        self.entry(label, &format!("{words} {mark}"));
        // Only now, as what makes a colour takes no columns.
        if let Some(at) = self.text.rfind(mark) {
            self.text.replace_range(at..at + mark.len(), &self.paint.good(mark));
        }
    }

    /// Adds a line that is not to be overlooked.
    pub(super) fn alarm(&mut self, label: &str, words: &str) {
        self.labelled(label, words, Paint::bad);
    }

    fn labelled(&mut self, label: &str, words: &str, painted: fn(Paint, &str) -> String) {
        let is_narrow = self.columns.is_some_and(|columns| columns < NARROW_COLUMNS);
        self.text.push('\n');
        let room = self.columns.unwrap_or(usize::MAX);
        if is_narrow {
            let all = match label.is_empty() {
                true => wrapped("", NARROW_INDENT, words, room),
                false => wrapped(&format!("  {label}: "), NARROW_INDENT, words, room),
            };
            self.text += &all.trim_end().replacen(label, &painted(self.paint, label), 1);
            return;
        }
        let lines = wrapped("", INDENT, words, room);
        let lines = lines.trim_end();
        let padding = " ".repeat(LABEL_CHARS.saturating_sub(label.len()) + 2);
        self.text += &format!("  {}{padding}", painted(self.paint, label));
        self.text += lines.trim_start();
        self.text.truncate(self.text.trim_end_matches(' ').len());
    }

    /// Adds words below the last line, set in by four.
    pub(super) fn below(&mut self, words: &str) {
        self.text.push('\n');
        self.text += wrapped("", NARROW_INDENT, words, self.columns.unwrap_or(usize::MAX)).trim_end();
    }

    /// Adds a line as it is, set in by four.
    pub(super) fn verbatim(&mut self, line: &str) {
        self.text.push('\n');
        self.text += &" ".repeat(NARROW_INDENT);
        self.text += line;
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}
