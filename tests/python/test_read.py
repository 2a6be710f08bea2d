"""Rows as Arrow batches: those of a load, wherever ranges are cut."""

import sqlite3
from pathlib import Path

import pyarrow
import pyarrow.fs
import pytest

import rowmill

DIRTY = {
    "quotes and line ends": 'id,text\n1,"one\ntwo\n\nthree"\n2,"four\r\nfive"\n3,"open\n4,good\n5,"a"b\n6,six\n',
    "too short, too long, blank": "a,b,c\n1,2,3\n1,2\n1,2,3,4\n\n5,6,7",
    "bytes": b"id,name\r\n1,caf\xe9\r\n2,\xff\r\n3,a\x00b\r\n4,good\r\n",
    "a header alone": "a,b\n",
}


@pytest.mark.parametrize("range_bytes", [1, 5, 1 << 20])
@pytest.mark.parametrize("case", DIRTY)
def test_rows_and_rejects_are_those_of_a_load(folder, rows, case, range_bytes):
    content = DIRTY[case]
    Path("a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    report = rowmill.load("a.csv", "a.db", table="t")
    read = rowmill.read("a.csv", range_bytes=range_bytes)
    values = [tuple(row.values()) for row in read.to_table().to_pylist()]
    assert values == rows("a.db", "SELECT * FROM t ORDER BY rowid")
    assert (read.records, len(values), read.rejects.num_rows) == (report.records, report.loaded, report.rejected)
    read.write_errors("read.csv")
    assert Path("read.csv").read_bytes() == Path("errors.csv").read_bytes()
    with pytest.raises(FileExistsError):
        read.write_errors("read.csv")


def test_rows_are_a_stream_of_arrow(people):
    read = rowmill.read([people], types={"id": "integer"}, range_bytes=10)
    reader = pyarrow.RecordBatchReader.from_stream(read)
    assert reader.schema == read.schema and reader.schema.field("id").type == pyarrow.int64()
    assert reader.read_all().column("id").to_pylist() == [1, 2, 2, 5]
    assert read.rejects.column("code").to_pylist() == ["type_error", "invalid_quote"]
    assert sum(batch.num_rows for batch in read) == 4, "it can be gone over again"


def test_inputs_may_be_anywhere(people):
    for inputs, filesystem in ((people.as_uri(), None), (str(people), pyarrow.fs.LocalFileSystem())):
        assert rowmill.read(inputs, filesystem=filesystem).to_table().num_rows == 5


def test_what_cannot_be_read_in_ranges_is_refused(people):
    with pytest.raises(rowmill.InputMissingError, match="check the path"):
        rowmill.read("none.csv")
    with pytest.raises(TypeError, match="read.. got an unexpected keyword argument 'key'"):
        rowmill.read(people, key="id")
    Path("a.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(rowmill.Error):
        rowmill.read("a.jsonl")


def test_an_input_that_changed_is_noticed(people):
    read = rowmill.read(people)
    people.write_text(people.read_text().replace("Ada", "Eda"))
    with pytest.raises(rowmill.InputChangedError):
        read.to_table()
