"""Threads, backpressure, memory and speed (requirements 1, 2, 3 and 15)."""

import sqlite3
import statistics
import threading
import time

from .bench import PEOPLE_ROW_BYTES, PEOPLE_TYPES
from .inputs import FAT_HEADER, FAT_TYPES, fat_rows
from .model import MB, MEMORY_LIMIT_BYTES, SEED_ROWS_PER_SECOND, SPEED_FACTOR, Verdict, check
from .subjects import Load, Options, has_rows

WORKED_NS = 1_000_000
FEW_ROWS = 60_000
PEOPLE = Options(key="id", types=PEOPLE_TYPES)


def threaded_load(bench, subject, threads):
    def run():
        path, expected = bench.generated("people", 60_000)
        load = bench.load(subject, path, Options(key="id", types=PEOPLE_TYPES, threads=threads))
        rows = load.query("SELECT count(*), sum(id), sum(balance) FROM t")
        return load, rows == [(expected["loaded"], expected["sum"], rows[0][2] if rows else 0)], rows

    return bench.once((subject.name, "threads", threads), run)


@check(1, "More than one thread works during a load")
def several_threads_work(bench, subject):
    load, _, _ = threaded_load(bench, subject, 2)
    worked = {key: ran for key, ran in load.seen.threads.items() if ran >= WORKED_NS}
    shares = ", ".join(f"{name} {ran / 1e6:.0f} ms" for (_, name), ran in sorted(worked.items()))
    return Verdict(len(worked) >= 2, f"{len(worked)} threads ran for 1 ms or more: {shares}")


@check(1, "As many workers run as were asked for (1, 2, 4), with one result")
def workers_as_asked(bench, subject):
    counts, rows = [], []
    for threads in (1, 2, 4):
        load, _, found = threaded_load(bench, subject, threads)
        others = [ran for (_, name), ran in load.seen.threads.items() if name.startswith(f"{subject.name}-parse") and ran > 0]
        counts.append(len(others))
        rows.append(found)
    return Verdict(counts == [1, 2, 4] and rows[0] == rows[1] == rows[2], f"workers seen: {counts}; count and sums {rows[0]}")


@check(1, "A good part of the work is done outside the thread that writes")
def work_outside_the_writer(bench, subject):
    outside = total = 0
    for threads in (2, 4):
        load, _, _ = threaded_load(bench, subject, threads)
        first = min(thread for thread, _ in load.seen.threads)
        outside += sum(ran for (thread, _), ran in load.seen.threads.items() if thread != first)
        total += sum(load.seen.threads.values())
    text = f"{outside / total:.0%} of {total / 1e6:.0f} ms CPU outside the first thread, which writes; a quarter wanted"
    return Verdict(outside >= total / 4, text)


BLOCKED_ROWS = 160_000
# Given before the lock: more than a stream's head, so that rows are being written.
FIRST_ROWS = 32_000
# What may be on its way between a source and a database that takes nothing: the windows, and the rows parsed from them.
ON_THE_WAY_BYTES = 80 * MB
# Longer than the five seconds for which Python's sqlite3 waits by default, shorter than rowmill's ten.
HELD_SECONDS = 7


def blocked_load(bench, subject):
    """A stream of 160 MB into a database with rows, which a reader locks until a commit has waited for seven seconds."""

    def run():
        process = bench.start(subject, "-", Options(key="id", types=FAT_TYPES, batch_rows=5_000), stdin="pipe")
        database, locked = process.folder / "out.db", threading.Event()

        def pieces():
            yield FAT_HEADER
            for first in range(0, BLOCKED_ROWS, 2_000):
                if first >= FIRST_ROWS:
                    locked.wait()
                yield fat_rows(2_000, first=first + 1)

        feeding = process.feed(pieces())
        process.wait_while_busy(lambda: has_rows(database), 3)
        reader = sqlite3.connect(database, timeout=30, isolation_level=None)
        reader.execute("BEGIN")
        # Reading anything takes the lock, whether the table is there yet or not.
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        before = process.seen.fed_bytes
        locked.set()
        # How soon it wants to commit depends on the machine; how long it is then kept waiting must not.
        process.wait_while_busy(lambda: process.waits_for_readers(database), HELD_SECONDS)
        process.wait_at_most(HELD_SECONDS)
        accepted, held = process.seen.fed_bytes - before, process.seen.peak_rss_bytes
        reader.close()
        load = Load(subject, process.folder, process.wait())
        feeding.join()
        return load, accepted, held

    return bench.once((subject.name, "blocked"), run)


