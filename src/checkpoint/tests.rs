//! A load that is begun again, and the note of the one before.

use super::*;
use crate::infer::Facts;
use crate::plan::{Header, Layout, plan_new_table};

#[test]
fn a_note_from_before_there_was_an_option_is_of_a_load_without_it() {
    let options = LoadOptions::default();
    let (names, path) = (&["a".to_owned()], Path::new("a.csv"));
    let layout = Layout::of(&[Header { path, names }], &options.columns).unwrap();
    let facts = Facts::new(&[false], &[]);
    let plan = plan_new_table("t".to_owned(), &layout, &facts, &options).unwrap();
    let mut note = serde_json::to_value(Identity::new(&[], &options, &plan).unwrap()).unwrap();
    let named = note["options"].as_array_mut().unwrap();
    let before = named.len();
    named.retain(|option| option[0] != "--decimal-comma" && option[0] != "--date-format");
    assert_eq!(named.len(), before - 2);
    let column = note["plan"]["columns"][0].as_object_mut().unwrap();
    assert!(column.remove("pattern").is_some());
    let then: Identity = serde_json::from_value(note).unwrap();
    assert_eq!(then.differing_options(&options), None);
    let mut other = options;
    other.dialect.written.numbers.decimal_comma = true;
    let differing = "`decimal_comma` was off and is on";
    assert_eq!(then.differing_options(&other).as_deref(), Some(differing));
}
