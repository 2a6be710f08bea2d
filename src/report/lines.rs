//! Text in lines of a given width, as a terminal shows it: by the columns that characters take, not by their number.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a text takes on a terminal.
pub fn text_columns(text: &str) -> usize {
    text.width()
}

/// The text in at most so many columns; where it is cut, it ends in `...`.
pub fn fitted(text: &str, columns: usize) -> String {
    if text_columns(text) <= columns {
        return text.to_owned();
    }
    let dots = &"..."[..columns.min(3)];
    let mut left = columns - dots.len();
    let fits = |character: &char| {
        let taken = character.width().unwrap_or(0);
        let fits = taken <= left;
        left = left.saturating_sub(taken);
        fits
    };
    text.chars().take_while(fits).collect::<String>() + dots
}

/// The text, with blanks after it up to so many columns.
pub fn padded(text: &str, columns: usize) -> String {
    text.to_owned() + &" ".repeat(columns.saturating_sub(text_columns(text)))
}

/// Words in lines of at most `columns` columns, all of them set in by `indent`, the first after its label. A word is never broken. Each
/// line ends in a line end.
pub fn wrapped(label: &str, indent: usize, words: &str, columns: usize) -> String {
    let mut text = padded(label, indent);
    let mut used = text_columns(&text);
    let mut begins_line = true;
    for word in words.split(' ') {
        let taken = text_columns(word);
        if !begins_line && used + 1 + taken > columns {
            text.push('\n');
            text += &" ".repeat(indent);
            used = indent;
            begins_line = true;
        }
        if !begins_line {
            text.push(' ');
            used += 1;
        }
        text += word;
        used += taken;
        begins_line = false;
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_by_columns() {
        assert_eq!(wrapped("a", 3, "one two three", 10), "a  one two\n   three\n");
        assert_eq!(wrapped("", 0, "一二 三四 五", 9), "一二 三四\n五\n");
        assert_eq!(wrapped("", 2, "a_word_that_is_long", 5), "  a_word_that_is_long\n");
        assert_eq!(wrapped("label", 8, "", 5), "label\n");
        assert_eq!(wrapped("l ", 0, "a  b", 9), "l a  b\n");
    }

    #[test]
    fn what_does_not_fit_is_cut_by_columns() {
        assert_eq!(fitted("abcdef", 6), "abcdef");
        assert_eq!(fitted("abcdefg", 6), "abc...");
        assert_eq!(fitted("一二三四", 7), "一二...");
        assert_eq!(fitted("abc", 2), "..");
        assert_eq!(text_columns(&padded("一", 4)), 4);
    }
}
