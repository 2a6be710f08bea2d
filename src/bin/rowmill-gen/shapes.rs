//! What the records look like: columns, and one function per shape that writes a good record.

use clap::ValueEnum;

use crate::random::{Rng, shuffle};
use crate::text::{Text, Word, words};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// 8 columns, about 113 bytes a row, ids ascending from 1
    People,
    /// The same with unique 63-bit ids in random order
    PeopleRandom,
    /// 4 columns with a version 4 UUID as text key
    Uuid,
    /// 3 columns, about 28 bytes a row, ids ascending from 1
    Narrow,
    /// 150 columns of mixed types, ids ascending from 1
    Wide,
    /// People with every field quoted, some with doubled quotes and line breaks in them
    Quoted,
    /// People with CRLF line ends and notes of several lines
    Multiline,
}

/// What a load needs to know about a shape, and where its records can be damaged. Columns are 0-based.
pub struct Layout {
    pub columns: Vec<(String, &'static str)>,
    /// The integer column whose sum over the loaded rows is announced. The key is always column 0.
    pub sum_column: usize,
    /// Where syntax faults and bytes that are not text go.
    pub text_column: usize,
    /// A number other than the key.
    pub number_column: usize,
    /// A date or date and time.
    pub time_column: Option<usize>,
    pub quoted: bool,
    pub line_end: &'static [u8],
}

impl Shape {
    const PEOPLE_COLUMNS: [(&str, &str); 8] = [
        ("id", "integer"),
        ("name", "text"),
        ("email", "text"),
        ("city", "text"),
        ("balance", "real"),
        ("created", "datetime"),
        ("zip", "text"),
        ("note", "text"),
    ];
    const UUID_COLUMNS: [(&str, &str); 4] = [
        ("uuid", "text"),
        ("amount", "integer"),
        ("created", "datetime"),
        ("account", "text"),
    ];
    const NARROW_COLUMNS: [(&str, &str); 3] = [("id", "integer"), ("a", "integer"), ("b", "text")];
    /// Types of the wide shape's columns after the first, in turn.
    const WIDE_TYPES: [&str; 4] = ["integer", "real", "text", "date"];
    const WIDE_COLUMNS: usize = 150;

