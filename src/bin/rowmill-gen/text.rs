//! The output buffer and what can be appended to it.

/// A short text, padded so that it can be copied as a block of fixed size.
pub struct Word {
    pub bytes: [u8; 16],
    pub length: usize,
}

pub const fn words<const N: usize>(texts: [&str; N]) -> [Word; N] {
    let mut words = [const {
        Word {
            bytes: [0; 16],
            length: 0,
        }
    }; N];
    let mut index = 0;
    while index < N {
        let text = texts[index].as_bytes();
        words[index].length = text.len();
        let mut at = 0;
        while at < text.len() {
            words[index].bytes[at] = text[at];
            at += 1;
        }
        index += 1;
    }
    words
}

const fn digit_pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[0; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        value += 1;
    }
    pairs
}

static DIGIT_PAIRS: [[u8; 2]; 100] = digit_pairs();

/// Bytes collected before they are written.
pub const BUFFER_BYTES: usize = 256 << 10;
/// More than the longest record plus what the fixed-size copies write past its end.
const SLACK_BYTES: usize = 16 << 10;

/// The output buffer. Appends copy blocks of fixed size and advance by the length meant, which is several times faster
/// than copying just that.
pub struct Text {
    pub bytes: Box<[u8]>,
    pub length: usize,
}

impl Text {
    pub fn new() -> Self {
        Text {
            bytes: vec![0; BUFFER_BYTES + SLACK_BYTES].into_boxed_slice(),
            length: 0,
        }
    }

    #[inline]
    pub fn put(&mut self, text: &[u8]) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    #[inline]
    pub fn block<const N: usize>(&mut self, block: &[u8; N], length: usize) {
        self.bytes[self.length..self.length + N].copy_from_slice(block);
        self.length += length;
    }

    #[inline]
    pub fn word(&mut self, word: &Word) {
        self.block(&word.bytes, word.length);
    }

    #[inline]
    pub fn lower_case_word(&mut self, word: &Word) {
        self.block(&word.bytes.map(|byte| byte.to_ascii_lowercase()), word.length);
    }

    /// Two digits.
    #[inline]
    pub fn pair(&mut self, value: u64) {
        self.block(&DIGIT_PAIRS[value as usize], 2);
    }

    #[inline]
    pub fn number(&mut self, mut value: u64) {
        let mut digits = [0; 40];
        let mut start = 20;
        while value >= 10 {
            start -= 2;
            digits[start..start + 2].copy_from_slice(&DIGIT_PAIRS[(value % 100) as usize]);
            value /= 100;
        }
        if value > 0 || start == 20 {
            start -= 1;
            digits[start] = b'0' + value as u8;
        }
        let block = digits[start..start + 20]
            .first_chunk::<20>()
            .expect("20 bytes were taken");
        self.block(block, 20 - start);
    }

    /// A number with two decimals.
    #[inline]
    pub fn cents(&mut self, value: u64) {
        self.number(value / 100);
        self.put(b".");
        self.pair(value % 100);
    }

    /// A day of the years 2000 to 2031 that exists.
    #[inline]
    pub fn day(&mut self, random: u64) {
        self.put(b"20");
        self.pair(random % 32);
        self.put(b"-");
        self.pair(1 + (random >> 8) % 12);
        self.put(b"-");
        self.pair(1 + (random >> 16) % 28);
    }

    #[inline]
    pub fn time(&mut self, random: u64) {
        self.pair((random >> 24) % 24);
        self.put(b":");
        self.pair((random >> 32) % 60);
        self.put(b":");
        self.pair((random >> 40) % 60);
    }
}
