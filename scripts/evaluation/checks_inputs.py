"""Pipes and FIFOs, the mapping, and what is left behind (requirements 12, 13 and 14)."""

import os
import signal
import sqlite3
import threading

from .bench import PEOPLE_TYPES
from .checks_rejects import OPTIONS, defects_load
from .checks_resources import FEW_ROWS, growing_loads
from .checks_transactions import finished_load, stopped_load
from .inputs import TRAPS, uneven
from .model import Verdict, check
from .subjects import SCRIPTS, Load, Options

PEOPLE = Options(key="id", types=PEOPLE_TYPES)
DATASETS = {
    "airports.csv": "iata",
    "birdstrikes.csv": "",
    "flights-airport.csv": "origin,destination",
    "gapminder-health-income.csv": "country",
    "seattle-weather.csv": "date",
    "species.csv": "item_id,county_id",
    "zipcodes.csv": "zip_code",
}


def table(load):
    """Declared types, and every row with the storage class of every value, in an order that does not depend on row ids."""
    columns = [(row[1], row[2]) for row in load.query("PRAGMA table_info(t)")]
    wanted = ", ".join(f'"{name}", typeof("{name}")' for name, _ in columns)
    return columns, sorted(map(repr, load.query(f"SELECT {wanted} FROM t"))) if columns else []


def quoted_people(bench):
    return bench.generated("quoted", 10_000)[0]


@check(12, "Standard input in uneven pieces gives the table that the file gives", legacy=True)
def standard_input(bench, subject):
    path = quoted_people(bench)
    process = bench.start(subject, "-", PEOPLE, stdin="pipe")
    feeding = process.feed(uneven(path.read_bytes()))
    piped = Load(subject, process.folder, process.wait())
    feeding.join()
    file = bench.once((subject.name, "quoted"), lambda: bench.load(subject, path, PEOPLE))
    same = table(piped) == table(file)
    text = f"{piped.count():,} rows through the pipe, {file.count():,} from the file, {'equal' if same else 'not equal'}"
    return Verdict(same and piped.count() == 10_000, text)


def through_a_fifo(bench, subject, content, options):
    fifo = bench.folder() / "in.csv"
    os.mkfifo(fifo)

    def write():
        try:
            with open(fifo, "wb", buffering=0) as file:
                for piece in uneven(content, smallest=7):
                    file.write(piece)
        except BrokenPipeError:
            pass

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    return bench.load(subject, fifo, options)


@check(12, "A FIFO gives the table that the file gives", legacy=True)
def fifo(bench, subject):
    path = quoted_people(bench)
    load = through_a_fifo(bench, subject, path.read_bytes(), PEOPLE)
    file = bench.once((subject.name, "quoted"), lambda: bench.load(subject, path, PEOPLE))
    same = table(load) == table(file)
    return Verdict(same and load.count() == 10_000, f"{load.count():,} rows through the FIFO, {'equal' if same else 'not equal'}")


@check(12, "A dirty FIFO gives the dead letters that the file gives")
def dirty_fifo(bench, subject):
    file, made = defects_load(bench, subject, "everything")
    load = through_a_fifo(bench, subject, made.content, OPTIONS)
    letters = [[(r.line, r.line_end, r.byte_offset, r.code, r.raw) for r in one.rejects] for one in (load, file)]
    same = letters[0] == letters[1] and table(load) == table(file)
    right = same and len(letters[0]) == len(made.rejects) and load.count() == made.good
    return Verdict(right, f"{load.count():,} rows of {made.good:,}, {len(letters[0]):,} dead letters of {len(made.rejects):,}")


def mapped(bench, subject, name, path, options):
    return bench.once((subject.name, "mapping", name), lambda: bench.load(subject, path, options))


def compare_with_legacy(bench, subject, name, path, options):
    """Differences between this subject's table and that of the other form of the old script (for the old script: its own two)."""
    reference = bench.subjects["careful" if subject.name == "legacy" else "legacy"]
    tables = []
    for one in (subject, reference):
        tables.append(bench.once((one.name, "table", name), lambda: table(mapped(bench, one, name, path, options))))
    (columns, rows), (reference_columns, reference_rows) = tables
    types = sum(left != right for left, right in zip(columns, reference_columns)) + abs(len(columns) - len(reference_columns))
    values = len(set(rows) ^ set(reference_rows))
    return len(rows), types, values


