use super::*;
use std::io::Write;

fn never() -> bool {
    false
}

/// What `packed` unpacks to, or the trouble with it.
fn unpacked(packing: Packing, packed: Vec<u8>, memory: UnpackingMemory) -> Result<Vec<u8>, Trouble> {
    let (all, ended) = read_all(packing, Box::new(io::Cursor::new(packed)), memory);
    ended.map(|()| all)
}

/// What comes out of `packed`, and how that ends.
fn read_all(packing: Packing, packed: Box<dyn Read + Send>, memory: UnpackingMemory) -> (Vec<u8>, Result<(), Trouble>) {
    let unpacking = Unpacking { member: None, memory };
    let bytes = PackedBytes::Stream(packed);
    let mut unpacked = Unpacked::begin(packing, &unpacking, bytes, &Arc::default(), None).unwrap();
    let (mut all, mut piece) = (Vec::new(), [0; 1000]);
    loop {
        match unpacked.read(&mut piece, &never).unwrap() {
            Ok(0) => return (all, Ok(())),
            Ok(bytes) => all.extend(&piece[..bytes]),
            Err(trouble) => return (all, Err(trouble)),
        }
    }
}

/// A reader that hands out at most so many bytes at a time, and fails after the last one if it is to.
struct InPieces {
    bytes: io::Cursor<Vec<u8>>,
    piece_bytes: usize,
    fails: bool,
}

impl Read for InPieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.piece_bytes.min(buffer.len());
        match self.bytes.read(&mut buffer[..length])? {
            0 if self.fails => Err(io::Error::other("the disk")),
            bytes => Ok(bytes),
        }
    }
}

/// A text of several pieces, packed in each way.
#[cfg(feature = "compressed")]
fn packed_texts() -> Vec<(Packing, Vec<u8>)> {
    // Blocks of zstd end where pieces end.
    let text: Vec<u8> = (0..60_000u32)
        .flat_map(|i| format!("{},", i.wrapping_mul(2_654_435_761)).into_bytes())
        .collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).unwrap();
    let mut bzip2 = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::new(1));
    bzip2.write_all(&text).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(&text).unwrap();
    let mut zstd = ::zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    zstd.include_checksum(true).unwrap();
    zstd.write_all(&text).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&text).unwrap();
    vec![
        (Packing::Gzip, gzip.finish().unwrap()),
        (Packing::Bzip2, bzip2.finish().unwrap()),
        (Packing::Xz, xz.finish().unwrap()),
        (Packing::Zstd, zstd.finish().unwrap()),
        (Packing::Lz4, lz4.finish().unwrap()),
    ]
}

#[test]
#[cfg(feature = "compressed")]
fn what_comes_out_of_damaged_bytes_and_how_that_is_told_does_not_depend_on_how_they_arrive() {
    for (packing, packed) in packed_texts() {
        let length = packed.len();
        let last = [length - 9, length - 3, length - 1];
        for at in (0..10).map(|step| 12 + step * length / 11).chain(last) {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x10;
            let read = |piece_bytes: usize, fails: bool| {
                let bytes = io::Cursor::new(damaged.clone());
                let reader = InPieces {
                    bytes,
                    piece_bytes,
                    fails,
                };
                let (all, ended) = read_all(packing, Box::new(reader), AMPLE);
                (all, format!("{ended:?}"))
            };
            let whole = read(usize::MAX, false);
            for piece_bytes in [1, 1000, 70_001] {
                assert!(
                    read(piece_bytes, false) == whole,
                    "{packing}, byte {at}, in pieces of {piece_bytes}: {}",
                    whole.1
                );
            }
            // What is read before reading fails is what it is, too.
            if whole.1.contains("Damaged") && at < length / 2 {
                let failing = (read(7, true), read(usize::MAX, true));
                assert!(failing.0 == failing.1, "{packing}, byte {at}: {}", failing.1.1);
            }
        }
    }
}

const AMPLE: UnpackingMemory = UnpackingMemory {
    limit_bytes: 64 << 20,
    floor_bytes: 1 << 20,
};

