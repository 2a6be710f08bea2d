//! The database that a random table is loaded into: page size, other tables, free pages, journal mode.

use super::recipe::{Dice, Kind, Recipe, quote};

/// SQL that makes it, and the table if the load is to find one.
pub fn sql(recipe: &Recipe, dice: &mut Dice) -> String {
    let mut sql = format!("PRAGMA page_size = {}; ", recipe.page_bytes);
    match dice.below(50) {
        // Until a table is made, an encoding is that of the connection, not of the database.
        0 => sql += "PRAGMA encoding = 'UTF-16'; CREATE TABLE encoded(x); ",
        1 => sql += "PRAGMA auto_vacuum = FULL; ",
        2 => sql += "PRAGMA auto_vacuum = INCREMENTAL; ",
        _ => {}
    }
    let rows = |dice: &mut Dice| dice.pick(&[0, 1, 30, 300]);
    if dice.one_in(2) {
        sql += "CREATE TABLE other(x, y TEXT); CREATE INDEX other_y ON other(y); ";
        sql += &fill("other(x, y)", "n, n || hex(zeroblob(n % 400))", rows(dice));
    }
    let leaves_free_pages = dice.one_in(2);
    if leaves_free_pages {
        // Dropped below: its pages, before and after the table's, are then free.
        sql += "CREATE TABLE gone(x); ";
        sql += &fill("gone", "hex(zeroblob(900))", rows(dice));
    }
    if recipe.table_exists {
        sql += &format!("{}; ", recipe.create_table(recipe.row_id_column));
        let needed = |index: usize| recipe.columns[index].declared.contains("NOT NULL");
        let text = (0..recipe.columns.len()).find(|&index| recipe.columns[index].kind == Kind::Text);
        if let Some(text) = text.filter(|_| !(0..recipe.columns.len()).any(needed)) {
            let table = format!("t({})", quote(&recipe.columns[text].name));
            match dice.below(8) {
                0 | 1 => sql += &(fill(&table, "'old' || n || hex(zeroblob(300))", rows(dice)) + "DELETE FROM t; "),
                2 if dice.one_in(3) => sql += &fill(&table, "'old' || n", 5),
                _ => {}
            }
        }
        if dice.one_in(25) {
            sql += &format!(
                "CREATE INDEX own ON t({}); ",
                quote(&recipe.columns[recipe.fields[0]].name)
            );
        }
    }
    if leaves_free_pages {
        sql += &fill("gone", "hex(zeroblob(900))", rows(dice));
        sql += if dice.one_in(2) {
            "DROP TABLE gone; "
        } else {
            "DELETE FROM gone; "
        };
    }
    if dice.one_in(2) {
        sql += "CREATE TABLE later(x UNIQUE); INSERT INTO later VALUES (1), ('two'); ";
    }
    if dice.one_in(20) {
        sql += "PRAGMA journal_mode = WAL; ";
    }
    sql
}

fn fill(table: &str, values: &str, rows: usize) -> String {
    format!(
        "INSERT INTO {table} WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}) \
         SELECT {values} FROM numbers WHERE n <= {rows}; "
    )
}