@check(2, "While the database is locked, the source is made to wait", careful=True)
def source_waits(bench, subject):
    _, accepted, _ = blocked_load(bench, subject)
    rest = (BLOCKED_ROWS - FIRST_ROWS) * 1_008
    text = f"{accepted / 1e6:.0f} of {rest / 1e6:.0f} MB taken in while a reader held the database for {HELD_SECONDS} s"
    return Verdict(accepted <= ON_THE_WAY_BYTES, f"{text}; at most {ON_THE_WAY_BYTES / 1e6:.0f} allowed")


@check(2, "It then loads every row, within 256 MB", careful=True)
def blocked_load_ends_well(bench, subject):
    load, _, held = blocked_load(bench, subject)
    found = load.count()
    text = f"{load.ending()}; {found:,} of {BLOCKED_ROWS:,} rows; "
    text += f"RSS {held / 1e6:.0f} MB while waiting, peak {load.peak_rss_bytes / 1e6:.0f} MB"
    return Verdict(found == BLOCKED_ROWS and load.peak_rss_bytes < MEMORY_LIMIT_BYTES, text)


def growing_loads(bench, subject):
    """The same load with little input and with several times as much."""

    def run():
        options = Options(key="id", types=PEOPLE_TYPES, memory="40MiB")
        # Growth is clear long before it hurts; the rest of such a load would only cost time.
        sizes = (FEW_ROWS, bench.scale.growth_rows)
        return [bench.load(subject, bench.generated("people", rows)[0], options, guard_bytes=120 * MB) for rows in sizes]

    return bench.once((subject.name, "growing"), run)


@check(2, "Several times the input, the same memory", careful=True)
def memory_does_not_grow(bench, subject):
    few, many = FEW_ROWS, bench.scale.growth_rows
    peaks = [load.peak_rss_bytes for load in growing_loads(bench, subject)]
    more = (many - few) * PEOPLE_ROW_BYTES
    text = f"peak {peaks[0] / 1e6:.0f} MB for {few:,} rows, {peaks[1] / 1e6:.0f} MB for {many:,} ({more / 1e6:.0f} MB more input)"
    return Verdict(peaks[1] - peaks[0] < more / 2, text)


def trickle_load(bench, subject):
    """A stream that gives 30 MB at once and then one record at a time, and stays open."""

    def run():
        process = bench.start(subject, "-", Options(key="id", types=FAT_TYPES, batch_rows=5_000), stdin="pipe")
        state = {"go on": True, "rows": 30_000}

        def pieces():
            yield FAT_HEADER + fat_rows(30_000)
            while state["go on"]:
                state["rows"] += 1
                yield b"%d,slow\n" % state["rows"]
                time.sleep(0.01)

        feeding = process.feed(pieces())
        database = process.folder / "out.db"
        visible = process.wait_while_busy(lambda: database.exists() and database.stat().st_size > 5 * MB, 3)
        # Once the flood is dealt with, waiting must cost nothing.
        process.wait_while_busy(lambda: False, 1)
        before, since = process.cpu_seconds(), time.monotonic()
        time.sleep(1)
        share = (process.cpu_seconds() - before) / (time.monotonic() - since)
        state["go on"] = False
        load = Load(subject, process.folder, process.wait())
        feeding.join()
        return load, visible, share, state["rows"]

    return bench.once((subject.name, "trickle"), run)


@check(2, "Waiting for a slow pipe costs no CPU, and nothing is lost", legacy=True)
def slow_pipe(bench, subject):
    load, _, share, rows = trickle_load(bench, subject)
    text = f"{share:.0%} of a core while one record came every 10 ms; {load.count():,} of {rows:,} rows; {load.ending()}"
    return Verdict(share < 0.2 and load.count() == rows, text)


@check(12, "Rows can be read before the source has ended", careful=True)
def rows_before_the_end(bench, subject):
    _, visible, _, _ = trickle_load(bench, subject)
    return Verdict(visible, "rows in the database while the pipe was open" if visible else "no row before the end of the stream")


def judge_memory(bench, subject, load, expected, what):
    found = load.query("SELECT count(*), coalesce(sum(id & 4294967295), 0), coalesce(sum(id >> 32), 0) FROM t")
    rows, low, high = found[0] if found else (0, 0, 0)
    complete = not load.seen.stopped and rows == expected["loaded"] and (low + (high << 32)) % 2**64 == expected["sum"]
    bench.figure("memory", f"{subject.title}, {what}", load.peak_rss_bytes)
    state = f"{rows:,} rows, sum of keys right" if complete else f"{load.ending()}, {rows:,} of {expected['loaded']:,} rows"
    text = f"{what}: peak RSS {load.peak_rss_bytes / 1e6:.0f} MB of 256; {state}; {load.seen.seconds:.1f} s"
    return Verdict(complete and load.peak_rss_bytes < MEMORY_LIMIT_BYTES, text)


