//! How a load went over time: counters and resident memory, in a bounded number of points however long the load is.
//!
//! Comes in: counters and sizes with the time at which they were taken. Goes out: series that cover the whole load evenly. Never: more
//! than [`MAX_POINTS`] points of either kind. A full series doubles its interval and keeps what still fits; of the sizes between two that
//! are kept the largest counts, so no peak is lost.

use std::time::Duration;

use crate::observer::{Phase, Progress};

/// Most points of one series: one for every other pixel of a chart.
pub const MAX_POINTS: usize = 300;
/// Shortest time between two points; as often as a load says how far it got.
pub const FIRST_INTERVAL: Duration = Duration::from_millis(50);
/// Most phases that are kept apart; in a load that builds more indexes than this, the last phase covers all the rest.
const MAX_PHASES: usize = 24;

/// When a phase began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseStart {
    pub phase: Phase,
    /// Time since the load began, like every time here.
    pub at: Duration,
}

/// A span of time in which a counter moved evenly, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateSpan {
    pub start: Duration,
    pub end: Duration,
    pub per_second: f64,
}

/// Resident memory at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPoint {
    pub at: Duration,
    /// The largest seen since the point before.
    pub resident_bytes: u64,
}

/// Counters at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CounterPoint {
    at: Duration,
    phase_index: usize,
    progress: Progress,
}

/// What a series is made of.
trait Point: Copy {
    fn at(&self) -> Duration;
    /// Whether both may be merged into one point.
    fn belongs_with(&self, other: &Self) -> bool;
    /// This point in place of `earlier`, which is dropped.
    fn in_place_of(self, earlier: Self) -> Self;
}

impl Point for MemoryPoint {
    fn at(&self) -> Duration {
        self.at
    }

    fn belongs_with(&self, _other: &Self) -> bool {
        true
    }

    fn in_place_of(self, earlier: Self) -> Self {
        MemoryPoint {
            at: self.at,
            resident_bytes: self.resident_bytes.max(earlier.resident_bytes),
        }
    }
}

impl Point for CounterPoint {
    fn at(&self) -> Duration {
        self.at
    }

    fn belongs_with(&self, other: &Self) -> bool {
        self.phase_index == other.phase_index
    }

    fn in_place_of(self, _earlier: Self) -> Self {
        self
    }
}

/// Points at least an interval apart, and always the latest one.
#[derive(Debug, Clone)]
struct Series<P> {
    points: Vec<P>,
    interval: Duration,
}

impl<P> Default for Series<P> {
    fn default() -> Self {
        Series {
            points: Vec::new(),
            interval: FIRST_INTERVAL,
        }
    }
}

impl<P: Point> Series<P> {
    fn push(&mut self, point: P) {
        self.put(point);
        while self.points.len() > MAX_POINTS {
            self.interval *= 2;
            for point in std::mem::take(&mut self.points) {
                self.put(point);
            }
        }
    }

    /// The latest point replaces the one before it until that one is an interval away from its own predecessor.
    fn put(&mut self, point: P) {
        if let [.., before, last] = &mut self.points[..]
            && before.belongs_with(last)
            && last.belongs_with(&point)
            && last.at().saturating_sub(before.at()) < self.interval
        {
            *last = point.in_place_of(*last);
        } else {
            self.points.push(point);
        }
    }
}

/// A load over time.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    phases: Vec<PhaseStart>,
    counters: Series<CounterPoint>,
    memory: Series<MemoryPoint>,
}

impl Timeline {
    /// A phase begins: its counters start anew.
    pub fn begin_phase(&mut self, at: Duration, phase: Phase) {
        if self.phases.len() < MAX_PHASES && self.phases.last().is_none_or(|last| last.phase != phase) {
            self.phases.push(PhaseStart { phase, at });
            self.push_counters(at, Progress::default());
        }
    }

    /// The counters of the current phase.
    pub fn note_progress(&mut self, at: Duration, progress: Progress) {
        // Whatever is counted before the first byte was counted by an earlier run: a resumed load begins with that run's records.
        let phase_index = self.phases.len();
        match self.counters.points.last_mut() {
            Some(last) if progress.bytes == 0 && last.phase_index == phase_index && last.progress.bytes == 0 => {
                last.progress = progress;
            }
            _ => self.push_counters(at, progress),
        }
    }

    fn push_counters(&mut self, at: Duration, progress: Progress) {
        self.counters.push(CounterPoint {
            at,
            phase_index: self.phases.len(),
            progress,
        });
    }

    pub fn note_memory(&mut self, at: Duration, resident_bytes: u64) {
        self.memory.push(MemoryPoint { at, resident_bytes });
    }

    /// How long to wait until the next size is worth noting.
    pub fn memory_interval(&self) -> Duration {
        self.memory.interval
    }

    pub fn phases(&self) -> &[PhaseStart] {
        &self.phases
    }

    pub fn memory(&self) -> &[MemoryPoint] {
        &self.memory.points
    }

    /// The last counters of the last phase that counted anything.
    pub fn last_progress(&self) -> Progress {
        let counted = self.counters.points.iter().rev().find(|point| point.progress.bytes > 0);
        counted.map(|point| point.progress).unwrap_or_default()
    }

