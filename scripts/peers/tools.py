"""The tools that scripts/bench_peers compares: how each is installed, started and checked, and what it promises.

All load one file into a new table `bench` with the same columns and key. The key is the INTEGER PRIMARY KEY where ids
ascend; otherwise it is a unique index made after the rows, as rowmill makes it and as is fastest for everybody.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import measure
from measure import BINARIES, TARGET

HERE = Path(__file__).resolve().parent
VENVS = TARGET / "peers"
# One tool, one environment: DuckDB's SQLite extension comes from PyPI only for this version of DuckDB.
PACKAGES = {
    "duckdb": ["duckdb==2.0.1"],
    "duckdb-sqlite": ["duckdb==1.5.5", "duckdb-extension-sqlite-scanner==1.5.5"],
    "sqlite-utils": ["sqlite-utils==4.2.1"],
}
SQL_TYPES = {"integer": "INTEGER", "real": "REAL"}
DUCKDB_TYPES = {"integer": "BIGINT", "real": "DOUBLE", "date": "DATE", "datetime": "TIMESTAMP"}


class Unavailable(Exception):
    """A tool that cannot be had here, and why."""


@dataclass
class Job:
    """One input, and the folder in which databases are made."""

    input: Path
    expected: dict
    folder: Path
    dirty: bool
    # A database that holds exactly the good rows, for an input with bad ones.
    reference: object = None

    @property
    def columns(self):
        return [declared.rpartition("=")[::2] for declared in self.expected["flags"][3].split(",")]

    @property
    def types(self):
        return self.expected["flags"][3]

    @property
    def key(self):
        return self.expected["flags"][1]

    @property
    def key_index(self):
        return [name for name, _ in self.columns].index(self.key)

    @property
    def ascending(self):
        return self.expected["shape"] not in ("people-random", "uuid")

    def create(self):
        columns = []
        for name, kind in self.columns:
            primary = " PRIMARY KEY" if name == self.key and self.ascending else ""
            columns.append(f"{quoted(name)} {SQL_TYPES.get(kind, 'TEXT')}{primary}")
        return f"CREATE TABLE bench ({', '.join(columns)});"

    def after(self):
        return "" if self.ascending else f"CREATE UNIQUE INDEX bench_key ON bench ({quoted(self.key)});"


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def python_of(tool):
    return VENVS / tool / "bin" / "python"


def install(tool):
    """A virtual environment with the tool's packages, from whatever registry pip is set up for."""
    stamp = VENVS / tool / "installed.json"
    if stamp.exists() and json.loads(stamp.read_text()) == PACKAGES[tool]:
        return
    shutil.rmtree(VENVS / tool, ignore_errors=True)
    VENVS.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", VENVS / tool], check=True)
    done = subprocess.run(
        [python_of(tool), "-m", "pip", "install", "--quiet", *PACKAGES[tool]],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"pip install {' '.join(PACKAGES[tool])}: {done.stderr.strip()[-300:]}")
    stamp.write_text(json.dumps(PACKAGES[tool]))


class Tool:
    """What all tools that write a SQLite database have in common."""

    name = ""
    types = "same"
    # More rows than this take too long; the rate is that of the smaller file.
    most_rows = None
    most_wide_rows = None
    text_only = False
    key = "same"
    durability = "journal TRUNCATE, synchronous FULL"
    bad_rows = ""

    def set_up(self):
        """Installs what is needed and returns the version. Raises Unavailable."""
        raise NotImplementedError

    def database(self, job):
        return job.folder / f"{self.name}.db"

    def clear(self, job):
        for path in job.folder.glob(f"{self.name}.*"):
            path.unlink()

    def prepare(self, job):
        """What is done before the clock starts."""

    def command(self, job):
        """The command and its standard input."""
        raise NotImplementedError

    def digest(self, job):
        command = [BINARIES / "table_digest", "sqlite", self.database(job), job.key_index]
        return json.loads(measure.must(command + ([job.reference] if job.reference else [])))


class Rowmill(Tool):
    name = "rowmill"
    bad_rows = "each in errors.csv with place and reason"
    write_path = "auto"

    def set_up(self):
        return measure.must([BINARIES / "rowmill", "--version"]).rpartition(" ")[2]

    def command(self, job):
        command = [BINARIES / "rowmill", "load", job.input, self.database(job), "--table", "bench", "--quiet"]
        command += ["--errors", job.folder / f"{self.name}.errors.csv", "--report", job.folder / f"{self.name}.json"]
        if self.write_path != "auto":
            command += ["--write-path", self.write_path]
        return command + job.expected["flags"], ""


class RowmillTyped(Rowmill):
    """Into a table that is declared before the clock starts, as the peers have it: nothing is left to infer."""

    name = "rowmill-typed"

    def prepare(self, job):
        with_table(self.database(job), job)


