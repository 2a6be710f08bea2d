//! A set of texts that is asked for every value of a field.

use xxhash_rust::xxh3::xxh3_64;

/// Slots for each text, at least: most questions are answered by the first slot.
const SLOTS_PER_TEXT: usize = 2;

/// Texts, found by their hashes.
#[derive(Debug, Clone)]
pub struct TextSet {
    texts: Box<[Box<[u8]>]>,
    /// Index of a text, plus one; 0 for none. Their number is a power of two. A text is in the first free slot from that of its hash.
    slots: Box<[u32]>,
}

impl TextSet {
    /// The set of `texts`.
    pub fn new(texts: Vec<Box<[u8]>>) -> TextSet {
        let count = (texts.len() * SLOTS_PER_TEXT + 1).next_power_of_two();
        let mut slots = vec![0u32; count];
        for (index, text) in texts.iter().enumerate() {
            let mut at = xxh3_64(text) as usize & (count - 1);
            while slots[at] != 0 {
                at = (at + 1) & (count - 1);
            }
            slots[at] = index as u32 + 1;
        }
        TextSet {
            texts: texts.into(),
            slots: slots.into(),
        }
    }

    /// Whether `text` is in it.
    #[inline]
    pub fn has(&self, text: &[u8]) -> bool {
        let mask = self.slots.len() - 1;
        let mut at = xxh3_64(text) as usize & mask;
        while let Some(index) = self.slots[at].checked_sub(1) {
            if *self.texts[index as usize] == *text {
                return true;
            }
            at = (at + 1) & mask;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_its_texts_and_no_others() {
        for count in [0, 1, 2, 8, 9, 1000] {
            let text = |number: usize| format!("text {number}").into_bytes().into_boxed_slice();
            // Twice the same is no fault.
            let texts = (0..count).chain(0..count.min(3)).map(text).collect();
            let set = TextSet::new(texts);
            for number in 0..2 * count + 2 {
                assert_eq!(set.has(&text(number)), number < count, "{number} of {count}");
            }
            assert!(!set.has(b""));
        }
        assert!(TextSet::new(vec![Box::from(&b""[..])]).has(b""));
    }
}
