"""The filter, and exact dedup (requirements 4 and 5)."""

import math
import subprocess
import sys
from pathlib import Path

from .bench import PEOPLE_TYPES
from .model import MEMORY_LIMIT_BYTES, Verdict, check
from .subjects import Options

FILTER_KEYS = 100_000_000
SLICES = 7
KEY_STREAM = Path(__file__).resolve().parent / "key_stream.py"
CODES = Options(key="code", types="code=text,value=text")


def expected_false_alarms(capacity, keys):
    """How many of `keys` insertions meet a filter that already says yes.

    A filter of 7 slices, each half full at capacity, answers yes to a new key with probability (1 - 2^(-n/capacity))^7 when it
    holds n keys; summed over all n by Simpson's rule.
    """
    steps = 1_000
    width = keys / capacity / steps
    values = [(1 - math.pow(2, -width * step)) ** SLICES for step in range(steps + 1)]
    weights = [1] + [4 if step % 2 else 2 for step in range(1, steps)] + [1]
    return capacity * width / 3 * sum(weight * value for weight, value in zip(weights, values))


def key_stream_load(bench, subject):
    """Keys in no order through a pipe: nobody knows the length of a stream, so the filter is sized for 100,000,000 keys."""

    def run():
        keys = bench.scale.stream_keys
        # The old forms need hours or gigabytes for that: they are stopped after a while.
        limit = 90 if subject.name != "rowmill" else None
        command = [sys.executable, str(KEY_STREAM), str(keys)]
        options = Options(key="id", types="id=integer")
        load = bench.load_stream(subject, command, options, guard_bytes=bench.scale.guard_bytes, time_limit=limit)
        loaded = load.count()
        bench.clear(load)
        return load, loaded, keys

    return bench.once((subject.name, "key stream"), run)


@check(4, "Keys in no order through a pipe (100,000,000 at full scale): sized for them, below 256 MB")
def filter_for_100_million(bench, subject):
    load, loaded, keys = key_stream_load(bench, subject)
    held = load.report and load.report["filter"]
    bench.figure("memory", f"{subject.title}, {keys:,} keys in no order", load.peak_rss_bytes)
    text = f"{keys:,} records; peak RSS {load.peak_rss_bytes / 1e6:.0f} MB; {load.ending()}; {load.seen.seconds:.0f} s; "
    if not held:
        return Verdict(False, text + "no filter, no figure of one")
    size = load.report["memory"]["filter_bytes"]
    text += f"capacity {held['capacity_keys']:,} keys in {size / 1e6:.0f} MB, {held['inserted_keys']:,} inserted"
    right = held["capacity_keys"] == FILTER_KEYS and held["inserted_keys"] >= 0.99 * 0.999 * keys
    return Verdict(right and load.peak_rss_bytes < MEMORY_LIMIT_BYTES, text)


@check(4, "No good row of that stream is lost to a false alarm, no repeat gets in")
def stream_is_exact(bench, subject):
    load, loaded, keys = key_stream_load(bench, subject)
    said = load.said
    distinct = keys - keys // 1_000
    right = said and (said.records, loaded, said.duplicates, said.rejected) == (keys, distinct, keys - distinct, 0)
    announced = f"{said.duplicates:,} duplicates, {said.rejected:,} other rejects announced" if said else "nothing announced"
    return Verdict(bool(right), f"{loaded:,} of {distinct:,} rows, {announced}; {load.ending()}")


def judge_alarms(bench, subject, load, what):
    held = load.report and load.report["filter"]
    if not held:
        return Verdict(False, "no filter, no false alarms reported")
    # Keys fall into shards at random, so each shard has room for five standard deviations more than the average.
    average = held["capacity_keys"] / held["shards"]
    theory = expected_false_alarms(held["shards"] * (average + 5 * math.sqrt(average)), held["inserted_keys"])
    measured = held["false_alarms"]
    bench.figure("false alarms", what, [theory, measured])
    fill = held["inserted_keys"] / held["capacity_keys"]
    text = f"{what}: {measured:,} false alarms, {theory:,.0f} by theory, "
    text += f"at {fill:.0%} of a filter for {held['capacity_keys']:,} keys"
    text += f" ({measured / held['inserted_keys']:.4%} of the keys)"
    # Chance alone moves the number by its square root; four times that, and a tenth for what the formula leaves out.
    return Verdict(abs(measured - theory) <= 5 + 0.1 * theory + 4 * math.sqrt(theory), text)


@check(4, "False alarms as theory has it, in that stream")
def alarms_of_the_stream(bench, subject):
    load, _, keys = key_stream_load(bench, subject)
    return judge_alarms(bench, subject, load, f"{keys:,} keys, stream")


