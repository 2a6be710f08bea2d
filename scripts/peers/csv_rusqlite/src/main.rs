//! Loads a CSV file with the csv crate and rusqlite: one prepared INSERT, one transaction, SQLite's own type conversion.
//!
//! `csv_rusqlite INPUT DATABASE CREATE AFTER`: `CREATE` makes the table `bench`, `AFTER` is run once the rows are in.

use std::error::Error;

use csv::{Reader, StringRecord};
use rusqlite::{Connection, params_from_iter};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, database, create, after] = &arguments[..] else {
        return Err("usage: csv_rusqlite INPUT DATABASE CREATE AFTER".into());
    };
    let mut connection = Connection::open(database)?;
    connection.execute_batch("PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL;")?;
    connection.execute_batch(create)?;
    let mut reader = Reader::from_path(input)?;
    let marks = vec!["?"; reader.headers()?.len()].join(", ");
    let transaction = connection.transaction()?;
    let mut insert = transaction.prepare(&format!("INSERT INTO bench VALUES ({marks})"))?;
    let mut record = StringRecord::new();
    while reader.read_record(&mut record)? {
        insert.execute(params_from_iter(
            record.iter().map(|field| (!field.is_empty()).then_some(field)),
        ))?;
    }
    drop(insert);
    transaction.commit()?;
    connection.execute_batch(after)?;
    Ok(())
}
