//! SQL of the user's that makes the table: read before anything is opened, and tried where the table is to be, so that the load is planned for
//! the table as it will be.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::error::Error;
use crate::load::context::Context;
use crate::option_name::{AFTER, ATOMIC, CREATE_SQL, IF_EXISTS, TABLE};
use crate::options::{Atomic, CreateSql, IfExists, LoadOptions};
use crate::schema::definition::Definition;
use crate::schema::table_info::TableInfo;
use crate::sqlite::database::Database;
use crate::sqlite::definition;

/// Most bytes of the SQL: more is no table.
const MAX_BYTES: u64 = 4 << 20;

/// Reads the SQL that `options` name, if they name some, and takes the table's name from it. A check is of no table.
pub(super) fn agree(options: &mut LoadOptions) -> Result<(), Error> {
    let given = options.table.create_sql.as_ref();
    let Some(given) = given.filter(|_| options.check.is_none() && !options.target.table_per_file) else {
        return Ok(());
    };
    let definition = match given {
        CreateSql::Text(text) => definition::read(text)?,
        CreateSql::File(path) => {
            let read = read(path).and_then(|text| definition::read(&text));
            read.map_err(|error| error.explained(&format!(" ({})", path.display())))?
        }
    };
    match &options.target.table {
        Some(table) if !table.eq_ignore_ascii_case(&definition.table) => {
            return Err(Error::usage(format!(
                "{TABLE} is \"{table}\", and the SQL of {CREATE_SQL} makes table \"{}\"; make them the same, or leave {TABLE} out",
                definition.table
            )));
        }
        _ => options.target.table = Some(definition.table.clone()),
    }
    let aside = match &options.table {
        table if table.if_exists == IfExists::Replace => Some(format!("{IF_EXISTS} replace")),
        table if table.atomic == Atomic::File => Some(format!("{ATOMIC} file")),
        _ => None,
    };
    if let Some(aside) = aside.filter(|_| definition.has_triggers()) {
        return Err(Error::usage(format!(
            "{aside} fills a table under another name first, and the triggers of {CREATE_SQL} would run there; leave one of them out: \
             {AFTER} can make the triggers once the rows are in"
        )));
    }
    options.table.definition = Some(Arc::new(definition));
    Ok(())
}

fn read(path: &Path) -> Result<String, Error> {
    let open = File::open(path).map_err(|source| Error::input_missing(path, source))?;
    let mut bytes = Vec::new();
    let read = open.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|source| Error::io("reading", path, source))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::schema(format!(
            "{CREATE_SQL}: more than {MAX_BYTES} bytes are no CREATE TABLE"
        )));
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| Error::schema(format!("{CREATE_SQL}: the file is not UTF-8 text")))?;
    Ok(match text.strip_prefix('\u{FEFF}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Says it if the table is there already, and not as the SQL would make it.
pub(super) fn say_if_other(database: &Database, context: &Context<'_>) -> Result<(), Error> {
    let options = &context.options.table;
    let definition = options
        .definition
        .as_ref()
        .filter(|_| options.if_exists != IfExists::Replace);
    if let Some(definition) = definition
        && !definition::is_there(database, definition)?
    {
        context.observer.notice(&format!(
            "table \"{}\" exists and is not what {CREATE_SQL} would make: it stays as it is",
            definition.table
        ));
    }
    Ok(())
}

/// Lets `look` see the database as it is once `definition` has made its table, which is then taken back; `aside`: one that is to take the
/// place of another.
///
/// # Errors
/// `Schema` when the table cannot be made there; as `look`.
pub(super) fn with_table<T>(
    definition: &Definition,
    aside: bool,
    context: &Context<'_>,
    look: impl FnOnce(&Database) -> Result<T, Error>,
) -> Result<T, Error> {
    tried(context, |database| definition::make(database, definition, aside), look)
}

/// Lets `look` see the database as it is once `change` has changed it, and takes that back.
pub(super) fn tried<T>(
    context: &Context<'_>,
    change: impl FnOnce(&Database) -> Result<(), Error>,
    look: impl FnOnce(&Database) -> Result<T, Error>,
) -> Result<T, Error> {
    let database = match context.existing_database()? {
        Some(database) => database,
        None => Database::in_memory(context.database_path)?,
    };
    database.begin()?;
    let seen = change(&database).and_then(|()| look(&database));
    database.rollback()?;
    database.close()?;
    seen
}

/// The table as `definition` makes it.
pub(super) fn describe(definition: &Definition, aside: bool, context: &Context<'_>) -> Result<TableInfo, Error> {
    let Some(table) = definition.entries(aside).first() else {
        return Err(Error::internal("a table with triggers was to replace another"));
    };
    let info = with_table(definition, aside, context, |database| {
        database.describe_table(&table.name)
    })?;
    info.ok_or_else(|| Error::table_gone(&table.name))
}