#[test]
fn formats_are_recognized_as_soon_as_their_first_bytes_tell() {
    for (first, packing) in [
        (&b"\x1F\x8B\x08\0\0\0\0\0\0\x03"[..], Some(Packing::Gzip)),
        (b"\x1F\x8B", Some(Packing::Gzip)),
        (b"BZh91AY&SY", Some(Packing::Bzip2)),
        (b"BZh9\x17\x72\x45\x38\x50\x90", Some(Packing::Bzip2)),
        (b"BZh91AY,SY", None),
        (b"\x5F\x2A\x4D\x18\0\0", Some(Packing::Zstd)),
        (b"PK\x05\x06", Some(Packing::Zip)),
        (b"PK,id\n", None),
        (b"", None),
    ] {
        assert_eq!(Packing::of(first), packing, "{}", first.escape_ascii());
    }
    for (first, may_be) in [
        (&b""[..], true),
        (b"BZh9", true),
        (b"BZx", false),
        (b"P", true),
        (b"PL", false),
        (b"i", false),
        (b"\x51\x2A", true),
        (b"BZh91AY&SY", false),
    ] {
        assert_eq!(Packing::may_be(first), may_be, "{}", first.escape_ascii());
    }
}

#[test]
fn endings_of_names_say_how_files_are_packed() {
    for (path, without) in [
        ("a/people.csv.gz", "people.csv"),
        ("people.ZST", "people"),
        ("a/people.csv", "a/people.csv"),
        ("gz", "gz"),
        (".gz", ".gz"),
    ] {
        assert_eq!(
            without_ending(std::path::Path::new(path)),
            std::path::Path::new(without)
        );
    }
}

#[test]
#[cfg(feature = "zstd")]
fn windows_larger_than_the_memory_are_refused_and_the_first_frame_sets_some_aside() {
    let frame = |window_log: u32| {
        let mut packer = ::zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        packer.window_log(window_log).unwrap();
        packer.write_all(b"id\n1\n").unwrap();
        packer.finish().unwrap()
    };
    let (small, large) = (frame(17), frame(23));
    assert_eq!(unpacked(Packing::Zstd, large.clone(), AMPLE).unwrap(), b"id\n1\n");
    let tight = UnpackingMemory {
        limit_bytes: 4 << 20,
        floor_bytes: 0,
    };
    match unpacked(Packing::Zstd, large.clone(), tight) {
        Err(Trouble::Refused(message)) => assert!(
            message.contains("takes 9MiB of memory for the zstd window"),
            "{message}"
        ),
        other => panic!("{other:?}"),
    }
    // There would be enough, but only what the first one said was set aside.
    let second = [small, large].concat();
    let spare = UnpackingMemory {
        floor_bytes: 0,
        ..AMPLE
    };
    assert!(matches!(
        unpacked(Packing::Zstd, second.clone(), spare),
        Err(Trouble::Refused(_))
    ));
    let floor = UnpackingMemory {
        floor_bytes: 16 << 20,
        ..AMPLE
    };
    assert_eq!(unpacked(Packing::Zstd, second, floor).unwrap(), b"id\n1\nid\n1\n");
}

#[test]
#[cfg(feature = "xz")]
fn dictionaries_larger_than_the_memory_are_refused() {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 6);
    packer.write_all(b"id\n1\n").unwrap();
    let packed = packer.finish().unwrap();
    assert_eq!(unpacked(Packing::Xz, packed.clone(), AMPLE).unwrap(), b"id\n1\n");
    let tight = UnpackingMemory {
        limit_bytes: 4 << 20,
        floor_bytes: 0,
    };
    match unpacked(Packing::Xz, packed, tight) {
        Err(Trouble::Refused(message)) => assert!(
            message.contains("takes 9MiB of memory for the xz dictionary"),
            "{message}"
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
#[cfg(feature = "gzip")]
fn unpacking_ends_when_nobody_wants_more() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&vec![b'x'; 8 << 20]).unwrap();
    let bytes = PackedBytes::Stream(Box::new(io::Cursor::new(packer.finish().unwrap())));
    let stop = Some(Arc::new(AtomicBool::new(false)));
    let mut unpacked = Unpacked::begin(Packing::Gzip, &Unpacking::default(), bytes, &Arc::default(), stop).unwrap();
    assert!(matches!(unpacked.read(&mut [0; 10], &never), Some(Ok(10))));
    // This waits for the thread.
    drop(unpacked);
}
