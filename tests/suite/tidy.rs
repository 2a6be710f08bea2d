//! The house rules that a machine can check: one outside crate per room, imports that point one way, sizes, no `unwrap()`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file above which it is looked at twice.
const MAX_LINES: usize = 700;
/// Lines of a function, and parameters including `self`, above which it is split into steps.
const MAX_FUNCTION_LINES: usize = 70;
const MAX_PARAMETERS: usize = 5;
/// Files over which the methods of one type are spread: above that they are steps that want types of their own.
const MAX_IMPL_FILES: usize = 2;

/// Outside crates that have their rooms: paths below `src/`, files or folders.
const ROOMS: [(&str, &[&str]); 30] = [
    ("pyo3", &["python/"]),
    ("arrow_array", &["range/arrow.rs", "range/arrow/", "python/"]),
    ("arrow_buffer", &["range/arrow.rs", "range/arrow/"]),
    ("arrow_schema", &["range/arrow.rs", "range/arrow/", "python/"]),
    ("anstream", &["cli/color.rs"]),
    ("anstyle", &["report/paint.rs"]),
    ("unicode_width", &["report/lines.rs"]),
    ("terminal_size", &["cli/width.rs"]),
    ("clap_complete", &["cli/shell.rs"]),
    ("regex", &["schema/rules/matcher.rs"]),
    ("glob", &["load/found.rs"]),
    ("crc_fast", &["content_hash.rs"]),
    ("encoding_rs", &["encoding.rs", "encoding/"]),
    ("chardetng", &["encoding/likely.rs"]),
    ("memmap2", &["window.rs", "window/buffered.rs"]),
    ("flate2", &["decode/gzip.rs"]),
    ("zstd", &["decode/zstd.rs"]),
    ("liblzma", &["decode/xz.rs"]),
    ("bzip2", &["decode/bzip2.rs"]),
    ("lz4_flex", &["decode/lz4.rs"]),
    ("rawzip", &["decode/zip.rs"]),
    ("indicatif", &["progress_bar.rs"]),
    ("maud", &["report/page.rs", "report/page/"]),
    ("clap", &["command.rs", "cli.rs", "cli/", "bin/"]),
    ("rusqlite", &["sqlite/"]),
    (
        "rayon",
        &[
            "pipeline.rs",
            "pipeline/",
            "sqlite/direct/index.rs",
            "sqlite/direct/index/sort.rs",
            "sqlite/direct/index/unique.rs",
        ],
    ),
    ("growable_bloom_filter", &["dedup.rs"]),
    ("signal_hook", &["signals.rs"]),
    ("fail", &["faults.rs"]),
    ("simdutf8", &["validate.rs", "validate/", "head.rs"]),
];

/// The library's rooms, lowest layer first: a room may use those of its own layer and below, but not one that uses it.
const LAYERS: [&[&str]; 7] = [
    &[
        "position",
        "cancel",
        "content_hash",
        "database_file",
        "dialect",
        "encoding",
        "error",
        "escape",
        "faults",
        "idle",
        "option_name",
        "syntax_fault",
    ],
    &["options", "schema", "observer", "rows", "reject", "report"],
    &[
        "infer",
        "decode",
        "memory",
        "window",
        "head",
        "chunk",
        "parse",
        "format",
        "validate",
        "dedup",
        "plan",
        "checkpoint",
        "ledger",
        "pipeline",
        "profile",
        "sqlite",
        "batch",
    ],
    &["settle"],
    &["load"],
    &["builder"],
    &["range"],
];

/// The rooms of the program: they see the library from outside.
const PROGRAM: [&str; 6] = [
    "main.rs",
    "allocator.rs",
    "cli.rs",
    "command.rs",
    "progress_bar.rs",
    "signals.rs",
];

/// Whether a file belongs to a program.
fn is_of_program(name: &str) -> bool {
    PROGRAM.contains(&name)
        || ["cli/", "progress_bar/", "bin/", "python/"]
            .iter()
            .any(|folder| name.starts_with(folder))
}

