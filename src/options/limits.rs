//! What is too much: how many records may be rejected, in all and for one reason, and how long a record may be.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{DEFAULT_MAX_RECORD_BYTES, ErrorLimit, MAX_RECORD_BYTES, check_range};
use crate::error::Error;
use crate::option_name::{self, MAX_ERRORS, MAX_ERRORS_OF, OptionName};
use crate::reject::RejectCode;

/// Records before a percentage limit is looked at: one bad record among the first ten does not make a bad file.
const PERCENT_FROM_RECORDS: u64 = 1000;

/// What is too much.
#[derive(Debug, Clone)]
pub struct LimitOptions {
    /// When to stop because of rejects.
    pub errors: ErrorLimits,
    /// Longest record.
    pub max_record_bytes: u64,
}

impl Default for LimitOptions {
    fn default() -> Self {
        LimitOptions {
            errors: ErrorLimits::default(),
            max_record_bytes: DEFAULT_MAX_RECORD_BYTES,
        }
    }
}

/// When to stop because of rejects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorLimits {
    /// Of all of them; `None`: never.
    pub all: Option<ErrorLimit>,
    /// Of those for one reason.
    pub by_code: Vec<(RejectCode, ErrorLimit)>,
}

/// A limit of rejects that was passed, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PassedLimit {
    /// Of rejects for this reason; `None`: of all.
    #[serde(serialize_with = "serialize_code")]
    pub code: Option<RejectCode>,
    /// How many there may be.
    #[serde(serialize_with = "serialize_limit")]
    pub limit: ErrorLimit,
    /// How many there were.
    pub rejected: u64,
    /// Of so many records.
    pub records: u64,
}

impl PassedLimit {
    /// The option that sets the limit.
    pub(crate) const fn option(&self) -> OptionName {
        match self.code {
            None => MAX_ERRORS,
            Some(_) => MAX_ERRORS_OF,
        }
    }
}

fn serialize_code<S: Serializer>(code: &Option<RejectCode>, serializer: S) -> Result<S::Ok, S::Error> {
    code.map(RejectCode::as_str).serialize(serializer)
}

fn serialize_limit<S: Serializer>(limit: &ErrorLimit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(limit)
}

impl fmt::Display for ErrorLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorLimit::Count(count) => write!(f, "{count}"),
            ErrorLimit::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// How far it was passed: `11 type_error of 500 records, and --max-errors type_error=10 allows 10`.
impl fmt::Display for PassedLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PassedLimit {
            code,
            limit,
            rejected,
            records,
        } = self;
        let option = self.option();
        match code {
            None => write!(
                f,
                "{rejected} of {records} records rejected, and {option} allows {limit}"
            ),
            Some(code) => write!(
                f,
                "{rejected} of {records} records rejected as {code}, and {option} allows {limit}"
            ),
        }
    }
}

impl ErrorLimits {
    /// The first limit that is passed by rejects of which there are so many, by [`RejectCode::index`], among `records`.
    pub fn passed(&self, rejected: &[u64; RejectCode::ALL.len()], records: u64) -> Option<PassedLimit> {
        self.each(|code| match code {
            None => rejected.iter().sum(),
            Some(code) => rejected[code.index()],
        })
        .find(|(_, limit, rejected)| limit.is_passed(*rejected, records))
        .map(|(code, limit, rejected)| PassedLimit {
            code,
            limit,
            rejected,
            records,
        })
    }

    /// As [`passed`](Self::passed), while records are still read, with one reject more for the reason `more`: shares are looked at once there
    /// are enough records.
    pub fn is_passed_early(
        &self,
        rejected: &[u64; RejectCode::ALL.len()],
        more: Option<RejectCode>,
        records: u64,
    ) -> bool {
        let is_early = |limit: ErrorLimit| matches!(limit, ErrorLimit::Percent(_)) && records < PERCENT_FROM_RECORDS;
        self.each(|code| match code {
            None => rejected.iter().sum::<u64>() + u64::from(more.is_some()),
            Some(code) => rejected[code.index()] + u64::from(more == Some(code)),
        })
        .any(|(_, limit, rejected)| !is_early(limit) && limit.is_passed(rejected, records))
    }

    /// Whether so many `more` rejects, for whatever reason, may pass a limit among `records`.
    pub fn may_be_passed(&self, rejected: &[u64; RejectCode::ALL.len()], more: u64, records: u64) -> bool {
        self.each(|code| match code {
            None => rejected.iter().sum::<u64>() + more,
            Some(code) => rejected[code.index()] + more,
        })
        .any(|(_, limit, rejected)| limit.is_passed(rejected, records))
    }

