use super::*;

#[test]
fn a_connection_trusts_nothing_that_a_schema_could_bring_along() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("x.db"), 1 << 20).unwrap();
    let run = |sql: &str| {
        database
            .connection()
            .execute_batch(sql)
            .map_err(|error| error.to_string())
    };
    assert!(
        run("SELECT load_extension('x')")
            .unwrap_err()
            .contains("not authorized")
    );
    run("PRAGMA writable_schema = ON; CREATE TABLE t (a)").unwrap();
    assert!(
        run("UPDATE sqlite_schema SET sql = ''").is_err(),
        "the schema is not written by hand"
    );
    let setting = |name: &str| -> i64 {
        let sql = format!("PRAGMA {name}");
        database.connection().query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((setting("trusted_schema"), setting("cell_size_check")), (0, 1));
}
