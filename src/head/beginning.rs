//! What an input begins with: its byte order mark and encoding, what is no CSV, what is passed over.
//!
//! Comes in: an input. Goes out: where the header or the first record is to be looked for, and in which dialect, as far as that is given or
//! stands there.

use std::path::Path;
use std::sync::Arc;

use super::foreign::{self, binary_format};
use super::hints::delimiter_of_name;
use super::preamble::{PassedLines, Preamble};
use super::sniff::{HeadSample, Known, Sniffed, sniff};
use super::{BYTE_ORDER_MARK, SEARCH_BYTES};
use crate::content_hash::ContentHash;
use crate::decode::Packing;
use crate::dialect::{Delimiter, Dialect};
use crate::encoding::{Encoding, likely};
use crate::error::Error;
use crate::option_name::ENCODING;
use crate::options::{DialectOptions, LoadOptions};
use crate::window::{Input, Window, first_line_end};

/// What an input begins with, up to its header or first record.
pub(super) struct Beginning {
    /// A window in which that stands.
    pub(super) first: Arc<Window>,
    pub(super) passed: PassedLines,
    pub(super) preamble: Preamble,
    /// As given, or as assumed; what ends lines is known only if lines were passed over.
    pub(super) dialect: Dialect,
    pub(super) encoding: HeadEncoding,
}

/// What is known of an input's encoding.
#[derive(Debug, Clone)]
pub(super) struct HeadEncoding {
    encoding: Encoding,
    /// It is not the one that was asked for.
    pub(super) notice: Option<String>,
    /// Nobody said which one it is, it is not UTF-8, and it is likely this one.
    pub(super) likely: Option<Encoding>,
}

impl HeadEncoding {
    /// That of `input`, which begins with `start`.
    fn of(input: &Input, start: &[u8], is_whole: bool, asked: Option<Encoding>) -> Self {
        let marked = match input.wide() {
            Some(order) => Some(Encoding::utf_16(order)),
            None => start.starts_with(BYTE_ORDER_MARK).then_some(Encoding::UTF_8),
        };
        let is_other = |(marked, asked): &(Encoding, Encoding)| marked != asked;
        let notice = marked.zip(asked).filter(is_other);
        HeadEncoding {
            encoding: marked.or(asked).unwrap_or_default(),
            notice: notice.map(|(marked, asked)| {
                format!("its byte order mark says that it is {marked}, and so it is not read as {asked}")
            }),
            likely: match marked.or(asked) {
                None => likely(start, is_whole),
                Some(_) => None,
            },
        }
    }

    /// What to do about an input that is not UTF-8, or not what was said.
    pub(super) fn advice(&self) -> String {
        match self.likely {
            Some(likely) => format!(
                "it is likely {likely}: load it with {ENCODING} {}",
                likely.name().to_ascii_lowercase()
            ),
            None => format!("is it in another encoding ({ENCODING})?"),
        }
    }
}

impl Beginning {
    pub(super) fn of(input: &mut Input, options: &LoadOptions, stopped: &dyn Fn() -> bool) -> Result<Self, Error> {
        let path = input.path().to_owned();
        let mut first = input.window(0, SEARCH_BYTES, stopped)?;
        let start = first.bytes();
        if let Some(packing) = Packing::of(start) {
            let message = format!("what it unpacks to is packed once more, with {packing}; unpack it first");
            return Err(Error::unusable(&path, message));
        }
        if let Some(message) = binary_format(&start[..start.len().min(foreign::LOOK_BYTES)]) {
            return Err(Error::unusable(&path, message));
        }
        let bom = if start.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK
        } else {
            b""
        };
        let text = &start[bom.len()..];
        let preamble = Preamble::of(text, &options.dialect);
        let mut passed = PassedLines {
            end_bytes: bom.len() as u64,
            lines: 0,
            content: ContentHash::of(bom),
        };
        let sample = &start[..start.len().min(SEARCH_BYTES)];
        let is_whole = first.at_end && start.len() < SEARCH_BYTES;
        let encoding = HeadEncoding::of(input, sample, is_whole, options.dialect.encoding);
        let mut dialect = dialect_of(&options.dialect, preamble, &encoding);
        if preamble.before > 0 {
            dialect.line_end = passed.pass(preamble, input, options, stopped)?;
            first = input.window(passed.end_bytes, SEARCH_BYTES, stopped)?;
        }
        let beginning = Beginning {
            first,
            passed,
            preamble,
            dialect,
            encoding,
        };
        Ok(beginning)
    }

    /// What is in the window from the header on.
    pub(super) fn text(&self) -> &[u8] {
        let skipped = self.passed.end_bytes - self.first.start_bytes;
        self.first.bytes().get(skipped as usize..).unwrap_or_default()
    }

    /// What can be found out about the dialect. `None` if nothing is to be found.
    pub(super) fn look_for_dialect(&self, path: &Path, options: &LoadOptions) -> Option<Sniffed> {
        let asked = &options.dialect;
        if !asked.detect {
            return None;
        }
        let text = self.text();
        // Delimiters are looked for in text: their bytes may be parts of other characters.
        let sample_text = self.dialect.encoding.shown(&text[..text.len().min(SEARCH_BYTES)]);
        let sample = HeadSample {
            bytes: &sample_text,
            // Of a stream of just that length nobody knows yet that it ends there.
            is_whole: self.first.at_end && self.first.bytes().len() < SEARCH_BYTES && !options.repeat.append_only,
            max_record_bytes: options.limits.max_record_bytes,
        };
        let line_end = first_line_end(sample.bytes, true).unwrap_or(b'\n');
        let known = Known {
            dialect: Dialect {
                line_end,
                delimiter: asked.delimiter_or(self.preamble.delimiter),
                encoding: Encoding::UTF_8,
                ..self.dialect
            },
            delimiter: asked.delimiter.is_some() || self.preamble.delimiter.is_some(),
            quote: asked.quote_is_given,
            escape: asked.escape_is_given,
            header: asked.says_header().then_some(asked.header),
            hint: delimiter_of_name(path),
            names: &options.column_names(),
            null_words: &asked.cells.null_words,
        };
        Some(sniff(sample, &known))
    }
}

/// The dialect that is given, or stands at the beginning, or else is assumed.
fn dialect_of(asked: &DialectOptions, preamble: Preamble, encoding: &HeadEncoding) -> Dialect {
    Dialect {
        delimiter: delimiter_in(encoding.encoding, asked.delimiter_or(preamble.delimiter)),
        quote: asked.quote,
        doubles_quotes: asked.doubles_quotes,
        escape: asked.escape,
        line_end: b'\n',
        comment: asked.comment,
        trim: asked.trim,
        encoding: encoding.encoding,
    }
}

/// `delimiter` in the bytes of `encoding`. That it has some is known of all that are asked for.
pub(super) fn delimiter_in(encoding: Encoding, delimiter: Delimiter) -> Delimiter {
    let bytes = encoding.by_field().and_then(|field| field.in_bytes(&delimiter.text()));
    bytes.and_then(|bytes| Delimiter::of_bytes(&bytes)).unwrap_or(delimiter)
}
