#!/usr/bin/env python3
"""Loads a CSV file into a SQLite table, the way such scripts were written before rowmill: the yardstick of `scripts/evaluate`.

Reads the whole file into a list, finds the column types, inserts row by row and commits every 1,000 rows. A row that does not fit
is printed and skipped; a key that repeats is whatever the database says about it. No dead letters, no resume, no signals.

`--executemany` is the strongest form of the same: it streams, inserts 10,000 rows at a time, falls back to single rows where one of
them fails, waits a minute for a locked database, and takes text that is not UTF-8 as a bad row instead of ending.

Types are rowmill's: INTEGER only in canonical form, REAL only plain decimals that a double gives back, everything else TEXT, an
empty field NULL. One thing it cannot do: Python's csv module does not say whether an empty field was quoted, so "" is NULL too.
"""

import argparse
import csv
import datetime
import re
import sqlite3
import sys

COMMIT_ROWS = 1_000
MANY_ROWS = 10_000
INTEGER = re.compile(r"0|-?[1-9][0-9]*")
REAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
MAX_EXACT_INTEGER = 2**53
LOSSLESS_DIGITS = 15
ROW_ERRORS = (ValueError, sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("input", help="CSV file, - for standard input")
    parser.add_argument("database")
    parser.add_argument("--table", default="data")
    parser.add_argument("--key", help="columns that make a row unique, separated by commas")
    parser.add_argument("--types", default="", help="name=type, separated by commas; the rest is inferred")
    parser.add_argument("--executemany", action="store_true", help="stream, and insert many rows at a time")
    args = parser.parse_args()
    args.key = args.key.split(",") if args.key else []
    args.types = dict(part.split("=", 1) for part in args.types.split(",") if part)
    return args


def open_input(args):
    # Text that is not UTF-8 ends the load, as it does in most scripts; the careful form finds out row by row.
    errors = "surrogateescape" if args.executemany else "strict"
    if args.input == "-":
        return open(sys.stdin.fileno(), newline="", encoding="utf-8-sig", errors=errors)
    return open(args.input, newline="", encoding="utf-8-sig", errors=errors)


def is_integer(text):
    return INTEGER.fullmatch(text) is not None and -(2**63) <= int(text) < 2**63


def is_lossless_real(text):
    if not REAL.fullmatch(text) or text.startswith("-0") and float(text) == 0:
        return False
    if "." not in text:
        return abs(int(text)) <= MAX_EXACT_INTEGER
    digits = text.replace(".", "").lstrip("-0")
    return len(digits) <= LOSSLESS_DIGITS or repr(float(text)).strip("-0") == text.strip("-0")


def infer_types(header, rows, declared):
    """The type of each column, from every value of every row that has the header's number of fields."""
    kinds = [declared.get(name) for name in header]
    seen = [set() for _ in header]
    for row in rows:
        if len(row) != len(header):
            continue
        for index, text in enumerate(row):
            if kinds[index] or not text or "text" in seen[index]:
                continue
            if is_integer(text):
                seen[index].add("integer" if abs(int(text)) <= MAX_EXACT_INTEGER else "large integer")
            else:
                seen[index].add("real" if is_lossless_real(text) else "text")
    for index, found in enumerate(seen):
        if kinds[index]:
            continue
        whole = found and found <= {"integer", "large integer"}
        kinds[index] = "integer" if whole else "real" if found and found <= {"integer", "real"} else "text"
    return kinds


def to_integer(text):
    if not text:
        return None
    if not INTEGER.fullmatch(text):
        raise ValueError(f"{text!r} is no integer")
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{text!r} does not fit 64 bits")
    return value


def to_real(text):
    if not text:
        return None
    if not REAL.fullmatch(text):
        raise ValueError(f"{text!r} is no decimal number")
    return float(text)


def to_text(text):
    return text or None


def to_time(parse):
    def check(text):
        if text:
            parse(text)
        return text or None

    return check


CONVERTERS = {
    "integer": to_integer,
    "real": to_real,
    "text": to_text,
    "date": to_time(datetime.date.fromisoformat),
    "datetime": to_time(datetime.datetime.fromisoformat),
}
SQL_TYPES = {"integer": "INTEGER", "real": "REAL"}


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def create_table(connection, args, header, kinds):
    columns = [f"{quoted(name)} {SQL_TYPES.get(kind, 'TEXT')}" for name, kind in zip(header, kinds)]
    if len(args.key) == 1 and kinds[header.index(args.key[0])] == "integer":
        columns[header.index(args.key[0])] += " PRIMARY KEY"
    elif args.key:
        columns.append(f"UNIQUE ({', '.join(map(quoted, args.key))})")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {quoted(args.table)} ({', '.join(columns)})")
    places = ", ".join("?" * len(header))
    return f"INSERT INTO {quoted(args.table)} ({', '.join(map(quoted, header))}) VALUES ({places})"


def convert(row, converters):
    if len(row) != len(converters):
        raise ValueError(f"expected {len(converters)} columns, found {len(row)}")
    return [converter(text) for converter, text in zip(converters, row)]


def load_rows(connection, insert, rows, converters):
    """One INSERT for every row. Returns how many were read and how many were skipped."""
    read = skipped = 0
    for row in rows:
        read += 1
        try:
            connection.execute(insert, convert(row, converters))
        except ROW_ERRORS as error:
            skipped += 1
            print(f"row {read}: {error}, skipped", file=sys.stderr)
        if read % COMMIT_ROWS == 0:
            connection.commit()
    connection.commit()
    return read, skipped


def insert_many(connection, insert, batch):
    """One transaction; where a row of it fails, the rest is inserted one by one. Returns how many were skipped."""
    try:
        with connection:
            connection.executemany(insert, [values for _, values in batch])
        return 0
    except (*ROW_ERRORS, sqlite3.DataError):
        skipped = 0
    with connection:
        for line, values in batch:
            try:
                connection.execute(insert, values)
            except ROW_ERRORS as error:
                skipped += 1
                print(f"line {line}: {error}, skipped", file=sys.stderr)
    return skipped


def load_many(connection, insert, reader, converters):
    """As load_rows, many rows at a time, straight from the reader."""
    read = skipped = 0
    batch = []
    for row in reader:
        if not row:
            continue
        read += 1
        try:
            batch.append((reader.line_num, convert(row, converters)))
        except ValueError as error:
            skipped += 1
            print(f"line {reader.line_num}: {error}, skipped", file=sys.stderr)
        if len(batch) == MANY_ROWS:
            skipped += insert_many(connection, insert, batch)
            batch.clear()
    return read, skipped + insert_many(connection, insert, batch)


def load_streaming(args):
    csv.field_size_limit(2**31 - 1)
    with open_input(args) as file:
        reader = csv.reader(file)
        header = next(reader)
        # A pipe cannot be read twice, so there what is not declared is text.
        kinds = [args.types.get(name, "text") for name in header]
        if args.input != "-" and len(args.types) < len(header):
            kinds = infer_types(header, reader, args.types)
            file.seek(0)
            reader = csv.reader(file)
            next(reader)
        connection = sqlite3.connect(args.database, timeout=60)
        insert = create_table(connection, args, header, kinds)
        counts = load_many(connection, insert, reader, [CONVERTERS[kind] for kind in kinds])
        connection.close()
    return counts


def load_list(args):
    with open_input(args) as file:
        rows = [row for row in csv.reader(file) if row]
    header = rows.pop(0)
    kinds = infer_types(header, rows, args.types)
    connection = sqlite3.connect(args.database)
    insert = create_table(connection, args, header, kinds)
    counts = load_rows(connection, insert, rows, [CONVERTERS[kind] for kind in kinds])
    connection.close()
    return counts


def main():
    args = parse_arguments()
    read, skipped = load_streaming(args) if args.executemany else load_list(args)
    print(f"{read} rows read, {read - skipped} loaded, {skipped} skipped")
    sys.exit(1 if skipped else 0)


if __name__ == "__main__":
    main()
