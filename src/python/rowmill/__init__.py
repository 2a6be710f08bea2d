"""rowmill loads huge CSV and JSON Lines files into SQLite: fast, exact, every bad record accounted for.

    import rowmill
    report = rowmill.load("people.csv", "people.db", key="id", types={"born": "date"})
    print(report.loaded, report.rejected, report.by_code)

`load` loads, `check` says what a load would reject, `schema` says what is in the columns, `retry` loads rejects that were mended,
`forget` gives up an unfinished load, and `read` gives rows as Arrow batches; `rowmill.spark` is for Spark. Their options are the flags of
the command `rowmill`, with `_` for `-`; see `help(rowmill.load)`.
A value is what would stand after the flag, or, for what has several: a list of names (`key=["shop", "date"]`), a list of values
(`null=["NA", "-"]`), a dict of pairs (`types={"id": "integer"}`), True, a path.

Other threads run while a load does. Notes and details go to the logger `rowmill`, as INFO and DEBUG. Ctrl-C ends a load with
`Interrupted`, once what was read is committed: the same call goes on from there. What ends a load otherwise is an `Error`.

While a load runs, its database must not be opened in the same process: Python's sqlite3 is another copy of SQLite, and the two do not see
each other's locks. A load into a database that the process has open is refused (`DatabaseBusyError`). Other processes may use it. Linux only.
"""

import json as _json
import logging as _logging
from collections.abc import Mapping as _Mapping

from . import _rowmill
from ._errors import (
    DatabaseBusyError,
    DatabaseError,
    Error,
    InputChangedError,
    InputDamagedError,
    InputMissingError,
    InputUnusableError,
    InternalError,
    Interrupted,
    IoError,
    OtherInputError,
    OutputBusyError,
    OutputCreateError,
    ReportMissingError,
    SchemaError,
    SideFileChangedError,
    UsageError,
    error_of as _error_of,
)
from ._options import Options as _Options
from ._options import names_of as _names_of
from ._ranges import RANGE_BYTES as _RANGE_BYTES
from ._ranges import Rows
from ._ranges import options_of as _options_of
from ._ranges import planner as _planner
from ._report import Fields, LoadReport, Profile, Progress
from ._rowmill import __version__

__all__ = [
    "load",
    "check",
    "schema",
    "retry",
    "forget",
    "read",
    "Rows",
    "LoadReport",
    "Profile",
    "Progress",
    "Fields",
    "Interrupted",
    "Error",
    "UsageError",
    "InputUnusableError",
    "InputMissingError",
    "InternalError",
    "OutputCreateError",
    "IoError",
    "InputChangedError",
    "InputDamagedError",
    "OtherInputError",
    "SideFileChangedError",
    "DatabaseError",
    "ReportMissingError",
    "DatabaseBusyError",
    "OutputBusyError",
    "SchemaError",
    "__version__",
]

_LOAD, _CHECK, _SCHEMA, _RETRY = (_Options(name) for name in ("load", "check", "schema", "retry"))
# Rows that repeat a key are not looked for.
_READ = _options_of("read", "key")
_LEVELS = {"note": _logging.INFO, "detail": _logging.DEBUG}


@_LOAD.document
def load(inputs=None, database=None, *, progress=None, **options):
    """Load CSV or JSON Lines files into one table of a SQLite database, or each into its own; returns a `LoadReport`.

    Every good record lands in the table exactly once. Every bad one goes to the errors file, with its exact place, the reason and its raw
    bytes. `inputs` is a file, a folder, a pattern, or a list of these; both names may stand in the file `config` instead. `schema` may
    be the schema itself, as a dict. `progress` is called with a `Progress`, a few times a second and at the end; if it raises, the load
    stops as at Ctrl-C, and what it raised comes out here.

    A load that was stopped or killed goes on where it was when it is called again with the same names and options.
    """
    return _report(_LOAD, options, _names(inputs, database), progress)


@_CHECK.document
def check(inputs=None, *, progress=None, **options):
    """Check files without loading them: the counts and the errors file are those of a load into a new database; returns a `LoadReport`.

    `schema` may be the schema itself, as a dict; `progress` as for a `load`.
    """
    return _report(_CHECK, options, _names_of(inputs), progress)


@_RETRY.document
def retry(errors, database, *, progress=None, **options):
    """Load rejected records that were mended in the errors file, and take them out of it; returns a `LoadReport`.

    The options are those of the load; `progress` as for a `load`.
    """
    return _report(_RETRY, options, _names(errors, database), progress)


@_SCHEMA.document
def schema(inputs, *, form="json", progress=None, **options):
    """Read files and say what is in their columns: types as a load finds them, extents, how many values are different.

    `form` is `json` (a `Profile`), `table-schema` (a dict, which `load` takes as `schema`), `sql` (CREATE TABLE) or `text` (a table for
    people). `progress` as for a `load`.
    """
    done = _run(_SCHEMA.words(options, _names_of(inputs), f"--as={form}"), None, progress)
    if not done["is_json"]:
        return done["profile"]
    values = _json.loads(done["profile"])
    return values if form == "table-schema" else Profile(values)


@_READ.document
def read(inputs, *, filesystem=None, range_bytes=_RANGE_BYTES, threads=None, **options):
    """Read files into Arrow record batches, for pandas, Polars, DuckDB and whatever else takes them; returns `Rows`. Needs pyarrow.

    Rows and rejects are those of a load without a key into a new database. `inputs` are files, by path or by URL: what pyarrow.fs or
    fsspec opens, or `filesystem`, one of either. Each is read twice, in ranges of about `range_bytes`, as many at a time as there are
    `threads` (default: one per core): first to find out where records begin and what columns hold. Inputs must be plain CSV: what is
    packed, UTF-16, JSON Lines, or CSV with escapes is refused.
    """
    plan, names = _planner(_READ, inputs, options, filesystem)
    logger = _logging.getLogger(__name__)
    for notice in plan.notices():
        logger.info("%s", notice)
    return Rows(plan, names, filesystem, range_bytes, threads)


@_LOAD.document
def forget(inputs=None, database=None, **options):
    """Give up an unfinished load: its rows stay, its checkpoint goes, and nothing is loaded.

    With `table` the inputs can be left out. The options are those of the load.
    """
    _run(_LOAD.words(options, _names(inputs, database), "--forget"), None, None)


def _names(inputs, database):
    names = _names_of(inputs)
    return names if database is None else [*names, *_names_of(database)]


def _report(command, options, names, progress):
    contract = options.get("schema")
    if isinstance(contract, _Mapping):
        options = {name: value for name, value in options.items() if name != "schema"}
        contract = _json.dumps(dict(contract))
    else:
        contract = None
    done = _run(command.words(options, names), contract, progress)
    return LoadReport(_json.loads(done["report"]), done["summary"])


def _run(words, contract, progress):
    logger = _logging.getLogger(__name__)
    told = None if progress is None else lambda *values: progress(Progress(*values))
    done = _rowmill.run(words, contract, lambda kind, text: logger.log(_LEVELS[kind], "%s", text), told)
    error = None
    if "error" in done:
        error = _error_of(done["error"], done["message"], done["exit_code"], done["path"])
    raised = done.get("raised")
    if type(raised) is KeyboardInterrupt:
        report = LoadReport(_json.loads(done["report"]), done["summary"]) if "report" in done else None
        raise Interrupted(report) from error
    if raised is not None:
        raise raised from error
    if error is not None:
        raise error
    return done
