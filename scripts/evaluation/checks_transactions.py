"""Kills, signals, readers and constraints (requirements 9, 10 and 11)."""

import signal
import sqlite3
import threading
import time

from .bench import PEOPLE_TYPES
from .checks_resources import BLOCKED_ROWS, blocked_load
from .model import Verdict, check
from .subjects import Load, Options, has_rows

ROWS = 60_000
# A load that was done before the signal came is started again, at most this often.
SIGNALS = 5
# Small batches and little memory: there is something left to stop in the middle of.
READ_ALONG = Options(key="id", types=PEOPLE_TYPES, batch_rows=200, memory="40MiB")
STOPPABLE = Options(types=PEOPLE_TYPES, batch_rows=500, memory="40MiB", write_path="sql")


def start_and_signal(bench, subject, path, options, number):
    """Signals a load once rows are in the database; returns the load as it was then."""
    process = bench.start(subject, path, options)
    process.wait_until(lambda: has_rows(process.folder / "out.db"))
    process.signal(number)
    return Load(subject, process.folder, process.wait())


def stopped_load(bench, subject, number, **input_more):
    """A load stopped in the middle: (load, rows then, greatest id then)."""

    def run():
        path, expected = bench.generated("people", ROWS, **input_more)
        for _ in range(SIGNALS):
            load = start_and_signal(bench, subject, path, STOPPABLE, number)
            count, last = (load.query("SELECT count(*), coalesce(max(id), 0) FROM t") or [(0, 0)])[0]
            if count < ROWS:
                break
        # What it reported then: finishing it writes another report.
        return load, count, last, path, expected

    return bench.once((subject.name, "stopped", number, *input_more.items()), run)


def finished_load(bench, subject, number, **input_more):
    """The same command again, after `stopped_load`."""

    def run():
        load, _, _, path, _ = stopped_load(bench, subject, number, **input_more)
        return bench.load(subject, path, STOPPABLE, folder=load.folder)

    return bench.once((subject.name, "finished", number, *input_more.items()), run)


@check(9, "Killed in the middle: the table is intact and ends with a whole batch", legacy=True)
def killed_in_the_middle(bench, subject):
    load, count, last, _, _ = stopped_load(bench, subject, signal.SIGKILL)
    batch = subject.batch_rows(STOPPABLE)
    intact = load.is_intact()
    right = intact and 0 < count < ROWS and count == last and count % batch == 0
    text = f"{count:,} of {ROWS:,} rows, the first {last:,} records; batches of {batch:,}; integrity {'ok' if intact else 'not ok'}"
    return Verdict(right, text)


@check(9, "The same command finishes a killed load: no row twice, none lost")
def killed_and_finished(bench, subject):
    _, before, _, _, expected = stopped_load(bench, subject, signal.SIGKILL)
    load = finished_load(bench, subject, signal.SIGKILL)
    rows = load.query("SELECT count(*), count(DISTINCT id), sum(id) FROM t")
    wanted = (ROWS, ROWS, expected["sum"])
    return Verdict(rows == [wanted], f"{before:,} rows after the kill, then rows, distinct keys, sum {rows}, {wanted} wanted")


@check(9, "After a kill every record before the last committed row is accounted for")
def killed_with_rejects(bench, subject):
    load, count, last, _, _ = stopped_load(bench, subject, signal.SIGKILL, bad=5)
    ids = {row[0] for row in load.query("SELECT id FROM t")}
    letters = {reject.record for reject in load.rejects}
    missing = sum(record not in ids and record not in letters for record in range(1, last + 1))
    right = count > 0 and last < ROWS and missing == 0 and not ids & letters
    text = f"{count:,} rows up to record {last:,}, {len(letters):,} dead letters, {missing:,} records in neither"
    return Verdict(right, f"{text}; {load.ending()}")


def constrained_load(bench, subject):
    """Rows that the table's own CHECK refuses, in the middle of a batch."""

    def run():
        folder = bench.folder()
        connection = sqlite3.connect(folder / "out.db")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, amount INTEGER CHECK (amount < 1000))")
        connection.close()
        lines = [b"id,amount"] + [b"%d,%d" % (id, 5_000 if id % 100 == 50 else id % 1_000) for id in range(1, 3_001)]
        path = bench.file("constrained.csv", b"\n".join(lines) + b"\n")
        return bench.load(subject, path, Options(types="id=integer,amount=integer", batch_rows=500), folder=folder)

    return bench.once((subject.name, "constrained"), run)


@check(9, "A constraint fails in the middle of a batch: that row alone is left out", legacy=True)
def constraint_in_the_middle(bench, subject):
    load = constrained_load(bench, subject)
    rows = load.query("SELECT count(*), sum(id % 100 = 50), max(id) FROM t")
    return Verdict(rows == [(2_970, 0, 3_000)], f"rows, refused ones among them, last key {rows}, [(2970, 0, 3000)] wanted")


@check(9, "The refused rows are dead letters, with line, reason and bytes")
def constraint_dead_letters(bench, subject):
    load = constrained_load(bench, subject)
    found = [(reject.line, reject.code, reject.raw) for reject in load.rejects]
    wanted = [(id + 1, "constraint_failed", b"%d,5000" % id) for id in range(50, 3_001, 100)]
    return Verdict(found == wanted, f"{len(found)} dead letters, {len(wanted)} wanted; lines named in any way {len(load.places)}")


