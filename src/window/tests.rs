use super::*;
use std::io::Write;

fn never() -> bool {
    false
}

#[test]
fn mapped_windows_start_anywhere_and_end_with_the_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let content: Vec<u8> = (0..20_000u32).map(|i| (i % 251) as u8).collect();
    file.write_all(&content).unwrap();
    let mut input = Input::open(file.path()).unwrap();
    for (start, want) in [
        (0, 1),
        (1, 4096),
        (4095, 2),
        (4096, 4096),
        (19_999, 100),
        (20_000, 5),
        (3, 19_997),
    ] {
        let window = input.window(start as u64, want, &never).unwrap();
        let end = (start + want).min(content.len());
        assert_eq!(window.bytes(), &content[start..end]);
        assert_eq!(window.at_end, end == content.len());
    }
}

#[test]
fn a_streamed_window_begins_with_what_the_last_one_left() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
    let feeder = std::thread::spawn(move || {
        for piece in [&b"abcdef"[..], b"ghij", b"k"] {
            writer.write_all(piece).unwrap();
        }
    });
    let mut input = Input::open(&path).unwrap();
    drop(reader);
    let abilities = input.abilities();
    assert!(abilities.length_bytes.is_none() && !abilities.can_be_read_again);
    let first = input.window(0, 4, &never).unwrap();
    assert_eq!((first.bytes(), first.at_end), (&b"abcd"[..], false));
    let second = input.window(2, 4, &never).unwrap();
    assert_eq!((second.bytes(), second.at_end), (&b"cdef"[..], false));
    let third = input.window(6, 100, &never).unwrap();
    assert_eq!((third.bytes(), third.at_end), (&b"ghijk"[..], true));
    feeder.join().unwrap();
}

#[test]
fn a_file_that_shrank_is_an_error_not_a_crash() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&[b'x'; 10_000]).unwrap();
    let mut input = Input::open(file.path()).unwrap();
    file.as_file().set_len(10).unwrap();
    let error = input.window(0, 10_000, &never).unwrap_err();
    assert_eq!(error.exit_code(), 74);
    assert!(error.to_string().contains("shrank from 10000 to 10 bytes"), "{error}");
}

#[test]
fn a_file_that_grew_or_was_written_over_is_not_what_was_opened() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&[b'x'; 100]).unwrap();
    let mut input = Input::open(file.path()).unwrap();
    input.check_unchanged().unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    file.as_file().set_modified(later).unwrap();
    let said = |error: Error| error.to_string();
    assert!(said(input.check_unchanged().unwrap_err()).contains("it was written to"));
    file.write_all(b"y").unwrap();
    assert!(said(input.window(0, 10, &never).unwrap_err()).contains("it grew from 100 to 101 bytes"));
}

#[test]
fn the_memory_of_a_streams_windows_is_used_again_until_its_end_and_shows_no_old_bytes() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"0123456789abcdefghijXYZ").unwrap();
    drop(writer);
    let mut input = Input::open(Path::new(&format!("/dev/fd/{}", reader.as_raw_fd()))).unwrap();
    let idle = |input: &Input| match &input.kind {
        InputKind::Streamed(stream) => stream.windows.idle(),
        _ => unreachable!("a pipe is no file"),
    };
    let first = input.window(0, 10, &never).unwrap();
    let address = first.bytes().as_ptr();
    drop(first);
    assert_eq!(input.window(10, 10, &never).unwrap().bytes(), b"abcdefghij");
    assert_eq!(idle(&input), 1);
    let last = input.window(20, 10, &never).unwrap();
    assert_eq!(
        (last.bytes(), last.bytes().as_ptr(), last.at_end),
        (&b"XYZ"[..], address, true)
    );
    drop(last);
    assert_eq!(input.window(23, 10, &never).unwrap().bytes(), b"");
    assert_eq!(idle(&input), 0);
}
