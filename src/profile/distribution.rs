//! How sampled values are distributed over a range, in parts of equal width. Pure.

use super::row_sample::SampledValue;
use crate::report::{Distribution, DistributionOf, ProfileValue};

/// Most parts.
const MOST_PARTS: usize = 16;

/// A range, and whether there is nothing between its whole numbers.
struct PartedRange {
    from: f64,
    to: f64,
    is_whole: bool,
}

/// How `sample`, of values from `least` to `greatest`, is distributed.
pub(super) fn distribution(
    sample: impl Iterator<Item = SampledValue> + Clone,
    (least, greatest): (&ProfileValue, &ProfileValue),
) -> Option<Distribution> {
    let values = || sample.clone().filter(|value| *value != SampledValue::Null);
    values().next()?;
    let numbers = values().map_while(number);
    let moments = values().map_while(moment);
    let count = values().count();
    if numbers.clone().count() == count {
        let (from, to) = (as_number(least)?, as_number(greatest)?);
        let is_whole = matches!((least, greatest), (ProfileValue::Integer(_), ProfileValue::Integer(_)))
            || numbers.clone().all(|number| number.fract() == 0.0);
        return counted(numbers, PartedRange { from, to, is_whole }, DistributionOf::Numbers);
    }
    let (of, figures): (_, Vec<f64>) = match moments.clone().count() == count {
        true => (DistributionOf::Moments, moments.collect()),
        false => (DistributionOf::Lengths, values().filter_map(length).collect()),
    };
    let from = figures.iter().copied().reduce(f64::min)?;
    let to = figures.iter().copied().reduce(f64::max)?;
    let is_whole = true;
    counted(figures.into_iter(), PartedRange { from, to, is_whole }, of)
}

fn number(value: SampledValue) -> Option<f64> {
    match value {
        SampledValue::Number(number) => Some(number),
        _ => None,
    }
}

fn moment(value: SampledValue) -> Option<f64> {
    match value {
        SampledValue::Moment(seconds, _) => Some(seconds as f64),
        _ => None,
    }
}

fn length(value: SampledValue) -> Option<f64> {
    match value {
        SampledValue::Text(chars) => Some(chars as f64),
        SampledValue::Moment(_, chars) => Some(f64::from(chars)),
        _ => None,
    }
}

fn as_number(value: &ProfileValue) -> Option<f64> {
    match value {
        ProfileValue::Integer(value) => Some(*value as f64),
        ProfileValue::Real(value) => Some(*value),
        ProfileValue::Text(_) => None,
    }
}

fn counted(
    figures: impl Iterator<Item = f64>,
    PartedRange { from, to, is_whole }: PartedRange,
    of: DistributionOf,
) -> Option<Distribution> {
    // Halves, as the difference of two numbers may be beyond all numbers.
    let half = to / 2.0 - from / 2.0 + f64::from(u8::from(is_whole)) / 2.0;
    if !(from.is_finite() && to.is_finite() && half.is_finite()) {
        return None;
    }
    let parts = match (is_whole, from == to) {
        (_, true) => 1,
        (true, _) => (half * 2.0).min(MOST_PARTS as f64) as usize,
        (false, _) => MOST_PARTS,
    };
    let mut counts = vec![0; parts];
    for figure in figures {
        let share = if half > 0.0 {
            (figure / 2.0 - from / 2.0) / half
        } else {
            0.0
        };
        counts[((share * parts as f64) as usize).min(parts - 1)] += 1;
    }
    Some(Distribution { of, from, to, counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_numbers(numbers: &[f64], least: ProfileValue, greatest: ProfileValue) -> Option<Vec<u32>> {
        let sample = numbers.iter().map(|number| SampledValue::Number(*number));
        distribution(sample, (&least, &greatest)).map(|distribution| distribution.counts)
    }

    #[test]
    fn few_whole_numbers_have_a_part_each() {
        let (zero, three) = (ProfileValue::Integer(0), ProfileValue::Integer(3));
        assert_eq!(of_numbers(&[0.0, 1.0, 1.0, 3.0], zero, three), Some(vec![1, 2, 0, 1]));
        assert_eq!(of_numbers(&[0.0, 0.0], zero, zero), Some(vec![2]));
        assert_eq!(of_numbers(&[], zero, three), None);
        let counts = of_numbers(&[0.0, 99.0, 50.0], zero, ProfileValue::Integer(99)).unwrap();
        assert_eq!((counts.len(), counts[0], counts[8], counts[15]), (16, 1, 1, 1));
    }

    #[test]
    fn numbers_at_the_ends_of_their_type_have_a_place() {
        let (least, greatest) = (ProfileValue::Real(f64::MIN), ProfileValue::Real(f64::MAX));
        let counts = of_numbers(&[f64::MIN, -0.5, 0.5, f64::MAX], least, greatest);
        assert_eq!(counts.map(|counts| (counts[0], counts[15])), Some((1, 1)));
        assert_eq!(of_numbers(&[1.0], least, ProfileValue::Real(f64::INFINITY)), None);
        let (least, greatest) = (ProfileValue::Integer(i64::MIN), ProfileValue::Integer(i64::MAX));
        let counts = of_numbers(&[i64::MIN as f64, 0.0, i64::MAX as f64], least, greatest).unwrap();
        assert_eq!((counts[0], counts[8], counts[15]), (1, 1, 1));
    }

    #[test]
    fn dates_are_counted_as_such_only_if_all_are() {
        let (first, last) = (ProfileValue::Integer(0), ProfileValue::Integer(0));
        let moments = [
            SampledValue::Moment(0, 10),
            SampledValue::Null,
            SampledValue::Moment(86_400, 10),
        ];
        let found = distribution(moments.into_iter(), (&first, &last)).unwrap();
        assert_eq!((found.of, found.counts.len()), (DistributionOf::Moments, 16));
        let mixed = [SampledValue::Moment(0, 10), SampledValue::Text(3)];
        let found = distribution(mixed.into_iter(), (&first, &last)).unwrap();
        assert_eq!(
            (found.of, found.counts),
            (DistributionOf::Lengths, vec![1, 0, 0, 0, 0, 0, 0, 1])
        );
    }
}
