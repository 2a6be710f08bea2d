"""The three that are judged: the old script, its careful form, and rowmill. How each is started, and what each says."""

import csv
import json
import re
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
SAID_SKIPPED = re.compile(r"^(?:row|line) (\d+): (.*), skipped$", re.MULTILINE)
SAID_COUNTS = re.compile(r"^(\d+) rows read, (\d+) loaded, (\d+) skipped$", re.MULTILINE)


@dataclass(frozen=True)
class Options:
    """What a load is asked for. The old script has no flag for those after `types`."""

    table: str = "t"
    key: str = ""
    types: str = ""
    threads: int = 0
    batch_rows: int = 0
    write_path: str = ""
    memory: str = ""
    flags: tuple = ()


@dataclass(frozen=True)
class Reject:
    line: int
    line_end: int
    record: int
    byte_offset: int
    byte_length: int
    code: str
    first_record: str
    raw: bytes


@dataclass(frozen=True)
class Said:
    """The counts that a load itself announced."""

    records: int
    loaded: int
    rejected: int
    duplicates: int


class Legacy:
    """`scripts/legacy_ingest.py`, row by row."""

    name = "legacy"
    title = "legacy script"
    flags = ()

    def command(self, source, options):
        command = [sys.executable, SCRIPTS / "legacy_ingest.py", source, "out.db", "--table", options.table, *self.flags]
        command += ["--key", options.key] if options.key else []
        return command + (["--types", options.types] if options.types else [])

    def batch_rows(self, _options):
        return 1_000

    def said(self, load):
        found = SAID_COUNTS.search(load.seen.stdout)
        if not found:
            return None
        records, loaded, skipped = map(int, found.groups())
        return Said(records, loaded, skipped, 0)

    def places(self, load):
        """Lines of bad rows, as far as it names them: it has no dead letters, but its messages count."""
        return [int(number) for number, _ in SAID_SKIPPED.findall(load.seen.stderr)]

    def rejects(self, _load):
        return []

    def left_files(self):
        return {"out.db"}


class Careful(Legacy):
    """The same script with `--executemany`."""

    name = "careful"
    title = "legacy, executemany"
    flags = ("--executemany",)

    def batch_rows(self, _options):
        return 10_000


class Rowmill:
    name = "rowmill"
    title = "rowmill"

    def __init__(self, binary):
        self.binary = binary

    def command(self, source, options):
        command = [self.binary, "load", source, "out.db", "--table", options.table, "--report", "report.json", "--quiet"]
        named = {"key": "--key", "types": "--types", "threads": "--threads", "batch_rows": "--batch-rows"}
        named |= {"write_path": "--write-path", "memory": "--memory"}
        for field, flag in named.items():
            if value := getattr(options, field):
                command += [flag, value]
        return command + list(options.flags)

    def batch_rows(self, options):
        return options.batch_rows or 200_000

    def said(self, load):
        report = load.report
        return Said(*(report[name] for name in ("records", "loaded", "rejected", "duplicates"))) if report else None

    def places(self, load):
        return [reject.line for reject in self.rejects(load)]

    def rejects(self, load):
        path = load.folder / "errors.csv"
        if not path.exists():
            return []
        with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
            return [read_reject(row) for row in csv.DictReader(file)]

    def left_files(self):
        return {"out.db", "errors.csv", "report.json"}


def read_reject(row):
    numbers = [int(row[name]) for name in ("line", "line_end", "record", "byte_offset", "byte_length")]
    return Reject(*numbers, row["code"], row["first_record"], row["raw"].encode("utf-8", "surrogateescape"))


def has_rows(database):
    """Whether rows are committed; looks without waiting."""
    if not database.exists():
        return False
    connection = sqlite3.connect(database, timeout=0)
    try:
        return connection.execute("SELECT max(rowid) FROM t").fetchone()[0] is not None
    except sqlite3.OperationalError:
        return False  # No table yet, or just being written.
    finally:
        connection.close()


class Load:
    """A load that has ended, and the folder that it left."""

    def __init__(self, subject, folder, seen):
        self.subject, self.folder, self.seen = subject, folder, seen
        path = folder / "report.json"
        self.report = json.loads(path.read_text()) if path.exists() else None
        # As of this moment: another load may follow in the same folder.
        self.left = {path.name for path in folder.iterdir()}
        self.peak_rss_bytes = seen.peak_rss_bytes
        if self.report:
            # The last look at /proc is some milliseconds before the end.
            self.peak_rss_bytes = max(self.peak_rss_bytes, self.report["peak_rss_bytes"])

    @property
    def said(self):
        return self.subject.said(self)

    @property
    def rejects(self):
        return self.subject.rejects(self)

    @property
    def places(self):
        return self.subject.places(self)

    def query(self, sql):
        """All rows; none if there is no such table, or no database at all."""
        path = self.folder / "out.db"
        if not path.exists():
            return []
        connection = sqlite3.connect(path)
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return []
        finally:
            connection.close()

    def count(self):
        rows = self.query("SELECT count(*) FROM t")
        return rows[0][0] if rows else 0

    def is_intact(self):
        return self.query("PRAGMA integrity_check") == [("ok",)]

    def ending(self):
        """How it ended, in words."""
        if self.seen.stopped == "memory":
            return f"stopped when it held {self.seen.peak_rss_bytes / 1e6:,.0f} MB"
        if self.seen.stopped == "time":
            return f"stopped after {self.seen.seconds:,.0f} s"
        last = self.seen.stderr.strip().rpartition("\n")[2][:110]
        crashed = f" ({last})" if "Traceback" in self.seen.stderr else ""
        return f"exit code {self.seen.exit_code}{crashed}"
