//! Every file that a load reads or writes, by every name that it has: no two may be the same file.
//!
//! Comes in: what the user named. Goes out: the first two names that lead to one file, and which reports may be written all the same.
//! Nothing is opened for writing here, and what is refused here is not written later either, least of all by the report of the failure. The
//! hard part: what a name leads to. Links are followed, even those that lead to nothing yet; a hard link is the file itself;
//! `-` is whatever standard input was redirected from.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::database_file::{is_foreign, is_journal, is_wal};
use crate::error::Error;
use crate::option_name::{CREATE_SQL_FILE, ERRORS, OptionName, REPORT, REPORT_HTML, SCHEMA, Wording};
use crate::options::{ContractSource, CreateSql, LoadOptions};
use crate::reject::{beside_with, folder_of, followed, same_file};
use crate::report::{is_json_report, is_own_stream, is_page, names_descriptor};

/// What SQLite puts after a database's name for files of its own.
const SQLITE_ENDINGS: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Why an input is not the database.
const INPUT_AS_DATABASE: Wording = Wording {
    on_command_line: "it is an input; the last name on the command line is the database",
    in_program: "it is an input; name another file as the database",
};

/// A file of the load, in the order in which names are given: a later one gives way to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Input,
    Database,
    /// A file that SQLite keeps beside the database.
    Journal,
    /// The contract.
    Schema,
    /// The SQL that makes the table.
    CreateSql,
    /// The file that messages go to, if they go to a file.
    Messages,
    Errors,
    Report,
    Page,
}

struct Claim {
    role: Role,
    path: PathBuf,
    /// The device and inode that the path leads to, if it leads anywhere.
    inode: Option<(u64, u64)>,
    /// What messages call it.
    shown: String,
}

/// What came of comparing a load's files.
pub(super) struct Checked {
    /// The first thing that is wrong.
    pub(super) refusal: Option<Error>,
    /// Whether the JSON report and the page may be written.
    pub(super) report: bool,
    pub(super) page: bool,
}

/// Compares all files that loads of `inputs` into `database` read and write; their rejects go to `errors`.
pub(super) fn check(inputs: &[PathBuf], database: &Path, errors: &[&Path], options: &LoadOptions) -> Checked {
    let claims = claims(inputs, database, errors, options);
    let mut checked = Checked {
        refusal: None,
        report: true,
        page: true,
    };
    for (index, claim) in claims.iter().enumerate() {
        let collision = claims[..index].iter().find(|earlier| {
            may_not_meet(earlier.role, claim) && may_be_same(earlier, claim) && same_file(&earlier.path, &claim.path)
        });
        let refusal = match collision {
            Some(earlier) => Some(refuse(earlier, claim)),
            None => check_alone(claim, database).err(),
        };
        let Some(refusal) = refusal else { continue };
        match claim.role {
            Role::Report => checked.report = false,
            Role::Page => checked.page = false,
            _ => {}
        }
        checked.refusal.get_or_insert(refusal);
    }
    checked
}

/// The names that no other file may be given while the load runs.
pub(super) fn taken(inputs: &[PathBuf], database: &Path, options: &LoadOptions) -> Vec<PathBuf> {
    let claims = claims(inputs, database, &[&options.target.errors], options);
    claims
        .into_iter()
        .filter(|claim| claim.role != Role::Errors)
        .map(|claim| claim.path)
        .collect()
}

fn claims(inputs: &[PathBuf], database: &Path, errors: &[&Path], options: &LoadOptions) -> Vec<Claim> {
    let claim = |role, path: PathBuf| Claim {
        role,
        shown: path.display().to_string(),
        inode: fs::metadata(&path)
            .ok()
            .map(|metadata| (metadata.dev(), metadata.ino())),
        path,
    };
    let input = |path: &PathBuf| match path.as_os_str() == "-" {
        true => Claim {
            shown: "standard input".to_owned(),
            ..claim(Role::Input, "/dev/stdin".into())
        },
        false => claim(Role::Input, path.clone()),
    };
    let mut claims: Vec<Claim> = inputs.iter().map(input).collect();
    if options.check.is_none() {
        claims.extend(database_claims(database, &claim));
    }
    if let Some(ContractSource::File(path)) = &options.contract.source {
        claims.push(claim(Role::Schema, path.clone()));
    }
    if let Some(CreateSql::File(path)) = &options.table.create_sql {
        claims.push(claim(Role::CreateSql, path.clone()));
    }
    for (path, shown) in [("/dev/stderr", "standard error"), ("/dev/stdout", "standard output")] {
        claims.push(Claim {
            shown: shown.to_owned(),
            ..claim(Role::Messages, path.into())
        });
    }
    claims.extend(errors.iter().map(|&path| claim(Role::Errors, path.to_owned())));
    claims.extend(
        options
            .target
            .report
            .iter()
            .map(|path| claim(Role::Report, path.clone())),
    );
    claims.extend(
        options
            .target
            .report_html
            .iter()
            .map(|path| claim(Role::Page, path.clone())),
    );
    claims
}

/// The database, and the files that SQLite keeps beside it.
fn database_claims(database: &Path, claim: &impl Fn(Role, PathBuf) -> Claim) -> Vec<Claim> {
    // SQLite drops whatever a name has at its end after the file's own name.
    let file: PathBuf = database.components().collect();
    let mut claims = vec![Claim {
        shown: database.display().to_string(),
        ..claim(Role::Database, file.clone())
    }];
    // SQLite follows links first.
    for name in [&file, &followed(&file)] {
        claims.extend(SQLITE_ENDINGS.map(|ending| claim(Role::Journal, beside_with(name, ending))));
    }
    claims
}