/// Every source file below `src/`, by its path there with `/`, without tests.
fn sources() -> BTreeMap<String, String> {
    fn collect(folder: &Path, root: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // What `pip install .` builds stands in src/python/target.
            if path.is_dir() && !path.ends_with("target") {
                collect(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found);
    found.remove("build.rs").expect("what cargo runs first");
    assert!(found.len() > 20, "the sources were found");
    found
}

/// Code without tests, comments and doc examples.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text
        .lines()
        .position(|line| line.trim() == "mod tests {")
        .unwrap_or(usize::MAX);
    let lines = text
        .lines()
        .enumerate()
        .take(end)
        .filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines.map(|(index, line)| (index + 1, line))
}

fn is_test_file(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("/tests/")
}

/// Whether `line` names the crate `name` at the start of a path.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + name.len()..];
        let is_word =
            before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == ':');
        !is_word && (after.starts_with("::") || (line.trim_start().starts_with("use ") && after.starts_with(';')))
    })
}

#[test]
fn every_outside_crate_stays_in_its_rooms() {
    let mut strays = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test_file(name)) {
        for (number, line) in code(text) {
            for (outside, rooms) in ROOMS {
                let at_home = rooms
                    .iter()
                    .any(|room| name == room || (room.ends_with('/') && name.starts_with(room)));
                if names_crate(line, outside) && !at_home {
                    strays.push(format!("src/{name}:{number}: {outside} belongs in {rooms:?}"));
                }
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

/// For every room those that it uses, each with a place where it does.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// The library's rooms and what they use. A large house has rooms of its own: `sqlite::format`.
fn uses() -> Uses {
    uses_below("")
}

/// The parts of the room at `path` (`sqlite::`; empty for the library itself) that use each other.
fn uses_below(path: &str) -> Uses {
    let folder = path.replace("::", "/");
    let mut uses = Uses::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test_file(name)) {
        if name == "lib.rs" || is_of_program(name) {
            continue;
        }
        let Some(below) = name.strip_prefix(&folder) else {
            continue;
        };
        let room = below.trim_end_matches(".rs").split('/').next().unwrap();
        let from_the_top = format!("crate::{path}");
        // Neighbours in a folder may name each other in short.
        let is_neighbour = !path.is_empty() && !below.contains('/');
        let starts = [Some(from_the_top.as_str()), is_neighbour.then_some("super::")];
        for (number, line) in code(text) {
            let starts = starts.into_iter().flatten();
            let ends = starts.flat_map(|start| line.match_indices(start).map(|(at, start)| at + start.len()));
            for end in ends {
                let used: String = line[end..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if used != room && used.starts_with(|c: char| c.is_lowercase()) {
                    let place = format!("src/{name}:{number}");
                    uses.entry(room.to_owned()).or_default().entry(used).or_insert(place);
                }
            }
        }
    }
    uses
}

/// Each use between rooms that use each other in a circle, in words.
fn circles(uses: &Uses) -> Vec<String> {
    // What is left once every room that uses none of the others is taken away.
    let mut left: Vec<&String> = uses.keys().collect();
    loop {
        let before = left.len();
        let in_circle: Vec<&String> = left
            .iter()
            .copied()
            .filter(|room| uses[*room].keys().any(|used| left.contains(&used)))
            .collect();
        left = in_circle;
        if left.len() == before {
            break;
        }
    }
    let within = left.iter().flat_map(|room| {
        uses[*room]
            .iter()
            .filter(|(used, _)| left.contains(used))
            .map(move |(used, place)| format!("{room} uses {used} at {place}"))
    });
    within.collect()
}

#[test]
fn no_rooms_use_each_other_in_a_circle() {
    let circles = circles(&uses());
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn no_parts_of_a_room_use_each_other_in_a_circle() {
    let folders: BTreeSet<String> = sources()
        .keys()
        .filter(|name| !name.starts_with("bin/"))
        .filter_map(|name| Some(format!("{}::", name.rsplit_once('/')?.0.replace('/', "::"))))
        .collect();
    assert!(folders.contains("sqlite::direct::"), "the house has its rooms");
    let circles: Vec<String> = folders.iter().flat_map(|path| circles(&uses_below(path))).collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// The type that a line declares, if it declares one.
fn declared_type(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split([' ', '(', '<', '{', ';', ':']).collect();
    let at = words
        .iter()
        .position(|word| ["struct", "enum", "trait", "type"].contains(word))?;
    let is_declaration = words[..at]
        .iter()
        .all(|word| ["pub", "crate)", "super)", "unsafe", ""].contains(word));
    words.get(at + 1).copied().filter(|_| is_declaration)
}

#[test]
fn one_word_stands_for_one_thing() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test_file(name)) {
        // The generator is a program of its own, and a type within another item is that item's affair.
        for (number, line) in code(text).filter(|(_, line)| !name.starts_with("bin/") && !line.starts_with(' ')) {
            if let Some(declared) = declared_type(line) {
                places
                    .entry(declared.to_owned())
                    .or_default()
                    .push(format!("src/{name}:{number}"));
            }
        }
    }
    assert!(places.len() > 200, "the types were found");
    let twice: Vec<String> = places
        .iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect();
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

/// Lines and parameters of the function that begins with line `start` of a formatted source.
fn size_of_function(lines: &[&str], start: usize) -> (usize, usize) {
    let indent = lines[start].len() - lines[start].trim_start().len();
    let end = format!("{}}}", " ".repeat(indent));
    let length = lines[start..]
        .iter()
        .position(|line| *line == end)
        .map_or(1, |at| at + 1);
    let signature = lines[start..].join(" ");
    let (mut depth, mut parameters, mut is_started) = (0, 0, false);
    for character in signature[signature.find('(').unwrap()..].chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 1 => is_started = false,
            ':' if depth == 1 && !is_started => {
                // One colon a parameter; those of paths follow it.
                parameters += 1;
                is_started = true;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    let has_self = signature
        .split(',')
        .next()
        .unwrap()
        .split('(')
        .nth(1)
        .is_some_and(|first| first.trim_end_matches(')').trim().ends_with("self"));
    (length, parameters + usize::from(has_self))
}

#[test]
fn every_function_is_split_into_steps() {
    let mut large = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test_file(name)) {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in code(text) {
            let words = [
                "pub(crate) ",
                "pub(super) ",
                "pub ",
                "const ",
                "unsafe ",
                "extern \"C\" ",
            ];
            let bare = words
                .iter()
                .fold(line.trim_start(), |line, word| line.strip_prefix(word).unwrap_or(line));
            if !bare.starts_with("fn ") || line.ends_with(';') {
                continue;
            }
            let (length, parameters) = size_of_function(&lines, number - 1);
            if length > MAX_FUNCTION_LINES || parameters > MAX_PARAMETERS {
                large.push(format!("src/{name}:{number}: {length} lines, {parameters} parameters"));
            }
        }
    }
    assert!(large.is_empty(), "{}", large.join("\n"));
}

/// The type that a line begins to give methods of its own to, those of traits aside.
fn inherent_impl(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?;
    let mut depth = 0;
    // Past the parameters of the `impl` itself, if it has some.
    let start = rest.find(|character: char| {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        depth == 0 && character == ' '
    })?;
    let named = &rest[start + 1..];
    let end = named.find(|character: char| !character.is_alphanumeric() && character != '_')?;
    (!named.contains(" for ")).then_some(&named[..end])
}

#[test]
fn no_type_has_its_methods_in_many_files() {
    assert_eq!(inherent_impl("impl<'d, T: Into<Vec<u8>>> Rows<'d, T> {"), Some("Rows"));
    assert_eq!(inherent_impl("impl Rows {"), Some("Rows"));
    assert_eq!(inherent_impl("impl<T> From<T> for Rows<T> {"), None);
    let mut files: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test_file(name)) {
        // Rooms may have types of the same name.
        let room = name.trim_end_matches(".rs").split('/').next().unwrap();
        for (_, line) in code(text) {
            if let Some(type_name) = inherent_impl(line) {
                let key = (room.to_owned(), type_name.to_owned());
                files.entry(key).or_default().insert(name.clone());
            }
        }
    }
    assert!(files.len() > 100, "the types were found");
    // What a load is asked for is a list, with a file for each group.
    files.remove(&("builder".to_owned(), "Load".to_owned()));
    files.retain(|_, files| files.len() > MAX_IMPL_FILES);
    assert!(files.is_empty(), "{files:#?}");
}

#[test]
fn imports_point_one_way() {
    let layer_of = |room: &str| LAYERS.iter().position(|layer| layer.contains(&room));
    let mut strays = Vec::new();
    for (room, used) in uses() {
        let Some(layer) = layer_of(&room) else {
            strays.push(format!("the room {room} has no layer; give it one here"));
            continue;
        };
        for (used, place) in used {
            if layer_of(&used).is_some_and(|used_layer| used_layer > layer) {
                strays.push(format!("{place}: {room} uses {used}, which stands above it"));
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn the_program_sees_the_library_from_outside_and_the_library_never_the_program() {
    for (name, text) in sources() {
        for (number, line) in code(&text) {
            let used = ["allocator", "cli", "command", "progress_bar", "signals"]
                .iter()
                .any(|room| line.contains(&format!("crate::{room}")));
            assert!(!used || is_of_program(&name), "src/{name}:{number}: {line}");
        }
    }
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    let mut strays = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test_file(name)) {
        strays.extend(
            code(text)
                .filter(|(_, line)| line.contains(".unwrap()"))
                .map(|(number, _)| format!("src/{name}:{number}")),
        );
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn the_library_never_prints_and_never_exits() {
    let mut strays = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test_file(name)) {
        if is_of_program(name) {
            continue;
        }
        let forbidden = ["println!", "eprintln!", "print!(", "eprint!(", "process::exit", "dbg!("];
        for (number, line) in code(text) {
            if forbidden.iter().any(|word| line.contains(word)) {
                strays.push(format!("src/{name}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

/// Messages say `{MAX_ERRORS}`, which becomes a flag on the command line only.
#[test]
fn the_library_names_no_flag() {
    let mut strays = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test_file(name)) {
        if is_of_program(name) || name == "option_name.rs" {
            continue;
        }
        for (number, line) in code(text) {
            let names_flag = line
                .match_indices("--")
                .any(|(at, _)| line[at + 2..].starts_with(|character: char| character.is_ascii_lowercase()));
            if names_flag {
                strays.push(format!("src/{name}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn no_source_file_is_too_long() {
    let long: Vec<_> = sources()
        .iter()
        .filter(|(_, text)| text.lines().count() > MAX_LINES)
        .map(|(name, text)| format!("src/{name}: {} lines, at most {MAX_LINES}", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_unsafe_has_its_proof() {
    let mut strays = Vec::new();
    for (name, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let is_block =
                (line.contains("unsafe {") || line.contains("unsafe impl")) && !line.trim_start().starts_with("//");
            let before = &lines[index.saturating_sub(6)..=index];
            if is_block && !before.iter().any(|line| line.contains("SAFETY:")) {
                strays.push(format!("src/{name}:{}", index + 1));
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn every_room_opens_with_what_it_is() {
    for (name, text) in sources().iter().filter(|(name, _)| !is_test_file(name)) {
        assert!(text.starts_with("//!"), "src/{name} does not open with //!");
    }
}