class RowmillInferred(Rowmill):
    """Without a word about types, as most people would begin: inferred from every value, dates as plain text."""

    name = "rowmill-inferred"

    def command(self, job):
        command, script = super().command(job)
        at = command.index("--types")
        return command[:at] + command[at + 2:], script


class RowmillSql(Rowmill):
    name = "rowmill-sql"
    write_path = "sql"


class Sqlite3(Tool):
    name = "sqlite3"
    bad_rows = "short rows padded, long ones cut, bad values stored as text; an unclosed quote takes all that follows"

    def set_up(self):
        if not shutil.which("sqlite3"):
            raise Unavailable("sqlite3 is not on the PATH")
        return measure.must(["sqlite3", "--version"]).split()[0]

    def command(self, job):
        # With bad rows it must not stop at the first.
        bail = [] if job.dirty else ["-bail"]
        script = "PRAGMA journal_mode = TRUNCATE;\nPRAGMA synchronous = FULL;\n"
        script += f"{job.create()}\n.import --csv --skip 1 '{job.input}' bench\n{job.after()}\n"
        return ["sqlite3", "-batch", *bail, self.database(job)], script


class Sqlite3Untyped(Sqlite3):
    name = "sqlite3-untyped"
    types = "every column TEXT"
    key = "none"
    text_only = True

    def command(self, job):
        script = "PRAGMA journal_mode = TRUNCATE;\nPRAGMA synchronous = FULL;\n"
        return ["sqlite3", "-batch", self.database(job)], f"{script}.import --csv '{job.input}' bench\n"


class CsvRusqlite(Tool):
    name = "csv_rusqlite"
    bad_rows = "stops at the first, nothing loaded"

    def set_up(self):
        lock = (HERE / "csv_rusqlite" / "Cargo.lock").read_text()
        versions = [lock.split(f'name = "{crate}"\nversion = "')[1].split('"')[0] for crate in ("csv", "rusqlite")]
        return f"csv {versions[0]}, rusqlite {versions[1]}"

    def command(self, job):
        return [BINARIES / "csv_rusqlite", job.input, self.database(job), job.create(), job.after()], ""


