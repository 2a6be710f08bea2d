//! Colours of a text for a terminal, or none.

use anstyle::{AnsiColor, Style};

/// What is shown in which style, if there are styles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Paint {
    is_on: bool,
}

impl Paint {
    pub fn new(is_on: bool) -> Self {
        Paint { is_on }
    }

    fn with(self, style: Style, text: &str) -> String {
        match self.is_on && !text.is_empty() {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    pub fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default().bold(), text)
    }

    pub fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    /// What the line is about.
    pub fn label(self, text: &str) -> String {
        self.with(AnsiColor::Cyan.on_default(), text)
    }

    pub fn faint(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }
}
