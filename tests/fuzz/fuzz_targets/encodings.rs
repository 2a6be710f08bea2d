//! An input in UTF-16, of any bytes, read through windows of any size: it is what std makes of it, no byte of it is lost, and each of its
//! lines stands in the file where counting says.

#![cfg_attr(feature = "libfuzzer", no_main)]

use std::fs::File;
use std::io::Write;

use arbitrary::Arbitrary;
use rowmill::internal::encoding::wide::{ByteOrder, Restored, length_of};
use rowmill::internal::window::Input;
use rowmill_fuzz::Text;

#[derive(Debug, Arbitrary)]
struct WideInput {
    is_big: bool,
    is_marked: bool,
    /// Units of ASCII are what most of a file is: each byte is made one.
    is_ascii: bool,
    /// Sizes of the windows, over and over. Empty: whole.
    windows: Vec<u8>,
    text: Text,
}

/// The bytes of the file, and the order of theirs.
fn file_of(input: &WideInput) -> (Vec<u8>, ByteOrder) {
    let order = if input.is_big {
        ByteOrder::Big
    } else {
        ByteOrder::Little
    };
    let mark: &[u8] = if input.is_big { b"\xFE\xFF" } else { b"\xFF\xFE" };
    let mut bytes = if input.is_marked { mark.to_vec() } else { Vec::new() };
    for &byte in &input.text.0 {
        match (input.is_ascii, input.is_big) {
            (false, _) => bytes.push(byte),
            (true, true) => bytes.extend([0, byte]),
            (true, false) => bytes.extend([byte, 0]),
        }
    }
    let marked = ByteOrder::of_mark(&bytes);
    (bytes, marked.unwrap_or(order))
}

rowmill_fuzz::target!(|input: WideInput| {
    let (bytes, order) = file_of(&input);
    if bytes.starts_with(b"\xEF\xBB\xBF") || bytes.starts_with(b"SQLite format 3\0") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("in.csv");
    File::create(&path)
        .and_then(|mut file| file.write_all(&bytes))
        .expect("a file");
    let mut source = Input::open(&path).expect("what was made just now");
    if source.packing().is_some() {
        return;
    }
    source.look_for_wide(Some(order)).expect("what was made just now");
    let mut sizes = input.windows.iter().map(|&size| usize::from(size).max(1)).cycle();
    let mut text = Vec::new();
    loop {
        let window = source
            .window(text.len() as u64, sizes.next().unwrap_or(1 << 20), &|| false)
            .expect("a window");
        text.extend_from_slice(window.bytes());
        if window.at_end {
            break;
        }
    }
    assert_eq!(source.wide(), Some(order));
    assert_eq!(source.wide_bytes(), Some(bytes.len() as u64));
    let units = bytes.chunks_exact(2).map(|unit| match order {
        ByteOrder::Little => u16::from_le_bytes([unit[0], unit[1]]),
        ByteOrder::Big => u16::from_be_bytes([unit[0], unit[1]]),
    });
    let expected: Result<String, _> = char::decode_utf16(units).collect();
    match expected {
        Ok(expected) if bytes.len().is_multiple_of(2) => assert_eq!(text, expected.as_bytes()),
        _ => assert!(std::str::from_utf8(&text).is_err()),
    }
    let mut offset = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let mut original = Vec::new();
        Restored::new(order).push(line, &mut original);
        assert_eq!(length_of(line), original.len() as u64);
        assert_eq!(&bytes[offset..offset + original.len()], original);
        offset += original.len();
    }
    assert_eq!(offset, bytes.len());
});
