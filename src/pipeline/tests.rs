//! What a scan hands over must not depend on how the input was cut.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

use super::*;
use crate::format::Csv;
use crate::parse::{Dialect, Records, parse};

/// Collects each record as text: `text`, or `!kind:text` for a fault.
struct Collect(Csv);

impl Work for Collect {
    type Format = Csv;
    type Output = Vec<String>;

    fn format(&self) -> Csv {
        self.0
    }

    fn output(&self) -> Vec<String> {
        Vec::new()
    }

    fn run(&self, span: &[u8], records: &Records, output: &mut Vec<String>) {
        output.extend(describe(span, records));
    }

    fn memory_bytes(&self, output: &Vec<String>) -> usize {
        output.len()
    }
}

fn describe(span: &[u8], records: &Records) -> Vec<String> {
    let mut first_field = 0;
    let describe = |record: &crate::parse::RecordSpan| {
        let text = &span[record.start as usize..record.end as usize];
        let fields = record.fields_end - first_field;
        first_field = record.fields_end;
        match record.fault {
            0 => format!("{fields}:{:?}", text.escape_ascii().to_string()),
            fault => format!(
                "!{:?}:{:?}",
                records.faults[fault as usize - 1],
                text.escape_ascii().to_string()
            ),
        }
    };
    records.records.iter().map(describe).collect()
}

fn syntax(max_record_bytes: u64) -> Csv {
    Csv {
        dialect: Dialect::default(),
        columns: 2,
        max_record_bytes,
    }
}

fn settings(window_bytes: usize, chunk_bytes: usize) -> ScanSettings {
    ScanSettings {
        window_bytes,
        chunk_bytes,
        blocks_bytes: 1 << 20,
        windows_bytes: 3 * window_bytes,
        may_grow: false,
    }
}

/// Everything a scan hands over, long lines put together again.
fn scanned(path: &Path, threads: usize, format: Csv, settings: ScanSettings) -> Vec<String> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let mut input = Input::open(path).unwrap();
    let mut records = Vec::new();
    let mut line: Vec<u8> = Vec::new();
    let mut expected_start = 0;
    let request = ScanRequest {
        settings,
        work: &Collect(format),
        flight: &Flight::new(&settings),
        times: &ScanTimes::default(),
        stopped: &|| false,
    };
    let complete = scan(&pool, &mut input, 0, request, &mut |piece| {
        match piece {
            Scanned::Block(block) => {
                assert_eq!(block.start_bytes, expected_start, "blocks are adjacent");
                expected_start += block.bytes().len() as u64;
                records.extend(block.into_output());
            }
            Scanned::Nothing | Scanned::Waiting => {}
            Scanned::LinePiece(piece) => {
                assert_eq!(piece.start_bytes(), expected_start, "pieces are adjacent");
                expected_start += piece.bytes().len() as u64;
                assert_eq!(piece.first, line.is_empty());
                line.extend_from_slice(piece.bytes());
                if piece.last {
                    records.push(format!("!long:{}", line.escape_ascii()));
                    line.clear();
                }
            }
        }
        Ok(Flow::Continue)
    })
    .unwrap();
    assert!(complete);
    records
}

/// The same if the bytes come through a pipe, whose end shows only after the last byte.
fn scanned_from_pipe(bytes: &[u8], threads: usize, format: Csv, settings: ScanSettings) -> Vec<String> {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    std::thread::scope(|scope| {
        scope.spawn(move || writer.write_all(bytes));
        scanned(Path::new(&path), threads, format, settings)
    })
}

/// The same from one parse of everything.
fn expected(bytes: &[u8], max_record_bytes: u64) -> Vec<String> {
    let mut records = Records::default();
    let consumed = parse(bytes, true, &syntax(max_record_bytes), &mut records);
    assert_eq!(consumed, bytes.len());
    describe(bytes, &records)
}

