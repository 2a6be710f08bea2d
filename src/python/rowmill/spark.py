"""rowmill on Spark: the same rows and rejects as on one machine, read by executors, with the DataFrame API only.

    report = rowmill.spark.load(spark, "s3://bucket/people.csv", "s3a://bucket/out", key="id")

For inputs that one machine does not hold, or whose rows are wanted where Spark writes. Executors need the package, and pyarrow.
"""

import contextlib
import time

import numpy as np
import pyarrow
import pyarrow.compute
from pyspark import StorageLevel
from pyspark.sql import functions as F
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.pandas.types import from_arrow_schema

from . import _rowmill
from ._ranges import Rows, open_source, options_of, planner
from ._report import Fields
from ._shards import MADE, MOST_ATTACHED, Folder, MakeShards, Table

__all__ = ["load", "SparkReport", "RowmillSource"]

_OPTIONS = options_of("load")
_SOURCE = options_of("read", "key")

# Rejects that are put together at a time for the errors file.
_LETTERS = 10_000
# Keys whose hashes are compared at a time: 8 MB of them.
_BUCKET_KEYS = 1_000_000
_HASH = np.dtype("<u8")

_PLACES, _REJECTS = _rowmill.range_schemas()
# What is said of a range: its rejects; and some of the hashes of its keys, all from one bucket of them.
_VERDICTS = pyarrow.schema(
    [("bucket", pyarrow.int32()), ("range", pyarrow.int64()), ("hashes", pyarrow.binary()), ("reject", pyarrow.struct(list(_REJECTS)))]
)
# Hashes of a range that come again somewhere.
_SHARED = pyarrow.schema([("id", pyarrow.int64()), ("hashes", pyarrow.binary())])
# Rows whose key may come again.
_CANDIDATES = pyarrow.schema([("range", pyarrow.int64()), *_PLACES])


class SparkReport(Fields):
    """What a load on Spark did: `records`, `loaded`, `rejected`, `duplicates`, `by_code`, `identity_holds`, `columns`, `key`, `notices`,
    `rows` and `rejects` (where they were written), `shards` and `view` (if there are shards), and `stages`, each with its `seconds`."""

    __slots__ = ()