/// Whether `later` may not be a file that is there for `earlier`.
fn may_not_meet(earlier: Role, later: &Claim) -> bool {
    match (earlier, later.role) {
        (Role::Input, Role::Input) | (Role::Journal, Role::Journal) | (Role::Messages, Role::Messages) => false,
        // What is asked to go there goes there.
        (Role::Messages, Role::Report) => !is_own_stream(&later.path),
        // Messages may have been redirected to anything, and almost nothing is written there.
        (Role::Input | Role::Journal | Role::Schema | Role::CreateSql, Role::Messages)
        | (Role::Database, Role::Journal) => false,
        _ => true,
    }
}

/// Whether it is worth a closer look whether both lead to one file: there may be thousands of them.
fn may_be_same(earlier: &Claim, later: &Claim) -> bool {
    // Errors files of several loads have different names in one folder, and those that are not there yet are not made through links.
    let are_new_errors = earlier.role == Role::Errors && later.role == Role::Errors && later.inode.is_none();
    earlier.inode == later.inode && !are_new_errors
}

fn refuse(earlier: &Claim, later: &Claim) -> Error {
    let (path, shown) = (later.path.as_path(), earlier.shown.as_str());
    match (earlier.role, later.role) {
        (Role::Input, Role::Database) => Error::create(path, INPUT_AS_DATABASE),
        (Role::Input, Role::Journal) => Error::create(
            path,
            "it is an input, and SQLite keeps a file of that name beside the database; name another database",
        ),
        (Role::Database, Role::Messages) => Error::create(
            &earlier.path,
            format!("it is the database, and {} was redirected to it", later.shown),
        ),
        (Role::Input, Role::Errors) => Error::create(
            path,
            format!("it is an input of this load; name another file with {ERRORS}"),
        ),
        (Role::Database, Role::Errors) => {
            Error::create(path, format!("it is the database; name another file with {ERRORS}"))
        }
        (Role::Journal, Role::Errors) => Error::create(
            path,
            format!("SQLite keeps a file of that name beside the database; name another file with {ERRORS}"),
        ),
        (_, Role::Schema) => Error::usage(format!(
            "{SCHEMA} {}: it is the same file as {shown}; name the file that has the schema",
            later.shown
        )),
        (_, Role::CreateSql) => Error::usage(format!(
            "{CREATE_SQL_FILE} {}: it is the same file as {shown}; name the file that has the SQL",
            later.shown
        )),
        (_, role) => {
            let option = match role {
                Role::Report => REPORT,
                Role::Page => REPORT_HTML,
                _ => ERRORS,
            };
            Error::create(
                path,
                format!("it is the same file as {shown}; name another one with {option}"),
            )
        }
    }
}

/// What is wrong with a file, whatever the other files are.
fn check_alone(claim: &Claim, database: &Path) -> Result<(), Error> {
    match claim.role {
        Role::Database => check_database(database),
        Role::Journal => check_journal(&claim.path, database),
        Role::Report => check_older(claim, is_json_report, REPORT, "report"),
        Role::Page => check_older(claim, is_page, REPORT_HTML, "page"),
        Role::Input | Role::Schema | Role::CreateSql | Role::Messages | Role::Errors => Ok(()),
    }
}

/// Refuses a name that means a file only to SQLite: SQLite drops `/` and `/.` at its end, and goes back from folders that do not exist.
fn check_database(path: &Path) -> Result<(), Error> {
    let name = path.as_os_str().as_bytes();
    if path.file_name().is_none() || name.ends_with(b"/") || name.ends_with(b"/.") {
        let message = "a name that ends like this is the name of a folder; name a file as the database";
        return Err(Error::create(path, message));
    }
    match folder_of(path).metadata() {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Err(Error::create(
            path,
            "its folder does not exist; create that, or name another database",
        )),
        _ => Ok(()),
    }
}

/// Refuses somebody's file in the place of one of SQLite's, which SQLite would take for its own and delete.
fn check_journal(path: &Path, database: &Path) -> Result<(), Error> {
    if fs::metadata(database).is_ok() {
        // It is the database's own, perhaps torn by a power cut: SQLite knows what to do with it.
        return Ok(());
    }
    let name = path.as_os_str().as_bytes();
    let (is_ours, what): (fn(&[u8]) -> bool, _) = match () {
        () if name.ends_with(b"-journal") => (is_journal, "rollback journal"),
        () if name.ends_with(b"-wal") => (is_wal, "write-ahead log"),
        () => return Ok(()),
    };
    if !is_foreign(path, is_ours) {
        return Ok(());
    }
    let message = format!(
        "{} is not a {what} of SQLite, but SQLite would take it for one and delete it; rename that file, or name another database",
        path.display()
    );
    Err(Error::create(database, message))
}

/// Refuses to write a report over a file that is not a report, or into a folder that does not exist.
fn check_older(claim: &Claim, is_ours: fn(&[u8]) -> bool, option: OptionName, what: &str) -> Result<(), Error> {
    if claim.role == Role::Report && names_descriptor(&claim.path) {
        return check_stream(&claim.path);
    }
    if !folder_of(&claim.path).is_dir() {
        let message = format!("its folder does not exist; create that, or name another file with {option}");
        return Err(Error::create(&claim.path, message));
    }
    if !is_foreign(&claim.path, is_ours) {
        return Ok(());
    }
    let message =
        format!("the file of that name is not a {what} of rowmill and is left as it is; name another with {option}");
    Err(Error::create(&claim.path, message))
}

/// Refuses a descriptor that the process was not given: by the time the report is written, it may belong to a file of the load.
fn check_stream(path: &Path) -> Result<(), Error> {
    if is_own_stream(path) {
        return Ok(());
    }
    let message = format!("rowmill was not started with such a stream to write to; name another file with {REPORT}");
    Err(Error::create(path, message))
}
