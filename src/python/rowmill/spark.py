"""rowmill on Spark: the same rows and rejects as on one machine, read by executors, with the DataFrame API only.

    report = rowmill.spark.load(spark, "s3://bucket/people.csv", "s3a://bucket/out", key="id")

For inputs that one machine does not hold, or whose rows are wanted where Spark writes. Executors need the package, and pyarrow.
"""

import contextlib
import time

import pyarrow
import pyarrow.compute
from pyspark import StorageLevel
from pyspark.sql import functions as F
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.pandas.types import from_arrow_schema

from . import _rowmill
from ._ranges import Rows, open_source, options_of, planner
from ._report import Fields

__all__ = ["load", "SparkReport", "RowmillSource"]

_OPTIONS = options_of("load")
_SOURCE = options_of("read", "key")

# Rows that every executor is given: beyond that they are shuffled.
_FEW = 1_000_000
# Rejects that are put together at a time for the errors file.
_LETTERS = 10_000

_PLACES, _REJECTS = _rowmill.range_schemas()
# What is said of a record: where it is and its key, if it is a row; and what is wrong with it, if it is none.
_VERDICTS = pyarrow.schema([field.with_nullable(True) for field in [*_PLACES, *(field for field in _REJECTS if field.name not in _PLACES.names)]])


class SparkReport(Fields):
    """What a load on Spark did: `records`, `loaded`, `rejected`, `duplicates`, `by_code`, `identity_holds`, `columns`, `key`, `notices`,
    `rows` and `rejects` (where they were written), and `stages`, each with its `seconds`."""

    __slots__ = ()


@_OPTIONS.document
def load(spark, inputs, output, *, filesystem=None, range_bytes=64 << 20, save_format="parquet", save_options=None, errors=None, **options):
    """Read inputs on Spark's executors, and write their rows to `output`/rows and their rejects to `output`/rejects; returns a `SparkReport`.

    `inputs` are files, by path (which every executor sees) or by URL: what pyarrow.fs or fsspec opens, or `filesystem`, one of either. Rows
    are written in `save_format` with `save_options`, rejects as Parquet, with the columns of the errors file after the index of the input;
    with `errors` they are put together in one errors file of this name on this machine, too, byte by byte that of a load on one machine.
    Nothing that is there is written over.

    Of the records with a key the first one is kept, in the order of the inputs; the others are rejects. An input that changes meanwhile
    fails the load. Inputs must be plain CSV, whose records have no escapes. `range_bytes` is what a task reads.
    """
    clock = _Clock()
    plan, names = planner(_OPTIONS, inputs, options, filesystem)
    files = _Files(names, filesystem)
    with clock.stage("scan"):
        read_plan, pieces, records = _scan(spark, plan, files, range_bytes)
    task = _Task(read_plan, files, pieces)
    known = task.plan()
    has_key = bool(known.key())
    tasks = spark.range(0, len(pieces), 1, len(pieces))
    with contextlib.ExitStack() as persisted:

        def persist(frame):
            frame = frame.persist(StorageLevel.DISK_ONLY)
            persisted.callback(frame.unpersist)
            return frame

        with clock.stage("judge"):
            verdicts = persist(tasks.mapInArrow(_Judge(task, has_key), from_arrow_schema(_VERDICTS)))
            counts = {row["code"]: row["count"] for row in verdicts.where("code is not null").groupBy("code").count().collect()}
        rejects = verdicts.where("code is not null").select(*_REJECTS.names)
        repeated, duplicates = None, 0
        if has_key:
            with clock.stage("duplicates"):
                repeated, duplicates = _repeated(verdicts, persist)
            if duplicates:
                counts["duplicate_key"] = duplicates
                again = repeated.sort("file_index", "byte_offset").mapInArrow(_Duplicates(task), rejects.schema)
                rejects = rejects.unionByName(again)
        with clock.stage("rejects"):
            rejects.orderBy("file_index", "record").write.parquet(f"{output}/rejects")
        with clock.stage("rows"):
            _write_rows(tasks, task, repeated if duplicates else None, duplicates).write.format(save_format).options(**(save_options or {})).save(
                f"{output}/rows"
            )
    if errors is not None:
        with clock.stage("errors"):
            _write_errors(known, spark.read.parquet(f"{output}/rejects"), errors)
    loaded = spark.read.format(save_format).load(f"{output}/rows").count()
    rejected = sum(counts.values()) - duplicates
    return SparkReport(
        {
            "records": sum(records),
            "loaded": loaded,
            "rejected": rejected,
            "duplicates": duplicates,
            "by_code": counts,
            "identity_holds": sum(records) == loaded + rejected + duplicates,
            "columns": [{"name": name, "type": type_} for name, type_ in known.columns()],
            "key": known.key(),
            "inputs": names,
            "notices": [*plan.notices(), *known.notices()],
            "rows": f"{output}/rows",
            "rejects": f"{output}/rejects",
            "ranges": len(pieces),
            "stages": clock.stages,
        }
    )