@check(13, "Seven real files: types, storage classes and every row equal", legacy=True)
def real_files(bench, subject):
    rows = types = values = 0
    for name, key in DATASETS.items():
        found = compare_with_legacy(bench, subject, name, SCRIPTS.parent / "datasets" / name, Options(key=key))
        rows, types, values = (left + right for left, right in zip((rows, types, values), found))
    text = f"{rows:,} rows of {len(DATASETS)} files compared, {types} column types and {values} rows differ"
    return Verdict(rows > 70_000 and types == values == 0, text)


@check(13, "Generated clean records, types inferred", legacy=True)
def generated_inferred(bench, subject):
    path, _ = bench.generated("people", 20_000)
    rows, types, values = compare_with_legacy(bench, subject, "inferred", path, Options(key="id"))
    return Verdict(rows == 20_000 and types == values == 0, f"{rows:,} rows, {types} column types and {values} rows differ")


@check(13, "Wide records, types declared", legacy=True)
def wide_declared(bench, subject):
    path, expected = bench.generated("wide", 1_500)
    options = Options(key="id", types=expected["flags"][3])
    rows, types, values = compare_with_legacy(bench, subject, "wide", path, options)
    text = f"{rows:,} rows of 150 columns, {types} column types and {values} rows differ"
    return Verdict(rows == 1_500 and types == values == 0, text)


@check(13, "Values that a careless type would change (01234, +5, 1e3, 2^63, ...)", legacy=True)
def traps(bench, subject):
    rows, types, values = compare_with_legacy(bench, subject, "traps", bench.file("traps.csv", TRAPS), Options())
    load = mapped(bench, subject, "traps", bench.file("traps.csv", TRAPS), Options())
    kept = load.query("SELECT zip, plus, exponent, big, under FROM t WHERE typeof(id) = 'integer' AND id < 3 ORDER BY id")
    wanted = [("01234", "5", "1", "9223372036854775807", "10"), ("10001", "+5", "1e3", "9223372036854775808", "1_000")]
    right = kept == wanted
    return Verdict(rows == 4 and right and types == values == 0, f"{rows} rows, {types} types and {values} rows differ; kept {kept}")


@check(13, "A quoted empty field is the empty string, an unquoted one NULL")
def quoted_empty(bench, subject):
    load = bench.load(subject, bench.file("empty.csv", b'id,name\n1,\n2,""\n'), Options(key="id"))
    rows = load.query("SELECT name FROM t ORDER BY id")
    return Verdict(rows == [(None,), ("",)], f"values {[row[0] for row in rows]}; Python's csv module gives both as ''")


def judge_left(load):
    extra = load.left - load.subject.left_files()
    return extra, f"left behind: {', '.join(sorted(extra)) or 'nothing but the results'}"


@check(14, "A load with rejects and duplicates leaves its results alone", legacy=True)
def leaves_results_alone(bench, subject):
    load, _ = defects_load(bench, subject, "everything")
    extra, text = judge_left(load)
    return Verdict(not extra, f"{text}; {load.ending()}")


@check(14, "A refused input leaves no database", legacy=True, careful=False)
def refused_leaves_nothing(bench, subject):
    load = bench.load(subject, bench.file("in.csv", "\ufeffid\n1\n2\n".encode("utf-32-le")), Options(key="id", types="id=integer"))
    left = sorted(load.left - {"report.json"})
    return Verdict(load.seen.exit_code != 0 and not left, f"{load.ending()}; left behind: {left or 'nothing'}")


@check(14, "SIGINT leaves no journal, no spool, no lock", legacy=True)
def interrupted_leaves_nothing(bench, subject):
    load, *_ = stopped_load(bench, subject, signal.SIGINT)
    extra, text = judge_left(load)
    return Verdict(not extra, f"{text}; {load.ending()}")


@check(14, "A killed load that was finished leaves its results alone", legacy=True)
def killed_leaves_nothing(bench, subject):
    extra, text = judge_left(finished_load(bench, subject, signal.SIGKILL))
    return Verdict(not extra, text)


@check(14, "The database can be locked by anybody as soon as the load has ended", legacy=True)
def database_is_free(bench, subject):
    load, _ = defects_load(bench, subject, "LF")
    connection = sqlite3.connect(load.folder / "out.db", timeout=0)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        free = True
    except sqlite3.OperationalError:
        free = False
    connection.close()
    return Verdict(free, "BEGIN EXCLUSIVE without waiting: " + ("done" if free else "database is locked"))


@check(14, "A larger input opens no more descriptors", legacy=True)
def descriptors_do_not_grow(bench, subject):
    few, many = (load.seen.max_descriptors for load in growing_loads(bench, subject))
    text = f"at most {few} open with {FEW_ROWS:,} rows, {many} with {bench.scale.growth_rows:,}"
    return Verdict(0 < many <= few + 2 and many <= 32, text)
