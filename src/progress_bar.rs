//! What the user sees while a load runs and when it ends: everything on stderr, so that stdout stays clean for pipes.
//!
//! On a terminal: a bar of two lines (a spinner if the total is not known), notes above it, and the summary at the end. Without a terminal:
//! notes and summary only. Text from outside is escaped. A closed stderr is not an error.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rowmill::internal::Cancelled;
use rowmill::internal::escape::escaped;
use rowmill::internal::report::{bytes, grouped};
use rowmill::{FileBegun, LoadReport, Observer, Phase, Progress};

use crate::cli::Verbosity;
use crate::signals::{EXIT_SIGNAL_BASE, StopSignal};

/// Redraws per second: enough to look alive, too few to cost anything.
const REFRESH_HZ: u8 = 10;
const REFRESH: Duration = Duration::from_millis(1000 / REFRESH_HZ as u64);
/// Phase, bar and place on the first line, counters on the second: both fit 80 columns.
const BAR_TEMPLATE: &str = "{prefix:6} [{bar:16}] {msg}";
const SPINNER_TEMPLATE: &str = "{prefix:6} {spinner} {msg}";

/// The terminal as an observer of a load.
#[derive(Debug)]
pub struct Terminal {
    verbosity: Verbosity,
    stop: StopSignal,
    /// What becomes of what was read, once somebody stops it.
    on_stop: &'static str,
    /// Whether the user was told that the request to stop was heard.
    stop_said: AtomicBool,
    /// `None`: stderr is not a terminal, or nothing is to be shown.
    bar: Option<ProgressBar>,
    state: Mutex<PhaseState>,
}

/// What the bar shows.
#[derive(Debug, Clone, Copy)]
struct PhaseState {
    /// Which file it is, of how many, where each goes into its own table.
    file: Option<FileNumber>,
    started: Instant,
    total_bytes: Option<u64>,
    progress: Progress,
    drawn: Instant,
}

/// Which of how many files.
#[derive(Debug, Clone, Copy)]
struct FileNumber {
    number: usize,
    files: usize,
}

