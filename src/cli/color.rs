//! Whether there are colours: by `--color`, else by the environment and the kind of output.

use std::ffi::OsString;
use std::io::{self, Write};

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;

/// The variable that stands for `--color`.
const VARIABLE: &str = "ROWMILL_COLOR";

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    Auto,
    Always,
    Never,
}

impl ColorArg {
    /// What the words of a command line ask for. They are looked at before they are parsed, as what is wrong with them is said in colours.
    pub fn of(words: &[OsString]) -> Self {
        let mut words = words.iter().take_while(|word| *word != "--");
        let mut asked = std::env::var(VARIABLE).ok();
        while let Some(word) = words.next() {
            let Some(word) = word.to_str() else { continue };
            if word == "--color" {
                asked = words.next().and_then(|word| word.to_str()).map(str::to_owned);
            } else if let Some(word) = word.strip_prefix("--color=") {
                asked = Some(word.to_owned());
            }
        }
        // What is no such word is refused later on.
        asked
            .and_then(|word| ColorArg::from_str(&word, true).ok())
            .unwrap_or(ColorArg::Auto)
    }

    pub fn for_clap(self) -> clap::ColorChoice {
        match self {
            ColorArg::Auto => clap::ColorChoice::Auto,
            ColorArg::Always => clap::ColorChoice::Always,
            ColorArg::Never => clap::ColorChoice::Never,
        }
    }

    /// Whether standard error is coloured: `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM` have a say, unless the flag does.
    pub fn colors_stderr(self) -> bool {
        !matches!(self.choice(&io::stderr()), ColorChoice::Never)
    }

    fn choice(self, stream: &impl RawStream) -> ColorChoice {
        match self {
            ColorArg::Auto if is_dumb() => ColorChoice::Never,
            ColorArg::Auto => AutoStream::choice(stream),
            ColorArg::Always => ColorChoice::Always,
            ColorArg::Never => ColorChoice::Never,
        }
    }

    /// Prints a text with styles on standard output, without them where there are to be none.
    ///
    /// # Errors
    /// What the system says.
    pub fn print(self, text: &str) -> io::Result<()> {
        let mut out = AutoStream::new(io::stdout(), self.choice(&io::stdout()));
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// Whether the terminal says that it knows no colours, and nobody asks for them all the same. Where a variable `CI` is set, as on machines
/// that run tests, the crate asks no terminal.
fn is_dumb() -> bool {
    let is_forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    !is_forced && std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_what_is_no_flag_does_not() {
        let of = |words: &str| ColorArg::of(&words.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of("rowmill load --color always x y"), ColorArg::Always);
        assert_eq!(of("rowmill load --color always --color=never x"), ColorArg::Never);
        assert_eq!(of("rowmill load x y -- --color=never"), ColorArg::Auto);
        assert_eq!(of("rowmill load --color sometimes"), ColorArg::Auto);
    }
}