fn without_long_lines(records: Vec<String>) -> Vec<String> {
    records
        .into_iter()
        .map(|r| {
            if r.starts_with("!long") || r.contains("RecordTooLarge") {
                "!".to_owned()
            } else {
                r
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn a_scan_gives_what_one_parse_gives_at_any_window_chunk_and_thread_count(
        bytes in proptest::collection::vec(prop::sample::select(b"aab,,\"\"\n\n\r".to_vec()), 0..200),
        window_bytes in 1usize..80,
        chunk_bytes in 1usize..40,
        max_record_bytes in prop::sample::select(vec![3u64, 17, 60, 1000]),
        threads in 1usize..4,
        // With little memory, what was made of chunks after an undecided record is not kept.
        blocks_bytes in prop::sample::select(vec![1usize, 40, 1 << 20]),
    ) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let settings = ScanSettings { blocks_bytes, ..settings(window_bytes, chunk_bytes) };
        let format = syntax(max_record_bytes);
        let wanted = without_long_lines(expected(&bytes, max_record_bytes));
        prop_assert_eq!(&without_long_lines(scanned(file.path(), threads, format, settings)), &wanted);

        prop_assert_eq!(&without_long_lines(scanned_from_pipe(&bytes, threads, format, settings)), &wanted);
    }
}

#[test]
fn a_chunk_after_an_undecided_record_is_decided_by_the_end_of_a_stream_that_comes_after_it() {
    // The second quote decides the first, and the end decides the last one; a window that is full up to the end does not know of the end.
    let bytes = b"aaaa,\"\nbbbbbbbbb\na\"b\n,\"\n";
    let wanted = expected(bytes, 1000);
    assert_eq!(wanted.len(), 2);
    for window_bytes in 1..=bytes.len() + 1 {
        for chunk_bytes in 1..=bytes.len() + 1 {
            let found = scanned_from_pipe(bytes, 2, syntax(1000), settings(window_bytes, chunk_bytes));
            assert_eq!(found, wanted, "window {window_bytes}, chunk {chunk_bytes}");
        }
    }
}

#[test]
fn a_record_that_was_open_before_a_line_that_is_too_long_is_decided_with_that_lines_bytes() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let bytes = b"\"\n\",aaa";
    file.write_all(bytes).unwrap();
    let found = scanned(file.path(), 1, syntax(3), settings(1, 1));
    assert_eq!(without_long_lines(found), without_long_lines(expected(bytes, 3)));
}

#[test]
fn a_scan_that_is_told_to_stop_says_that_it_did_not_reach_the_end() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&b"1,2\n".repeat(10_000)).unwrap();
    let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let mut input = Input::open(file.path()).unwrap();
    let times = ScanTimes::default();
    let settings = settings(4096, 64);
    let request = ScanRequest {
        settings,
        work: &Collect(syntax(1000)),
        flight: &Flight::new(&settings),
        times: &times,
        stopped: &|| false,
    };
    let complete = scan(&pool, &mut input, 0, request, &mut |_| Ok(Flow::Stop)).unwrap();
    assert!(!complete);
}

/// Most bytes that a consumer of `bytes` has which keeps what it gets until it is told that nothing comes.
fn most_bytes_kept(bytes: &[u8], max_record_bytes: u64, settings: ScanSettings) -> usize {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let mut input = Input::open(file.path()).unwrap();
    let request = ScanRequest {
        settings,
        work: &Collect(syntax(max_record_bytes)),
        flight: &Flight::new(&settings),
        times: &ScanTimes::default(),
        stopped: &|| false,
    };
    let (mut kept, mut kept_bytes, mut most_bytes, mut total_bytes) = (Vec::new(), 0, 0, 0);
    scan(&pool, &mut input, 0, request, &mut |scanned| {
        match scanned {
            Scanned::Block(block) => {
                kept_bytes += block.bytes().len();
                total_bytes += block.bytes().len();
                most_bytes = most_bytes.max(kept_bytes);
                kept.push(block);
            }
            _ => {
                kept.clear();
                kept_bytes = 0;
            }
        }
        Ok(Flow::Continue)
    })
    .unwrap();
    assert_eq!(total_bytes, bytes.len());
    most_bytes
}

#[test]
fn what_is_handed_over_and_kept_is_bounded_also_where_every_chunk_is_stitched() {
    // Records of eight bytes are off by four: every chunk ends within the quotes of one, and none is read rightly.
    let bytes = [b"abc\n".to_vec(), b"\"ab\ncd\"\n".repeat(100_000)].concat();
    let chunk_bytes = 4096;
    assert_eq!(bytes[chunk_bytes - 4..chunk_bytes + 4], *b"\"ab\ncd\"\n");
    let settings = ScanSettings {
        blocks_bytes: 64 << 10,
        ..settings(1 << 20, chunk_bytes)
    };
    let most_bytes = most_bytes_kept(&bytes, 1000, settings);
    assert!(most_bytes <= 2 * settings.blocks_bytes, "{most_bytes} bytes kept");
}

#[test]
fn lines_that_waited_for_a_quote_do_not_outrun_whoever_takes_them() {
    let bytes = [b"\"1,2\n".to_vec(), b"1,2\n".repeat(3 << 20)].concat();
    let settings = ScanSettings {
        blocks_bytes: 2 << 20,
        ..settings(1 << 20, 64 << 10)
    };
    let most_bytes = most_bytes_kept(&bytes, 16 << 20, settings);
    assert!(most_bytes <= settings.blocks_bytes, "{most_bytes} bytes kept");
}

/// Says that its thread has ended, some time after the thread's last statement.
struct Ending(Arc<AtomicU64>);

impl Drop for Ending {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(100));
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn a_pool_that_is_dropped_leaves_no_thread_behind() {
    thread_local!(static ENDING: std::cell::RefCell<Option<Ending>> = const { std::cell::RefCell::new(None) });
    let ended = Arc::new(AtomicU64::new(0));
    let pool = WorkerPool::new(3).unwrap();
    pool.broadcast(|_| ENDING.set(Some(Ending(ended.clone()))));
    drop(pool);
    assert_eq!(ended.load(std::sync::atomic::Ordering::Relaxed), 3);
}
