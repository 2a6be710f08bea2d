//! How far a command is, as one share of the whole over all its phases, how fast, and how long it will take. Pure, but for the clock that is
//! handed in.
//!
//! Rates are those of the last seconds: a load that goes on passes quickly over what is committed, and counts it from the start, so that a
//! mean over all of it would be false.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rowmill::{Phase, Progress};

/// Over how much time rates are measured.
const WINDOW: Duration = Duration::from_secs(4);
/// Time between two marks in it.
const MARK_EVERY: Duration = Duration::from_millis(250);
/// Time that must have been measured before a time left is told.
const LEAST_MEASURED: Duration = Duration::from_millis(750);
/// How much of a new estimate of the time left is believed at once: it must not jump.
const BELIEVED: f64 = 0.15;

/// Part of what is left when a phase begins that the phase takes, as a rule.
fn weight(phase: Phase) -> f64 {
    match phase {
        Phase::Infer => 0.2,
        Phase::Load => 0.9,
        Phase::Settle => 0.5,
        _ => 0.95,
    }
}

/// What was done at a moment.
#[derive(Debug, Clone, Copy)]
struct PaceMark {
    at: Instant,
    bytes: u64,
    records: u64,
}

/// How far a command is.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) phase: Option<Phase>,
    pub(super) total_bytes: Option<u64>,
    pub(super) progress: Progress,
    phase_started: Instant,
    /// The share of the whole that was done when the phase began, and that will be when it ends.
    span: (f64, f64),
    share: f64,
    marks: VecDeque<PaceMark>,
    /// Seconds left, and when that was estimated.
    left: Option<(f64, Instant)>,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Pace {
            phase: None,
            total_bytes: None,
            progress: Progress::default(),
            phase_started: now,
            span: (0.0, 1.0),
            share: 0.0,
            marks: VecDeque::new(),
            left: None,
        }
    }

    /// All of it begins anew, with another file.
    pub(super) fn begin_file(&mut self, now: Instant) {
        *self = Pace::new(now);
    }

    pub(super) fn begin_phase(&mut self, phase: Phase, total_bytes: Option<u64>, now: Instant) {
        // A phase that is over has done its share, whatever it was told last.
        self.share = if self.phase.is_some() { self.span.1 } else { 0.0 };
        self.span = (self.share, self.share + (1.0 - self.share) * weight(phase));
        self.phase = Some(phase);
        self.total_bytes = total_bytes.filter(|total| *total > 0);
        self.progress = Progress::default();
        self.phase_started = now;
        self.marks.clear();
    }

    pub(super) fn note(&mut self, progress: Progress, now: Instant) {
        self.progress = progress;
        if let Some(total) = self.total_bytes {
            let done = progress.bytes.min(total) as f64 / total as f64;
            let (start, end) = self.span;
            self.share = self.share.max(start + (end - start) * done);
        }
        if self
            .marks
            .back()
            .is_none_or(|last| now.duration_since(last.at) >= MARK_EVERY)
        {
            let Progress { bytes, records, .. } = progress;
            self.marks.push_back(PaceMark {
                at: now,
                bytes,
                records,
            });
        }
        while self.marks.len() > 2 && now.duration_since(self.marks[1].at) >= WINDOW {
            self.marks.pop_front();
        }
        self.estimate(now);
    }

    /// Share of the whole that is done, from 0 to 1; it never goes back.
    pub(super) fn share(&self) -> f64 {
        self.share
    }

    /// Seconds since the phase began.
    pub(super) fn phase_seconds(&self, now: Instant) -> f64 {
        now.duration_since(self.phase_started).as_secs_f64()
    }

    pub(super) fn bytes_per_second(&self) -> f64 {
        self.rate(|mark| mark.bytes)
    }

    pub(super) fn records_per_second(&self) -> f64 {
        self.rate(|mark| mark.records)
    }

    fn rate(&self, of: impl Fn(&PaceMark) -> u64) -> f64 {
        let (Some(first), Some(last)) = (self.marks.front(), self.marks.back()) else {
            return 0.0;
        };
        let seconds = last.at.duration_since(first.at).as_secs_f64();
        match seconds > 0.0 {
            true => of(last).saturating_sub(of(first)) as f64 / seconds,
            false => 0.0,
        }
    }

    /// Seconds until all is done, if that can be told.
    pub(super) fn seconds_left(&self, now: Instant) -> Option<f64> {
        let (left, at) = self.left?;
        Some((left - now.duration_since(at).as_secs_f64()).max(0.0))
    }

    fn estimate(&mut self, now: Instant) {
        let measured = self.marks.front().map(|first| now.duration_since(first.at));
        let (Some(total), true) = (self.total_bytes, measured >= Some(LEAST_MEASURED)) else {
            return;
        };
        let rate = self.bytes_per_second();
        if rate <= 0.0 {
            return;
        }
        let (start, end) = self.span;
        let after = (1.0 - end) / (end - start) * total as f64;
        let now_left = (total.saturating_sub(self.progress.bytes) as f64 + after) / rate;
        let left = match self.seconds_left(now) {
            Some(before) => before + BELIEVED * (now_left - before),
            None => now_left,
        };
        self.left = Some((left, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(bytes: u64, records: u64) -> Progress {
        Progress {
            bytes,
            records,
            ..Progress::default()
        }
    }

    #[test]
    fn one_share_grows_through_all_phases_and_never_goes_back() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut shares = vec![pace.share()];
        for phase in [
            Phase::Infer,
            Phase::Load,
            Phase::Infer,
            Phase::Load,
            Phase::Settle,
            Phase::Index,
        ] {
            pace.begin_phase(phase, Some(100), start);
            for bytes in [0, 50, 200, 20] {
                pace.note(counted(bytes, bytes), start);
                shares.push(pace.share());
            }
        }
        assert!(
            shares.is_sorted() && shares[0] == 0.0 && *shares.last().unwrap() < 1.0,
            "{shares:?}"
        );
        assert!(*shares.last().unwrap() > 0.98, "{shares:?}");
    }

    #[test]
    fn a_load_that_goes_on_shows_the_rate_of_what_it_does_now() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.begin_phase(Phase::Load, Some(100_000), start);
        // Half of it is committed: 5,000 records are counted from the start, and their bytes pass in no time.
        for tenth in 0..=10 {
            pace.note(counted(5_000 * tenth, 5_000), start + Duration::from_millis(10 * tenth));
        }
        for second in 1..=20_u64 {
            let at = start + Duration::from_secs(second);
            pace.note(counted(50_000 + 1_000 * second, 5_000 + 100 * second), at);
        }
        let now = start + Duration::from_secs(20);
        assert!(
            (pace.bytes_per_second() - 1_000.0).abs() < 1.0,
            "{}",
            pace.bytes_per_second()
        );
        assert!(
            (pace.records_per_second() - 100.0).abs() < 1.0,
            "{}",
            pace.records_per_second()
        );
        let left = pace.seconds_left(now).unwrap();
        assert!((25.0..60.0).contains(&left), "{left}");
    }

    #[test]
    fn the_time_left_does_not_jump() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.begin_phase(Phase::Load, Some(1_000_000), start);
        let (mut bytes, mut before) = (0, None);
        for tick in 0..400_u64 {
            let at = start + Duration::from_millis(100 * tick);
            // Twice as fast every other second.
            bytes += if tick / 10 % 2 == 0 { 1_000 } else { 2_000 };
            pace.note(counted(bytes, 0), at);
            let left = pace.seconds_left(at);
            if let (Some(before), Some(left)) = (before, left) {
                let change: f64 = left - before;
                assert!(change.abs() < 6.0, "{change} at {tick}");
            }
            before = left;
        }
        assert!(before.is_some());
        assert_eq!(Pace::new(start).seconds_left(start), None);
    }
}
