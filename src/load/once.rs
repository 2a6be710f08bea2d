//! `--once`: inputs whose content went into the table already are left out, and what goes in is remembered.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::Run;
use super::start::table_name;
use crate::cancel::Cancelled;
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::option_name::ONCE;
use crate::pipeline::hash_range;
use crate::report::{LoadReport, SkippedInput};
use crate::sqlite::database::Database;
use crate::sqlite::own::once::{self, LoadedInput, Remembered};
use crate::window::Input;

impl Run<'_> {
    /// Those of `paths` that are to be loaded: all of them without `--once`. The others are noted in `report`. `None`: there is nothing to
    /// do, and `report` says why.
    ///
    /// A file is read here only if another of the same size is known: the load itself finds the hash of one that is new.
    ///
    /// # Errors
    /// `Usage` for a stream; as any read of an input or of the database.
    pub(super) fn not_loaded_yet(
        &self,
        paths: &[PathBuf],
        report: &mut LoadReport,
    ) -> Result<Option<Vec<PathBuf>>, Error> {
        if !self.options.repeat.once {
            return Ok(Some(paths.to_vec()));
        }
        for path in paths {
            refuse_stream(path)?;
        }
        let table = table_name(self.options, &paths[0])?;
        let known = self.remembered(&table)?;
        let sizes: Vec<Option<u64>> = paths.iter().map(|path| Some(path.metadata().ok()?.len())).collect();
        let mut kept: Vec<(PathBuf, ContentHash)> = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            let size = sizes[index];
            let is_known_size = known.iter().any(|known| Some(known.input.content.bytes) == size);
            if !is_known_size && sizes.iter().filter(|other| **other == size).count() < 2 {
                kept.push((path.clone(), ContentHash::default()));
                continue;
            }
            let Some(content) = self.content_of(path)? else {
                report.interrupt(self.observer.cancelled().unwrap_or(Cancelled::ByProgram));
                report.identity_holds = true;
                return Ok(None);
            };
            let because = match known.iter().find(|known| known.input.content == content) {
                Some(Remembered { input, loaded_at }) => {
                    format!("its content was loaded on {loaded_at}, from {}", input.name)
                }
                None => match kept.iter().find(|(_, other)| content.bytes > 0 && *other == content) {
                    Some((other, _)) => format!("its content is that of {}, which is loaded", other.display()),
                    None => {
                        kept.push((path.clone(), content));
                        continue;
                    }
                },
            };
            self.observer
                .notice(&format!("{} is skipped: {because}", path.display()));
            report.skipped.push(SkippedInput {
                path: path.clone(),
                content,
                because,
            });
        }
        if kept.is_empty() {
            report.inputs.clear();
            report.table = table;
            report.identity_holds = true;
            report.complete();
            return Ok(None);
        }
        Ok(Some(kept.into_iter().map(|(path, _)| path).collect()))
    }

    /// What went into `table` and is there. Nothing if the table is gone, or empty, perhaps as it was made anew; `--restart` asks for all
    /// of it again.
    fn remembered(&self, table: &str) -> Result<Vec<Remembered>, Error> {
        let Some(database) = self.existing_database()? else {
            return Ok(Vec::new());
        };
        // Asked for in any case: what goes in now is to be remembered there.
        let is_any = once::exists(&database)?;
        let Some(info) = database
            .describe_table(table)?
            .filter(|_| is_any && !self.options.repeat.restart)
        else {
            return Ok(Vec::new());
        };
        let mut remembered = once::read(&database, table)?;
        let says_rows = |remembered: &Remembered| remembered.input.records > 0;
        if info.is_empty && remembered.iter().any(says_rows) {
            self.observer.notice(&format!(
                "table \"{table}\" has no rows: what was loaded into it with {ONCE} is gone, and no longer remembered"
            ));
            // They are forgotten in the transaction that the load begins with.
            remembered.retain(|remembered| !says_rows(remembered));
        }
        Ok(remembered)
    }

    /// The hash of the whole file; `None` when a signal came first.
    fn content_of(&self, path: &Path) -> Result<Option<ContentHash>, Error> {
        let mut input = Input::open(path)?;
        let stopped = || self.observer.cancelled().is_some();
        let range = 0..input.abilities().length_bytes.unwrap_or(0);
        let content = hash_range(&self.pool, &mut input, range, &stopped)?;
        input.check_unchanged()?;
        Ok(content)
    }

    /// Ends the load, and has the database remember its inputs.
    pub(super) fn remember(&self, database: &Database, table: &str, report: &LoadReport) -> Result<(), Error> {
        let loaded = report.inputs.iter().map(|input| LoadedInput {
            name: input.path.to_string_lossy().into_owned(),
            content: input.content,
            records: input.records,
        });
        once::finish(database, table, &loaded.collect::<Vec<_>>())
    }
}

/// # Errors
/// `Usage` unless `path` is a file, or nothing, which the load itself has a word for.
fn refuse_stream(path: &Path) -> Result<(), Error> {
    let is_stream = path.as_os_str() == "-" || path.metadata().is_ok_and(|m| !m.is_file() && !m.is_dir());
    if is_stream {
        return Err(needs_files(&path.display()));
    }
    Ok(())
}

/// Why `--once` does not go with the stream `name`.
pub(super) fn needs_files(name: &dyn Display) -> Error {
    Error::usage(format!(
        "{ONCE} needs files, and {name} is a stream: whether its content was loaded before cannot be told before it is read; save it as a \
         file first, or leave {ONCE} out"
    ))
}
