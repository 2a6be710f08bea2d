//! Random bytes, cut anywhere: the records of the ranges are those of the whole.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::builder::Load;
use crate::parse::{Records, parse};
use crate::position::ByteRange;
use crate::reject::RejectCode;
use crate::rows::{Nothing, RowBlock};
use crate::validate::validate;

/// A record: where it stands, and why it is rejected, if it is.
type Judged = (Position, Option<RejectCode>);

/// The records of all of `bytes`, parsed and judged at once, their lines counted from the beginning.
fn whole(bytes: &[u8], plan: &ReadPlan) -> Vec<Judged> {
    let input = &plan.scan.inputs[0];
    let syntax = plan.scan.syntax(input).unwrap();
    let data = &bytes[input.data_start as usize..input.data_end as usize];
    let mut records = Records::default();
    assert_eq!(parse(data, true, &syntax, &mut records), data.len());
    let row_plan = plan.row_plan(0, &plan.scan.options().unwrap());
    let mut block: RowBlock<Nothing> = RowBlock::default();
    validate(data, &records, &row_plan, &syntax, &mut block);
    let line_at = |offset: u32| {
        let before = &bytes[..input.data_start as usize + offset as usize];
        1 + before.iter().filter(|&&byte| byte == input.line_end()).count() as u64
    };
    let judged = |record_index: u32, source: ByteRange, code: Option<RejectCode>| {
        let position = Position {
            file_index: 0,
            line: line_at(source.start),
            line_end: line_at(source.end),
            record: u64::from(record_index) + 1,
            offset_bytes: input.data_start + u64::from(source.start),
            length_bytes: u64::from(source.len()),
        };
        (position, code)
    };
    let rows = block.rows.iter().map(|row| judged(row.record_index, row.source, None));
    let rejects = block.rejects.iter();
    let rejects = rejects.map(|reject| judged(reject.record_index, reject.source, Some(reject.reason.code())));
    let mut all: Vec<Judged> = rows.chain(rejects).collect();
    all.sort_by_key(|(position, _)| position.record);
    all
}

/// The records of `bytes` in ranges that end at `cuts`, with the plan; nothing if they are none that can be loaded.
fn in_ranges(bytes: &[u8], cuts: &[u64], max_record_bytes: u64, sizes: (u64, u64)) -> Option<(Vec<Judged>, ReadPlan)> {
    let source: Arc<dyn RangeSource> = Arc::new(bytes.to_vec());
    let load = Load::new(["x.csv"]).text(true).max_record_bytes(max_record_bytes);
    let mut planner = RangePlanner::new(&load, &[Arc::clone(&source)]).ok()?;
    planner.set_pace(sizes.0, sizes.1);
    let plan = planner.scan_plan();
    let input = &plan.inputs[0];
    let within = |cut: &u64| (input.data_start..input.data_end).contains(cut);
    let mut borders: Vec<u64> = cuts.iter().copied().filter(within).collect();
    borders.extend([input.data_start, input.data_end]);
    borders.sort_unstable();
    borders.dedup();
    let ranges: Vec<InputRange> = match borders[..] {
        [only] => vec![(only, only)],
        _ => borders.windows(2).map(|pair| (pair[0], pair[1])).collect(),
    }
    .into_iter()
    .map(|(start, end)| InputRange {
        file_index: 0,
        start,
        end,
    })
    .collect();
    let reports: Vec<RangeReport> = ranges
        .iter()
        .map(|range| plan.scan(&*source, *range).unwrap())
        .collect();
    for report in &reports {
        let walked: u64 = report.parsed_bytes();
        let range = report.range();
        let length = range.end - range.start;
        // What a record reaches beyond the range is parsed with it.
        assert!(
            walked <= 2 * (length + max_record_bytes + 2),
            "{walked} bytes parsed for {range:?}"
        );
    }
    let composed = planner.compose(&reports).unwrap();
    let plan = Arc::new(composed.plan);
    let mut all: Vec<Judged> = Vec::new();
    // In whatever order.
    for piece in composed.pieces.iter().rev() {
        let checked = CheckedRange::read(&plan, &source, piece).unwrap();
        all.extend(checked.rows.iter().map(|row| (*row, None)));
        all.extend(
            checked
                .rejects
                .iter()
                .map(|reject| (reject.position, Some(reject.code))),
        );
    }
    all.sort_by_key(|(position, _)| position.record);
    Some((all, Arc::into_inner(plan)?))
}

/// How many cases there are: as many as were run once, if that is asked for.
fn cases() -> u32 {
    let asked = std::env::var("ROWMILL_RANGE_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(3000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn pieces_have_the_records_of_the_whole(
        text in prop_oneof![
            2 => "[a,\"\n]{0,60}",
            2 => "(a|,|\"|\n|\r|\r\n|,\"|\",|\"\n|\n\"){0,60}",
            1 => "([0-9],\"[a\n,]{0,6}\"\n|[0-9],[a]{0,3}\n|[0-9],\"a\n){0,16}",
            1 => "(1,\"\n\",2\n){0,12}",
            // Damaged fields that go on for lines, and their tails.
            2 => "(1,2\n|1,\"a\"b\n|more\n|more,\n|tail\",5\n|a\"\n|3,\"4\"\n|1,\"x\n|y\"z\n){0,24}",
        ],
        cuts in prop::collection::vec(0_u64..90, 0..12),
        every in prop::bool::weighted(0.2),
        max_record_bytes in prop_oneof![1_u64..12, 1_u64..80, Just(1000_u64)],
        sizes in (1_u64..40, 0_u64..10),
        columns in 1_usize..4,
        is_old_mac in prop::bool::weighted(0.1),
    ) {
        let mut bytes = ["a\n", "a,b\n", "a,b,c\n"][columns - 1].as_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        if is_old_mac {
            for byte in bytes.iter_mut().filter(|byte| **byte == b'\n') {
                *byte = b'\r';
            }
            bytes.extend_from_slice(b"\r\n");
        }
        let cuts: Vec<u64> = if every { (0..100).collect() } else { cuts };
        if let Some((found, plan)) = in_ranges(&bytes, &cuts, max_record_bytes.max(6), sizes) {
            prop_assert_eq!(found, whole(&bytes, &plan));
        }
    }
}

#[test]
fn the_tail_of_a_damaged_field_reaches_into_the_next_ranges() {
    let text = b"a,b\n1,\"he \"said\" hello\nand then,\nhe left\",5\n2,x\n3,y\n";
    for step in 1..50 {
        let cuts: Vec<u64> = (0..50).step_by(step).collect();
        let (found, plan) = in_ranges(text, &cuts, 1000, (1000, 64)).unwrap();
        assert_eq!(found, whole(text, &plan), "cut every {step} bytes");
        assert_eq!(found[0].0.line_end, 4, "the damaged record has a tail");
    }
}