    /// How fast `counter` moved, one step after another; times in which no phase counted are left out.
    ///
    /// A span shorter than `least`, which can occur at the end of a phase, is joined with the one before it: its rate would say
    /// more about the clock than about the load.
    pub fn rates(&self, least: Duration, counter: impl Fn(&Progress) -> u64) -> Vec<RateSpan> {
        let least = least.max(self.counters.interval / 2);
        let mut steps: Vec<RateSpan> = Vec::new();
        let phases = self.counters.points.chunk_by(CounterPoint::belongs_with);
        for points in phases {
            let mut from = 0;
            for to in 1..points.len() {
                let last = steps.last().map_or(least, |step| step.end.saturating_sub(step.start));
                let rest = points[points.len() - 1].at.saturating_sub(points[to - 1].at);
                if to > 1 && (last < least || rest < least) {
                    steps.pop();
                } else {
                    from = to - 1;
                }
                let (start, end) = (points[from], points[to]);
                let seconds = end.at.saturating_sub(start.at).as_secs_f64();
                let moved = counter(&end.progress).saturating_sub(counter(&start.progress));
                let per_second = if seconds > 0.0 { moved as f64 / seconds } else { 0.0 };
                steps.push(RateSpan {
                    start: start.at,
                    end: end.at,
                    per_second,
                });
            }
        }
        steps.retain(|step| step.end > step.start);
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn bytes(bytes: u64) -> Progress {
        Progress {
            bytes,
            ..Progress::default()
        }
    }

    #[test]
    fn rates_are_differences_over_time_within_a_phase() {
        let mut timeline = Timeline::default();
        timeline.begin_phase(ms(0), Phase::Infer);
        timeline.note_progress(ms(100), bytes(1000));
        timeline.begin_phase(ms(200), Phase::Load);
        timeline.note_progress(ms(300), bytes(500));
        timeline.note_progress(ms(500), bytes(500));
        timeline.note_progress(ms(600), bytes(900));
        let rates: Vec<_> = timeline
            .rates(ms(0), |progress| progress.bytes)
            .iter()
            .map(|step| (step.start.as_millis(), step.end.as_millis(), step.per_second))
            .collect();
        let expected = [
            (0, 100, 10_000.0),
            (200, 300, 5_000.0),
            (300, 500, 0.0),
            (500, 600, 4_000.0),
        ];
        assert_eq!(rates, expected);
        assert_eq!(timeline.last_progress().bytes, 900);
    }

    #[test]
    fn a_short_last_span_is_joined_with_the_one_before() {
        let mut timeline = Timeline::default();
        timeline.begin_phase(ms(0), Phase::Load);
        timeline.note_progress(ms(100), bytes(100));
        timeline.note_progress(ms(101), bytes(202));
        let rates = timeline.rates(ms(0), |progress| progress.bytes);
        assert_eq!(rates.len(), 1);
        assert_eq!((rates[0].start, rates[0].end), (ms(0), ms(101)));
        assert_eq!(rates[0].per_second.round(), 2000.0);
    }

    #[test]
    fn short_spans_are_joined_and_nothing_is_lost_by_it() {
        let mut timeline = Timeline::default();
        for (begin, phase) in [(0, Phase::Infer), (20_000, Phase::Load)] {
            timeline.begin_phase(ms(begin), phase);
            for tick in 1..=100 {
                timeline.note_progress(ms(begin + tick * 100), bytes(tick * 7));
            }
        }
        let steps = timeline.rates(ms(1500), |progress| progress.bytes);
        assert!(steps.iter().all(|step| step.end - step.start >= ms(1500)), "{steps:?}");
        assert_eq!(steps.len(), 2 * 6);
        let moved: f64 = steps
            .iter()
            .map(|step| step.per_second * (step.end - step.start).as_secs_f64())
            .sum();
        assert!((moved - 1400.0).abs() < 1e-6, "{moved}");
    }

    #[test]
    fn records_of_an_earlier_run_are_no_speed_of_this_one() {
        let mut timeline = Timeline::default();
        timeline.begin_phase(ms(0), Phase::Load);
        let earlier = Progress {
            records: 1_000_000,
            ..Progress::default()
        };
        timeline.note_progress(ms(1), earlier);
        timeline.note_progress(
            ms(1000),
            Progress {
                bytes: 10,
                records: 1_000_500,
                rejected: 0,
                ..Progress::default()
            },
        );
        assert_eq!(timeline.rates(ms(0), |progress| progress.records)[0].per_second, 500.0);
    }

    #[test]
    fn a_day_of_points_is_bounded_and_keeps_the_ends_and_the_peak() {
        let mut timeline = Timeline::default();
        timeline.begin_phase(ms(0), Phase::Load);
        let ticks = 24 * 3600 * 20;
        for tick in 0..=ticks {
            let at = ms(50 * tick);
            timeline.note_memory(at, if tick == 777_777 { 9_999 } else { 10 });
            timeline.note_progress(at, bytes(tick * 50));
        }
        let memory = timeline.memory();
        assert!(
            (MAX_POINTS / 3..=MAX_POINTS).contains(&memory.len()),
            "{}",
            memory.len()
        );
        assert_eq!((memory[0].at, memory[memory.len() - 1].at), (ms(0), ms(50 * ticks)));
        assert_eq!(memory.iter().map(|point| point.resident_bytes).max(), Some(9_999));
        let rates = timeline.rates(ms(0), |progress| progress.bytes);
        assert!(rates.len() <= MAX_POINTS);
        assert!(rates.iter().all(|step| (step.per_second - 1000.0).abs() < 1e-6));
        assert_eq!(rates[rates.len() - 1].end, ms(50 * ticks));
    }

    #[test]
    fn phases_are_bounded() {
        let mut timeline = Timeline::default();
        for round in 0..1000 {
            let phase = if round % 2 == 0 { Phase::Index } else { Phase::Settle };
            timeline.begin_phase(ms(round), phase);
        }
        assert_eq!(timeline.phases().len(), MAX_PHASES);
    }
}
