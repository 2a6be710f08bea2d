//! Currencies as they stand before or after an amount: signs, the codes of ISO 4217, and what some countries write.

/// Currency signs of Unicode outside the block of them (U+20A0 to U+20CF).
const SIGNS: [&str; 12] = ["$", "¢", "£", "¤", "¥", "฿", "﷼", "＄", "￠", "￡", "￥", "￦"];
/// Abbreviations that are no codes; the longer first.
const ABBREVIATIONS: [&str; 15] = [
    "руб.", "руб", "лв.", "лв", "kr.", "kr", "Kr.", "Kr", "Kč", "zł", "Ft", "lei", "Fr.", "Rs.", "Rs",
];
/// Letters before a dollar sign, as in `US$` and `R$`.
const MAX_LETTERS: usize = 3;
/// Letters of a code.
const CODE_BYTES: usize = 3;

/// Codes of ISO 4217 for what people pay with, one after another, in order.
const CODES: &[u8] = b"AEDAFNALLAMDANGAOAARSAUDAWGAZNBAMBBDBDTBGNBHDBIFBMDBNDBOBBRLBSDBTNBWPBYNBZDCADCDFCHFCLPCNYCOPCRCCUPCVECZK\
DJFDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHSGIPGMDGNFGTQGYDHKDHNLHRKHTGHUFIDRILSINRIQDIRRISKJMDJODJPYKESKGSKHRKMFKPWKRWKWDKYDKZT\
LAKLBPLKRLRDLSLLYDMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXNMYRMZNNADNGNNIONOKNPRNZDOMRPABPENPGKPHPPKRPLNPYGQARRONRSDRUBRWFSARSBD\
SCRSDGSEKSGDSHPSLESLLSOSSRDSSPSTNSVCSYPSZLTHBTJSTMTTNDTOPTRYTTDTWDTZSUAHUGXUSDUYUUZSVESVNDVUVWSTXAFXCDXCGXOFXPFYERZARZMWZWGZWL";

/// The length of the currency at the start of `text`; 0 without one.
pub(super) fn currency_at_start(text: &[u8]) -> usize {
    match text {
        [b'0'..=b'9', ..] | [] => 0,
        [0xE2, 0x82, 0xA0..=0xBF, ..] | [0xE2, 0x83, 0x80..=0x8F, ..] => 3,
        _ => {
            let letters = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
            match text.get(letters) {
                Some(b'$') if letters <= MAX_LETTERS => letters + 1,
                _ if letters == CODE_BYTES && is_code(&text[..letters]) => letters,
                _ => word(|word| text.starts_with(word)),
            }
        }
    }
}

/// The length of the currency at the end of `text`; 0 without one.
pub(super) fn currency_at_end(text: &[u8]) -> usize {
    match text {
        [.., b'0'..=b'9'] | [] => 0,
        [.., 0xE2, 0x82, 0xA0..=0xBF] | [.., 0xE2, 0x83, 0x80..=0x8F] => 3,
        [before @ .., b'$'] => {
            let letters = before.iter().rev().take_while(|byte| byte.is_ascii_uppercase()).count();
            if letters <= MAX_LETTERS { letters + 1 } else { 0 }
        }
        _ => {
            let letters = text.iter().rev().take_while(|byte| byte.is_ascii_uppercase()).count();
            match letters == CODE_BYTES && is_code(&text[text.len() - letters..]) {
                true => letters,
                false => word(|word| text.ends_with(word)),
            }
        }
    }
}

fn is_code(letters: &[u8]) -> bool {
    let (codes, _) = CODES.as_chunks::<CODE_BYTES>();
    codes.binary_search_by(|code| code[..].cmp(letters)).is_ok()
}

/// The length of the first sign or abbreviation for which `is_there` holds; 0 without one.
fn word(is_there: impl Fn(&[u8]) -> bool) -> usize {
    let words = SIGNS.iter().chain(&ABBREVIATIONS).map(|word| word.as_bytes());
    words.into_iter().find(|word| is_there(word)).map_or(0, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_whole_and_in_order() {
        let codes: Vec<&[u8]> = CODES.chunks(CODE_BYTES).collect();
        assert!(codes.iter().all(|code| code.len() == CODE_BYTES));
        assert!(codes.is_sorted());
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_currency_is_found_at_either_end_and_nothing_else_is() {
        for word in [
            "$", "€", "£", "₿", "US$", "R$", "EUR", "CHF", "kr.", "kr", "Kč", "zł", "руб.", "＄",
        ] {
            assert_eq!(currency_at_start(format!("{word}5").as_bytes()), word.len(), "{word}");
            assert_eq!(currency_at_end(format!("5{word}").as_bytes()), word.len(), "{word}");
            assert_eq!(currency_at_start(format!("{word} 5").as_bytes()), word.len(), "{word}");
        }
        for word in ["", "5", "eur", "ABC", "EURO", "ABCD$", "x", "%", "°", "-"] {
            assert_eq!(currency_at_start(word.as_bytes()), 0, "{word}");
        }
        assert_eq!(currency_at_end(b"5 EURO"), 0);
        assert_eq!(currency_at_end(b"5."), 0);
    }
}