class DuckDb(Tool):
    name = "duckdb"
    types = "same, dates as DATE and TIMESTAMP"
    durability = "its own format; WAL and checkpoint, both synced (fdatasync)"
    bad_rows = (
        "with store_rejects and OR IGNORE: reasons in a table; duplicates go without a word, which of them depends on threads"
    )

    def set_up(self):
        install(self.name)
        return measure.must([python_of(self.name), "-c", "import duckdb; print(duckdb.__version__)"])

    def select(self, job):
        types = ", ".join(
            f"{literal(name)}: {literal(DUCKDB_TYPES.get(kind, 'VARCHAR'))}" for name, kind in job.columns
        )
        rejects = ", store_rejects = true" if job.dirty else ""
        return f"SELECT * FROM read_csv({literal(job.input)}, header = true, columns = {{{types}}}{rejects})"

    def command(self, job):
        columns = []
        for name, kind in job.columns:
            primary = " PRIMARY KEY" if name == job.key and job.ascending else ""
            columns.append(f"{quoted(name)} {DUCKDB_TYPES.get(kind, 'VARCHAR')}{primary}")
        or_ignore = "OR IGNORE " if job.dirty else ""
        sql = f"CREATE TABLE bench ({', '.join(columns)});\n"
        sql += f"INSERT {or_ignore}INTO bench {self.select(job)};\n{job.after()}\n"
        return [python_of(self.name), HERE / "duckdb_sql.py", self.database(job)], sql

    def digest(self, job):
        """Through CSV: the file that DuckDB writes from its table is read like the input."""
        formats = {"date": "%Y-%m-%d", "datetime": "%Y-%m-%dT%H:%M:%S"}
        columns = [
            f"strftime({quoted(name)}, '{formats[kind]}') AS {quoted(name)}" if kind in formats else quoted(name)
            for name, kind in job.columns
        ]
        sql = f"COPY (SELECT {', '.join(columns)} FROM bench) TO '/dev/stdout' (FORMAT csv, HEADER)"
        writer = subprocess.Popen(
            [python_of(self.name), HERE / "duckdb_sql.py", self.database(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        writer.stdin.write(sql.encode())
        writer.stdin.close()
        command = [BINARIES / "table_digest", "csv", "-", job.key_index, job.types]
        found = measure.must(command + ([job.reference] if job.reference else []), stdin=writer.stdout)
        if writer.wait():
            raise sqlite3.Error("DuckDB cannot read its table")
        return json.loads(found)


class DuckDbSqlite(DuckDb):
    name = "duckdb-sqlite"
    types = "same"
    durability = "journal DELETE, synchronous FULL (SQLite's defaults; the extension takes no pragmas)"
    bad_rows = "store_rejects finds bad ones; a duplicate ends the load, nothing loaded"

    def extension(self):
        found = list((VENVS / self.name).glob("lib/*/site-packages/**/sqlite_scanner.duckdb_extension"))
        if not found:
            raise Unavailable("the package holds no extension for this platform")
        return found[0]

    def set_up(self):
        version = super().set_up()
        # Somebody else's package on PyPI holds DuckDB's file; DuckDB loads it only if its signature is right.
        command = [python_of(self.name), HERE / "duckdb_sql.py", ":memory:", self.extension()]
        done = subprocess.run(command, input="SELECT 1", capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"the extension cannot be loaded: {done.stderr.strip()[-300:]}")
        return version

    def prepare(self, job):
        with_table(self.database(job), job)

    def select(self, job):
        # SQLite has no dates: what is stored is the text.
        types = {"integer": "BIGINT", "real": "DOUBLE"}
        columns = ", ".join(f"{literal(name)}: {literal(types.get(kind, 'VARCHAR'))}" for name, kind in job.columns)
        rejects = ", store_rejects = true" if job.dirty else ""
        return f"SELECT * FROM read_csv({literal(job.input)}, header = true, columns = {{{columns}}}{rejects})"

    def command(self, job):
        sql = f"ATTACH {literal(self.database(job))} AS file (TYPE sqlite);\n"
        sql += f"INSERT INTO file.bench {self.select(job)};\nUSE file;\n{job.after()}\n"
        return [python_of(self.name), HERE / "duckdb_sql.py", ":memory:", self.extension()], sql

    def digest(self, job):
        return Tool.digest(self, job)


class SqliteUtils(Tool):
    name = "sqlite-utils"
    durability = "journal DELETE, synchronous FULL (SQLite's defaults)"
    bad_rows = "with --ignore; see the result"
    # Some 10,000 rows a second.
    most_rows = 50_000
    most_wide_rows = 2_000

    def set_up(self):
        install(self.name)
        return measure.must([VENVS / self.name / "bin" / "sqlite-utils", "--version"]).rpartition(" ")[2]

    def prepare(self, job):
        with_table(self.database(job), job)

    def command(self, job):
        program = VENVS / self.name / "bin" / "sqlite-utils"
        # Without detection: with it `01234` would become a number, and the table is typed already.
        command = [program, "insert", self.database(job), "bench", job.input, "--csv", "--no-detect-types"]
        command += ["--empty-null", "--silent"]
        if job.dirty:
            command += ["--pk", job.key, "--ignore"]
        if job.ascending:
            return command, ""
        index = [program, "create-index", "--unique", self.database(job), "bench", job.key]
        # One command after the other: the arguments of both, and where the second begins.
        both = f'"${{@:1:{len(command)}}}" && "${{@:{len(command) + 1}}}"'
        return ["bash", "-c", both, "both", *command, *index], ""


def with_table(database, job):
    connection = sqlite3.connect(database)
    connection.execute(job.create())
    connection.close()


def literal(text):
    return "'" + str(text).replace("'", "''") + "'"


TOOLS = {
    tool.name: tool
    for tool in (
        Rowmill(),
        RowmillTyped(),
        RowmillInferred(),
        RowmillSql(),
        Sqlite3(),
        Sqlite3Untyped(),
        CsvRusqlite(),
        DuckDb(),
        DuckDbSqlite(),
        SqliteUtils(),
    )
}


def reference_of(job):
    """The good rows of an input with bad ones, loaded by rowmill's SQL path; counts and key sum are the generator's."""
    database = job.folder / f"reference-{job.expected['records']}.db"
    database.unlink(missing_ok=True)
    command = [BINARIES / "rowmill", "load", job.input, database, "--table", "bench", "--quiet", "--write-path", "sql"]
    command += ["--errors", job.folder / "reference-errors.csv", *job.expected["flags"]]
    done = subprocess.run([str(part) for part in command], check=False)
    if done.returncode not in (0, 2):
        sys.exit(f"the reference table could not be made: rowmill ended with {done.returncode}")
    found = json.loads(measure.must([BINARIES / "table_digest", "sqlite", database, job.key_index]))
    if (found["rows"], found["key_sum"]) != (job.expected["loaded"], job.expected["sum"]):
        sys.exit(f"the reference table holds {found['rows']} rows, the generator says {job.expected['loaded']}")
    (job.folder / "reference-errors.csv").unlink(missing_ok=True)
    return database


def expected_digest(job, text_only):
    """What the table must hold, read from the input by the csv crate; kept beside the input."""
    kept = job.input.with_suffix(".text-digest.json" if text_only else ".digest.json")
    if not kept.exists() or kept.stat().st_mtime < job.input.stat().st_mtime:
        types = ",".join(f"{name}=text" for name, _ in job.columns) if text_only else job.types
        kept.write_text(measure.must([BINARIES / "table_digest", "csv", job.input, job.key_index, types]) + "\n")
    return json.loads(kept.read_text())