@_OPTIONS.document
def load(
    spark, inputs, output, *, filesystem=None, range_bytes=64 << 20, save_format=None, save_options=None, shards=None, table="rows", errors=None, **options
):
    """Read inputs on Spark's executors, and write their rows to `output`/rows and their rejects to `output`/rejects; returns a `SparkReport`.

    `inputs` are files, by path (which every executor sees) or by URL: what pyarrow.fs or fsspec opens, or `filesystem`, one of either. Rows
    are written in `save_format` (`parquet`) with `save_options`, rejects as Parquet, with the columns of the errors file after the index of
    the input; with `errors` they are put together in one errors file of this name on this machine, too, byte by byte that of a load on one
    machine. Nothing that is there is written over.

    With `shards` the rows go into as many SQLite databases instead, `output`/shards/shard-00000.db and so on, each with the rows of some keys
    in its `table`, as a load on one machine makes it; without a key they are spread evenly. A shard that would have no rows is not made.
    Up to 10 of them, as many as SQLite attaches, shards.sql makes one view.

    Of the records with a key the first one is kept, in the order of the inputs; the others are rejects. An input that changes meanwhile
    fails the load. Inputs must be plain CSV, whose records have no escapes. `range_bytes` is what a task reads.
    """
    clock = _Clock()
    where = _Saved(f"{output}/rows", save_format, save_options) if shards is None else _Sharded(f"{output}/shards", shards, save_format)
    plan, names = planner(_OPTIONS, inputs, options, filesystem)
    files = _Files(names, filesystem)
    with clock.stage("scan"):
        read_plan, pieces, records = _scan(spark, plan, files, range_bytes)
    task = _Task(read_plan, files, pieces)
    known = task.plan()
    tasks = _Tasks(spark, task)
    with contextlib.ExitStack() as persisted:

        def persist(frame):
            frame = frame.persist(StorageLevel.DISK_ONLY)
            persisted.callback(frame.unpersist)
            return frame

        with clock.stage("judge"):
            buckets = sum(records) // _BUCKET_KEYS + 1 if known.key() else 0
            verdicts = persist(tasks.of(_Judge(task, buckets), _VERDICTS))
            rejects = verdicts.where("reject is not null").select("reject.*")
            counts = {row["code"]: row["count"] for row in rejects.groupBy("code").count().collect()}
        repeated, duplicates = None, 0
        if buckets:
            with clock.stage("duplicates"):
                repeated, duplicates = _repeated(tasks, verdicts, buckets, persist)
            if duplicates:
                counts["duplicate_key"] = duplicates
                again = repeated.sort("file_index", "byte_offset").mapInArrow(_Duplicates(task), rejects.schema)
                rejects = rejects.unionByName(again)
        with clock.stage("rejects"):
            rejects.orderBy("file_index", "record").write.parquet(f"{output}/rejects")
        with clock.stage("rows"):
            left_out = repeated.groupBy(F.col("range").alias("id")).agg(F.collect_list("record").alias("records")) if duplicates else None
            written = where.write(tasks, left_out, Table(table, known.schema(), known.key(), known.max_record_bytes()))
    if errors is not None:
        with clock.stage("errors"):
            _write_errors(known, spark.read.parquet(f"{output}/rejects"), errors)
    rejected = sum(counts.values()) - duplicates
    return SparkReport(
        {
            "records": sum(records),
            "loaded": written["loaded"],
            "rejected": rejected,
            "duplicates": duplicates,
            "by_code": counts,
            "identity_holds": sum(records) == written["loaded"] + rejected + duplicates,
            "columns": [{"name": name, "type": type_} for name, type_ in known.columns()],
            "key": known.key(),
            "inputs": names,
            "notices": [*plan.notices(), *known.notices(), *written["notices"]],
            "rows": written["rows"],
            "shards": written["shards"],
            "view": written["view"],
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

    def blocks(self, index):
        """Rows, places and rejects of a range, block by block."""
        file_index, piece = self.pieces[index]
        return self.plan().read(self.files.open(file_index), piece)


class _Tasks:
    """Tasks that are each given one range."""

    def __init__(self, spark, task):
        self.spark, self.task, self.count = spark, task, len(task.pieces)

    def of(self, work, schema):
        """What `work` makes of each range."""
        return self.spark.range(0, self.count, 1, self.count).mapInArrow(work, from_arrow_schema(schema))

    def of_those(self, frame, work, schema, how="inner"):
        """What `work` makes of the ranges that are rows of `frame`, by `id`, and of what else is in those rows."""
        ranges = self.spark.range(0, self.count, 1, self.count).join(frame, "id", how)
        return ranges.repartitionById(self.count, F.col("id").cast("int")).mapInArrow(work, from_arrow_schema(schema))


class _Judge:
    """Says what is wrong with each reject, and which hashes the keys of the rows have."""

    def __init__(self, task, buckets):
        self.task, self.buckets = task, buckets

    def __call__(self, batches):
        for batch in batches:
            for index in batch.column("id").to_pylist():
                hashes = []
                for _, places, rejects in self.task.blocks(index):
                    if rejects.num_rows:
                        yield _verdicts(reject=pyarrow.StructArray.from_arrays(rejects.columns, fields=list(rejects.schema)))
                    if self.buckets and places.num_rows:
                        hashes.append(_hashes_of(places))
                if hashes:
                    yield self._by_bucket(index, np.concatenate(hashes))

    def _by_bucket(self, index, hashes):
        """The hashes, each once, or twice if it comes more often."""
        found, times = np.unique(hashes[hashes != 0], return_counts=True)
        found = np.repeat(found, np.minimum(times, 2))
        borders = np.array([(bucket << 64) // self.buckets for bucket in range(1, self.buckets)], _HASH)
        parts = np.split(found, np.searchsorted(found, borders))
        parts = [(bucket, part.tobytes()) for bucket, part in enumerate(parts) if len(part)]
        return _verdicts(
            bucket=pyarrow.array([bucket for bucket, _ in parts], pyarrow.int32()),
            range=pyarrow.array([index] * len(parts), pyarrow.int64()),
            hashes=pyarrow.array([part for _, part in parts], pyarrow.binary()),
        )


def _hashes_of(places):
    """The hashes of keys, 0 where there is none."""
    return np.frombuffer(_rowmill.key_hashes(places), _HASH)


def _verdicts(**columns):
    """A batch with the columns of verdicts, of which there are some."""
    rows = len(next(iter(columns.values())))
    arrays = [columns.get(field.name, pyarrow.nulls(rows, field.type)) for field in _VERDICTS]
    return pyarrow.RecordBatch.from_arrays(arrays, schema=_VERDICTS)


def _find_shared(batches):
    """Tells each range which of its hashes come more than once, given all hashes of some buckets."""
    parts = [
        (index, np.frombuffer(hashes, _HASH))
        for batch in batches
        for index, hashes in zip(batch.column("range").to_pylist(), batch.column("hashes").to_pylist(), strict=True)
    ]
    if not parts:
        return
    hashes = np.concatenate([part for _, part in parts])
    ranges = np.repeat([index for index, _ in parts], [len(part) for _, part in parts])
    order = np.argsort(hashes, kind="stable")
    same = hashes[order][1:] == hashes[order][:-1]
    shared = order[np.append(same, False) | np.append(False, same)]
    if not len(shared):
        return
    shared = shared[np.argsort(ranges[shared], kind="stable")]
    told, starts = np.unique(ranges[shared], return_index=True)
    for index, of_range in zip(told.tolist(), np.split(hashes[shared], starts[1:]), strict=True):
        yield pyarrow.RecordBatch.from_pydict({"id": [index], "hashes": [np.unique(of_range).tobytes()]}, schema=_SHARED)


class _Candidates:
    """The places of rows whose key has one of the hashes that the range is given."""

    def __init__(self, task):
        self.task = task

    def __call__(self, batches):
        for batch in batches:
            for index, parts in zip(batch.column("id").to_pylist(), batch.column("hashes").to_pylist(), strict=True):
                wanted = np.sort(np.frombuffer(b"".join(parts), _HASH))
                for _, places, _ in self.task.blocks(index):
                    hashes = _hashes_of(places)
                    at = np.minimum(np.searchsorted(wanted, hashes), len(wanted) - 1)
                    found = places.filter(pyarrow.array(wanted[at] == hashes))
                    if found.num_rows:
                        ranges = pyarrow.array([index] * found.num_rows, pyarrow.int64())
                        yield pyarrow.RecordBatch.from_arrays([ranges, *found.columns], schema=_CANDIDATES)


def _repeated(tasks, verdicts, buckets, persist):
    """The places of the rows whose key came before, with where that was; and how many they are.

    Hashes are compared first, bucket by bucket, and only rows that share one are looked at: their keys are compared exactly.
    """
    hashes = verdicts.where("bucket is not null").select("bucket", "range", "hashes")
    shared = hashes.repartitionById(buckets, "bucket").mapInArrow(_find_shared, from_arrow_schema(_SHARED))
    shared = persist(shared.groupBy("id").agg(F.collect_list("hashes").alias("hashes")))
    if shared.isEmpty():
        return None, 0
    candidates = persist(tasks.of_those(shared, _Candidates(tasks.task), _CANDIDATES))
    place = F.struct("file_index", "record")
    firsts = candidates.groupBy("key").agg(F.min(place).alias("first"), F.count("*").alias("rows")).where("rows > 1").select("key", "first")
    repeated = candidates.join(firsts, "key").where(place > F.col("first"))
    names = [name for name in _CANDIDATES.names if name != "key"]
    first = [F.col("first.file_index").alias("first_file_index"), F.col("first.record").alias("first_record")]
    repeated = persist(repeated.select(*names, *first))
    return repeated, repeated.count()


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
    """Rows, each in a struct of its own: no name of a column can be in the way. Records that the range is told to leave out are left out."""

    def __init__(self, task):
        self.task = task

    def schema(self):
        return pyarrow.schema([("row", pyarrow.struct(list(self.task.plan().schema())))])

    def __call__(self, batches):
        for rows, _ in self.blocks(batches):
            # A batch without columns has no struct.
            yield pyarrow.RecordBatch.from_arrays([_struct_of(rows)], ["row"])

    def blocks(self, batches):
        """Rows that are kept, and their places."""
        for batch in batches:
            left_out = batch.column("records").to_pylist() if "records" in batch.schema.names else [None] * batch.num_rows
            for index, records in zip(batch.column("id").to_pylist(), left_out, strict=True):
                records = pyarrow.array(records or [], pyarrow.int64())
                for rows, places, _ in self.task.blocks(index):
                    if len(records):
                        kept = pyarrow.compute.invert(pyarrow.compute.is_in(places.column("record"), records))
                        rows, places = rows.filter(kept), places.filter(kept)
                    if rows.num_rows:
                        yield rows, places


def _struct_of(rows):
    return pyarrow.StructArray.from_arrays(rows.columns, fields=list(rows.schema))


class _ReadForShards(_Read):
    """Rows with the number of their shard, and their place."""

    def __init__(self, task, shards):
        super().__init__(task)
        self.shards = shards

    def schema(self):
        return pyarrow.schema([("shard", pyarrow.int32()), _PLACES.field("file_index"), _PLACES.field("record"), *super().schema()])

    def __call__(self, batches):
        schema = self.schema()
        for rows, places in self.blocks(batches):
            file_index, record = places.column("file_index"), places.column("record")
            hashes = _hashes_of(places)
            # Rows without a key are spread evenly.
            shard = np.where(hashes == 0, record.to_numpy().astype(_HASH), hashes) % np.array(self.shards, _HASH)
            columns = [pyarrow.array(shard.astype(np.int32)), file_index, record, _struct_of(rows)]
            yield pyarrow.RecordBatch.from_arrays(columns, schema=schema)


def _rows(tasks, left_out, read):
    """What is read of each range, without the records that are left out."""
    return tasks.of(read, read.schema()) if left_out is None else tasks.of_those(left_out, read, read.schema(), "left")


class _Saved:
    """Rows go where Spark writes them."""

    def __init__(self, path, save_format, save_options):
        self.path, self.format, self.options = path, save_format or "parquet", save_options or {}

    def write(self, tasks, left_out, _):
        """Writes rows, and returns what a report says of them."""
        rows = _rows(tasks, left_out, _Read(tasks.task))
        rows.select("row.*").write.format(self.format).options(**self.options).save(self.path)
        loaded = tasks.spark.read.format(self.format).load(self.path).count()
        return {"loaded": loaded, "rows": self.path, "shards": [], "view": None, "notices": []}


class _Sharded:
    """Rows go into databases, each into the one that its key says."""

    def __init__(self, path, shards, save_format):
        if save_format is not None:
            raise TypeError("shards are SQLite databases: save_format cannot be given with them")
        if isinstance(shards, bool) or not isinstance(shards, int) or shards < 1:
            raise ValueError(f"shards must be a number of databases, not {shards!r}")
        self.folder, self.shards = Folder(path), shards

    def write(self, tasks, left_out, table):
        """Makes the databases, and returns what a report says of them.

        In each the rows come in the order of the inputs, so that whichever task makes it makes the same.
        """
        rows = _rows(tasks, left_out, _ReadForShards(tasks.task, self.shards))
        rows = rows.repartitionById(self.shards, "shard").sortWithinPartitions("shard", "file_index", "record")
        self.folder.begin()
        try:
            made = rows.select("shard", "row").mapInArrow(MakeShards(self.folder, table), from_arrow_schema(MADE)).collect()
            shards = self.folder.put(sorted((row.asDict() for row in made), key=lambda made: made["shard"]))
            view = self.folder.write_view(shards, table.name)
        finally:
            self.folder.end()
        notices = [] if len(shards) <= MOST_ATTACHED else [f"SQLite attaches {MOST_ATTACHED} databases: there is no view of {len(shards)} shards"]
        return {"loaded": sum(shard["rows"] for shard in shards), "rows": self.folder.url, "shards": shards, "view": view, "notices": notices}


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
