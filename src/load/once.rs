//! `--once`: inputs whose content went into the table already are left out, and what goes in is remembered.

use std::path::{Path, PathBuf};

use crate::cancel::Cancelled;
use crate::content_hash::ContentHash;
use crate::encoding::Encoding;
use crate::encoding::wide::ByteOrder;
use crate::error::Error;
use crate::load::context::{Context, table_name};
use crate::load::ended::{Ended, Halt};
use crate::load::inputs::{Inputs, NamedInput, needs_files};
use crate::option_name::ONCE;
use crate::pipeline::hash_range;
use crate::report::SkippedInput;
use crate::sqlite::own::once::{self, Remembered};
use crate::window::Input;

/// Those of `inputs` that are to be loaded: all of them without `--once`. Where none is, the load is at its end.
///
/// A file is read here only if another of the same size is known: the load itself computes the hash of a new one. What a packed file holds
/// is compared, and so it is unpacked here whenever anything is known.
///
/// # Errors
/// `Usage` for a stream; as any read of an input or of the database.
pub(super) fn leave_out_loaded(inputs: Inputs, context: &Context<'_>) -> Result<Inputs, Halt> {
    if !context.options.repeat.once {
        return Ok(inputs);
    }
    for input in &inputs.all {
        refuse_stream(&input.name)?;
    }
    let table = table_name(context.options, &context.first_input)?;
    let known = remembered(&table, context)?;
    let size_of = |input: &NamedInput| Some(input.name.metadata().ok()?.len());
    let sizes: Vec<Option<u64>> = inputs.all.iter().map(size_of).collect();
    // What a packed file holds has another size, which nobody knows before it is unpacked.
    let packed = inputs.all.iter().map(|input| is_packed(&input.name, context));
    let packed: Vec<bool> = packed.collect::<Result<_, Error>>()?;
    let is_any_packed = packed.contains(&true);
    let mut kept: Vec<(NamedInput, ContentHash)> = Vec::new();
    for ((input, &size), is_packed) in inputs.all.into_iter().zip(&sizes).zip(packed) {
        let is_known_size = known.iter().any(|known| Some(known.input.content.bytes) == size);
        let is_same_size = is_known_size || sizes.iter().filter(|other| **other == size).count() > 1;
        let may_be_known = match is_packed {
            true => !known.is_empty() || sizes.len() > 1,
            false => is_same_size || is_any_packed,
        };
        if !may_be_known {
            kept.push((input, ContentHash::default()));
            continue;
        }
        let Some(content) = content_of(&input.name, context)? else {
            let by = context.observer.cancelled().unwrap_or(Cancelled::ByProgram);
            return Err(Halt::Early(Box::new(Ended::interrupted(by))));
        };
        match why_skipped(content, &known, &kept) {
            Some(because) => skip(input.name, content, because, context),
            None => kept.push((input, content)),
        }
    }
    if kept.is_empty() {
        context.account.all_skipped(table);
        return Err(Halt::Early(Box::new(Ended::without_records())));
    }
    Ok(Inputs {
        all: kept.into_iter().map(|(input, _)| input).collect(),
        ..Inputs::default()
    })
}

/// Why an input with this content is not loaded, if it is not.
fn why_skipped(content: ContentHash, known: &[Remembered], kept: &[(NamedInput, ContentHash)]) -> Option<String> {
    if let Some(Remembered { input, loaded_at }) = known.iter().find(|known| known.input.content == content) {
        return Some(format!("its content was loaded on {loaded_at}, from {}", input.name));
    }
    let (same, _) = kept.iter().find(|(_, other)| content.bytes > 0 && *other == content)?;
    Some(format!(
        "its content is that of {}, which is loaded",
        same.name.display()
    ))
}

fn skip(path: PathBuf, content: ContentHash, because: String, context: &Context<'_>) {
    let notice = format!("{} is skipped: {because}", path.display());
    context.observer.notice(&notice);
    context.account.skipped(SkippedInput { path, content, because });
}

/// What went into `table` and is still there. Nothing if the table is gone, or empty, perhaps because it was made anew; nor with
/// `--restart`, which asks for all of it again.
fn remembered(table: &str, context: &Context<'_>) -> Result<Vec<Remembered>, Error> {
    let Some(database) = context.existing_database()? else {
        return Ok(Vec::new());
    };
    // Checked in any case: what goes in now is to be remembered there.
    let is_any = once::exists(&database)?;
    let Some(info) = database
        .describe_table(table)?
        .filter(|_| is_any && !context.options.repeat.restart)
    else {
        return Ok(Vec::new());
    };
    let mut remembered = once::read(&database, table)?;
    let says_rows = |remembered: &Remembered| remembered.input.records > 0;
    if info.is_empty && remembered.iter().any(says_rows) {
        context.observer.notice(&format!(
            "table \"{table}\" has no rows: what was loaded into it with {ONCE} is gone, and no longer remembered"
        ));
        // They are forgotten in the transaction with which the load begins.
        remembered.retain(|remembered| !says_rows(remembered));
    }
    Ok(remembered)
}

/// Whether the file is packed, or in UTF-16: what it holds has another size than the file. One that cannot be opened is not: the load itself says why.
fn is_packed(path: &Path, context: &Context<'_>) -> Result<bool, Error> {
    match Input::open(path) {
        Ok(mut input) => {
            input.look_for_wide(assumed_order(context))?;
            Ok(input.packing().is_some() || input.is_wide_file())
        }
        Err(error) if error.exit_code() == 66 => Ok(false),
        Err(error) => Err(error),
    }
}

/// The order of bytes of UTF-16 without a byte order mark.
fn assumed_order(context: &Context<'_>) -> Option<ByteOrder> {
    context.options.dialect.encoding.and_then(Encoding::wide)
}

/// The hash of the whole file, or of what is packed or recoded in it; `None` if a signal came first.
fn content_of(path: &Path, context: &Context<'_>) -> Result<Option<ContentHash>, Error> {
    let mut input = Input::open(path)?;
    input.set_unpacking(context.unpacking(1));
    input.look_for_wide(assumed_order(context))?;
    let range = 0..input.abilities().length_bytes.unwrap_or(u64::MAX);
    let content = hash_range(&context.pool, &mut input, range, &|| context.is_stopped())?;
    input.check_unchanged()?;
    Ok(content)
}

/// # Errors
/// `Usage` unless `path` is a file, or does not exist, which the load itself reports.
fn refuse_stream(path: &Path) -> Result<(), Error> {
    let is_stream = path.as_os_str() == "-" || path.metadata().is_ok_and(|m| !m.is_file() && !m.is_dir());
    if is_stream {
        return Err(needs_files(&path.display()));
    }
    Ok(())
}
