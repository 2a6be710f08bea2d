//! The program: parse its command line, do what that asks for, say how it went.
//!
//! The binary is no more than this, and so is the command that other packages bring along. The library has no use for it: only a process that
//! is this program has a terminal, handlers of signals and an end of its own.

use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

use clap::error::ErrorKind;
use rowmill::internal::option_name::{Speech, speak_of};
use rowmill::{Error, Outcome, Profile, ProfileFormat};

use crate::allocator::say_why;
use crate::cli::{Accomplished, ColorArg, Invocation, LoadCommand, answer, explained, next_command, wrong_usage};
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

/// Does what `words`, the program's name first, ask for; returns the exit code. For a process that does nothing else.
pub fn main(words: Vec<OsString>) -> u8 {
    say_why();
    panic::set_hook(Box::new(report_panic));
    panic::catch_unwind(|| run(words)).unwrap_or(EXIT_INTERNAL)
}

fn run(words: Vec<OsString>) -> u8 {
    let color = ColorArg::of(&words);
    have_colors(color.colors_stderr());
    let (job, progress) = match Invocation::asked_for(words.clone(), color) {
        Ok(asked) => asked,
        Err(stop) => return show_clap(&stop, &words),
    };
    speak_of(Speech::Flags);
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

/// A job, the command line that asks for it, and whether there are colours.
struct CommandLine<'a> {
    job: &'a Invocation,
    words: &'a [OsString],
    color: ColorArg,
}

/// Does what was asked for, and says how it went; returns the exit code.
fn carry_out(asked: &CommandLine<'_>, terminal: &Terminal) -> Result<u8, Error> {
    let CommandLine { job, words, color } = *asked;
    let done = job.run(terminal)?;
    terminal.finish();
    Ok(match done {
        Accomplished::Loaded(report) => {
            terminal.summary(&report, next_command(job, words, &report).as_deref());
            match job {
                Invocation::Load(LoadCommand { then: Some(sql), .. }) if report.outcome == Outcome::Complete => {
                    print(color, &answer(&report.database, sql)?, report.exit_code)
                }
                _ => report.exit_code,
            }
        }
        Accomplished::Looked(Some(profile), form) => print_profile(&profile, form),
        Accomplished::Looked(None, _) => terminal.exit_code_of_stop(),
        Accomplished::Forgotten => 0,
        Accomplished::Said(text) => print(color, &text, 0),
    })
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
