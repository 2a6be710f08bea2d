//! Inputs that stand for several files: folders, and patterns that no shell has expanded.
//!
//! Comes in: a path. Goes out: the files that it stands for, by name, and a notice that says which. A folder stands for the CSV files in it (or those of JSON Lines),
//! not for those in folders of its own; hidden files are not among them, nor are files of the load itself, as `errors.csv` is one that
//! lies beside the inputs of many loads. Nothing is opened, but for files that have the name of one.

use std::io;
use std::path::{Path, PathBuf};

use glob::MatchOptions;

use crate::error::{Error, ErrorKind};
use crate::options::{InputFormat, LoadOptions};
use crate::reject::{folder_of, is_errors_file, same_file};

/// Endings of the files that are taken from a folder, in lower case: those of CSV; if there is none, and nobody says that they are CSV, those
/// of JSON Lines; and both where each file goes into a table of its own.
const ENDINGS: [&str; 3] = ["csv", "tsv", "tab"];
const JSON_LINES_ENDINGS: [&str; 2] = ["jsonl", "ndjson"];
const ALL_ENDINGS: [&str; 5] = ["csv", "tsv", "tab", "jsonl", "ndjson"];
/// Most files that a notice lists by name.
const MAX_LISTED: usize = 10;
/// As shells match: `*` ends at a `/`, and does not begin with the dot of a hidden file.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files that an input stands for.
pub(super) struct FoundFiles {
    pub(super) files: Vec<PathBuf>,
    /// Which they are, in words.
    pub(super) notice: String,
}

/// What is looked for, and which files are the load's own.
pub(super) struct Finder<'a> {
    pub(super) database: &'a Path,
    pub(super) options: &'a LoadOptions,
}