impl Terminal {
    /// Shows nothing yet. `on_stop`: what becomes of what was read, once somebody stops it.
    pub fn new(verbosity: Verbosity, stop: StopSignal, on_stop: &'static str) -> Self {
        let wanted = verbosity != Verbosity::Quiet && io::stderr().is_terminal();
        let bar = wanted.then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(REFRESH_HZ)));
        let now = Instant::now();
        let state = PhaseState {
            file: None,
            started: now,
            total_bytes: None,
            progress: Progress::default(),
            drawn: now,
        };
        Terminal {
            verbosity,
            stop,
            on_stop,
            stop_said: AtomicBool::new(false),
            bar,
            state: Mutex::new(state),
        }
    }

    /// The exit code of what was stopped, by a signal as a rule.
    pub fn exit_code_of_stop(&self) -> u8 {
        let signal = self.stop.received().unwrap_or(libc::SIGINT);
        u8::try_from(EXIT_SIGNAL_BASE + signal).unwrap_or(u8::MAX)
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Shows how the load went.
    pub fn summary(&self, report: &LoadReport) {
        if self.verbosity != Verbosity::Quiet {
            // The summary escapes what it quotes; the line ends in it are its own.
            put(&format!(
                "rowmill: {}\n",
                report.summary(self.verbosity == Verbosity::Verbose)
            ));
        }
    }

    /// Shows one line, above the bar if there is one.
    fn line(&self, kind: &str, message: &str) {
        let line = format!("rowmill: {kind}: {}", escaped(message));
        match &self.bar {
            // Before the first phase there is no bar to write above, and a terminal that indicatif does not draw on, such as
            // TERM=dumb, would swallow the line.
            Some(bar) if bar.length().is_some() && !bar.is_hidden() => bar.println(line),
            _ => put(&(line + "\n")),
        }
    }

    /// The state; whatever a panicking thread left there is good enough to draw.
    fn state(&self) -> MutexGuard<'_, PhaseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Observer for Terminal {
    fn file(&self, file: FileBegun<'_>) {
        let FileBegun { number, files, .. } = file;
        self.state().file = Some(FileNumber { number, files });
        self.notice(&format!(
            "file {number} of {files}: {}, into table \"{}\"",
            file.path.display(),
            file.table
        ));
    }

    fn phase(&self, phase: Phase, total_bytes: Option<u64>) {
        let Some(bar) = &self.bar else { return };
        let now = Instant::now();
        let mut shared = self.state();
        let state = PhaseState {
            file: shared.file,
            started: now,
            total_bytes,
            progress: Progress::default(),
            drawn: now,
        };
        *shared = state;
        drop(shared);
        let total_bytes = total_bytes.filter(|total| *total > 0);
        let template = if total_bytes.is_some() {
            BAR_TEMPLATE
        } else {
            SPINNER_TEMPLATE
        };
        let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(phase.as_str());
        bar.set_length(total_bytes.unwrap_or(0));
        bar.set_position(0);
        bar.set_message(status(&state, now));
        bar.enable_steady_tick(REFRESH);
    }

    fn progress(&self, progress: Progress) {
        let Some(bar) = &self.bar else { return };
        let now = Instant::now();
        let mut state = self.state();
        state.progress = progress;
        if now.duration_since(state.drawn) < REFRESH {
            return;
        }
        state.drawn = now;
        let message = status(&state, now);
        drop(state);
        bar.set_position(progress.bytes);
        bar.set_message(message);
    }

    fn notice(&self, message: &str) {
        if self.verbosity != Verbosity::Quiet {
            self.line("note", message);
        }
    }

    fn detail(&self, message: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.line("detail", message);
        }
    }

    fn cancelled(&self) -> Option<Cancelled> {
        let signal = self.stop.received()?;
        if !self.stop_said.swap(true, Ordering::Relaxed) {
            self.notice(&format!("stopping: {}; a second signal exits at once", self.on_stop));
        }
        Some(Cancelled::BySignal(signal))
    }
}

/// Place and speed, then, on a second line, the counters.
fn status(state: &PhaseState, now: Instant) -> String {
    let PhaseState {
        total_bytes, progress, ..
    } = *state;
    let seconds = now.duration_since(state.started).as_secs_f64();
    let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    let megabytes_per_second = rate(progress.bytes) / 1e6;
    let mut text = match total_bytes {
        Some(total) if total > 0 => {
            let done = progress.bytes.min(total);
            let percent = 100.0 * done as f64 / total as f64;
            let mut place = format!(
                "{percent:3.0}%  {} of {}  {megabytes_per_second:.0} MB/s",
                bytes(done),
                bytes(total)
            );
            if done > 0 {
                place += &format!("  ETA {}", clock(seconds * (total - done) as f64 / done as f64));
            }
            place
        }
        _ if progress.bytes > 0 => {
            format!(
                "{}  {megabytes_per_second:.0} MB/s  {}",
                bytes(progress.bytes),
                clock(seconds)
            )
        }
        _ => clock(seconds),
    };
    if progress.records > 0 {
        let rows_per_second = grouped(rate(progress.records) as u64);
        let (records, rejected) = (grouped(progress.records), grouped(progress.rejected));
        text += &format!("\n       {records} rows  {rows_per_second} rows/s  {rejected} rejected");
    }
    if let Some(FileNumber { number, files }) = state.file {
        text += if progress.records > 0 { "  " } else { "\n       " };
        text += &format!("file {number} of {files}");
    }
    text
}

