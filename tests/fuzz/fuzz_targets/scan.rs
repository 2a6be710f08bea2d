//! A whole scan, with windows, chunks and memory of any size, of a file or of a pipe, against one parse of all the bytes: the same records
//! and faults, and every byte handed over once.

#![cfg_attr(feature = "libfuzzer", no_main)]

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use rowmill::internal::parse::{COMMENT, FaultKind, Records, Syntax, parse};
use rowmill::internal::pipeline::{
    Flight, Flow, ScanRequest, ScanSettings, ScanTimes, Scanned, Work, WorkerPool, scan,
};
use rowmill::internal::window;
use rowmill_fuzz::{AnyDialect, Text};

#[derive(Debug, Arbitrary)]
struct Input {
    dialect: AnyDialect,
    /// 0: no limit.
    max_record_bytes: u16,
    /// 0: not known.
    columns: u8,
    window_bytes: u8,
    chunk_bytes: u8,
    blocks_bytes: u16,
    from: From,
    text: Text,
}

#[derive(Debug, Arbitrary, PartialEq)]
enum From {
    File,
    GrowingFile,
    Pipe,
}

/// A record: the bytes that it covers, its fields, and its fault.
type Found = (Vec<u8>, u32, Option<FaultKind>);

struct Collect(Syntax);

impl Work for Collect {
    type Format = Syntax;
    type Output = Vec<Found>;

    fn format(&self) -> Syntax {
        self.0
    }

    fn output(&self) -> Vec<Found> {
        Vec::new()
    }

    fn run(&self, span: &[u8], records: &Records, output: &mut Vec<Found>) {
        output.extend(found(span, records));
    }

    fn memory_bytes(&self, output: &Vec<Found>) -> usize {
        output.len()
    }
}

static POOL: LazyLock<WorkerPool> = LazyLock::new(|| WorkerPool::new(2).expect("two threads"));

rowmill_fuzz::target!(|input: Input| {
    let AnyDialect(dialect) = input.dialect;
    let max_record_bytes = match input.max_record_bytes {
        0 => 1 << 20,
        limit => u64::from(limit),
    };
    let syntax = Syntax {
        dialect,
        columns: u32::from(input.columns % 4),
        max_record_bytes,
    };
    let may_grow = input.from == From::GrowingFile;
    let text = &input.text.0[..];
    let mut records = Records::default();
    // Bytes that no line end follows yet decide nothing in a file that may grow, unless they are too many for any record.
    let lines_end = text
        .iter()
        .rposition(|&byte| byte == dialect.line_end)
        .map_or(0, |at| at + 1);
    let is_left_alone = may_grow && (text.len() - lines_end) as u64 <= max_record_bytes;
    let view = if is_left_alone { &text[..lines_end] } else { text };
    let decided = parse(view, !may_grow, &syntax, &mut records);
    let expected = found(&text[..decided], &records);

    let window_bytes = usize::from(input.window_bytes) + 1;
    let settings = ScanSettings {
        window_bytes,
        chunk_bytes: usize::from(input.chunk_bytes) + 1,
        blocks_bytes: usize::from(input.blocks_bytes) + 1,
        windows_bytes: 3 * window_bytes,
        may_grow,
    };
    // Pipes of this size take all of the text at once.
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let path = if input.from == From::Pipe {
        writer.write_all(text).expect("a pipe takes 2 KiB");
        PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()))
    } else {
        file.write_all(text).expect("room for 2 KiB");
        file.path().to_owned()
    };
    drop(writer);
    let mut source = window::Input::open(&path).expect("what was made just now");
    let (mut got, mut at, mut line) = (Vec::new(), 0, Vec::new());
    let request = ScanRequest {
        settings,
        work: &Collect(syntax),
        flight: &Flight::new(&settings),
        times: &ScanTimes::default(),
        stopped: &|| false,
    };
    let complete = scan(&POOL, &mut source, 0, request, &mut |scanned| {
        match scanned {
            Scanned::Nothing | Scanned::Waiting => {}
            Scanned::Block(block) => {
                assert_eq!(block.start_bytes, at, "blocks are adjacent");
                at += block.bytes().len() as u64;
                got.extend(block.into_output());
            }
            Scanned::LinePiece(piece) => {
                assert_eq!(piece.start_bytes(), at, "pieces are adjacent");
                assert_eq!(piece.first, line.is_empty());
                at += piece.bytes().len() as u64;
                line.extend_from_slice(piece.bytes());
                if piece.last {
                    got.push((std::mem::take(&mut line), 0, Some(FaultKind::RecordTooLarge)));
                }
            }
        }
        Ok(Flow::Continue)
    });
    assert!(complete.expect("nothing to fail"));
    // The first pieces of a line that may still grow say nothing yet.
    assert_eq!(at - line.len() as u64, decided as u64, "what is decided is handed over");
    let comparable = |(bytes, fields, fault): Found| match fault {
        // How much of such a record was looked at depends on what was in view.
        Some(FaultKind::RecordTooLarge) => (Vec::new(), 0, fault),
        _ => (bytes, fields, fault),
    };
    let [got, expected] = [got, expected].map(|records| records.into_iter().map(comparable).collect::<Vec<_>>());
    assert_eq!(got, expected);
});

fn found(span: &[u8], records: &Records) -> Vec<Found> {
    let mut first_field = 0;
    let found = |record: &rowmill::internal::parse::RecordSpan| {
        let fields = record.fields_end - first_field;
        first_field = record.fields_end;
        let fault = match record.fault {
            0 | COMMENT => None,
            fault => Some(records.faults[fault as usize - 1].kind),
        };
        (span[record.start as usize..record.end as usize].to_vec(), fields, fault)
    };
    records.records.iter().map(found).collect()
}
