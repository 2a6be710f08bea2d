//! What the user sees while a load runs and when it ends: everything on stderr, so that stdout stays clean for pipes.
//!
//! On a terminal: a bar of two lines (a spinner if the total is not known), notes above it, and the summary at the end. Without a terminal:
//! notes and summary only. Text from outside is escaped. A closed stderr is not an error.

mod json;
mod pace;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rowmill::internal::Cancelled;
use rowmill::internal::escape::escaped;
use rowmill::internal::glance;
use rowmill::internal::report::{Paint, bytes, grouped, wrapped};
use rowmill::{FileBegun, LoadReport, Observer, Phase, Progress};

use self::json::Event;
use self::pace::Pace;
use crate::cli::{ProgressArg, Verbosity, columns_of_stderr, stderr_is_ascii};
use crate::signals::{EXIT_SIGNAL_BASE, StopSignal};

/// Redraws per second: enough to look alive, too few to cost anything.
const REFRESH_HZ: u8 = 10;
const REFRESH: Duration = Duration::from_millis(1000 / REFRESH_HZ as u64);
/// Phase, bar and place on the first line, counters on the second: both fit 80 columns, or 40.
const BAR_TEMPLATE: &str = "{prefix:6} [{bar:16}] {msg}";
const NARROW_BAR_TEMPLATE: &str = "{prefix:6} [{bar:10}] {msg}";
const SPINNER_TEMPLATE: &str = "{prefix:6} {spinner} {msg}";
/// Columns that the long form of both lines needs.
const WIDE_COLUMNS: usize = 80;
/// Steps of the bar.
const BAR_STEPS: u64 = 1000;

/// How progress is shown.
#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    /// As lines for another program.
    Json,
    Nothing,
}

/// The terminal as an observer of a load.
#[derive(Debug)]
pub struct Terminal {
    verbosity: Verbosity,
    stop: StopSignal,
    /// What becomes of what was read, once somebody stops it.
    on_stop: &'static str,
    /// Whether the user was told that the request to stop was heard.
    stop_said: AtomicBool,
    shown: Shown,
    state: Mutex<Drawn>,
}

/// What is shown.
#[derive(Debug)]
struct Drawn {
    /// Which file it is, of how many, where each goes into its own table.
    file: Option<FileNumber>,
    pace: Pace,
    at: Instant,
}

/// Which of how many files.
#[derive(Debug, Clone, Copy)]
struct FileNumber {
    number: usize,
    files: usize,
}

impl Terminal {
    /// Shows nothing yet. `on_stop`: what becomes of what was read, once somebody stops it.
    pub fn new(verbosity: Verbosity, progress: ProgressArg, stop: StopSignal, on_stop: &'static str) -> Self {
        let draws = verbosity != Verbosity::Quiet && io::stderr().is_terminal();
        let shown = match progress {
            ProgressArg::Json => Shown::Json,
            ProgressArg::Auto | ProgressArg::Bar if draws => {
                let target = ProgressDrawTarget::stderr_with_hz(REFRESH_HZ);
                Shown::Bar(ProgressBar::with_draw_target(None, target))
            }
            _ => Shown::Nothing,
        };
        SPEAKS_JSON.store(progress == ProgressArg::Json, Ordering::Relaxed);
        let now = Instant::now();
        Terminal {
            verbosity,
            stop,
            on_stop,
            stop_said: AtomicBool::new(false),
            shown,
            state: Mutex::new(Drawn {
                file: None,
                pace: Pace::new(now),
                at: now,
            }),
        }
    }

