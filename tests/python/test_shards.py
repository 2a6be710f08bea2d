"""Databases made of Arrow rows, as executors make them: the tables are those of a load, and each gets its name once, in a folder of its own."""

import sqlite3
from pathlib import Path

import fsspec
import pyarrow
import pyarrow.fs
import pytest

import rowmill
from rowmill._shards import Folder, MakeShards, Table, view_sql

# Inputs with values that are easily lost, and the options that they are loaded with.
VALUES = {
    "every type": (
        "i,r,b,d,m,t,at,text\n"
        "9223372036854775807,1.5,yes,2024-02-29,1.25,23:59:59.5,2024-01-01 10:00+00,plain\n"
        '-9223372036854775808,-1.7976931348623157e308,no,0000-01-01,-92233720368547758.08,00:00,,"two\nlines, a ""quote"""\n'
        '0,5e-324,0,9999-12-31,0.5,,1999-12-31T23:59:59Z,""\n'
        "1,0.1,1,2024-01-01,3,,,\n"
        "2,123456789012345680,t,2024-01-01,3,,,\\N\n",
        {"types": {"i": "integer", "r": "real", "b": "boolean", "d": "date", "m": "decimal(2)", "t": "time", "at": "datetime"}},
    ),
    "one column, with NULLs": ('a,b\nx,1\n,2\n"",3\ny,4\n', {"columns": "a"}),
    "numbers that look like text, and the other way round": ("a,b\n007,1e5\n42,nan\n-0.0, 7 \n", {"types": {"b": "text"}}),
    "names that are hard to write": ('"a ""b""","c, d",A_,"e\nf","x=y"\n1,2,3,4,5\n', {"key": ['a "b"']}),
    "a composite key": ("shop,day,sum\nx,2024-01-01,1\n,2024-01-01,2\n,2024-01-01,3\nx,2024-01-02,4\n", {"key": ["shop", "day"]}),
    "columns that come from no field": ("a\n1\n2\n", {"filename_column": "file", "row_number": "record", "const": {"batch": "x, y"}}),
}


def made_of(path, database, options):
    """Makes a database of the rows of an input, batch by batch."""
    key = options.get("key", [])
    read = rowmill.read(path, range_bytes=16, **{name: value for name, value in options.items() if name != "key"})
    assert Table("t", read.schema, key, 8 << 20).load(iter(read), database) == read.to_table().num_rows


def in_table(database):
    """All that is in the table: how it is declared, and its values with their types."""
    connection = sqlite3.connect(database)
    try:
        names = [row[1] for row in connection.execute("PRAGMA table_info(t)")]
        types = ", ".join('typeof("{}")'.format(name.replace('"', '""')) for name in names)
        declared = [(name, *row[2:4]) for name, row in zip(names, connection.execute("PRAGMA table_info(t)"))]
        return declared, connection.execute(f"SELECT *, {types} FROM t ORDER BY rowid").fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("case", VALUES)
def test_the_table_is_that_of_a_load(folder, case):
    text, options = VALUES[case]
    Path("a.csv").write_text(text, newline="")
    report = rowmill.load("a.csv", "loaded.db", table="t", **options)
    assert report.rejected == 0 and report.loaded > 0
    made_of("a.csv", "made.db", options)
    assert in_table("made.db") == in_table("loaded.db")


def test_a_long_record_fits(folder):
    Path("a.csv").write_text('id,text\n1,"' + '""' * 3_000_000 + '"\n2,x\n')
    read = rowmill.read("a.csv")
    assert Table("t", read.schema, ["id"], 8 << 20).load(iter(read), "made.db") == 2
    assert in_table("made.db")[1][0][1] == '"' * 3_000_000


def test_whoever_gives_rows_may_fail(folder):
    schema = pyarrow.schema([("id", pyarrow.int64())])

    def batches():
        for start in range(0, 100_000, 1000):
            yield pyarrow.RecordBatch.from_pydict({"id": range(start, start + 1000)}, schema=schema)
        raise ValueError("no more of it")

    with pytest.raises(ValueError, match="no more of it"):
        Table("t", schema, ["id"], 8 << 20).load(batches(), "made.db")
    twice = [pyarrow.RecordBatch.from_pydict({"id": [1, 2, 1]}, schema=schema)]
    with pytest.raises(RuntimeError, match="of 3 rows 2 went into"):
        Table("t", schema, ["id"], 8 << 20).load(iter(twice), "twice.db")
    # Nobody reads: then nobody must wait for that.
    with pytest.raises(rowmill.OutputCreateError):
        Table("t", schema, ["id"], 8 << 20).load(batches(), "none/made.db")