impl Finder<'_> {
    /// The files that `path` stands for; `None` if it stands for itself.
    ///
    /// # Errors
    /// `InputMissing` when it stands for no file, `Io` when a folder cannot be read.
    pub(super) fn find(&self, path: &Path) -> Result<Option<FoundFiles>, Error> {
        let is_there = path.metadata();
        let (all, looked_for) = match &is_there {
            Ok(metadata) if metadata.is_dir() => (
                files_in(path)?,
                "no file named *.csv, *.tsv, *.tab, *.jsonl or *.ndjson is in this folder",
            ),
            Err(_) if is_pattern(path) => (
                matching(path)?,
                "no file of that name, and none that matches it as a pattern",
            ),
            _ => return Ok(None),
        };
        let is_folder = is_there.is_ok();
        let has_csv = all.iter().any(|file| has_ending(file, &ENDINGS));
        let endings: &[&str] = match self.options.dialect.format {
            InputFormat::Csv => &ENDINGS,
            InputFormat::Auto if self.options.target.table_per_file => &ALL_ENDINGS,
            InputFormat::Auto if has_csv => &ENDINGS,
            _ => &JSON_LINES_ENDINGS,
        };
        let is_taken = |file: &PathBuf| !is_folder || has_ending(file, endings);
        let (candidates, others): (Vec<PathBuf>, Vec<PathBuf>) = all.into_iter().partition(is_taken);
        let (mut own, mut files): (Vec<PathBuf>, Vec<PathBuf>) =
            candidates.into_iter().partition(|file| self.is_own(file));
        if files.is_empty() {
            return Err(Error::new(ErrorKind::InputMissing {
                path: path.to_owned(),
                source: io::Error::new(io::ErrorKind::NotFound, looked_for),
            }));
        }
        files.sort_unstable();
        own.sort_unstable();
        let mut notice = format!("{}: {} taken: {}", path.display(), counted(files.len()), listed(&files));
        if !own.is_empty() {
            notice += &format!("; not {}, which this load writes", listed(&own));
        }
        if !others.is_empty() {
            notice += &format!(
                "; not {} of another name than {}",
                counted(others.len()),
                endings
                    .iter()
                    .map(|ending| format!("*.{ending}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
        Ok(Some(FoundFiles { files, notice }))
    }

    /// Whether the load, or one like it, writes `file`.
    fn is_own(&self, file: &Path) -> bool {
        let target = &self.options.target;
        let reports = target.report.iter().chain(&target.report_html).map(PathBuf::as_path);
        let mut own = reports.chain([self.database, &target.errors]);
        if own.any(|own| same_file(own, file)) {
            return true;
        }
        match middle_of_name(file, &target.errors) {
            None => false,
            // Where rejects of earlier loads are kept.
            Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => true,
            // Those of one table, where each file has its own.
            Some(_) => is_errors_file(file),
        }
    }
}

/// What is in the name of `file` between those of the errors file and its ending, if it lies beside that: `1` of `errors.1.csv`.
fn middle_of_name(file: &Path, errors: &Path) -> Option<String> {
    let (name, stem) = (file.file_name()?, errors.file_stem()?);
    let (name, stem) = (name.to_string_lossy(), stem.to_string_lossy());
    let ending = errors
        .extension()
        .map(|ending| format!(".{}", ending.to_string_lossy()));
    let middle = name
        .strip_prefix(&*stem)
        .and_then(|rest| rest.strip_suffix(&ending.unwrap_or_default()))
        .and_then(|rest| rest.strip_prefix('.'))
        .filter(|middle| !middle.is_empty())?;
    same_file(folder_of(file), folder_of(errors)).then(|| middle.to_owned())
}

fn has_ending(file: &Path, endings: &[&str]) -> bool {
    let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

/// Whether a path that leads nowhere may be meant as a pattern.
fn is_pattern(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.contains(['*', '?', '[']))
}

/// The regular files in a folder that are not hidden.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |e| Error::io("reading", folder, e);
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // Links are followed.
        if !is_hidden && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// The regular files that match a pattern.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, Error> {
    let text = pattern.to_string_lossy();
    let paths = glob::glob_with(&text, MATCHING)
        .map_err(|e| Error::usage(format!("{text} is no file, and no pattern either: {}", e.msg)))?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|e| {
            let folder = e.path().to_owned();
            Error::io("reading", &folder, e.into())
        })?;
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

fn counted(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    }
}

/// The files' names, but for those in the middle if they are many.
fn listed(files: &[PathBuf]) -> String {
    let name = |file: &PathBuf| {
        let name = file.file_name().unwrap_or(file.as_os_str());
        name.to_string_lossy().into_owned()
    };
    match files {
        [first @ .., last] if first.len() >= MAX_LISTED => {
            let first: Vec<String> = first.iter().take(MAX_LISTED - 1).map(name).collect();
            format!("{} ... {}", first.join(", "), name(last))
        }
        files => files.iter().map(name).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_the_errors_file_are_known_by_what_is_in_their_names() {
        let middle = |file: &str, errors: &str| middle_of_name(Path::new(file), Path::new(errors));
        for (file, errors, expected) in [
            ("errors.1.csv", "errors.csv", "1"),
            ("./errors.12.csv", "errors.csv", "12"),
            ("e.1", "e", "1"),
            ("errors.people.1.csv", "errors.csv", "people.1"),
        ] {
            assert_eq!(middle(file, errors).as_deref(), Some(expected), "{file}");
        }
        for file in [
            "errors.csv",
            "errors..csv",
            "errors1.csv",
            "other.1.csv",
            "errors.1.tsv",
            "/errors.1.csv",
        ] {
            assert_eq!(middle(file, "errors.csv"), None, "{file}");
        }
    }

    #[test]
    fn many_files_are_not_all_listed() {
        let files: Vec<PathBuf> = (10..40)
            .map(|number| PathBuf::from(format!("d/{number}.csv")))
            .collect();
        assert_eq!(listed(&files[..2]), "10.csv, 11.csv");
        assert_eq!(
            listed(&files),
            "10.csv, 11.csv, 12.csv, 13.csv, 14.csv, 15.csv, 16.csv, 17.csv, 18.csv ... 39.csv"
        );
    }
}