@check(3, "100,000 rows with random keys and duplicates", legacy=True)
def memory_at_100_000_rows(bench, subject):
    path, expected = bench.generated("people-random", 100_000, duplicates=2)
    load = bench.load(subject, path, PEOPLE)
    return judge_memory(bench, subject, load, expected, "100,000 rows")


def part_for(bench, subject, size):
    """How much of `size` bytes a subject gets, and words for it: the careful form would take hours for all of it."""
    if subject.name != "careful" or size <= bench.scale.careful_bytes:
        return size, ""
    return bench.scale.careful_bytes, f" (of {size / 1e6:,.0f}: what it can stand)"


@check(3, "A large file (1 GB at full scale)", careful=True)
def memory_at_1_gb(bench, subject):
    size, part = part_for(bench, subject, bench.scale.middle_bytes)
    rows = size // PEOPLE_ROW_BYTES
    path, expected = bench.generated("people", rows)
    load = bench.load(subject, path, PEOPLE, guard_bytes=bench.scale.guard_bytes)
    bench.memory_figure(f"{subject.title}, {path.stat().st_size / 1e9:.2g} GB file", load.seen.memory_series)
    verdict = judge_memory(bench, subject, load, expected, f"{path.stat().st_size / 1e6:,.0f} MB file{part}")
    bench.clear(load)
    return verdict


@check(3, "From the generator through a pipe (10 GB at full scale)", careful=True)
def memory_at_10_gb(bench, subject):
    size, part = part_for(bench, subject, bench.scale.stream_bytes)
    rows = size // PEOPLE_ROW_BYTES
    command = bench.generate_command("people", rows)
    expected = {"loaded": rows, "sum": rows * (rows + 1) // 2}
    load = bench.load_stream(subject, command, PEOPLE, guard_bytes=bench.scale.guard_bytes)
    streamed = load.report["bytes"] if load.report else rows * PEOPLE_ROW_BYTES
    bench.memory_figure(f"{subject.title}, {streamed / 1e9:.2g} GB pipe", load.seen.memory_series)
    verdict = judge_memory(bench, subject, load, expected, f"{streamed / 1e6:,.0f} MB stream{part}")
    bench.clear(load)
    return verdict


def speed(bench, subject, stream):
    """Rows per second of wall and of CPU time: the median of some rounds."""

    def run():
        rows = bench.scale.speed_rows[subject.name]
        path, expected = bench.generated("people", rows)
        walls, cpus = [], []
        for _ in range(bench.scale.speed_rounds):
            load = bench.load_stream(subject, ["cat", str(path)], PEOPLE) if stream else bench.load(subject, path, PEOPLE)
            if load.count() != expected["loaded"]:
                raise RuntimeError(f"{load.count()} of {expected['loaded']} rows; {load.ending()}")
            walls.append(rows / load.seen.seconds)
            cpus.append(rows / load.seen.cpu_seconds)
            bench.clear(load)
        return rows, statistics.median(walls), statistics.median(cpus)

    return bench.once((subject.name, "speed", stream), run)


def judge_speed(bench, subject, stream):
    rows, wall, cpu = speed(bench, subject, stream)
    how = "pipe" if stream else "file"
    bench.figure("speed", f"{subject.title}, {how}", wall)
    text = f"{wall:,.0f} rows/s from a {how} of {rows:,} rows ({wall / SEED_ROWS_PER_SECOND:.1f} × 31,000), "
    text += f"{cpu:,.0f} per CPU second"
    if bench.scale.judges_wall_time:
        return Verdict(wall >= SPEED_FACTOR * SEED_ROWS_PER_SECOND, text)
    _, _, other = speed(bench, bench.subjects["careful"], stream)
    return Verdict(cpu >= 2 * other, f"{text}; quick: judged by CPU time alone, at least twice {other:,.0f}")


@check(15, "From a file")
def speed_from_a_file(bench, subject):
    return judge_speed(bench, subject, stream=False)


@check(15, "Through a pipe")
def speed_through_a_pipe(bench, subject):
    return judge_speed(bench, subject, stream=True)


@check(15, "A fifth of the old script's CPU time for each row, in its careful form")
def cpu_per_row(bench, subject):
    _, _, own = speed(bench, subject, False)
    _, _, other = speed(bench, bench.subjects["careful"], False)
    factor = 5 if bench.scale.judges_wall_time else 2
    text = f"{1e6 / own:.2f} µs CPU a row, the careful form {1e6 / other:.2f} µs: "
    text += f"{own / other:.1f} times as many rows per CPU second"
    return Verdict(own >= factor * other, f"{text}; at least {factor} wanted")
