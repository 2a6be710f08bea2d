//! Charts over time as inline SVG: no script, a title to hover for each value, readable in either colour scheme.
//!
//! Comes in: points or steps with their times. Goes out: a chart whose vertical axis begins at 0 and whose horizontal axis is the whole
//! load. A single value makes a chart, too; a chart without values says so.

use std::fmt::Write as _;
use std::time::Duration;

use maud::{Markup, html};

use super::text::axis_time;
use crate::report::{PhaseStart, RateSpan};

/// Size in the chart's own units, which are pixels where the page is wide enough.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 200.0;
/// Room for the labels of the vertical axis, and for those of the phases and of the horizontal one.
const LEFT: f64 = 66.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 26.0;
/// How many lines cross the chart, roughly.
const VERTICAL_TICKS: f64 = 4.0;
const HORIZONTAL_TICKS: f64 = 6.0;
/// The number of points up to which each one is marked.
const MARKED_POINTS: usize = 12;
/// Width that a phase's band needs for its name: for each letter, and on both sides.
const LETTER_WIDTH: f64 = 6.5;
const BAND_PADDING: f64 = 10.0;
/// Steps between ticks below and above one minute, in seconds.
const MINUTE_STEPS: [f64; 11] = [
    10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
];

/// What a chart shows.
pub(super) enum Values {
    /// Values that each hold for a span of time.
    Steps(Vec<RateSpan>),
    /// Values at times.
    Points(Vec<(Duration, f64)>),
}

/// A horizontal line that values should stay below.
pub(super) struct Limit {
    pub value: f64,
    pub label: String,
}

/// A chart over the whole load.
pub(super) struct TimeChart<'a> {
    /// The class of its values' colour.
    pub class: &'static str,
    pub title: &'static str,
    pub values: Values,
    pub limit: Option<Limit>,
    pub phases: &'a [PhaseStart],
    pub elapsed: Duration,
    pub axis_label: fn(f64) -> String,
    /// A value in full, for whoever hovers over it.
    pub value_label: fn(f64) -> String,
}

/// Seconds and values to places in the chart.
struct Scale {
    seconds: f64,
    top: f64,
}

impl Scale {
    fn x(&self, at: Duration) -> f64 {
        self.x_of(at.as_secs_f64())
    }

