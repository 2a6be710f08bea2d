//! Texts of a form: mail addresses, URIs, UUIDs, base64, JSON objects and arrays.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Most bytes of what stands before the `@` of a mail address, and of a label of its domain. Source: RFC 5321 §4.5.3.1, RFC 1035 §2.3.4.
const MAX_LOCAL_BYTES: usize = 64;
const MAX_LABEL_BYTES: usize = 63;

/// A mail address: `local@domain`, without quotes, comments and blanks. Characters beyond ASCII may stand in both (RFC 6531).
pub fn is_email(text: &[u8]) -> bool {
    let Some(at) = memchr::memrchr(b'@', text) else {
        return false;
    };
    let (local, domain) = (&text[..at], &text[at + 1..]);
    let is_local =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte) || !byte.is_ascii();
    let is_label = |label: &[u8]| {
        let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || !byte.is_ascii();
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.iter().all(is_inside)
            && label.first() != Some(&b'-')
            && label.last() != Some(&b'-')
    };
    let is_atom = |atom: &[u8]| !atom.is_empty() && atom.iter().all(|byte| is_local(*byte));
    local.len() <= MAX_LOCAL_BYTES
        && local.split(|byte| *byte == b'.').all(is_atom)
        && domain.split(|byte| *byte == b'.').all(is_label)
}

/// A URI with its scheme, in the characters that one may have. Source: RFC 3986 §2, §3.
pub fn is_uri(text: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', text) else {
        return false;
    };
    let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
    let is_of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if !scheme.first().is_some_and(u8::is_ascii_alphabetic) || !scheme.iter().all(is_of_scheme) || rest.is_empty() {
        return false;
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte);
    let mut rest = rest;
    let mut fragments = 0;
    while let Some((&first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
            (first, after) if is_plain(first) => after,
            _ => return false,
        };
        fragments += u32::from(first == b'#');
    }
    fragments <= 1
}

/// `8-4-4-4-12` hexadecimal digits.
pub fn is_uuid(text: &[u8]) -> bool {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    let is_in_place = |(index, byte): (usize, &u8)| match HYPHENS.contains(&index) {
        true => *byte == b'-',
        false => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.iter().enumerate().all(is_in_place)
}

/// Base64 with its padding. Source: RFC 4648 §4.
pub fn is_base64(text: &[u8]) -> bool {
    let bare = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len().is_multiple_of(4) && bare.iter().all(is_digit)
}

/// How many members the JSON object has that `text` is; `None` if it is none.
pub fn object_size(text: &[u8]) -> Option<u64> {
    serde_json::from_slice(text).ok().map(|ObjectSize(size)| size)
}

/// How many items the JSON array has that `text` is; `None` if it is none.
pub fn array_size(text: &[u8]) -> Option<u64> {
    serde_json::from_slice(text).ok().map(|ArraySize(size)| size)
}

struct ObjectSize(u64);
struct ArraySize(u64);

impl<'de> Deserialize<'de> for ObjectSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Counting).map(ObjectSize)
    }
}

impl<'de> Deserialize<'de> for ArraySize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counting).map(ArraySize)
    }
}

/// Counts what is in a collection, without keeping it.
struct Counting;

impl<'de> Visitor<'de> for Counting {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a collection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
        let mut size = 0;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            size += 1;
        }
        Ok(size)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u64, A::Error> {
        let mut size = 0;
        while items.next_element::<IgnoredAny>()?.is_some() {
            size += 1;
        }
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_are(is: fn(&[u8]) -> bool, sound: &[&str], other: &[&str]) {
        for text in sound {
            assert!(is(text.as_bytes()), "{text}");
        }
        for text in other {
            assert!(!is(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn texts_of_a_form_are_told_from_others() {
        all_are(
            is_email,
            &[
                "name@gmail.com",
                "a.b+c@x-y.org",
                "a@localhost",
                "jürgen@bücher.example",
            ],
            &[
                "string",
                "@x.org",
                "a@",
                "a@b@c.org",
                "a..b@x.org",
                ".a@x.org",
                "a b@x.org",
                "a@-x.org",
                "a@x..org",
            ],
        );
        all_are(
            is_uri,
            &[
                "http://google.com",
                "mailto:a@b.c",
                "urn:isbn:0451450523",
                "http://[::1]/a?b=%20#c",
            ],
            &[
                "string",
                "://no-scheme.test",
                "http:",
                "http://a b",
                "http://a/%2",
                "1http://x",
                "http://ü.de",
                "a:#b#c",
            ],
        );
        all_are(
            is_uuid,
            &[
                "95ecc380-afe9-11e4-9b6c-751b66dd541e",
                "95ECC380-AFE9-11E4-9B6C-751B66DD541E",
            ],
            &[
                "95ecc380afe911e49b6c751b66dd541e",
                "95ecc380-afe9-11e4-9b6c-751b66dd541",
                "g5ecc380-afe9-11e4-9b6c-751b66dd541e",
            ],
        );
        all_are(
            is_base64,
            &["dGVzdA==", "", "AAAA", "+/+="],
            &["string", "dGVzdA=", "====", "dGVz-A==", "A==="],
        );
        for (text, object, array) in [
            ("{}", Some(0), None),
            ("{\"a\": {\"b\": [1, 2]}, \"c\": null}", Some(2), None),
            ("[]", None, Some(0)),
            (" [1, \"x\", [2, 3]] ", None, Some(3)),
            ("{\"a\": 1", None, None),
            ("[1,]", None, None),
            ("[1] x", None, None),
            ("\"text\"", None, None),
            ("7", None, None),
        ] {
            assert_eq!(
                (object_size(text.as_bytes()), array_size(text.as_bytes())),
                (object, array),
                "{text}"
            );
        }
    }
}