# Rows with the numbers of their shards, as they come to a task.
ROWS = pyarrow.struct([pyarrow.field("id", pyarrow.int64())])


def rows_of(shards):
    ids = [{"id": id} for id in range(len(shards))]
    return pyarrow.RecordBatch.from_arrays([pyarrow.array(shards, pyarrow.int32()), pyarrow.array(ids, ROWS)], ["shard", "row"])


def make(folder, *batches):
    table = Table("rows", pyarrow.schema(list(ROWS)), ["id"], 8 << 20)
    return [made for batch in MakeShards(folder, table)(iter(batches)) for made in batch.to_pylist()]


def test_shards_get_their_names_once(folder, rows):
    shards = Folder("out")
    shards.begin()
    made = make(shards, rows_of([0, 0, 2]), rows_of([2, 2, 5]))
    # As a task that is run again leaves more than the driver is told of.
    make(shards, rows_of([0, 0, 2]))
    assert [(shard["shard"], shard["rows"]) for shard in made] == [(0, 2), (2, 3), (5, 1)]
    put = shards.put(made)
    view = shards.write_view(put, "rows")
    shards.end()
    assert sorted(path.name for path in Path("out").iterdir()) == ["shard-00000.db", "shard-00002.db", "shard-00005.db", "shards.sql"]
    assert [shard["bytes"] for shard in put] == [Path("out", shard["name"]).stat().st_size for shard in put]
    assert view == "out/shards.sql" and rows("out/shard-00002.db", "SELECT count(*) FROM rows") == [(3,)]
    with pytest.raises(FileExistsError):
        Folder("out").begin()


def test_what_fails_leaves_nothing_of_its_own(folder):
    shards = Folder((folder / "out").as_uri())
    shards.begin()
    make(shards, rows_of([0]))
    shards.end()
    assert not Path("out").exists()
    shards.begin()
    made = make(shards, rows_of([0, 1]))
    Path("out/shard-00001.db").write_text("of somebody else")
    with pytest.raises(FileExistsError):
        shards.put(made)
    shards.end()
    assert [path.name for path in Path("out").iterdir()] == ["shard-00001.db"]
    assert Path("out/shard-00001.db").read_text() == "of somebody else"


def test_shards_go_where_fsspec_writes(folder):
    memory = fsspec.filesystem("memory")
    shards = Folder("memory://shards/out")
    shards.begin()
    shards.write_view(shards.put(make(shards, rows_of([0, 1]))), "rows")
    shards.end()
    try:
        assert sorted(path.rsplit("/")[-1] for path in memory.ls("/shards/out", detail=False)) == ["shard-00000.db", "shard-00001.db", "shards.sql"]
        assert memory.cat("/shards/out/shard-00001.db").startswith(b"SQLite format 3")
    finally:
        memory.rm("/shards", recursive=True)


def test_the_view_has_the_rows_of_all(folder):
    for name, value in (("a 1.db", 1), ("a 2.db", 2)):
        connection = sqlite3.connect(name)
        connection.executescript(f'CREATE TABLE "x ""y""" (id INTEGER PRIMARY KEY); INSERT INTO "x ""y""" VALUES ({value})')
        connection.close()
    connection = sqlite3.connect(":memory:")
    connection.executescript(view_sql(["a 1.db", "a 2.db"], 'x "y"'))
    assert connection.execute('SELECT * FROM "x ""y""" ORDER BY id').fetchall() == [(1,), (2,)]
    plan = " ".join(row[3] for row in connection.execute('EXPLAIN QUERY PLAN SELECT * FROM "x ""y""" WHERE id = 2'))
    assert plan.count("SEARCH") == 2, "a key is looked up in each"
    connection.close()


def test_inputs_come_from_fsspec(folder):
    text = 'id,name\n1,Ada\n2,"Grace\nHopper"\n3\n'
    Path("a.csv").write_text(text)
    memory = fsspec.filesystem("memory")
    memory.pipe("/inputs/a.csv", text.encode())
    try:
        for inputs, filesystem in (("memory://inputs/a.csv", None), ("/inputs/a.csv", memory), (str(folder / "a.csv"), fsspec.filesystem("file"))):
            read = rowmill.read(inputs, filesystem=filesystem, range_bytes=7)
            assert read.to_table().to_pylist() == [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace\nHopper"}]
            assert read.rejects.column("code").to_pylist() == ["missing_columns"]
    finally:
        memory.rm("/inputs", recursive=True)
