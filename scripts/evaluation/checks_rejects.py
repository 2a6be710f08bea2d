"""Dead letters and counts (requirements 6, 7 and 8)."""

import re

from .bench import PEOPLE_TYPES
from .inputs import DEFECT_TYPES, defects
from .model import Verdict, check
from .subjects import Options

RECORDS = 2_000
OPTIONS = Options(key="id", types=DEFECT_TYPES)
VARIANTS = {
    "LF": {},
    "CRLF": {"line_end": b"\r\n"},
    "blank lines": {"multi_line": False, "blank_lines": True},
    "everything": {"line_end": b"\r\n", "blank_lines": True},
}


def defects_load(bench, subject, variant, options=OPTIONS):
    def run():
        made = bench.once(("defects", variant), lambda: defects(RECORDS, **VARIANTS[variant]))
        path = bench.file(f"defects-{variant.replace(' ', '-')}.csv", made.content)
        return bench.load(subject, path, options), made

    return bench.once((subject.name, "defects", variant, options), run)


def judge_places(bench, subject, variant):
    load, made = defects_load(bench, subject, variant)
    wanted = [line for line, _, _ in made.rejects]
    places = load.places
    right = len(set(places) & set(wanted))
    found = [(reject.line, reject.line_end, reject.code) for reject in load.rejects]
    text = f"{right:,} of {len(wanted):,} bad records named with their line ({len(places):,} named); "
    text += f"{sum(a == b for a, b in zip(found, made.rejects)):,} dead letters with right line, last line and reason"
    return Verdict(found == made.rejects, text)


@check(6, "Records of several lines, LF")
def places_with_lf(bench, subject):
    return judge_places(bench, subject, "LF")


@check(6, "Records of several lines, CRLF")
def places_with_crlf(bench, subject):
    return judge_places(bench, subject, "CRLF")


@check(6, "Blank lines between records")
def places_with_blank_lines(bench, subject):
    return judge_places(bench, subject, "blank lines")


@check(6, "All of these at once")
def places_with_everything(bench, subject):
    return judge_places(bench, subject, "everything")


@check(6, "Each dead letter holds the record's bytes, untouched, and where they are")
def raw_bytes(bench, subject):
    load, made = defects_load(bench, subject, "everything")
    rejects = load.rejects
    slices = [made.content[reject.byte_offset : reject.byte_offset + reject.byte_length] for reject in rejects]
    right = sum(reject.raw == part and part != b"" for reject, part in zip(rejects, slices))
    text = f"{right:,} of {len(made.rejects):,} records found again at their offset, byte by byte"
    return Verdict(right == len(made.rejects), text)


@check(6, "The same dead letters with 1 and 4 threads, and with chunks of 64 bytes")
def same_dead_letters(bench, subject):
    contents = []
    for options in (
        Options(key="id", types=DEFECT_TYPES, threads=1),
        Options(key="id", types=DEFECT_TYPES, threads=4),
        Options(key="id", types=DEFECT_TYPES, flags=("--chunk-bytes", "64") if subject.name == "rowmill" else ()),
    ):
        load, _ = defects_load(bench, subject, "everything", options)
        path = load.folder / "errors.csv"
        contents.append(path.read_bytes() if path.exists() else None)
    same = contents[0] is not None and contents[0] == contents[1] == contents[2]
    sizes = [len(content) if content else 0 for content in contents]
    return Verdict(same, f"bytes of errors.csv: {sizes}, {'equal' if same else 'not equal'}")


def dirty_load(bench, subject):
    """100,000 records of the generator, with every kind of damage that it knows."""

    def run():
        path, expected = bench.generated("people", 100_000, bad=1)
        return bench.load(subject, path, Options(key="id", types=PEOPLE_TYPES)), expected

    return bench.once((subject.name, "dirty"), run)


@check(7, "The counts announced add up, and are the right ones")
def counts_add_up(bench, subject):
    def run():
        path, expected = bench.generated("people-random", 20_000, bad=5, duplicates=5)
        return bench.load(subject, path, Options(key="id", types=PEOPLE_TYPES)), expected

    load, expected = bench.once((subject.name, "counts"), run)
    wanted = tuple(expected[name] for name in ("records", "loaded", "rejected", "duplicates"))
    said = load.said
    if not said:
        return Verdict(False, f"no counts announced; {load.ending()}; {load.count():,} rows of {wanted[1]:,}")
    found = (said.records, said.loaded, said.rejected, said.duplicates)
    adds_up = said.records == said.loaded + said.rejected + said.duplicates and load.count() == said.loaded
    text = f"records, loaded, rejected, duplicates {found}, {wanted} right; {load.count():,} rows in the table"
    return Verdict(found == wanted and adds_up, text)


