//! The command line of rowmill: parse, load, say how it went.

mod allocator;
mod cli;
mod progress_bar;
mod signals;

use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::process::ExitCode;
use std::sync::Once;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use rowmill::internal::LoadOptions;
use rowmill::internal::option_name::speak_of_flags;
use rowmill::{Error, Outcome, Profile, ProfileFormat};

use crate::allocator::AllocatorThatSaysWhy;
use crate::cli::{
    Args, CheckCommand, ColorArg, InfoCommand, Invocation, LoadCommand, ProgressArg, RetryCommand, SchemaCommand,
    answer, explained, next_command, with_config, wrong_usage,
};
use crate::progress_bar::{Terminal, have_colors, show};
use crate::signals::{StopSignal, explain_unreadable_input, report_file_size_limit};

/// Exit code where some records cannot be loaded.
const EXIT_REJECTS: u8 = 2;
/// Exit code where standard output cannot be written (sysexits.h: EX_IOERR).
const EXIT_IO: u8 = 74;
/// Exit code of a usage error (sysexits.h: EX_USAGE); clap's own is 2, which here means "some records were rejected".
const EXIT_USAGE: u8 = 64;
/// Exit code of a defect in rowmill (sysexits.h: EX_SOFTWARE).
const EXIT_INTERNAL: u8 = 70;

#[global_allocator]
static ALLOCATOR: AllocatorThatSaysWhy = AllocatorThatSaysWhy;

fn main() -> ExitCode {
    panic::set_hook(Box::new(report_panic));
    panic::catch_unwind(run).unwrap_or(EXIT_INTERNAL).into()
}

fn run() -> u8 {
    let words: Vec<OsString> = std::env::args_os().collect();
    let color = ColorArg::of(&words);
    have_colors(color.colors_stderr());
    let (job, progress) = match asked_for(&words, color) {
        Ok((Invocation::Print(text), _)) => return print(color, &text, 0),
        Ok((Invocation::Info(InfoCommand { forget: None, database }), _)) => {
            return look(color, InfoCommand { database, forget: None }.text());
        }
        Ok((Invocation::Explain(explain), _)) => return look(color, explain.text()),
        Ok(asked) => asked,
        Err(stop) => return show_clap(&stop, &words),
    };
    speak_of_flags();
    explain_unreadable_input();
    report_file_size_limit();
    #[cfg(feature = "faults")]
    rowmill::internal::faults::arm_from_environment();
    let terminal = Terminal::new(job.verbosity(), progress, StopSignal::install(), job.on_stop());
    rowmill::return_freed_memory();
    let asked = CommandLine {
        job: &job,
        words: &words,
        color,
    };
    let done = carry_out(&asked, &terminal);
    terminal.finish();
    done.unwrap_or_else(|error| {
        show("error", &explained(&error));
        error.exit_code()
    })
}

/// What the words of the command line ask for.
///
/// # Errors
/// A usage error in clap's own form, or a text that was asked for in its way.
fn asked_for(words: &[OsString], color: ColorArg) -> Result<(Invocation, ProgressArg), clap::Error> {
    let words = with_config(words.to_vec())?;
    let command = Args::command().color(color.for_clap());
    let mut matches = command.try_get_matches_from(words)?;
    let args = Args::from_arg_matches_mut(&mut matches)?;
    let progress = args.progress;
    Ok((args.into_invocation()?, progress))
}

/// A job, the command line that asks for it, and whether there are colours.
struct CommandLine<'a> {
    job: &'a Invocation,
    words: &'a [OsString],
    color: ColorArg,
}