def filter_file_load(bench, subject):
    """A file of keys in no order: its filter is sized from the file, and filled."""

    def run():
        keys = bench.scale.filter_keys if subject.name == "rowmill" else min(bench.scale.filter_keys, 200_000)
        made = subprocess.run([sys.executable, str(KEY_STREAM), str(keys)], stdout=subprocess.PIPE, check=True)
        path = bench.file(f"keys-{keys}.csv", made.stdout)
        return bench.load(subject, path, Options(key="id", types="id=integer")), keys

    return bench.once((subject.name, "key file"), run)


@check(4, "False alarms as theory has it, with a filter that fills up")
def alarms_of_a_full_filter(bench, subject):
    load, keys = filter_file_load(bench, subject)
    return judge_alarms(bench, subject, load, f"{keys:,} keys, file")


@check(4, "False alarms cost no row", legacy=True)
def alarms_cost_no_row(bench, subject):
    load, keys = filter_file_load(bench, subject)
    distinct = keys - keys // 1_000
    alarms = f"{load.report['filter']['false_alarms']:,} false alarms, " if load.report else "no filter, "
    return Verdict(load.count() == distinct, f"{alarms}{load.count():,} of {distinct:,} rows")


def duplicates_load(bench, subject):
    def run():
        path, expected = bench.generated("people-random", 30_000, duplicates=5)
        return bench.load(subject, path, Options(key="id", types=PEOPLE_TYPES)), expected

    return bench.once((subject.name, "duplicates"), run)


@check(5, "5 % duplicates: no key twice, no good row lost", legacy=True)
def no_key_twice(bench, subject):
    load, expected = duplicates_load(bench, subject)
    rows = load.query("SELECT count(*), count(DISTINCT id) FROM t")
    wanted = (expected["loaded"], expected["loaded"])
    text = f"rows and distinct keys {rows}, {wanted} wanted; {expected['duplicates']:,} duplicates in the input"
    return Verdict(rows == [wanted], text)


@check(5, "The first occurrence wins", legacy=True)
def first_wins(bench, subject):
    lines = [b"code,value"]
    for number in range(1_000):
        lines.append(b"k%d,first" % number)
        lines += [b"k%d,again" % (number // 2)] if number % 3 == 0 else []
    load = bench.load(subject, bench.file("first_wins.csv", b"\n".join(lines)), CODES)
    rows = load.query("SELECT value, count(*) FROM t GROUP BY value")
    return Verdict(rows == [("first", 1_000)], f"{rows} of 1,000 first ones and {len(lines) - 1_001} repeats")


@check(5, "Every duplicate is named with its line and the record it repeats")
def duplicates_are_named(bench, subject):
    load, expected = duplicates_load(bench, subject)
    with open(bench.generated("people-random", 30_000, duplicates=5)[0], "rb") as file:
        keys = [line.split(b",", 1)[0] for line in file][1:]
    first, wanted = {}, []
    for record, key in enumerate(keys, 1):
        if key in first:
            wanted.append((record + 1, str(first[key])))
        first.setdefault(key, record)
    found = [(reject.line, reject.first_record) for reject in load.rejects if reject.code == "duplicate_key"]
    places = sum(place == line for place, (line, _) in zip(load.places, wanted))
    text = f"{len(found):,} dead letters for {len(wanted):,} duplicates, {len(set(found) & set(wanted)):,} of them right in both"
    return Verdict(found == wanted, f"{text}; {places:,} lines named right in any message")


@check(5, "Keys of two columns: (ab, c) and (a, bc) are two", legacy=True)
def composite_keys(bench, subject):
    path = bench.file("composite.csv", b"shop,day,sold\nab,c,1\na,bc,2\nab,c,3\nb,ac,4\n")
    load = bench.load(subject, path, Options(key="shop,day", types="shop=text,day=text,sold=integer"))
    rows = load.query("SELECT sold FROM t ORDER BY rowid")
    return Verdict(rows == [(1,), (2,), (4,)], f"rows kept: {[row[0] for row in rows]}, [1, 2, 4] wanted")


@check(5, "A bad record does not take the key of a good one", legacy=True)
def bad_record_takes_no_key(bench, subject):
    path = bench.file("bad_first.csv", b"id,value\n1,n/a\n1,5\n2,6\n2,7\n")
    load = bench.load(subject, path, Options(key="id", types="id=integer,value=integer"))
    rows = load.query("SELECT id, value FROM t ORDER BY id")
    return Verdict(rows == [(1, 5), (2, 6)], f"rows {rows}, [(1, 5), (2, 6)] wanted")
