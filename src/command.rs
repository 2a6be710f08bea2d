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
use rowmill::{Error, Profile, ProfileFormat};

use crate::allocator::say_why;
use crate::cli::{Accomplished, Invocation};
use crate::progress_bar::{Terminal, show};
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
    let job = match Invocation::of(words) {
        Ok(job) => job,
        Err(stop) => return show_clap(&stop),
    };
    speak_of(Speech::Flags);
    explain_unreadable_input();
    report_file_size_limit();
    #[cfg(feature = "faults")]
    rowmill::internal::faults::arm_from_environment();
    let terminal = Terminal::new(job.verbosity(), StopSignal::install(), job.on_stop());
    rowmill::return_freed_memory();
    let done = carry_out(&job, &terminal);
    terminal.finish();
    done.unwrap_or_else(|error| {
        show("error", &error.to_string());
        error.exit_code()
    })
}

/// Does what was asked for, and says how it went; returns the exit code.
fn carry_out(job: &Invocation, terminal: &Terminal) -> Result<u8, Error> {
    let done = job.run(terminal)?;
    terminal.finish();
    Ok(match done {
        Accomplished::Loaded(report) => {
            terminal.summary(&report);
            report.exit_code
        }
        Accomplished::Looked(Some(profile), form) => print_profile(&profile, form),
        Accomplished::Looked(None, _) => terminal.exit_code_of_stop(),
        Accomplished::Forgotten => 0,
    })
}

/// Prints a profile; returns the exit code.
fn print_profile(profile: &Profile, form: ProfileFormat) -> u8 {
    let mut out = io::stdout();
    let text = profile.written(form);
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has gone away (`rowmill schema in.csv | head -1`) is not a failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            show("error", &format!("standard output: {error}"));
            EXIT_IO
        }
        _ if profile.rejected > 0 => EXIT_REJECTS,
        _ => 0,
    }
}

/// Help and version are successes and go to stdout; everything else is a usage error.
fn show_clap(stop: &clap::Error) -> u8 {
    if stop.use_stderr() && stop.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let text = stop.render().to_string();
        show("error", text.strip_prefix("error: ").unwrap_or(&text));
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