    fn x_of(&self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (seconds / self.seconds).min(1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let height = HEIGHT - TOP - BOTTOM;
        HEIGHT - BOTTOM - height * (value / self.top).clamp(0.0, 1.0)
    }
}

/// A place with the precision that a pixel needs.
fn place(number: f64) -> String {
    format!("{number:.1}")
}

impl TimeChart<'_> {
    pub(super) fn draw(&self) -> Markup {
        let scale = self.scale();
        html! {
            figure.chart {
                figcaption { (self.title) }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.title) {
                    (self.bands(&scale))
                    (self.grid(&scale))
                    @match &self.values {
                        Values::Steps(steps) => (self.steps(&scale, steps)),
                        Values::Points(points) => (self.points(&scale, points)),
                    }
                    (self.limit_line(&scale))
                    @if self.is_empty() {
                        text.empty x=(place((LEFT + WIDTH - RIGHT) / 2.0)) y=(place((TOP + HEIGHT - BOTTOM) / 2.0)) {
                            "nothing was measured"
                        }
                    }
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        match &self.values {
            Values::Steps(steps) => steps.is_empty(),
            Values::Points(points) => points.is_empty(),
        }
    }

    fn scale(&self) -> Scale {
        let (last, highest) = match &self.values {
            Values::Steps(steps) => (
                steps.last().map(|step| step.end),
                steps.iter().map(|step| step.per_second).fold(0.0, f64::max),
            ),
            Values::Points(points) => (
                points.last().map(|point| point.0),
                points.iter().map(|point| point.1).fold(0.0, f64::max),
            ),
        };
        let highest = self.limit.as_ref().map_or(highest, |limit| highest.max(limit.value));
        let step = tick_step(highest / VERTICAL_TICKS);
        let end = self.elapsed.max(last.unwrap_or_default()).max(Duration::from_millis(1));
        Scale {
            seconds: end.as_secs_f64(),
            top: step * (highest / step).ceil().max(1.0),
        }
    }

    /// The phases: shades behind everything else, with their names above.
    fn bands(&self, scale: &Scale) -> Markup {
        let end = Duration::from_secs_f64(scale.seconds);
        let ends = self.phases.iter().skip(1).map(|next| next.at).chain([end]);
        html! {
            @for (index, (phase, phase_end)) in self.phases.iter().zip(ends).enumerate() {
                @let left = scale.x(phase.at);
                @let width = (scale.x(phase_end) - left).max(0.5);
                @let name = phase.phase.as_str();
                g.band.odd[index % 2 == 1] {
                    rect x=(place(left)) y="4" width=(place(width)) height=(place(HEIGHT - BOTTOM - 4.0)) {
                        title {
                            (name) ": " (super::time(phase.at)) " to " (super::time(phase_end))
                        }
                    }
                    @if width >= name.len() as f64 * LETTER_WIDTH + BAND_PADDING {
                        text x=(place(left + 5.0)) y="16" { (name) }
                    }
                }
            }
        }
    }

    fn grid(&self, scale: &Scale) -> Markup {
        let step = tick_step(scale.top / VERTICAL_TICKS);
        let rows = (0..)
            .map(|index| f64::from(index) * step)
            .take_while(|value| *value <= scale.top * 1.001);
        let time_step = time_step(scale.seconds / HORIZONTAL_TICKS);
        let columns = (0..)
            .map(|index| f64::from(index) * time_step)
            .take_while(|seconds| *seconds <= scale.seconds);
        html! {
            g.grid {
                @for value in rows {
                    @let y = place(scale.y(value));
                    line class=[(value == 0.0).then_some("base")] x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
                    text.value x=(LEFT - 7.0) y=(place(scale.y(value) + 4.0)) { ((self.axis_label)(value)) }
                }
                @for seconds in columns {
                    @let x = place(scale.x_of(seconds));
                    line.tick x1=(x) x2=(x) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM + 4.0) {}
                    text.time x=(x) y=(HEIGHT - 6.0) { (axis_time(seconds)) }
                }
            }
        }
    }

    /// A column for each step: its area is what was done in it.
    fn steps(&self, scale: &Scale, steps: &[RateSpan]) -> Markup {
        html! {
            g.steps.(self.class) {
                @for step in steps {
                    @let (left, right, y) = (scale.x(step.start), scale.x(step.end), scale.y(step.per_second));
                    rect.column x=(place(left)) y=(place(y)) width=(place((right - left).max(0.7)))
                        height=(place((HEIGHT - BOTTOM - y).max(0.0))) {}
                    rect.hit x=(place(left)) y=(TOP) width=(place((right - left).max(0.7))) height=(HEIGHT - TOP - BOTTOM) {
                        title {
                            (super::time(step.start)) " to " (super::time(step.end)) ": " ((self.value_label)(step.per_second))
                        }
                    }
                }
            }
        }
    }

    /// A line through the points, each of which is marked if they are few.
    fn points(&self, scale: &Scale, points: &[(Duration, f64)]) -> Markup {
        let mut line = String::new();
        for (at, value) in points {
            let command = if line.is_empty() { 'M' } else { 'L' };
            write!(line, "{command}{:.1} {:.1}", scale.x(*at), scale.y(*value))
                .expect("writing to a String cannot fail");
        }
        let ends = points.first().zip(points.last());
        html! {
            g.points.(self.class) {
                @if let Some((first, last)) = ends {
                    @let base = HEIGHT - BOTTOM;
                    path.area d={ (line) "L" (place(scale.x(last.0))) " " (base) "L" (place(scale.x(first.0))) " " (base) "Z" } {}
                    path.line d=(line) {}
                }
                @for (index, (at, value)) in points.iter().enumerate() {
                    @let x = scale.x(*at);
                    @let left = index.checked_sub(1).map_or(LEFT, |before| (scale.x(points[before].0) + x) / 2.0);
                    @let right = points.get(index + 1).map_or(WIDTH - RIGHT, |next| (scale.x(next.0) + x) / 2.0);
                    @if points.len() <= MARKED_POINTS {
                        circle cx=(place(x)) cy=(place(scale.y(*value))) r="2.5" {}
                    }
                    rect.hit x=(place(left)) y=(TOP) width=(place((right - left).max(0.5))) height=(HEIGHT - TOP - BOTTOM) {
                        title { (super::time(*at)) ": " ((self.value_label)(*value)) }
                    }
                }
            }
        }
    }

    fn limit_line(&self, scale: &Scale) -> Markup {
        html! {
            @if let Some(limit) = &self.limit {
                @let y = scale.y(limit.value);
                g.limit {
                    line x1=(LEFT) x2=(WIDTH - RIGHT) y1=(place(y)) y2=(place(y)) {}
                    text x=(WIDTH - RIGHT - 4.0) y=(place(y + 13.0)) { (limit.label) }
                }
            }
        }
    }
}

/// The round number (1, 2 or 5 times a power of ten) at or above `least`; 1 when there is nothing to divide.
fn tick_step(least: f64) -> f64 {
    if least <= 0.0 || !least.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(least.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors.into_iter().find(|factor| factor * power >= least * 0.999);
    factor.unwrap_or(10.0) * power
}

/// As [`tick_step`], in seconds: minutes and hours are not powers of ten.
fn time_step(least: f64) -> f64 {
    if least < MINUTE_STEPS[0] / 2.0 {
        return tick_step(least);
    }
    let step = MINUTE_STEPS.into_iter().find(|step| *step >= least);
    step.unwrap_or_else(|| tick_step(least / 3600.0) * 3600.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Phase;
    use crate::report::page::text::axis_count;

    fn chart(values: Values, elapsed_ms: u64) -> String {
        let phases = [PhaseStart {
            phase: Phase::Load,
            at: Duration::ZERO,
        }];
        let chart = TimeChart {
            class: "rows",
            title: "Rows",
            values,
            limit: None,
            phases: &phases,
            elapsed: Duration::from_millis(elapsed_ms),
            axis_label: axis_count,
            value_label: axis_count,
        };
        chart.draw().into_string()
    }

    fn steps(count: u64) -> Values {
        let step = |index| RateSpan {
            start: Duration::from_millis(index * 10),
            end: Duration::from_millis(index * 10 + 10),
            per_second: 1000.0 + index as f64,
        };
        Values::Steps((0..count).map(step).collect())
    }

    fn points(count: u64) -> Values {
        Values::Points(
            (0..count)
                .map(|index| (Duration::from_millis(index * 10), 5e6))
                .collect(),
        )
    }

    /// Every number of a place in the picture.
    fn numbers(svg: &str) -> Vec<f64> {
        let names = [
            " x=\"",
            " y=\"",
            " width=\"",
            " height=\"",
            " cx=\"",
            " cy=\"",
            "x1=\"",
            "x2=\"",
            "y1=\"",
            "y2=\"",
        ];
        let mut found = Vec::new();
        for name in names {
            for (at, _) in svg.match_indices(name) {
                let rest = &svg[at + name.len()..];
                found.push(rest[..rest.find('"').unwrap()].parse().unwrap());
            }
        }
        found
    }

    #[test]
    fn any_number_of_values_lies_within_the_picture() {
        for count in [0, 1, 2, 3, 300] {
            for elapsed_ms in [0, 1, 5, 3_000, 100_000_000] {
                for svg in [chart(steps(count), elapsed_ms), chart(points(count), elapsed_ms)] {
                    let numbers = numbers(&svg);
                    assert!(numbers.len() > 10);
                    assert!(numbers.iter().all(|number| (0.0..=WIDTH).contains(number)), "{svg}");
                    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                    assert_eq!(svg.contains("nothing was measured"), count == 0);
                    assert_eq!(svg.matches("class=\"hit\"").count() as u64, count);
                    assert!(svg.contains(">0</text>"), "the axis begins at 0: {svg}");
                }
            }
        }
    }

    #[test]
    fn a_single_point_is_a_dot_and_many_are_a_line() {
        assert_eq!(chart(points(1), 10).matches("<circle").count(), 1);
        assert_eq!(chart(points(300), 3000).matches("<circle").count(), 0);
    }

    #[test]
    fn values_that_are_all_nothing_are_drawn_on_the_axis() {
        let none = Values::Points(vec![(Duration::ZERO, 0.0), (Duration::from_secs(1), 0.0)]);
        assert!(chart(none, 1000).contains(&format!("M{LEFT:.1} {:.1}L", HEIGHT - BOTTOM)));
    }

    #[test]
    fn ticks_are_round_numbers() {
        for (least, step) in [(0.0, 1.0), (0.03, 0.05), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (7e6, 1e7)] {
            assert!((tick_step(least) / step - 1.0).abs() < 1e-9, "{least}");
        }
        for (least, step) in [
            (0.4, 0.5),
            (8.0, 10.0),
            (11.0, 15.0),
            (70.0, 120.0),
            (4000.0, 7200.0),
            (20_000.0, 36_000.0),
        ] {
            assert!((time_step(least) / step - 1.0).abs() < 1e-9, "{least}");
        }
    }
}