    /// Each limit, with the rejects that it counts.
    fn each(
        &self,
        count: impl Fn(Option<RejectCode>) -> u64,
    ) -> impl Iterator<Item = (Option<RejectCode>, ErrorLimit, u64)> {
        let all = self.all.iter().map(|limit| (None, *limit));
        let by_code = self.by_code.iter().map(|(code, limit)| (Some(*code), *limit));
        all.chain(by_code).map(move |(code, limit)| (code, limit, count(code)))
    }
}

impl LimitOptions {
    pub(super) fn validate(&self) -> Result<(), Error> {
        check_range(
            option_name::MAX_RECORD_BYTES,
            self.max_record_bytes,
            Some(MAX_RECORD_BYTES),
        )?;
        let ErrorLimits { all, by_code } = &self.errors;
        for (code, limit) in by_code
            .iter()
            .map(|(code, limit)| (Some(*code), limit))
            .chain(all.iter().map(|limit| (None, limit)))
        {
            let option = if code.is_some() { MAX_ERRORS_OF } else { MAX_ERRORS };
            if let ErrorLimit::Percent(percent) = limit
                && !(0.0..=100.0).contains(percent)
            {
                return Err(Error::usage(format!("{option} takes a percentage between 0% and 100%")));
            }
        }
        for (index, (code, _)) in by_code.iter().enumerate() {
            if by_code[..index].iter().any(|(other, _)| other == code) {
                return Err(Error::usage(format!(
                    "{MAX_ERRORS_OF} gives {code} two limits; leave one of them out"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_counts_its_own_rejects() {
        let limits = ErrorLimits {
            all: Some(ErrorLimit::Count(5)),
            by_code: vec![
                (RejectCode::TypeError, ErrorLimit::Count(2)),
                (RejectCode::RuleFailed, ErrorLimit::Percent(1.0)),
            ],
        };
        let counts = |type_errors, rules, others| {
            let mut counts = [0; RejectCode::ALL.len()];
            counts[RejectCode::TypeError.index()] = type_errors;
            counts[RejectCode::RuleFailed.index()] = rules;
            counts[RejectCode::NulByte.index()] = others;
            counts
        };
        let code = |rejected| limits.passed(&rejected, 100).map(|passed| passed.code);
        assert_eq!(code(counts(2, 1, 2)), None);
        assert_eq!(code(counts(2, 1, 3)), Some(None));
        assert_eq!(code(counts(3, 0, 0)), Some(Some(RejectCode::TypeError)));
        assert_eq!(code(counts(0, 2, 0)), Some(Some(RejectCode::RuleFailed)));
        // One more for this reason, and for another.
        assert!(limits.is_passed_early(&counts(2, 0, 0), Some(RejectCode::TypeError), 100));
        assert!(!limits.is_passed_early(&counts(2, 0, 0), Some(RejectCode::NulByte), 100));
        // A share is not looked at among few records.
        assert!(!limits.is_passed_early(&counts(0, 4, 0), None, 100));
        assert!(limits.is_passed_early(&counts(0, 4, 7), None, 1000));
        assert!(!limits.is_passed_early(&counts(0, 4, 0), Some(RejectCode::RuleFailed), 999));
        let of_rules = ErrorLimits {
            all: None,
            ..limits.clone()
        };
        assert!(of_rules.is_passed_early(&counts(0, 10, 0), Some(RejectCode::RuleFailed), 1000));
        assert!(!of_rules.is_passed_early(&counts(0, 10, 0), Some(RejectCode::TypeError), 1000));
        assert!(limits.may_be_passed(&counts(1, 0, 0), 2, 100) && !limits.may_be_passed(&counts(1, 0, 0), 1, 100));
    }

    #[test]
    fn a_limit_that_is_passed_says_how_far() {
        let passed = |code| PassedLimit {
            code,
            limit: ErrorLimit::Percent(0.1),
            rejected: 7,
            records: 1000,
        };
        let said = passed(Some(RejectCode::RuleFailed)).to_string();
        assert_eq!(
            said,
            "7 of 1000 records rejected as rule_failed, and `max_errors_of` allows 0.1%"
        );
        assert_eq!(
            passed(None).to_string(),
            "7 of 1000 records rejected, and `max_errors` allows 0.1%"
        );
        let json = serde_json::to_value(passed(Some(RejectCode::RuleFailed))).unwrap();
        assert_eq!(json["code"], "rule_failed");
        assert_eq!(
            (json["limit"].as_str(), json["rejected"].as_u64()),
            (Some("0.1%"), Some(7))
        );
    }
}