@check(7, "Every record is in the table or in the dead letters, exactly once")
def every_record_once(bench, subject):
    load, made = defects_load(bench, subject, "everything")
    in_table = [row[0] for row in load.query("SELECT name FROM t")]
    in_letters = [match.group().decode() for reject in load.rejects if (match := re.search(rb"n[0-9]{6}", reject.raw))]
    everywhere = in_table + in_letters
    once = len(everywhere) == len(set(everywhere)) and set(everywhere) == made.names
    text = f"{len(in_table):,} in the table ({made.good:,} good), {len(in_letters):,} in dead letters; {len(set(everywhere)):,}"
    return Verdict(once and len(in_table) == made.good, f"{text} of {len(made.names):,} records found anywhere")


@check(7, "A quote that is never closed costs its line alone")
def unclosed_quote(bench, subject):
    lines = [b"id,name", *(b"%d,name %d" % (number, number) for number in range(1, 5_001))]
    lines[2_500] = b'2500,"unclosed'
    path = bench.file("unclosed.csv", b"\n".join(lines) + b"\n")
    load = bench.load(subject, path, Options(key="id", types="id=integer,name=text"))
    rows = load.query("SELECT count(*), max(id) FROM t")
    right = rows == [(4_999, 5_000)] and load.places == [2_501]
    return Verdict(right, f"rows and last key {rows}, [(4999, 5000)] wanted; bad lines named {load.places}; {load.ending()}")


@check(7, "The last record counts without a line end", legacy=True)
def no_final_line_end(bench, subject):
    load = bench.load(subject, bench.file("no_end.csv", b"id,name\n1,a\n2,b"), Options(key="id", types="id=integer,name=text"))
    rows = load.query("SELECT id, name FROM t")
    return Verdict(rows == [(1, "a"), (2, "b")], f"rows {rows}")


@check(8, "Exactly 99,000 rows are loaded, and the right ones")
def good_rows(bench, subject):
    load, expected = dirty_load(bench, subject)
    rows = load.query("SELECT count(*), sum(id) FROM t") or [(0, 0)]
    right = rows == [(99_000, expected["sum"])] == [(expected["loaded"], expected["sum"])]
    return Verdict(right, f"{rows[0][0]:,} rows, sum of keys {rows[0][1] or 0:,} ({expected['sum']:,} right); {load.ending()}")


@check(8, "Exactly 1,000 dead letters, each with its reason")
def bad_rows(bench, subject):
    load, expected = dirty_load(bench, subject)
    by_code = {}
    for reject in load.rejects:
        by_code[reject.code] = by_code.get(reject.code, 0) + 1
    listed = ", ".join(f"{count} {code}" for code, count in sorted(by_code.items())) or "none"
    text = f"{sum(by_code.values()):,} dead letters ({listed}); {len(load.places):,} bad rows named in any way"
    return Verdict(by_code == expected["by_code"] and sum(by_code.values()) == 1_000, text)


@check(8, "The exit code tells loaded, loaded in part and refused apart")
def exit_codes(bench, subject):
    clean, _ = bench.generated("people", 1_000)
    options = Options(key="id", types=PEOPLE_TYPES)
    partly, _ = dirty_load(bench, subject)
    refused = bench.load(subject, bench.file("refused.csv", b"\xff\xfei\x00d\x00\n\x001\x00\n\x00"), options)
    codes = [bench.load(subject, clean, options).seen.exit_code, partly.seen.exit_code, refused.seen.exit_code]
    return Verdict(codes[0] == 0 and len(set(codes)) == 3, f"exit codes {codes}")


@check(8, "The same with 1 and 4 threads, through SQL, and through a pipe")
def same_in_every_way(bench, subject):
    path, expected = bench.generated("people", 100_000, bad=1)
    loads = [dirty_load(bench, subject)[0]]
    if loads[0].count() != expected["loaded"]:
        return Verdict(False, f"{loads[0].count():,} rows the first time already; {loads[0].ending()}")
    for more in ({"threads": 1}, {"threads": 4}, {"write_path": "sql"}):
        loads.append(bench.load(subject, path, Options(key="id", types=PEOPLE_TYPES, **more)))
    loads.append(bench.load_stream(subject, ["cat", str(path)], Options(key="id", types=PEOPLE_TYPES)))
    counts = [load.count() for load in loads]
    # The file's name differs: "-" for the pipe.
    letters = [[(reject.line, reject.code, reject.raw) for reject in load.rejects] for load in loads]
    rows = [hash(tuple(load.query("SELECT * FROM t ORDER BY id"))) for load in loads]
    right = set(counts) == {expected["loaded"]} and len(set(rows)) == 1 and all(letter == letters[0] for letter in letters)
    return Verdict(right and len(letters[0]) == 1_000, f"rows {counts}, dead letters {[len(letter) for letter in letters]}")
