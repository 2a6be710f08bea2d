//! Names of columns on the command line, and what is said of each: lists, types, other names, values.

use rowmill::internal::options::ErrorLimits;
use rowmill::{ColumnType, ErrorLimit, OnDuplicate, RejectCode};

/// Types that `--types` takes.
const DECLARABLE: [ColumnType; 9] = [
    ColumnType::Text,
    ColumnType::Integer,
    ColumnType::Real,
    ColumnType::Boolean,
    ColumnType::Date,
    ColumnType::Time,
    ColumnType::DateTime,
    ColumnType::Number,
    ColumnType::Percent,
];

// Named types, because clap takes a bare Vec or Option as a repeatable or optional flag.
pub(super) type Names = Vec<String>;
pub(super) type Types = Vec<DeclaredType>;
pub(super) type Pair = (String, String);

/// A column's type as it was declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeclaredType {
    pub(super) column: String,
    pub(super) column_type: ColumnType,
    /// How its dates or times are written.
    pub(super) format: Option<String>,
}

/// `a,b,"c, d"`: plain names, or names quoted as in CSV.
pub(super) fn parse_list(text: &str) -> Result<Names, String> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = take_name(rest, ',')?;
        names.push(name);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(names),
            None => return Err("expected a comma after a quoted name".to_owned()),
        }
    }
}

/// `a=integer,"b=c"=real,d=date:%d.%m.%Y,e=date:"%b %e, %Y"`.
pub(super) fn parse_types(text: &str) -> Result<Types, String> {
    let mut types = Vec::new();
    let mut rest = text;
    loop {
        let (column, after) = take_name(rest, '=')?;
        let after = after.strip_prefix('=').ok_or_else(|| {
            format!("expected =TYPE after column '{column}'; a format that holds a comma is put in double quotes")
        })?;
        let word_bytes = after.find([',', ':']).unwrap_or(after.len());
        let (word, after) = after.split_at(word_bytes);
        let column_type = parse_type(word).map_err(|problem| format!("{problem} (for column '{column}')"))?;
        let (format, after) = match after.strip_prefix(':') {
            None => (None, after),
            Some(format) => take_name(format, ',')
                .map(|(format, after)| (Some(format), after))
                .map_err(|_| format!("a format is missing, or its quotes are not closed (for column '{column}')"))?,
        };
        types.push(DeclaredType {
            column,
            column_type,
            format,
        });
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(types),
            None => return Err("expected a comma after a quoted format".to_owned()),
        }
    }
}

/// `old=new`, either quoted where it must be.
pub(super) fn parse_renamed(text: &str) -> Result<Pair, String> {
    let (old, new) = parse_constant(text)?;
    match take_name(&new, '=')? {
        (new, "") => Ok((old, new)),
        _ => Err("expected OLD=NEW; a name that holds a = or quote is quoted".to_owned()),
    }
}

/// What becomes of records that repeat a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RepeatsArg {
    /// The first of them stops the load.
    Abort,
    /// They are dealt with.
    Take(OnDuplicate),
}

impl RepeatsArg {
    /// What is to be done with each, where `limits` say what is too much.
    pub(super) fn take(self, limits: &mut ErrorLimits) -> OnDuplicate {
        match self {
            RepeatsArg::Take(what) => what,
            RepeatsArg::Abort => {
                let none = (RejectCode::DuplicateKey, ErrorLimit::Count(0));
                limits.by_code.retain(|(code, _)| *code != RejectCode::DuplicateKey);
                limits.by_code.push(none);
                OnDuplicate::Reject
            }
        }
    }
}

/// What becomes of records that repeat a key: a word, and after `update=` columns.
pub(super) fn parse_repeats(text: &str) -> Result<RepeatsArg, String> {
    let what = match (text, text.strip_prefix("update=")) {
        ("abort", _) => return Ok(RepeatsArg::Abort),
        ("reject", _) => OnDuplicate::Reject,
        ("skip", _) => OnDuplicate::Skip,
        ("replace", _) => OnDuplicate::Replace,
        ("update", _) => OnDuplicate::Update(Vec::new()),
        (_, Some(columns)) => OnDuplicate::Update(parse_list(columns)?),
        _ => return Err("expected reject, skip, abort, replace, update, or update=COL,...".to_owned()),
    };
    Ok(RepeatsArg::Take(what))
}

/// `name=value`: a name, and everything after it.
pub(super) fn parse_constant(text: &str) -> Result<Pair, String> {
    let (name, after) = take_name(text, '=')?;
    match after.strip_prefix('=') {
        Some(value) => Ok((name, value.to_owned())),
        None => Err(format!("expected a = after column '{name}'")),
    }
}

fn parse_type(word: &str) -> Result<ColumnType, String> {
    let lower = word.to_ascii_lowercase();
    if let Some(decimals) = lower.strip_prefix("decimal") {
        let decimals = decimals
            .strip_prefix('(')
            .and_then(|decimals| decimals.strip_suffix(')'));
        let decimals = decimals.and_then(|decimals| decimals.trim().parse().ok());
        return decimals.map(ColumnType::Decimal).ok_or_else(|| {
            format!("'{word}' does not say how many decimals there are, and only that; for two: decimal(2)")
        });
    }
    let known = DECLARABLE.into_iter().find(|column_type| column_type.as_str() == lower);
    known.ok_or_else(|| {
        let types = DECLARABLE.map(ColumnType::as_str).join(", ");
        format!("'{word}' is not a type; expected {types} or decimal(N)")
    })
}

/// The name at the start of `text` and what follows it: up to `end` (exclusive), or a quoted name.
fn take_name(text: &str, end: char) -> Result<(String, &str), String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let length = text.find(end).unwrap_or(text.len());
        return match length {
            0 => Err("a column name is missing".to_owned()),
            _ => Ok((text[..length].to_owned(), &text[length..])),
        };
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"').ok_or("a quoted column name is not closed")?;
        name += part;
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Ok((name, after)),
        }
    }
}
