//! Names: quoted for SQL, made unique where a header repeats them.

/// `name` as an SQL identifier.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A list of names as SQL identifiers, comma-separated.
pub fn quote_all<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

/// Header fields as column names: empty ones become `column_3`, repeated ones (SQLite compares them without regard to ASCII case)
/// `name_2`. The second list has a notice for each name that was changed.
pub fn unique_names(fields: &[String]) -> (Vec<String>, Vec<String>) {
    use std::collections::HashSet;
    let fold = |name: &str| name.to_ascii_lowercase();
    // Names in the header come first: no invented name may take one of them.
    let given: HashSet<String> = fields.iter().map(|name| fold(name)).collect();
    let mut taken: HashSet<String> = HashSet::new();
    let mut names = Vec::with_capacity(fields.len());
    let mut notices = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let number = index + 1;
        let wanted = if field.is_empty() {
            format!("column_{number}")
        } else {
            field.clone()
        };
        let free = |name: &str, taken: &HashSet<String>| {
            !taken.contains(&fold(name)) && (name == field || !given.contains(&fold(name)))
        };
        let name = if free(&wanted, &taken) {
            wanted
        } else {
            (2..)
                .map(|n| format!("{wanted}_{n}"))
                .find(|name| free(name, &taken))
                .expect("numbers do not run out")
        };
        if name != *field {
            let why = if field.is_empty() {
                "has no name".to_owned()
            } else {
                format!("repeats the name \"{field}\"")
            };
            notices.push(format!("column {number} {why}; it is called \"{name}\""));
        }
        taken.insert(fold(&name));
        names.push(name);
    }
    (names, notices)
}

/// `a,"b,c"`: names as the command line takes them.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let one = |name: &String| match name.contains([',', '"', '=']) {
        true => quote(name),
        false => name.clone(),
    };
    names.into_iter().map(one).collect::<Vec<_>>().join(",")
}

/// `a,b and c`: lists of names, such as those of indexes; `none` if there are none.
pub fn listed_lists(lists: &[Vec<String>]) -> String {
    match lists {
        [] => "none".to_owned(),
        lists => lists
            .iter()
            .map(|names| listed_or_none(names))
            .collect::<Vec<_>>()
            .join(" and "),
    }
}

/// As [`listed`]; `none` if there are none, so that a name that is this word is quoted.
pub fn listed_or_none(names: &[String]) -> String {
    let one = |name: &String| match name == "none" {
        true => quote(name),
        false => listed([name]),
    };
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(one).collect::<Vec<_>>().join(","),
    }
}

/// The one of `names` that is most like `name`, if one is like it: no more than a third of its letters are others, or one more.
pub fn nearest<'a>(name: &str, names: &'a [String]) -> Option<&'a str> {
    let letters = name.chars().count();
    let most = letters.div_ceil(3).min(letters.saturating_sub(1));
    let distances = names.iter().map(|other| (edits(name, other), other));
    let (edits, found) = distances.min_by_key(|(edits, _)| *edits)?;
    (edits <= most).then_some(found)
}

/// Letters to put in, take out or change to make one name the other, case and blanks around them aside (Levenshtein).
fn edits(left: &str, right: &str) -> usize {
    let folded = |name: &str| name.trim().to_lowercase().chars().collect::<Vec<char>>();
    let (left, right) = (folded(left), folded(right));
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, l) in left.iter().enumerate() {
        let mut corner = std::mem::replace(&mut above[0], row + 1);
        for (column, r) in right.iter().enumerate() {
            let changed = corner + usize::from(l != r);
            corner = above[column + 1];
            above[column + 1] = changed.min(corner + 1).min(above[column] + 1);
        }
    }
    above[right.len()]
}

/// Whether `name` is one that [`index_name`] could give to an index on `columns` of `table`.
pub fn is_index_name(name: &str, table: &str, columns: &[String]) -> bool {
    let wanted = format!("{table}_{}", columns.join("_"));
    let number = |rest: &str| {
        rest.strip_prefix('_')
            .is_some_and(|number| number.parse::<u32>().is_ok_and(|number| number > 1))
    };
    name.strip_prefix(&wanted)
        .is_some_and(|rest| rest.is_empty() || number(rest))
}

/// A name for an index on `columns` of `table` that is not among `taken`.
pub fn index_name(table: &str, columns: &[String], taken: &[String]) -> String {
    let wanted = format!("{table}_{}", columns.join("_"));
    let free = |name: &String| !taken.iter().any(|other| other.eq_ignore_ascii_case(name));
    std::iter::once(wanted.clone())
        .chain((2..).map(|n| format!("{wanted}_{n}")))
        .find(free)
        .expect("numbers do not run out")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(fields: &[&str]) -> Vec<String> {
        unique_names(&fields.iter().map(|&field| field.to_owned()).collect::<Vec<_>>()).0
    }

    #[test]
    fn empty_and_repeated_names_are_made_unique_without_taking_given_ones() {
        assert_eq!(
            names(&["a", "", "A", "a_2", "a"]),
            ["a", "column_2", "A_3", "a_2", "a_4"]
        );
        assert_eq!(names(&["", "column_1"]), ["column_1_2", "column_1"]);
        assert_eq!(names(&[" a", "a"]), [" a", "a"]);
    }

    #[test]
    fn the_nearest_name_is_found_if_one_is_near() {
        let all = ["customer_id", "name", "date "].map(str::to_owned);
        for (name, found) in [
            ("costumer_id", Some("customer_id")),
            ("NAME ", Some("name")),
            ("date", Some("date ")),
            ("nam", Some("name")),
            ("nmae", Some("name")),
            ("x", None),
            ("price", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &all), found, "{name}");
        }
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(nearest("a", &[]), None);
    }

    #[test]
    fn every_changed_name_has_a_notice() {
        let (_, notices) = unique_names(&["x".to_owned(), String::new(), "X".to_owned()]);
        assert_eq!(
            notices,
            [
                "column 2 has no name; it is called \"column_2\"",
                "column 3 repeats the name \"X\"; it is called \"X_2\""
            ]
        );
    }

    #[test]
    fn quotes_in_names_are_doubled() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
    }
}
