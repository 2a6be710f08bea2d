//! Inputs in ranges that know nothing of each other: the same rows and the same dead letters as in a load, by as many processes as there are
//! ranges, wherever the bytes are.
//!
//! A range is any part of an input, cut anywhere. What becomes of its records depends on what comes before it in a single way: where its
//! first record begins. So there are two passes.
//!
//! 1. A [`RangePlanner`] reads what the inputs begin with. Its [`ScanPlan`] goes to whoever [scans](ScanPlan::scan) a range: what is in it
//!    from each of the few places at which its first record may begin?
//! 2. The planner [puts the reports together](RangePlanner::compose), and the place of each range is known, exactly: line, record, offset.
//!    The [`ReadPlan`], with the columns' types, goes to whoever reads a [`RangePiece`]: rows and rejects.
//!
//! Plans, reports and pieces are written as JSON and read again. No file is opened: bytes come from a [`RangeSource`]. The input may not
//! change between the passes; each range is compared with what was scanned.
//!
//! Left to whoever puts the rows together: records that repeat a key, of which the first in the order of the inputs is kept (a row's
//! [`Position`] says which is first; [`ReadPlan::duplicates`] makes rejects of the others), a limit of rejects, and the order of the dead
//! letters, which a [`RejectWriter`] writes.
//!
//! ```
//! use std::sync::Arc;
//! use rowmill::Load;
//! use rowmill::range::{CheckedRange, RangePlanner, RangeSource, ReadPlan, RejectWriter, ScanPlan};
//!
//! let bytes = b"id,name\n1,Ada\n2,\"Grace\nHopper\"\n3\n4,Alan\n".to_vec();
//! let source: Arc<dyn RangeSource> = Arc::new(bytes);
//!
//! // One process plans.
//! let load = Load::new(["people.csv"]).key(["id"]);
//! let planner = RangePlanner::new(&load, &[Arc::clone(&source)])?;
//! let plan = planner.scan_plan().to_json();
//!
//! // Others scan: ranges of eight bytes here, of 64 MiB elsewhere.
//! let plan = ScanPlan::from_json(&plan)?;
//! let reports = plan.ranges(8).into_iter().map(|range| plan.scan(&*source, range));
//! let reports = reports.collect::<Result<Vec<_>, _>>()?;
//!
//! // The first one puts the reports together, and others read.
//! let composed = planner.compose(&reports)?;
//! let plan = Arc::new(ReadPlan::from_json(&composed.plan.to_json())?);
//! let mut letters = RejectWriter::new(&plan, Vec::new())?;
//! let mut rows = Vec::new();
//! for piece in &composed.pieces {
//!     let mut checked = CheckedRange::read(&plan, &source, piece)?;
//!     rows.append(&mut checked.rows);
//!     for reject in &checked.rejects {
//!         letters.push(reject)?;
//!     }
//! }
//! assert_eq!(rows.iter().map(|row| (row.record, row.line)).collect::<Vec<_>>(), [(1, 2), (2, 3), (4, 6)]);
//! let letters = String::from_utf8(letters.finish()?)?;
//! assert!(letters.ends_with("people.csv,5,5,3,31,1,,missing_columns,\"expected 2 columns, found 1\",,,\"3\"\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "arrow")]
pub mod arrow;
mod bytes;
mod compose;
mod plan;
mod read;
mod rejected;
mod scan;
#[cfg(test)]
mod tests;

pub use self::compose::{Composition, InputTotals, RangePiece, RangePlanner};
pub use self::plan::{InputRange, RangeColumn, ReadPlan, ScanPlan};
pub use self::read::CheckedRange;
pub use self::rejected::{RangeReject, RejectWriter, RepeatedKey};
pub use self::scan::RangeReport;
pub use crate::position::Position;
pub use crate::window::RangeSource;
