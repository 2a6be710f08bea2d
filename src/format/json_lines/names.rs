//! The names that are columns, and how an object's names find theirs.

use std::collections::HashMap;

/// How many names, from the likely one on, are compared before a name is looked up: objects leave some out.
const TRIED: usize = 4;

/// Names of objects, in the order of their columns. They are compared as SQLite compares columns: without regard to ASCII case.
#[derive(Debug, Clone, Default)]
pub struct FieldNames {
    names: Vec<String>,
    /// Where each stands, by the name in lower case.
    places: HashMap<Box<[u8]>, u32>,
    bytes: usize,
}

impl FieldNames {
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Length of all of them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn as_slice(&self) -> &[String] {
        &self.names
    }

    /// Where `name` stands. It is probably the one at `likely`, or soon after it. `folded` is overwritten.
    #[inline]
    pub fn find(&self, name: &[u8], likely: usize, folded: &mut Vec<u8>) -> Option<usize> {
        let tried = self.names.iter().enumerate().skip(likely).take(TRIED);
        for (index, other) in tried {
            if other.as_bytes() == name {
                return Some(index);
            }
        }
        folded.clear();
        folded.extend(name.iter().map(u8::to_ascii_lowercase));
        self.places.get(&folded[..]).map(|&index| index as usize)
    }

    /// Adds `name`, if it is not there; returns where it stands.
    pub fn add(&mut self, name: &str) -> usize {
        let folded = name.to_ascii_lowercase().into_bytes().into_boxed_slice();
        let next = self.names.len();
        let place = *self.places.entry(folded).or_insert(next as u32) as usize;
        if place == next {
            self.bytes += name.len();
            self.names.push(name.to_owned());
        }
        place
    }

    /// Takes back all but the first `count`.
    pub fn truncate(&mut self, count: usize) {
        for name in self.names.drain(count.min(self.names.len())..) {
            self.bytes -= name.len();
            self.places.remove(name.to_ascii_lowercase().as_bytes());
        }
    }
}

impl<S: AsRef<str>> FromIterator<S> for FieldNames {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut all = FieldNames::default();
        for name in names {
            all.add(name.as_ref());
        }
        all
    }
}