def read_along(database, stop, seen):
    """Counts the rows again and again, with a connection of its own each time."""
    while not stop.is_set():
        try:
            connection = sqlite3.connect(database, timeout=30)
            count, last = connection.execute("SELECT count(*), coalesce(max(id), 0) FROM t").fetchone()
            seen["counts"].append(count)
            seen["gaps"] += count != last
            connection.close()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                seen["errors"].append(str(error))
        time.sleep(0.005)


def load_with_reader(bench, subject):
    def run():
        path, _ = bench.generated("people", 40_000)
        stop, seen = threading.Event(), {"counts": [], "gaps": 0, "errors": []}
        process = bench.start(subject, path, READ_ALONG)
        database = process.folder / "out.db"
        # Not before the subject: opening it would create it.
        process.wait_until(lambda: database.exists() and database.stat().st_size > 0)
        reader = threading.Thread(target=read_along, args=(database, stop, seen))
        reader.start()
        load = Load(subject, process.folder, process.wait())
        stop.set()
        reader.join()
        return load, seen

    return bench.once((subject.name, "reader"), run)


@check(10, "A reader that looks on sees whole batches only, and disturbs nobody", legacy=True)
def reader_sees_batches(bench, subject):
    load, seen = load_with_reader(bench, subject)
    batch = subject.batch_rows(READ_ALONG)
    partial = [count for count in seen["counts"] if count % batch]
    right = load.count() == 40_000 and not partial and not seen["errors"] and seen["counts"] == sorted(seen["counts"])
    text = f"{len(seen['counts'])} looks, {len(partial)} at part of a batch, {len(seen['errors'])} errors; {load.count():,} rows"
    return Verdict(right, f"{text}; {load.ending()}")


@check(10, "A reader that holds on for seven seconds: no \"database is locked\"", careful=True)
def reader_holds_on(bench, subject):
    load, _, _ = blocked_load(bench, subject)
    locked = "database is locked" in load.seen.stderr
    return Verdict(not locked and load.count() == BLOCKED_ROWS, f"{load.ending()}; {load.count():,} of {BLOCKED_ROWS:,} rows")


@check(10, "Row ids follow the input, with 4 threads and random keys", legacy=True)
def rows_in_input_order(bench, subject):
    path, _ = bench.generated("uuid", 40_000)
    load = bench.load(subject, path, Options(key="uuid", threads=4, types="uuid=text,amount=integer,created=text,account=text"))
    with open(path, "rb") as file:
        keys = [line.split(b",", 1)[0].decode() for line in file][1:]
    found = [row[0] for row in load.query("SELECT uuid FROM t ORDER BY rowid")]
    same = sum(left == right for left, right in zip(keys, found))
    return Verdict(found == keys, f"{same:,} of {len(keys):,} rows where the input has them")


@check(10, "At every moment the table holds the first records of the input", legacy=True)
def always_a_prefix(bench, subject):
    load, seen = load_with_reader(bench, subject)
    grown = sorted(set(seen["counts"]))
    text = f"{len(seen['counts'])} looks at {len(grown)} states, {seen['gaps']} with a gap"
    return Verdict(seen["gaps"] == 0 and len(grown) >= 1 and load.count() == 40_000, text)


def judge_drained(bench, subject, number, code):
    load, count, _, _, _ = stopped_load(bench, subject, number)
    traceback = "Traceback" in load.seen.stderr
    outcome = load.report["outcome"] if load.report else "none"
    right = load.seen.exit_code == code and not traceback and outcome == "interrupted" and load.is_intact()
    text = f"exit code {load.seen.exit_code} ({code} wanted), {'a traceback' if traceback else 'no traceback'}"
    return Verdict(right and 0 < count < ROWS, f"{text}, outcome reported: {outcome}; {count:,} of {ROWS:,} rows committed")


@check(11, "SIGINT: commits what was read, says so, exits with 130")
def sigint_drains(bench, subject):
    return judge_drained(bench, subject, signal.SIGINT, 130)


@check(11, "SIGTERM: the same, with 143")
def sigterm_drains(bench, subject):
    return judge_drained(bench, subject, signal.SIGTERM, 143)


@check(11, "What it says it loaded is what is in the table")
def drained_counts(bench, subject):
    load, count, last, _, _ = stopped_load(bench, subject, signal.SIGINT)
    said = load.said
    if not said:
        return Verdict(False, f"nothing announced; {count:,} rows in the table")
    right = said.loaded == count == last and said.records == said.loaded + said.rejected + said.duplicates
    return Verdict(right, f"{said.loaded:,} announced, {count:,} in the table, the first {last:,} records of the input")


@check(11, "The same command finishes the load as if nobody had stopped it")
def drained_and_finished(bench, subject):
    _, before, _, path, expected = stopped_load(bench, subject, signal.SIGINT)
    load = finished_load(bench, subject, signal.SIGINT)
    rows = load.query("SELECT * FROM t ORDER BY rowid")
    if len(rows) != expected["loaded"]:
        return Verdict(False, f"{before:,} rows after SIGINT, then {len(rows):,} of {expected['loaded']:,}")
    whole = bench.once((subject.name, "whole"), lambda: bench.load(subject, path, STOPPABLE))
    same = rows == whole.query("SELECT * FROM t ORDER BY rowid")
    text = f"{before:,} rows after SIGINT, then {len(rows):,}, {'equal' if same else 'not equal'} to an undisturbed load"
    return Verdict(same, text)