/// `0:07`, `12:30`, `1:02:03`.
fn clock(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// Shows one message on stderr, escaped; further lines are indented so that none of them can pass for a message of its own.
pub fn show(kind: &str, message: &str) {
    let mut text = format!("rowmill: {kind}: ");
    for (index, line) in message.trim_end().lines().enumerate() {
        text += match (index, line) {
            (0, _) => "",
            (_, "") => "\n",
            _ => "\n  ",
        };
        text += &escaped(line).to_string();
    }
    text.push('\n');
    put(&text);
}

fn put(text: &str) {
    // There is nowhere left to complain when stderr is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::StopSignal;

    fn shown(total_bytes: Option<u64>, progress: Progress, elapsed: Duration) -> String {
        shown_of(None, total_bytes, progress, elapsed)
    }

    fn shown_of(file: Option<FileNumber>, total_bytes: Option<u64>, progress: Progress, elapsed: Duration) -> String {
        let started = Instant::now();
        status(
            &PhaseState {
                file,
                started,
                total_bytes,
                progress,
                drawn: started,
            },
            started + elapsed,
        )
    }

    #[test]
    fn a_known_total_shows_place_rate_time_left_and_counters() {
        let progress = counted(500_000_000, 2_345_678, 1_200);
        let text = shown(Some(2_000_000_000), progress, Duration::from_secs(2));
        assert_eq!(
            text,
            " 25%  500.0 MB of 2.00 GB  250 MB/s  ETA 0:06\n       2,345,678 rows  1,172,839 rows/s  1,200 rejected"
        );
        let beside_the_bar = 80 - "infer  [] ".len() - 16;
        let (place, counters) = text.split_once('\n').unwrap();
        assert!(
            place.len() + "1:00:".len() <= beside_the_bar && counters.len() <= 80,
            "both lines fit 80 columns"
        );
    }

    #[test]
    fn of_several_files_it_shows_which_one_it_is() {
        let file = Some(FileNumber { number: 12, files: 345 });
        let shown = |progress| shown_of(file, Some(1000), progress, Duration::from_secs(2));
        let text = shown(counted(500, 2_345_678, 1_200));
        assert!(
            text.ends_with("\n       2,345,678 rows  1,172,839 rows/s  1,200 rejected  file 12 of 345"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        let text = shown(Progress::default());
        assert!(text.ends_with("\n       file 12 of 345"), "{text}");
    }

    #[test]
    fn a_stream_shows_counters_and_rate() {
        let progress = counted(1_500_000, 10, 0);
        let text = shown(None, progress, Duration::from_secs(1));
        assert_eq!(text, "1.5 MB  2 MB/s  0:01\n       10 rows  10 rows/s  0 rejected");
    }

    #[test]
    fn a_phase_without_bytes_shows_the_time_and_nothing_divides_by_zero() {
        assert_eq!(shown(None, Progress::default(), Duration::ZERO), "0:00");
        assert_eq!(
            shown(Some(0), Progress::default(), Duration::from_secs(3723)),
            "1:02:03"
        );
        assert_eq!(
            shown(Some(10), Progress::default(), Duration::ZERO),
            "  0%  0 B of 10 B  0 MB/s"
        );
        let past_the_end = counted(20, 0, 0);
        assert!(shown(Some(10), past_the_end, Duration::from_secs(1)).starts_with("100%  10 B of 10 B"));
    }

    fn counted(bytes: u64, records: u64, rejected: u64) -> Progress {
        Progress {
            bytes,
            records,
            rejected,
        }
    }

    #[test]
    fn both_templates_are_well_formed() {
        assert!(
            ProgressStyle::with_template(BAR_TEMPLATE).is_ok()
                && ProgressStyle::with_template(SPINNER_TEMPLATE).is_ok()
        );
    }

    #[test]
    fn a_request_to_stop_reaches_the_load() {
        assert_eq!(
            Terminal::new(Verbosity::Quiet, StopSignal::holding(0), "").cancelled(),
            None
        );
        assert_eq!(
            Terminal::new(Verbosity::Quiet, StopSignal::holding(15), "").cancelled(),
            Some(Cancelled::BySignal(15))
        );
    }
}