    /// The exit code of what was stopped, by a signal as a rule.
    pub fn exit_code_of_stop(&self) -> u8 {
        let signal = self.stop.received().unwrap_or(libc::SIGINT);
        u8::try_from(EXIT_SIGNAL_BASE + signal).unwrap_or(u8::MAX)
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    /// Shows how the load went; `next`: what could be typed then.
    pub fn summary(&self, report: &LoadReport, next: Option<&str>) {
        if let Shown::Json = self.shown {
            return put(&Event::of_end(report).line());
        }
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        let glance = glance(report);
        let summary = report
            .summary(self.verbosity == Verbosity::Verbose)
            .in_columns(columns_of_stderr())
            .in_ascii(stderr_is_ascii())
            .painted(paint())
            .with_glance(&glance)
            .with_next(next);
        // The summary escapes what it quotes; the line ends in it are its own.
        put(&format!("rowmill: {summary}\n"));
    }

    /// Shows one line, above the bar if there is one.
    fn line(&self, kind: &str, message: &str) {
        let line = message_line(kind, message);
        match &self.shown {
            // Before the first phase there is no bar to write above, and a terminal that indicatif does not draw on, such as
            // TERM=dumb, would swallow the line.
            Shown::Bar(bar) if bar.length().is_some() && !bar.is_hidden() => bar.println(line.trim_end()),
            _ => put(&line),
        }
    }

    /// The state; whatever a panicking thread left there is good enough to draw.
    fn state(&self) -> MutexGuard<'_, Drawn> {
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
        let mut state = self.state();
        state.file = Some(FileNumber { number, files });
        state.pace.begin_file(Instant::now());
        drop(state);
        match self.shown {
            Shown::Json => put(&Event::of_file(file).line()),
            _ => self.notice(&format!(
                "file {number} of {files}: {}, into table \"{}\"",
                file.path.display(),
                file.table
            )),
        }
    }

    fn phase(&self, phase: Phase, total_bytes: Option<u64>) {
        let now = Instant::now();
        let mut state = self.state();
        state.pace.begin_phase(phase, total_bytes, now);
        state.at = now;
        let bar = match &self.shown {
            Shown::Nothing => return,
            Shown::Json => return put(&Event::of_phase(phase, total_bytes).line()),
            Shown::Bar(bar) => bar,
        };
        let columns = columns_of_stderr().unwrap_or(WIDE_COLUMNS);
        let message = status(&state, now, columns);
        // The first phase says whether the whole can be measured; what follows is a part of it.
        let is_measured = state.pace.total_bytes.is_some() || state.pace.share() > 0.0;
        let position = position_of(&state.pace);
        drop(state);
        let template = match is_measured {
            true if columns < WIDE_COLUMNS => NARROW_BAR_TEMPLATE,
            true => BAR_TEMPLATE,
            false => SPINNER_TEMPLATE,
        };
        let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(phase.as_str());
        bar.set_length(if is_measured { BAR_STEPS } else { 0 });
        bar.set_position(position);
        bar.set_message(message);
        bar.enable_steady_tick(REFRESH);
    }