/// Does what was asked for, and says how it went; returns the exit code.
fn carry_out(asked: &CommandLine<'_>, terminal: &Terminal) -> Result<u8, Error> {
    let CommandLine { job, words, color } = *asked;
    use rowmill::internal::{Retry, check, forget, load, profile};
    let report = match job {
        Invocation::Load(LoadCommand {
            inputs,
            database,
            options,
            forget: true,
            ..
        }) => return forget(inputs, database, options, terminal).map(|()| 0),
        Invocation::Load(LoadCommand {
            inputs,
            database,
            options,
            ..
        }) => load(inputs, database, options, terminal)?,
        Invocation::Check(CheckCommand { inputs, options, .. }) => check(inputs, options, terminal)?,
        Invocation::Retry(RetryCommand {
            errors,
            like,
            database,
            options,
            ..
        }) => {
            let retry = Retry {
                errors,
                like: like.as_deref(),
                database,
                options,
            };
            retry.run(terminal)?
        }
        Invocation::Schema(SchemaCommand {
            inputs, options, form, ..
        }) => {
            let profile = profile(inputs, options, terminal)?;
            terminal.finish();
            return Ok(profile.map_or_else(
                || terminal.exit_code_of_stop(),
                |profile| print_profile(&profile, *form),
            ));
        }
        Invocation::Info(InfoCommand {
            database,
            forget: table,
        }) => {
            let mut options = LoadOptions::default();
            options.target.table.clone_from(table);
            return forget(&[], database, &options, terminal).map(|()| 0);
        }
        // What only looks has ended before.
        Invocation::Explain(_) | Invocation::Print(_) => return Ok(0),
    };
    terminal.finish();
    terminal.summary(&report, next_command(job, words, &report).as_deref());
    if let Invocation::Load(LoadCommand { then: Some(sql), .. }) = job
        && report.outcome == Outcome::Complete
    {
        let answer = answer(&report.database, sql)?;
        return Ok(print(color, &answer, report.exit_code));
    }
    Ok(report.exit_code)
}

/// Prints what was found, or says why it was not.
fn look(color: ColorArg, text: Result<String, Error>) -> u8 {
    match text {
        Ok(text) => print(color, &text, 0),
        Err(error) => {
            show("error", &explained(&error));
            error.exit_code()
        }
    }
}

/// Prints a profile; returns the exit code.
fn print_profile(profile: &Profile, form: ProfileFormat) -> u8 {
    let exit_code = if profile.rejected > 0 { EXIT_REJECTS } else { 0 };
    // As it is: what looks like a colour in it is data.
    let mut out = io::stdout();
    let printed = out
        .write_all(profile.written(form).as_bytes())
        .and_then(|()| out.flush());
    code_of_printing(printed, exit_code)
}

/// Prints a text with styles on standard output; returns `exit_code`, or that of a failure.
fn print(color: ColorArg, text: &str, exit_code: u8) -> u8 {
    code_of_printing(color.print(text), exit_code)
}

/// The exit code of whoever has printed something on standard output.
fn code_of_printing(printed: io::Result<()>, exit_code: u8) -> u8 {
    match printed {
        // A reader that has gone away (`rowmill schema in.csv | head -1`) is not a failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            show("error", &format!("standard output: {error}"));
            EXIT_IO
        }
        _ => exit_code,
    }
}

/// Help and version are successes and go to stdout; everything else is a usage error.
fn show_clap(stop: &clap::Error, words: &[OsString]) -> u8 {
    if stop.use_stderr() && stop.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        show("error", &wrong_usage(stop, words));
        return EXIT_USAGE;
    }
    // A reader that has gone away (`rowmill --help | head -1`) is not a failure.
    let _ = stop.print();
    if stop.use_stderr() { EXIT_USAGE } else { 0 }
}

/// One line instead of a crash; only the first panic, as the others follow from it.
fn report_panic(info: &PanicHookInfo) {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| {
        let payload = info.payload();
        let formatted = payload.downcast_ref::<String>().map(String::as_str);
        let reason = formatted
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no reason was given");
        let place = info
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        show(
            "error",
            &format!("internal error: {reason}{place}; this is a defect in rowmill, please report it"),
        );
    });
}
