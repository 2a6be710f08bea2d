//! UTF-16 to UTF-8 and back, piece by piece.
//!
//! What goes out is UTF-8 with two exceptions, which are not, so that records with them are rejected: half of a surrogate pair is written
//! as if it were a character (WTF-8), and a byte that is left over at the very end as three bytes that begin with 0xFE. So no byte is
//! lost: the original bytes, and how many there were, can be told from the text alone.

/// The byte with which a byte that is left over is written; no byte of UTF-8.
const ODD_BYTE: u8 = 0xFE;
/// Most bytes that stand for a unit, or for a pair of them.
const MOST_BYTES: usize = 4;

/// Which byte of a unit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn unit(self, bytes: [u8; 2]) -> u16 {
        match self {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }

    fn bytes(self, unit: u16) -> [u8; 2] {
        match self {
            ByteOrder::Little => unit.to_le_bytes(),
            ByteOrder::Big => unit.to_be_bytes(),
        }
    }

    /// The order that a byte order mark says with which a text begins; that of UTF-32 is none.
    pub fn of_mark(start: &[u8]) -> Option<ByteOrder> {
        match start {
            [0xFF, 0xFE, 0, 0, ..] => None,
            [0xFF, 0xFE, ..] => Some(ByteOrder::Little),
            [0xFE, 0xFF, ..] => Some(ByteOrder::Big),
            _ => None,
        }
    }
}

/// Turns UTF-16 into text.
#[derive(Debug)]
pub struct Widened {
    order: ByteOrder,
    /// The first byte of a unit whose second has not come.
    odd: Option<u8>,
    /// The first half of a pair whose second has not come.
    high: Option<u16>,
}

impl Widened {
    pub fn new(order: ByteOrder) -> Self {
        Widened {
            order,
            odd: None,
            high: None,
        }
    }

    pub fn order(&self) -> ByteOrder {
        self.order
    }

    /// Adds what the next `bytes` are to `text`.
    pub fn push(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        let mut rest = bytes;
        if let (Some(odd), Some((&first, after))) = (self.odd, rest.split_first()) {
            self.odd = None;
            self.push_unit(self.order.unit([odd, first]), text);
            rest = after;
        }
        let (units, odd) = rest.as_chunks::<2>();
        if let [odd] = odd {
            self.odd = Some(*odd);
        }
        for &unit in units {
            let unit = self.order.unit(unit);
            if unit < 0x80 && self.high.is_none() {
                text.push(unit as u8);
            } else {
                self.push_unit(unit, text);
            }
        }
    }

    /// Adds what is left: nothing, if the text is whole.
    pub fn end(&mut self, text: &mut Vec<u8>) {
        if let Some(high) = self.high.take() {
            push_three(high, text);
        }
        if let Some(odd) = self.odd.take() {
            text.extend([ODD_BYTE, 0x80 | (odd >> 4), 0x80 | (odd & 0xF)]);
        }
    }

    fn push_unit(&mut self, unit: u16, text: &mut Vec<u8>) {
        let is_low = (0xDC00..0xE000).contains(&unit);
        match self.high.take() {
            Some(high) if is_low => {
                let character = 0x1_0000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(unit) - 0xDC00);
                let six = |shift: u32| 0x80 | (character >> shift & 0x3F) as u8;
                text.extend([0xF0 | (character >> 18) as u8, six(12), six(6), six(0)]);
                return;
            }
            Some(high) => push_three(high, text),
            None => {}
        }
        match unit {
            0xD800..0xDC00 => self.high = Some(unit),
            0..0x80 => text.push(unit as u8),
            0x80..0x800 => text.extend([0xC0 | (unit >> 6) as u8, 0x80 | (unit & 0x3F) as u8]),
            _ => push_three(unit, text),
        }
    }
}

/// A unit of 0x800 or more, as if it were a character.
fn push_three(unit: u16, text: &mut Vec<u8>) {
    let six = |shift: u32| 0x80 | (unit >> shift & 0x3F) as u8;
    text.extend([0xE0 | (unit >> 12) as u8, six(6), six(0)]);
}

/// How many bytes of UTF-16 `text`, made by [`Widened`], was. A character counts where it begins.
pub fn length_of(text: &[u8]) -> u64 {
    // In pieces whose sums fit a byte, so that the compiler can take many at a time.
    const PIECE_BYTES: usize = 60;
    let bytes_of =
        |&byte: &u8| 2 * u8::from(byte as i8 >= -0x40) + 2 * u8::from(byte >= 0xF0) - 3 * u8::from(byte == ODD_BYTE);
    let pieces = text.chunks(PIECE_BYTES);
    pieces
        .map(|piece| u64::from(piece.iter().map(bytes_of).sum::<u8>()))
        .sum()
}

