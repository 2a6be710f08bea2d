//! Which encoding bytes are likely in that are not UTF-8. A guess, for a hint: nothing is read by it.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use super::Encoding;

/// Most bytes by which an encoding is guessed.
pub const LIKELY_BYTES: usize = 64 << 10;

/// The encoding that `bytes` are likely in, if they are not UTF-8. `is_whole`: none follow, so that they end with a whole character.
pub fn likely(bytes: &[u8], is_whole: bool) -> Option<Encoding> {
    let bytes = &bytes[..bytes.len().min(LIKELY_BYTES)];
    match std::str::from_utf8(bytes) {
        Ok(_) => return None,
        Err(error) if error.error_len().is_none() && !is_whole => return None,
        Err(_) => {}
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, is_whole);
    let found = detector.guess(None, Utf8Detection::Deny);
    Encoding::of_standard(found).filter(|found| *found != Encoding::UTF_8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_encodings_are_guessed() {
        for (name, text) in [
            (
                "windows-1252",
                "id,name,city\n1,José Núñez,Málaga\n2,François Lefèvre,Orléans\n",
            ),
            (
                "windows-1251",
                "номер,имя,город\n1,Анна Иванова,Москва\n2,Пётр Петров,Казань\n",
            ),
            ("Shift_JIS", "番号,名前,都市\n1,山田太郎,東京都\n2,鈴木花子,大阪府\n"),
            ("GBK", "编号,姓名,城市\n1,王小明,北京市\n2,李小红,上海市\n"),
            ("EUC-KR", "번호,이름,도시\n1,김철수,서울\n2,이영희,부산\n"),
        ] {
            let encoding = encoding_rs::Encoding::for_label(name.as_bytes()).unwrap();
            let (bytes, _, _) = encoding.encode(text);
            assert_eq!(likely(&bytes, true).map(Encoding::name), Some(name));
        }
    }

    #[test]
    fn utf_8_is_no_other_encoding() {
        assert_eq!(likely("é,ü\n".as_bytes(), true), None);
        assert_eq!(likely(&"é,ü".as_bytes()[..4], false), None, "it goes on");
        assert!(likely(&"é,ü".as_bytes()[..4], true).is_some());
        assert_eq!(likely(b"", true), None);
    }
}
