//! What the fuzz targets share: inputs worth trying, and the oracles of the normal tests.

#[path = "../../suite/database.rs"]
pub mod database;
#[path = "../../suite/dead_letters.rs"]
pub mod dead_letters;
pub mod members;
#[path = "../../suite/oracle.rs"]
pub mod oracle;
pub mod parsed;
pub mod records;

use arbitrary::{Arbitrary, Result, Unstructured};
use rowmill::internal::parse::Dialect;
use rowmill::{Delimiter, Encoding, Escape};

/// Longest text that [`Text`] makes: several blocks of the SIMD kernel, and still thousands of runs a second.
const MAX_TEXT_BYTES: usize = 2048;

/// Bytes that may be long without long input: pieces, some of them said many times over.
#[derive(Debug, Clone)]
pub struct Text(pub Vec<u8>);

impl<'a> Arbitrary<'a> for Text {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut text = Vec::new();
        while text.len() < MAX_TEXT_BYTES && !u.is_empty() && u.ratio(15, 16)? {
            let piece = <&[u8]>::arbitrary(u)?;
            let times = *u.choose(&[1, 1, 1, 1, 2, 7, 63, 64])?;
            for _ in 0..times {
                text.extend_from_slice(piece);
            }
        }
        text.truncate(MAX_TEXT_BYTES);
        Ok(Text(text))
    }
}

/// A dialect that `LoadOptions` would accept.
#[derive(Debug, Clone, Copy)]
pub struct Characters {
    pub delimiter: u8,
    pub quote: Option<u8>,
}

impl<'a> Arbitrary<'a> for Characters {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let delimiter = *u.choose(b",,,;\t|a")?;
        let quote = *u.choose(&[Some(b'"'), Some(b'"'), Some(b'"'), Some(b'\''), None])?;
        Ok(Characters { delimiter, quote })
    }
}

/// A dialect of any kind that `LoadOptions` would accept.
#[derive(Debug, Clone, Copy)]
pub struct AnyDialect(pub Dialect);

impl<'a> Arbitrary<'a> for AnyDialect {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let delimiter = *u.choose(&[",", ",", "||", "|,", "|||", " |", "\u{a6}"])?;
        let escape = *u.choose(&[
            None,
            Some(Escape::Literal(b'\\')),
            Some(Escape::Literal(b'!')),
            Some(Escape::MySql),
            Some(Escape::Postgres),
        ])?;
        Ok(AnyDialect(Dialect {
            delimiter: Delimiter::new(delimiter).expect("it has at most 8 bytes"),
            quote: *u.choose(&[Some(b'"'), Some(b'"'), Some(b'"'), None])?,
            doubles_quotes: u.arbitrary()?,
            escape,
            line_end: *u.choose(b"\n\n\n\r")?,
            comment: *u.choose(&[None, None, Some(b'#')])?,
            trim: u.arbitrary()?,
            encoding: Encoding::UTF_8,
        }))
    }
}

/// A fuzz target: what to do with an input. For libFuzzer, or, without the feature `libfuzzer`, a program that does it with every
/// file named on its command line, such as one that libFuzzer found.
#[cfg(feature = "libfuzzer")]
#[macro_export]
macro_rules! target {
    (|$input:ident: $type:ty| $body:block) => {
        $crate::libfuzzer_sys::fuzz_target!(|$input: $type| $body);
    };
}

#[cfg(feature = "libfuzzer")]
pub use libfuzzer_sys;

#[cfg(not(feature = "libfuzzer"))]
#[macro_export]
macro_rules! target {
    (|$input:ident: $type:ty| $body:block) => {
        fn main() {
            $crate::replay(|$input: $type| $body);
        }
    };
}

/// Calls `run` with the input that each file named on the command line stands for.
#[cfg(not(feature = "libfuzzer"))]
pub fn replay<T: for<'a> Arbitrary<'a>>(run: impl Fn(T)) {
    for path in std::env::args_os().skip(1) {
        let bytes = std::fs::read(&path).expect("a file to replay");
        match T::arbitrary_take_rest(Unstructured::new(&bytes)) {
            Ok(input) => run(input),
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
}