class _Clock:
    def __init__(self):
        self.stages = []

    @staticmethod
    def begun(name):
        """Called when a stage begins; for tests."""

    @contextlib.contextmanager
    def stage(self, name):
        begun = time.monotonic()
        self.begun(name)
        yield
        self.stages.append({"stage": name, "seconds": round(time.monotonic() - begun, 3)})


class _Files:
    """The inputs, as every process opens them."""

    def __init__(self, names, filesystem):
        self.names, self.filesystem = names, filesystem

    def open(self, index):
        return open_source(self.names[index], self.filesystem)


class _Scan:
    """A task of the first pass."""

    def __init__(self, plan, files, ranges):
        self.plan, self.files, self.ranges = plan, files, ranges

    def __call__(self, batches):
        for batch in batches:
            for index in batch.column(0).to_pylist():
                part = self.ranges[index]
                report = _rowmill.scan_range(self.plan, self.files.open(part[0]), part)
                yield pyarrow.RecordBatch.from_pydict({"report": [report]})


def _scan(spark, plan, files, range_bytes):
    """The read plan, each range with the index of its input, and the records of each input."""
    ranges = plan.ranges(range_bytes)
    tasks = spark.range(0, len(ranges), 1, len(ranges))
    reports = tasks.mapInArrow(_Scan(plan.scan_plan(), files, ranges), "report string").collect()
    read_plan, pieces, records = plan.compose([row["report"] for row in reports])
    return read_plan, [(part[0], piece) for part, piece in zip(ranges, pieces, strict=True)], records


class _Task:
    """What tasks of the second pass have in common."""

    def __init__(self, read_plan, files, pieces):
        self.read_plan, self.files, self.pieces = read_plan, files, pieces

    def plan(self):
        return _rowmill.Plan(self.read_plan)

    def blocks(self, batches):
        plan = self.plan()
        for batch in batches:
            for index in batch.column(0).to_pylist():
                file_index, piece = self.pieces[index]
                yield from plan.read(self.files.open(file_index), piece)


class _Judge:
    """Says of each record with a key where it is, and of each reject what is wrong with it."""

    def __init__(self, task, has_key):
        self.task, self.has_key = task, has_key

    def __call__(self, batches):
        for _, places, rejects in self.task.blocks(batches):
            if self.has_key and places.num_rows:
                yield _widened(places)
            if rejects.num_rows:
                yield _widened(rejects)


def _widened(batch):
    """A batch with the columns of verdicts, of which it has some."""
    have = set(batch.schema.names)
    columns = [batch.column(field.name) if field.name in have else pyarrow.nulls(batch.num_rows, field.type) for field in _VERDICTS]
    return pyarrow.RecordBatch.from_arrays(columns, schema=_VERDICTS)


def _repeated(verdicts, persist):
    """The places of the rows whose key came before, with where that was; and how many they are.

    Only hashes are counted of all rows. Keys are compared, exactly, where hashes are the same.
    """
    keyed = verdicts.where("key is not null").withColumn("hash", F.xxhash64("key"))
    shared = persist(keyed.groupBy("hash").count().where("count > 1").select("hash"))
    candidates = keyed.join(_small(shared, shared.count()), "hash")
    place = F.struct("file_index", "record")
    firsts = candidates.groupBy("key").agg(F.min(place).alias("first"), F.count("*").alias("rows")).where("rows > 1").select("key", "first")
    repeated = candidates.join(firsts, "key").where(place > F.col("first"))
    names = [name for name in _PLACES.names if name != "key"]
    first = [F.col("first.file_index").alias("first_file_index"), F.col("first.record").alias("first_record")]
    repeated = persist(repeated.select(*names, *first))
    return repeated, repeated.count()


