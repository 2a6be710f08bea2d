"""Databases that each have the rows of some keys, made wherever the rows are and put side by side into one folder, of any file system."""

import fcntl
import itertools
import operator
import os
import shutil
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.fs

from . import load
from ._ranges import filesystem_of

# What SQLite attaches unless it was built to attach more.
MOST_ATTACHED = 10
# Shards are written by several tasks of an executor at a time: half of what a load takes.
_MEMORY_BYTES = 128 << 20
# For each byte that a record may be longer than usual.
_RECORD_FACTOR = 6
_USUAL_RECORD_BYTES = 8 << 20
_PIPE_BYTES = 1 << 20
_COPY_BYTES = 4 << 20

# What is made of a shard: its number, its name for the time being, rows and bytes.
MADE = pyarrow.schema([("shard", pyarrow.int32()), ("name", pyarrow.string()), ("rows", pyarrow.int64()), ("bytes", pyarrow.int64())])


class Table:
    """The table that is in each database: its name, its columns as Arrow has them, its key, and how long a record of it may have been."""

    def __init__(self, name, schema, key, record_bytes):
        self.name, self.schema, self.key, self.record_bytes = name, schema, key, record_bytes

    def load(self, batches, database):
        """Loads rows into a new database, by `rowmill.load`, and returns how many they were: all of them, or it raises."""
        read_end, write_end = os.pipe()
        with ThreadPoolExecutor(1) as pool, tempfile.TemporaryDirectory() as folder:
            written = pool.submit(self._write, batches, write_end)
            try:
                fcntl.fcntl(read_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
                report = load(f"/dev/fd/{read_end}", database, errors=os.path.join(folder, "errors.csv"), **self._options())
            finally:
                # Whoever still writes is told that nobody reads.
                os.close(read_end)
            rows = written.result()
        if (report.records, report.loaded) != (rows, rows):
            raise RuntimeError(f"of {rows} rows {report.loaded} went into {database}: {report.by_code}")
        return rows

    def _options(self):
        record_bytes = 2 * self.record_bytes + (1 << 20)
        names = self.schema.names
        return {
            "table": self.name,
            "header": True,
            "no_detect": True,
            "columns": names,
            "types": {field.name: _declared(field.type) for field in self.schema},
            "not_null": [field.name for field in self.schema if not field.nullable] or None,
            "key": self.key or None,
            "threads": 1,
            "max_record_bytes": record_bytes,
            "memory": _MEMORY_BYTES + _RECORD_FACTOR * max(record_bytes - _USUAL_RECORD_BYTES, 0),
        }

    def _write(self, batches, write_end):
        """Writes rows as CSV, and returns how many they were."""
        rows = 0
        # A row of one value that is NULL would be a blank line, which is no record.
        more = [(f"{self.schema.names[0]}_", pyarrow.int8())] if len(self.schema) == 1 else []
        schema = pyarrow.schema([*((field.name, _written(field.type)) for field in self.schema), *more])
        with open(write_end, "wb", buffering=_PIPE_BYTES) as out, pyarrow.csv.CSVWriter(out, schema) as writer:
            for batch in batches:
                columns = [column.cast(_written(column.type)) for column in batch.columns]
                columns += [pyarrow.repeat(pyarrow.scalar(0, type_), batch.num_rows) for _, type_ in more]
                writer.write_batch(pyarrow.RecordBatch.from_arrays(columns, schema=schema))
                rows += batch.num_rows
        return rows


def _declared(type_):
    """The type of a column whose values are written as text."""
    if pyarrow.types.is_decimal(type_):
        return f"decimal({type_.scale})"
    if pyarrow.types.is_boolean(type_) or pyarrow.types.is_integer(type_):
        return "integer"
    return "real" if pyarrow.types.is_floating(type_) else "text"


def _written(type_):
    return pyarrow.int8() if pyarrow.types.is_boolean(type_) else type_


def shard_name(number):
    return f"shard-{number:05}.db"


class Folder:
    """A folder for shards, which is not there yet.

    Whoever makes a shard puts it into a folder within, under a name that nobody else takes: a task that is run twice leaves two files. Only
    the one that the driver was told of gets its name.
    """

    def __init__(self, url, filesystem=None):
        self.url = url
        self.filesystem, self.path = filesystem_of(url, filesystem)
        self._meanwhile = f"{self.path}/_temporary-{uuid.uuid4().hex}"

    def begin(self):
        """Makes the folder.

        Raises FileExistsError when something is there.
        """
        if self._is_there(self.path):
            raise FileExistsError(f"{self.url} is there already: nothing is written over")
        self.filesystem.create_dir(self._meanwhile)

    def _is_there(self, path):
        return self.filesystem.get_file_info(path).type != pyarrow.fs.FileType.NotFound

    def make(self, number, table, batches):
        """Makes a shard of rows, and returns what is to be said of it. Called by whoever has the rows."""
        name = f"{number}-{uuid.uuid4().hex}.db"
        with tempfile.TemporaryDirectory(prefix="rowmill-") as folder:
            database = Path(folder, name)
            rows = table.load(batches, database)
            with open(database, "rb") as made, self.filesystem.open_output_stream(f"{self._meanwhile}/{name}") as out:
                shutil.copyfileobj(made, out, _COPY_BYTES)
            return {"shard": number, "name": name, "rows": rows, "bytes": database.stat().st_size}

    def put(self, made):
        """Gives shards their names, all or none, and returns what a report says of them."""
        put = []
        try:
            for shard in made:
                path = f"{self.path}/{shard_name(shard['shard'])}"
                if self._is_there(path):
                    raise FileExistsError(f"{path} is there already: nothing is written over")
                self.filesystem.move(f"{self._meanwhile}/{shard['name']}", path)
                put.append(path)
        except BaseException:
            for path in put:
                self.filesystem.delete_file(path)
            raise
        return [{"name": shard_name(shard["shard"]), "rows": shard["rows"], "bytes": shard["bytes"]} for shard in made]

    def write_view(self, shards, table):
        """Writes SQL that attaches all shards and makes a view of them; returns where, or None if SQLite does not attach so many."""
        if not 0 < len(shards) <= MOST_ATTACHED:
            return None
        with self.filesystem.open_output_stream(f"{self.path}/shards.sql") as out:
            out.write(view_sql([shard["name"] for shard in shards], table).encode())
        return f"{self.url}/shards.sql"

    def end(self):
        """Takes away what was there meanwhile: all of the folder, unless something has got its name in it."""
        self.filesystem.delete_dir(self._meanwhile)
        if not self.filesystem.get_file_info(pyarrow.fs.FileSelector(self.path, allow_not_found=True)) and self._is_there(self.path):
            self.filesystem.delete_dir(self.path)


def view_sql(names, table):
    """SQL that attaches databases of these names, and makes a view of the table in each."""
    quoted = '"' + table.replace('"', '""') + '"'
    attached = [(name, f"shard_{index}") for index, name in enumerate(names)]
    return "".join(
        [
            f"-- The rows of {len(names)} databases as one table. Names are relative, so be in this folder: sqlite3 -init shards.sql\n",
            "-- A view over several databases is always a temporary one: it is there as long as the connection.\n",
            *(f"ATTACH '{name}' AS {schema};\n" for name, schema in attached),
            f"CREATE TEMP VIEW {quoted} AS\n",
            "\nUNION ALL ".join(f"SELECT * FROM {schema}.{quoted}" for _, schema in attached),
            ";\n",
        ]
    )


class MakeShards:
    """Makes shards of rows that come with the number of their shard, all rows of one after another."""

    def __init__(self, folder, table):
        self.folder, self.table = folder, table

    def __call__(self, batches):
        for number, parts in itertools.groupby(_by_shard(batches), operator.itemgetter(0)):
            made = self.folder.make(number, self.table, (rows for _, rows in parts))
            yield pyarrow.RecordBatch.from_pylist([made], schema=MADE)


def _by_shard(batches):
    for batch in batches:
        numbers = batch.column("shard")
        for number in sorted(pyarrow.compute.unique(numbers).to_pylist()):
            of_shard = batch.filter(pyarrow.compute.equal(numbers, number))
            yield number, pyarrow.RecordBatch.from_struct_array(of_shard.column("row"))