/// Turns text that [`Widened`] made into the bytes that it was made of.
#[derive(Debug)]
pub struct Restored {
    order: ByteOrder,
    /// The first bytes of a character that has not come whole.
    begun: [u8; MOST_BYTES],
    begun_bytes: usize,
}

impl Restored {
    pub fn new(order: ByteOrder) -> Self {
        Restored {
            order,
            begun: [0; MOST_BYTES],
            begun_bytes: 0,
        }
    }

    /// Adds the bytes that the next piece of `text` was made of to `bytes`.
    pub fn push(&mut self, text: &[u8], bytes: &mut Vec<u8>) {
        for &byte in text {
            if self.begun_bytes == 0 && byte < 0x80 {
                bytes.extend(self.order.bytes(u16::from(byte)));
                continue;
            }
            self.begun[self.begun_bytes] = byte;
            self.begun_bytes += 1;
            if self.begun_bytes == length_from(self.begun[0]) {
                self.end_character(bytes);
            }
        }
    }

    fn end_character(&mut self, bytes: &mut Vec<u8>) {
        let character = &self.begun[..self.begun_bytes];
        let first = match character {
            [ODD_BYTE, high, low] => {
                bytes.push(high << 4 | low & 0xF);
                self.begun_bytes = 0;
                return;
            }
            [first, _] => first & 0x1F,
            [first, _, _] => first & 0xF,
            [first, ..] => first & 0x7,
            [] => 0,
        };
        let rest = character.iter().skip(1);
        let number = rest.fold(u32::from(first), |number, &byte| number << 6 | u32::from(byte & 0x3F));
        self.begun_bytes = 0;
        match number.checked_sub(0x1_0000) {
            None => bytes.extend(self.order.bytes(number as u16)),
            Some(above) => {
                bytes.extend(self.order.bytes(0xD800 + (above >> 10) as u16));
                bytes.extend(self.order.bytes(0xDC00 + (above & 0x3FF) as u16));
            }
        }
    }
}

/// How many bytes a character has that begins with `first`.
fn length_from(first: u8) -> usize {
    match first {
        ODD_BYTE => 3,
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => MOST_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Units of all kinds, halves of pairs among them.
    fn units() -> impl Strategy<Value = Vec<u16>> {
        let unit = prop_oneof![
            4 => 0..0x80_u16,
            1 => any::<u16>(),
            1 => 0xD800..0xDC00_u16,
            1 => 0xDC00..0xE000_u16,
            1 => Just(0xFEFF_u16),
        ];
        prop::collection::vec(unit, 0..200)
    }

    fn widened(bytes: &[u8], order: ByteOrder, piece_bytes: usize) -> Vec<u8> {
        let (mut text, mut widened) = (Vec::new(), Widened::new(order));
        bytes
            .chunks(piece_bytes)
            .for_each(|piece| widened.push(piece, &mut text));
        widened.end(&mut text);
        text
    }

    proptest! {
        #[test]
        fn text_is_utf_8_where_it_can_be_and_never_loses_a_byte(
            units in units(),
            odd: Option<u8>,
            is_big: bool,
            piece_bytes in 1..9_usize,
        ) {
            let order = if is_big { ByteOrder::Big } else { ByteOrder::Little };
            let mut bytes: Vec<u8> = units.iter().flat_map(|&unit| order.bytes(unit)).collect();
            bytes.extend(odd);
            let text = widened(&bytes, order, piece_bytes);
            match String::from_utf16(&units) {
                Ok(expected) if odd.is_none() => prop_assert_eq!(&text, expected.as_bytes()),
                _ => prop_assert!(std::str::from_utf8(&text).is_err()),
            }
            prop_assert_eq!(&text, &widened(&bytes, order, usize::MAX));
            prop_assert_eq!(length_of(&text), bytes.len() as u64);
            let (mut again, mut restored) = (Vec::new(), Restored::new(order));
            text.chunks(piece_bytes).for_each(|piece| restored.push(piece, &mut again));
            prop_assert_eq!(again, bytes);
            // Wherever it is cut, the parts count as much as the whole.
            let (before, after) = text.split_at(text.len() / 2);
            prop_assert_eq!(length_of(before) + length_of(after), length_of(&text));
        }
    }

    #[test]
    fn a_byte_order_mark_says_the_order() {
        assert_eq!(ByteOrder::of_mark(b"\xFF\xFEa\0"), Some(ByteOrder::Little));
        assert_eq!(ByteOrder::of_mark(b"\xFE\xFF\0a"), Some(ByteOrder::Big));
        assert_eq!(ByteOrder::of_mark(b"\xFF\xFE"), Some(ByteOrder::Little));
        assert_eq!(ByteOrder::of_mark(b"\xFF\xFE\0\0a\0\0\0"), None, "UTF-32");
        assert_eq!(ByteOrder::of_mark(b"\xFF"), None);
    }
}