def _small(frame, rows):
    return F.broadcast(frame) if rows <= _FEW else frame


class _Duplicates:
    """Rejects of rows that repeat a key, whose bytes are read again."""

    def __init__(self, task):
        self.task = task

    def __call__(self, batches):
        plan = self.task.plan()
        for batch in batches:
            indices = batch.column("file_index")
            for file_index in sorted(set(indices.to_pylist())):
                of_file = batch.filter(pyarrow.compute.equal(indices, file_index))
                yield plan.duplicates(self.task.files.open(file_index), of_file)


class _Read:
    """Rows, each in a struct of its own beside its place: no name of a column can be in the way."""

    def __init__(self, task):
        self.task = task

    def __call__(self, batches):
        for rows, places, _ in self.task.blocks(batches):
            if rows.num_rows:
                # A batch without columns has no struct.
                row = pyarrow.StructArray.from_arrays(rows.columns, fields=list(rows.schema))
                yield pyarrow.RecordBatch.from_arrays([places.column("file_index"), places.column("record"), row], ["file_index", "record", "row"])


def _write_rows(tasks, task, repeated, duplicates):
    """The rows, without those that repeat a key."""
    schema = pyarrow.schema([_PLACES.field("file_index"), _PLACES.field("record"), ("row", pyarrow.struct(list(task.plan().schema())))])
    rows = tasks.mapInArrow(_Read(task), from_arrow_schema(schema))
    if repeated is not None:
        rows = rows.join(_small(repeated.select("file_index", "record"), duplicates), ["file_index", "record"], "left_anti")
    return rows.select("row.*")


def _write_errors(plan, rejects, path):
    """One errors file of all rejects, which must not be there yet."""
    with open(path, "xb") as out:
        letters = _rowmill.Letters(plan, out)
        batch = []
        for row in rejects.orderBy("file_index", "record").toLocalIterator():
            batch.append({name: bytes(value) if isinstance(value, bytearray) else value for name, value in row.asDict().items()})
            if len(batch) == _LETTERS:
                letters.push(pyarrow.RecordBatch.from_pylist(batch, schema=_REJECTS))
                batch.clear()
        letters.push(pyarrow.RecordBatch.from_pylist(batch, schema=_REJECTS))
        letters.finish()


class RowmillSource(DataSource):
    """`spark.read.format("rowmill")`, once it is registered: `spark.dataSource.register(rowmill.spark.RowmillSource)`.

    Options are those of `rowmill.read`, as texts (`true` for a flag). The process that plans scans the input with its own threads, and keys
    are not looked at: for large inputs, duplicates and rejects there is `load`. A record that is no row fails the read, unless
    `option("rejects", "drop")` says otherwise.
    """

    @classmethod
    def name(cls):
        return "rowmill"

    def _rows(self):
        given = dict(self.options)
        path, self._drops = given.pop("path"), given.pop("rejects", "fail") == "drop"
        given = {_option(name): True if value == "true" else value for name, value in given.items()}
        plan, names = planner(_SOURCE, path, given, None)
        return Rows(plan, names, None, 64 << 20, None)

    def schema(self):
        return from_arrow_schema(self._rows().schema)

    def reader(self, schema):
        rows = self._rows()
        return _SourceReader(rows.parts(), self._drops)


def _option(name):
    # Spark does not keep the case of options; ours are lower case.
    return name.lower()


class _SourceReader(DataSourceReader):
    def __init__(self, parts, drops):
        self.parts, self.drops = parts, drops

    def partitions(self):
        return [InputPartition(part) for part in self.parts]

    def read(self, partition):
        plan, name, piece = partition.value
        for rows, _, rejects in _rowmill.Plan(plan).read(open_source(name), piece):
            if rejects.num_rows and not self.drops:
                first = rejects.slice(0, 1).to_pylist()[0]
                raise ValueError(f"{first['file']}, line {first['line']}: {first['code']}: {first['message']}")
            if rows.num_rows:
                yield rows
