"""Inputs in ranges, which threads here, or executors elsewhere, read each for itself: the same rows and rejects as in a load."""

import json
import os
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from . import _rowmill
from ._options import Options, names_of

# What a check has, but for what is about all records together, or about this machine.
NOT_OF_RANGES = {"config", "errors", "report", "max_errors", "all_errors", "memory", "threads", "window_bytes", "chunk_bytes"}

# Of a range, as long as it is read: longer than a record may be by default.
RANGE_BYTES = 16 << 20


def options_of(name, *without):
    """The options of a function that reads inputs in ranges."""
    return Options("check", name, NOT_OF_RANGES.union(without))


def open_source(name, filesystem=None):
    """Where the bytes of an input are had: a path of this machine, or a file that is open wherever it is."""
    if filesystem is None and not _is_url(name):
        return name
    filesystem, path = filesystem_of(name, filesystem)
    return filesystem.open_input_file(path)


def filesystem_of(name, filesystem=None):
    """The file system of a path or a URL, or the one that is given, as Arrow has it; and the path there."""
    import pyarrow
    import pyarrow.fs

    path = name.split("://", 1)[-1]
    if filesystem is None and not _is_url(name):
        filesystem, path = pyarrow.fs.LocalFileSystem(), os.path.abspath(name)
    elif filesystem is None:
        try:
            # Hadoop has another name for it.
            filesystem, path = pyarrow.fs.FileSystem.from_uri(name.replace("s3a://", "s3://", 1))
        except pyarrow.ArrowInvalid:
            # What Arrow does not know; fsspec knows many more.
            import fsspec

            filesystem, path = fsspec.core.url_to_fs(name)
    if not isinstance(filesystem, pyarrow.fs.FileSystem):
        filesystem = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(filesystem))
    return filesystem, path


def _is_url(name):
    return "://" in name or name.startswith("file:/")


def planner(options, inputs, given, filesystem):
    """What plans the inputs, and their names."""
    names = names_of(inputs)
    contract = given.get("schema")
    if isinstance(contract, Mapping):
        given = {name: value for name, value in given.items() if name != "schema"}
        contract = json.dumps(dict(contract))
    else:
        contract = None
    words = options.words(given, names)
    return _rowmill.Planner(words, contract, [open_source(name, filesystem) for name in names]), names


class Rows:
    """Rows as Arrow record batches: iterate over it, or give it to whatever takes Arrow streams (Polars, DuckDB, pandas, pyarrow).

    `schema` has the columns, `records` is how many records there are. Records that are no rows are `rejects`, a table with the columns of
    the errors file; `write_errors` makes that file of them. It may be gone over again, and reads the inputs again then: if they have changed
    in between, that fails.
    """

    def __init__(self, planner, names, filesystem, range_bytes, threads):
        self._names, self._filesystem = names, filesystem
        self._threads = threads or len(os.sched_getaffinity(0))
        scan_plan = planner.scan_plan()

        def scan(part):
            return _rowmill.scan_range(scan_plan, open_source(names[part[0]], filesystem), part)

        parts = planner.ranges(range_bytes)
        with ThreadPoolExecutor(self._threads) as pool:
            reports = list(pool.map(scan, parts))
        plan, pieces, records = planner.compose(reports)
        self._plan, self._plan_json = _rowmill.Plan(plan), plan
        self._pieces = [(part[0], piece) for part, piece in zip(parts, pieces, strict=True)]
        self._rejects = None
        self.schema = self._plan.schema()
        self.records = sum(records)

    def __iter__(self):
        rejects = []
        for rows, _, rejected in _in_order(self._read, self._pieces, self._threads):
            if rejected.num_rows:
                rejects.append(rejected)
            if rows.num_rows:
                yield rows
        self._rejects = rejects

    def _read(self, piece):
        file_index, place = piece
        return list(self._plan.read(open_source(self._names[file_index], self._filesystem), place))

    def parts(self):
        """What another process must know to read a part: the plan, the name of the input, and the place of the range."""
        return [(self._plan_json, self._names[file_index], piece) for file_index, piece in self._pieces]

    def _all_rejects(self):
        if self._rejects is None:
            for _ in self:
                pass
        return self._rejects

    @property
    def rejects(self):
        """What is not a row, as a table. Reads the inputs unless they have been read to their end."""
        import pyarrow

        _, schema = _rowmill.range_schemas()
        return pyarrow.Table.from_batches(self._all_rejects(), schema).drop_columns("file_index")

    def write_errors(self, path):
        """Writes the rejects to an errors file, which must not be there yet: the one that a load without a key writes."""
        rejects = self._all_rejects()
        with open(path, "xb") as out:
            letters = _rowmill.Letters(self._plan, out)
            for batch in rejects:
                letters.push(batch)
            letters.finish()

    def to_reader(self):
        """The rows as a `pyarrow.RecordBatchReader`."""
        import pyarrow

        return pyarrow.RecordBatchReader.from_batches(self.schema, iter(self))

    def to_table(self):
        """The rows as a `pyarrow.Table`."""
        return self.to_reader().read_all()

    def to_pandas(self, **options):
        """The rows as a `pandas.DataFrame`; `options` are those of `pyarrow.Table.to_pandas`."""
        return self.to_table().to_pandas(**options)

    def __arrow_c_stream__(self, requested_schema=None):
        return self.to_reader().__arrow_c_stream__(requested_schema)


def _in_order(work, parts, threads):
    """What `work` makes of each part, in their order; so many are worked on at a time, and no more wait."""
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque()
        try:
            for part in parts:
                waiting.append(pool.submit(work, part))
                if len(waiting) > threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