    fn progress(&self, progress: Progress) {
        if let Shown::Nothing = self.shown {
            return;
        }
        let now = Instant::now();
        let mut state = self.state();
        state.pace.note(progress, now);
        if now.duration_since(state.at) < REFRESH {
            return;
        }
        state.at = now;
        match &self.shown {
            Shown::Bar(bar) => {
                let message = status(&state, now, columns_of_stderr().unwrap_or(WIDE_COLUMNS));
                let position = position_of(&state.pace);
                drop(state);
                bar.set_position(position);
                bar.set_message(message);
            }
            _ => put(&Event::of_pace(&state.pace, now).line()),
        }
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

/// Where the bar stands.
fn position_of(pace: &Pace) -> u64 {
    (pace.share() * BAR_STEPS as f64) as u64
}

/// Place and speed, then, on a second line, the counters; short where there are few columns.
fn status(state: &Drawn, now: Instant, columns: usize) -> String {
    let Drawn { pace, file, .. } = state;
    let is_wide = columns >= WIDE_COLUMNS;
    let Progress { bytes: done, .. } = pace.progress;
    let mut place = Vec::new();
    if pace.total_bytes.is_some() || pace.share() > 0.0 {
        place.push(format!("{:3.0}%", 100.0 * pace.share()));
    }
    match pace.total_bytes {
        Some(total) if is_wide => place.push(format!("{} of {}", bytes(done.min(total)), bytes(total))),
        None if done > 0 => place.push(bytes(done).to_string()),
        _ => {}
    }
    let rate = pace.bytes_per_second() / 1e6;
    if rate > 0.0 && is_wide {
        place.push(format!("{rate:.0} MB/s"));
    }
    match pace.seconds_left(now).filter(|_| pace.total_bytes.is_some()) {
        Some(left) => place.push(format!("ETA {}", clock(left))),
        None => place.push(clock(pace.phase_seconds(now))),
    }
    let mut text = place.join("  ");
    let counters = counters(pace, *file, is_wide);
    if !counters.is_empty() {
        text += &format!("\n       {}", counters.join("  "));
    }
    text
}

/// Rows, rejects, and which file it is.
fn counters(pace: &Pace, file: Option<FileNumber>, is_wide: bool) -> Vec<String> {
    let Progress {
        records,
        rejected,
        input,
        inputs,
        ..
    } = pace.progress;
    let mut counters = Vec::new();
    if records > 0 {
        counters.push(format!("{} rows", grouped(records)));
        let rate = pace.records_per_second() as u64;
        if rate > 0 && is_wide {
            counters.push(format!("{} rows/s", grouped(rate)));
        }
        counters.push(format!("{} rejected", grouped(rejected)));
    }
    match file {
        Some(FileNumber { number, files }) => counters.push(format!("file {number} of {files}")),
        None if inputs > 1 && input > 0 => counters.push(format!("file {input} of {inputs}")),
        None => {}
    }
    counters
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

/// Whether what is said has colours. Set once, by `main`; also what is said of a defect has them then.
static HAS_COLORS: AtomicBool = AtomicBool::new(false);

/// Whether what is said are lines for another program.
static SPEAKS_JSON: AtomicBool = AtomicBool::new(false);

/// Makes what is said have colours from now on, or not.
pub fn have_colors(is_on: bool) {
    HAS_COLORS.store(is_on, Ordering::Relaxed);
}

fn paint() -> Paint {
    Paint::new(HAS_COLORS.load(Ordering::Relaxed))
}

/// A message with what kind it is, escaped, on a terminal in lines of its width. Further lines are indented so that none of them can pass for
/// a message of its own.
fn message_line(kind: &str, message: &str) -> String {
    if SPEAKS_JSON.load(Ordering::Relaxed) {
        return match kind {
            "note" => Event::Note { message },
            "detail" => Event::Detail { message },
            _ => Event::Error { message },
        }
        .line();
    }
    let room = columns_of_stderr().unwrap_or(usize::MAX);
    let mut text = String::new();
    for (index, line) in message.trim_end().lines().enumerate() {
        let start = match index {
            0 => format!("rowmill: {kind}: "),
            _ => "  ".to_owned(),
        };
        text += wrapped(&start, 2, &escaped(line).to_string(), room).trim_end();
        text.push('\n');
    }
    let painted = match kind {
        "error" => paint().bad(kind),
        _ => paint().label(kind),
    };
    match text.trim_end() {
        "" => format!("rowmill: {painted}:\n"),
        text => text.replacen(kind, &painted, 1) + "\n",
    }
}

/// Shows one message on stderr.
pub fn show(kind: &str, message: &str) {
    put(&message_line(kind, message));
}

fn put(text: &str) {
    // There is nowhere left to complain when stderr is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::StopSignal;

    /// What is shown of a load that came so far in so many seconds, at an even pace.
    fn shown(total_bytes: Option<u64>, progress: Progress, seconds: u64, columns: usize) -> String {
        shown_of(None, total_bytes, progress, (seconds, columns))
    }

    fn shown_of(
        file: Option<FileNumber>,
        total_bytes: Option<u64>,
        progress: Progress,
        (seconds, columns): (u64, usize),
    ) -> String {
        let started = Instant::now();
        let mut pace = Pace::new(started);
        pace.begin_phase(Phase::Load, total_bytes, started);
        for second in 0..=seconds {
            let mut part = progress;
            part.bytes = progress.bytes * second / seconds.max(1);
            part.records = progress.records * second / seconds.max(1);
            pace.note(part, started + Duration::from_secs(second));
        }
        let state = Drawn {
            file,
            pace,
            at: started,
        };
        status(&state, started + Duration::from_secs(seconds), columns)
    }

    #[test]
    fn a_known_total_shows_place_rate_time_left_and_counters() {
        let progress = counted(500_000_000, 2_000_000, 1_200);
        let text = shown(Some(2_000_000_000), progress, 2, 80);
        assert_eq!(
            text,
            " 22%  500.0 MB of 2.00 GB  250 MB/s  ETA 0:07\n       2,000,000 rows  1,000,000 rows/s  1,200 rejected"
        );
        let beside_the_bar = 80 - "infer  [] ".len() - 16;
        let (place, counters) = text.split_once('\n').unwrap();
        assert!(
            place.len() + "1:00:".len() <= beside_the_bar && counters.len() <= 80,
            "both lines fit 80 columns"
        );
        let text = shown(Some(2_000_000_000), progress, 2, 40);
        assert_eq!(text, " 22%  ETA 0:07\n       2,000,000 rows  1,200 rejected");
        let (place, counters) = text.split_once('\n').unwrap();
        assert!(place.len() <= 40 - "infer  [] ".len() - 10 && counters.len() <= 40);
    }

    #[test]
    fn of_several_files_it_shows_which_one_it_is() {
        let file = Some(FileNumber { number: 12, files: 345 });
        let text = shown_of(file, Some(1000), counted(500, 2_345_678, 1_200), (2, 80));
        assert!(text.ends_with("  1,200 rejected  file 12 of 345"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        let text = shown_of(file, Some(1000), Progress::default(), (2, 80));
        assert!(text.ends_with("\n       file 12 of 345"), "{text}");
        let mut progress = counted(500, 10, 0);
        (progress.input, progress.inputs) = (2, 3);
        let text = shown(Some(1000), progress, 2, 80);
        assert!(text.ends_with("  file 2 of 3"), "{text}");
    }

    #[test]
    fn a_stream_shows_counters_and_rate() {
        let text = shown(None, counted(1_500_000, 10, 0), 1, 80);
        assert_eq!(text, "1.5 MB  2 MB/s  0:01\n       10 rows  10 rows/s  0 rejected");
    }

    #[test]
    fn a_phase_without_bytes_shows_the_time_and_nothing_divides_by_zero() {
        assert_eq!(shown(None, Progress::default(), 0, 80), "0:00");
        assert_eq!(shown(Some(0), Progress::default(), 3723, 80), "1:02:03");
        assert_eq!(shown(Some(10), Progress::default(), 0, 80), "  0%  0 B of 10 B  0:00");
        assert!(shown(Some(10), counted(20, 0, 0), 1, 80).starts_with(" 90%  10 B of 10 B"));
    }

    #[test]
    fn messages_are_escaped_and_their_lines_set_in() {
        assert_eq!(message_line("note", "a\x1b[2Jb"), "rowmill: note: a\\u{1b}[2Jb\n");
        assert_eq!(message_line("note", "a  b"), "rowmill: note: a  b\n");
        assert_eq!(message_line("error", "one\n\ntwo\n"), "rowmill: error: one\n\n  two\n");
        assert_eq!(message_line("error", ""), "rowmill: error:\n");
    }

    fn counted(bytes: u64, records: u64, rejected: u64) -> Progress {
        Progress {
            bytes,
            records,
            rejected,
            ..Progress::default()
        }
    }

    #[test]
    fn all_templates_are_well_formed() {
        assert!(
            [BAR_TEMPLATE, NARROW_BAR_TEMPLATE, SPINNER_TEMPLATE]
                .iter()
                .all(|template| ProgressStyle::with_template(template).is_ok())
        );
    }

    #[test]
    fn a_request_to_stop_reaches_the_load() {
        assert_eq!(
            Terminal::new(Verbosity::Quiet, ProgressArg::Auto, StopSignal::holding(0), "").cancelled(),
            None
        );
        assert_eq!(
            Terminal::new(Verbosity::Quiet, ProgressArg::Auto, StopSignal::holding(15), "").cancelled(),
            Some(Cancelled::BySignal(15))
        );
    }
}