    pub fn layout(self) -> Layout {
        let named = |columns: &[(&str, &'static str)]| columns.iter().map(|&(n, t)| (n.to_owned(), t)).collect();
        let people = Layout {
            columns: named(&Self::PEOPLE_COLUMNS),
            sum_column: 0,
            text_column: 7,
            number_column: 4,
            time_column: Some(5),
            quoted: false,
            line_end: b"\n",
        };
        match self {
            Shape::People | Shape::PeopleRandom => people,
            Shape::Quoted => Layout { quoted: true, ..people },
            Shape::Multiline => Layout {
                line_end: b"\r\n",
                ..people
            },
            Shape::Uuid => Layout {
                columns: named(&Self::UUID_COLUMNS),
                sum_column: 1,
                text_column: 3,
                number_column: 1,
                time_column: Some(2),
                ..people
            },
            Shape::Narrow => Layout {
                columns: named(&Self::NARROW_COLUMNS),
                text_column: 2,
                number_column: 1,
                time_column: None,
                ..people
            },
            Shape::Wide => {
                let typed = |i: usize| Self::WIDE_TYPES[(i - 1) % Self::WIDE_TYPES.len()];
                let column = |i: usize| (format!("{}_{i}", typed(i)), typed(i));
                let id = ("id".to_owned(), "integer");
                let columns = std::iter::once(id).chain((1..Self::WIDE_COLUMNS).map(column)).collect();
                Layout {
                    columns,
                    text_column: 3,
                    number_column: 2,
                    time_column: Some(4),
                    ..people
                }
            }
        }
    }

    /// Appends one good record and returns the value of its sum column. A `plain` one has no quotes, commas or line
    /// breaks other than the quotes around fields.
    #[inline]
    pub fn write_row(self, out: &mut Text, key: Key, rng: &mut Rng, plain: bool) -> u64 {
        match self {
            Shape::People | Shape::PeopleRandom => people::<false>(out, key.number, rng, plain_note),
            Shape::Quoted if !plain => people::<true>(out, key.number, rng, doubled_note),
            Shape::Quoted => people::<true>(out, key.number, rng, plain_note),
            Shape::Multiline if !plain => people::<false>(out, key.number, rng, broken_note),
            Shape::Multiline => people::<false>(out, key.number, rng, plain_note),
            Shape::Uuid => return uuid(out, key, rng),
            Shape::Narrow => narrow(out, key.number, rng),
            Shape::Wide => wide(out, key.number, rng),
        }
        key.number
    }

    pub fn key(self, ordinal: u64, seed: u64) -> Key {
        match self {
            Shape::PeopleRandom => Key {
                number: shuffle(ordinal, 63, seed),
                more: 0,
            },
            Shape::Uuid => Key {
                number: shuffle(ordinal, 62, seed),
                more: Rng::new(seed, ordinal).draw(),
            },
            _ => Key {
                number: ordinal + 1,
                more: 0,
            },
        }
    }
}

/// What makes a record unique: a number, and for UUIDs the bits that the number leaves open.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub number: u64,
    pub more: u64,
}

// Every length is a power of two, so that bits of one random number index them.
static FIRST_NAMES: [Word; 16] = words([
    "Ada",
    "Alan",
    "Barbara",
    "Claude",
    "Donald",
    "Edgar",
    "Edsger",
    "Frances",
    "Grace",
    "Jim",
    "Katherine",
    "Ken",
    "Leslie",
    "Margaret",
    "Niklaus",
    "Radia",
]);
static LAST_NAMES: [Word; 16] = words([
    "Allen", "Codd", "Dijkstra", "Gray", "Hamilton", "Hopper", "Johnson", "Knuth", "Lamport", "Liskov", "Lovelace",
    "Perlman", "Shannon", "Thompson", "Turing", "Wirth",
]);
static CITIES: [Word; 16] = words([
    "Amsterdam",
    "Bergen",
    "Boston",
    "Dunedin",
    "Kraków",
    "Köln",
    "Lagos",
    "Lima",
    "Montréal",
    "Nairobi",
    "Oslo",
    "Porto",
    "San José",
    "Seattle",
    "São Paulo",
    "Zürich",
]);
static DOMAINS: [Word; 4] = words(["@example.com", "@example.net", "@example.org", "@mail.example"]);
static WORDS: [Word; 16] = words([
    "amber", "bright", "careful", "distant", "early", "frozen", "gentle", "hollow", "inner", "joyful", "late",
    "narrow", "quiet", "round", "steady", "warm",
]);

/// A record of the people shapes, without its line end, as for every shape. `write_note` is given random bits.
#[inline(always)]
fn people<const QUOTED: bool>(out: &mut Text, id: u64, rng: &mut Rng, write_note: impl Fn(&mut Text, u64)) {
    let next_field = |out: &mut Text| if QUOTED { out.put(b"\",\"") } else { out.put(b",") };
    let bits = rng.draw();
    let first = &FIRST_NAMES[bits as usize % 16];
    if QUOTED {
        out.put(b"\"");
    }
    out.number(id);
    next_field(out);
    out.word(first);
    out.put(b" ");
    out.word(&LAST_NAMES[(bits >> 4) as usize % 16]);
    next_field(out);
    out.lower_case_word(first);
    out.number((bits >> 8) & 0xffff);
    out.word(&DOMAINS[(bits >> 24) as usize % 4]);
    next_field(out);
    out.word(&CITIES[(bits >> 26) as usize % 16]);
    next_field(out);
    out.cents((bits >> 30) % 10_000_000);
    next_field(out);
    let bits = rng.draw();
    out.day(bits);
    out.put(b"T");
    out.time(bits);
    next_field(out);
    // Leading zeros in one of five, as in New England.
    let zip = 501 + (bits >> 44) % 49_500;
    out.pair(zip / 1_000);
    out.pair(zip / 10 % 100);
    out.block(&[b'0' + (zip % 10) as u8], 1);
    next_field(out);
    let bits = rng.draw();
    if bits & 15 != 0 {
        write_note(out, bits >> 4);
    }
    if QUOTED {
        out.put(b"\"");
    }
}

/// Appends four words with a separator before each of the last three.
#[inline(always)]
fn sentence(out: &mut Text, bits: u64, separators: [&[u8]; 3]) {
    out.word(&WORDS[bits as usize % 16]);
    for (index, separator) in separators.iter().enumerate() {
        out.put(separator);
        out.word(&WORDS[(bits >> (4 * index + 4)) as usize % 16]);
    }
}

#[inline(always)]
fn plain_note(out: &mut Text, bits: u64) {
    sentence(out, bits, [b" "; 3]);
}

/// For a field that is quoted already.
fn doubled_note(out: &mut Text, bits: u64) {
    match (bits >> 16) % 8 {
        0 | 1 => sentence(out, bits, [b" \"\"", b" ", b"\"\" "]),
        2 => sentence(out, bits, [b", ", b"\n", b" "]),
        3 => sentence(out, bits, [b"\n\n", b" \"\"\"\"\n", b", "]),
        _ => plain_note(out, bits),
    }
}

fn broken_note(out: &mut Text, bits: u64) {
    if bits >> 16 & 1 == 0 {
        return plain_note(out, bits);
    }
    out.put(b"\"");
    match (bits >> 17) % 4 {
        0 => sentence(out, bits, [b" ", b"\r\n", b" "]),
        1 => sentence(out, bits, [b"\r\n"; 3]),
        2 => sentence(out, bits, [b", ", b" \"\"", b"\"\"\r\n\r\n"]),
        _ => sentence(out, bits, [b"\n", b" ", b" "]),
    }
    out.put(b"\"");
}

fn uuid(out: &mut Text, key: Key, rng: &mut Rng) -> u64 {
    // Version 4 and the variant of RFC 9562; the 62 bits of `number` alone make it unique.
    let high = (key.more & !0xf000) | 0x4000;
    let low = key.number | 1 << 63;
    for (index, byte) in high.to_be_bytes().into_iter().chain(low.to_be_bytes()).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.put(b"-");
        }
        out.block(
            &[
                b"0123456789abcdef"[byte as usize >> 4],
                b"0123456789abcdef"[byte as usize & 15],
            ],
            2,
        );
    }
    let bits = rng.draw();
    let amount = bits % 1_000_000;
    out.put(b",");
    out.number(amount);
    out.put(b",");
    let time_bits = rng.draw();
    out.day(time_bits);
    out.put(b" ");
    out.time(time_bits);
    out.put(b",");
    out.word(&WORDS[(bits >> 32) as usize % 16]);
    amount
}

fn narrow(out: &mut Text, id: u64, rng: &mut Rng) {
    let bits = rng.draw();
    out.number(id);
    out.put(b",");
    out.number((bits >> 8) % 10_000_000);
    out.put(b",");
    out.word(&WORDS[bits as usize % 16]);
    out.put(b"-");
    out.pair((bits >> 40) % 100);
    out.pair((bits >> 50) % 100);
}

fn wide(out: &mut Text, id: u64, rng: &mut Rng) {
    out.number(id);
    for column in 1..Shape::WIDE_COLUMNS {
        let bits = rng.draw();
        out.put(b",");
        match Shape::WIDE_TYPES[(column - 1) % Shape::WIDE_TYPES.len()] {
            "integer" => out.number(bits >> (20 + bits % 40)),
            "real" => out.cents(bits >> (20 + bits % 40)),
            "text" => out.word(&WORDS[bits as usize % 16]),
            _ => out.day(bits),
        }
    }
}
