"""The jobs of scripts/compare_peers: what each tool is told, and how it is seen what became of it.

Each tool is told what its manual says for the job, with the flag that fits best, if there is one. The verdict is read off the table that is there
afterwards (of DuckDB in its own format) and what was said, in a few words.
"""

import gzip
import io
import json
import re
import sqlite3
import subprocess

TOOLS = ["rowmill", "sqlite3", "sqlite-utils", "csvs-to-sqlite", "DuckDB", "qsv", "csvkit"]
# How each tool loads in.csv into a table of a new database.
LOADERS = {
    "rowmill": "rowmill load in.csv out.db --table t",
    "sqlite3": "sqlite3 out.db '.import --csv in.csv t'",
    "sqlite-utils": "sqlite-utils insert out.db t in.csv --csv",
    "csvs-to-sqlite": "csvs-to-sqlite in.csv out.db -t t",
    "DuckDB": "duckdb out.duckdb \"CREATE TABLE t AS FROM read_csv('in.csv', header = true)\"",
    "qsv": "qsv to sqlite out.db in.csv",
    "csvkit": "csvsql --db sqlite:///out.db --tables t --insert in.csv",
}
# Enough for several batches of rowmill's, and for a figure that is not all start-up.
KILLED, TIMED = 500_000, 200_000


class Outcome:
    """What a command left behind."""

    def __init__(self, folder, code, said, seconds):
        self.folder, self.code, self.said, self.seconds = folder, code, said, seconds
        self.kept = None
        errors = folder / "errors.csv"
        # What is written about rejects is said, too.
        self.told = said + (errors.read_text(errors="replace") if errors.exists() else "")
        # Ids are only there to know rows again: some tools make `1.0` of them.
        rows = self._rows()
        self.rows = rows and [(row[0].removesuffix(".0"), *row[1:]) for row in rows]

    def _rows(self):
        """Rows of the table, as texts; none if there is no table."""
        if (self.folder / "out.duckdb").exists():
            sql = "SELECT * FROM t"
            done = subprocess.run(["duckdb", "out.duckdb", sql], cwd=self.folder, capture_output=True, text=True, check=False)
            return [tuple(line.split("|")) for line in done.stdout.splitlines()] if done.returncode == 0 else None
        path = self.folder / "out.db"
        if not path.exists():
            return None
        connection = sqlite3.connect(path)
        connection.text_factory = lambda value: value.decode(errors="replace")
        try:
            names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('t', 'in')"
            table = connection.execute(names).fetchone()
            return [tuple(map(str, row)) for row in connection.execute(f'SELECT * FROM "{table[0]}"')] if table else None
        except sqlite3.Error:
            return None
        except UnicodeDecodeError:
            return [("names that are no text",)]
        finally:
            connection.close()

    def ids(self):
        return sorted(row[0] for row in self.rows or [])

    def names_line(self, line):
        """Whether a place was told: the line (or the data row before it, as some count)."""
        return re.search(rf"(?<![\w.]){line}(?!\.?\w)", self.told) is not None


class Feature:
    """A job: its files, the commands where they are not the usual ones (None: the tool has none), and a verdict."""

    def __init__(self, title, files, verdict, commands=None, setup=None, kill_bytes=None):
        self.title, self._files, self.verdict = title, files, verdict
        self.commands, self.setup, self.kill_bytes = commands or {}, setup, kill_bytes

    def files(self):
        files = self._files() if callable(self._files) else self._files
        return {name: content if isinstance(content, bytes) else content.encode() for name, content in files.items()}

    def command(self, tool):
        return self.commands.get(tool, LOADERS[tool])


def kept_out(good, line):
    """The good rows and no others are there, and the line of the bad one is told."""

    def verdict(outcome):
        found = outcome.ids()
        if found == sorted(good):
            return f"kept out, line told{'' if outcome.code else ', exit code 0'}" if outcome.names_line(line) else "left out, line not told"
        if not found:
            return "nothing is loaded"
        warned = ", with a warning" if outcome.names_line(line) else ""
        missing = [id for id in good if id not in found]
        return f"{len(missing)} good rows lost{warned}" if missing else f"loaded all the same{warned}"

    return verdict


def is_loaded(expected):
    """These rows are there, to the letter."""

    def verdict(outcome):
        if not outcome.rows:
            return "refused" if outcome.code else "nothing is loaded"
        return "yes" if sorted(outcome.rows) == sorted(expected) else f"not so: `{' '.join(outcome.rows[0])}`"[:60]

    return verdict


def after_a_kill(outcome):
    rows = outcome.ids()
    exact = len(rows) == KILLED and len(set(rows)) == KILLED
    if not exact:
        return f"{len(rows):,} rows" + (" (refused)" if outcome.code else "")
    return "goes on" if outcome.kept else "begins anew"


def run_twice(outcome):
    count = len(outcome.rows or [])
    words = {3: "no row twice", 6: "every row twice", 7: "every row twice, and the header"}.get(count, f"{count} rows of 3")
    return words + (", refused" if outcome.code else "")


def sheet_is_loaded(outcome):
    if len(outcome.rows or []) == 2:
        return "yes"
    if "xtension" in outcome.said:
        return "by an extension, a download"
    return "refused, by its name" if "spreadsheet" in outcome.said else "refused"


def says(*words):
    """The command ends well, and says all of these."""

    def verdict(outcome):
        if "allowed variants" in outcome.said:
            return "not in this build"
        return "yes" if all(word in outcome.told for word in words) else "no"

    return verdict


def faults_told(outcome):
    told = outcome.told + "".join(path.read_text() for path in outcome.folder.glob("in.csv.*"))
    if not outcome.code or not all(word in told for word in ("zip", "age")):
        return "not told"
    if outcome.names_line(3):
        return "yes"
    return "yes, by the record's number" if outcome.names_line(2) else "not told"


def in_seconds(outcome):
    peak = int((outcome.folder / "peak.txt").read_text().split()[-1]) * 1024 / 1e6
    return f"{outcome.seconds:.1f} s, {peak:,.0f} MB"


def many(count):
    rows = "".join(f"{number},name {number},{number * 7 % 1000}.5\n" for number in range(count))
    return {"in.csv": "id,name,amount\n" + rows}


def workbook():
    """An Excel file with two rows, by hand: a zip of XML."""
    import zipfile

    sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    for number, cells in enumerate([("id", "name"), (1, "Ada"), (2, "Grace")], 1):
        kinds = "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' if isinstance(cell, str) else f"<c><v>{cell}</v></c>" for cell in cells)
        sheet += f'<row r="{number}">{kinds}</row>'
    main, office = "http://schemas.openxmlformats.org/", "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{main}package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{office}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{office}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{main}package/2006/relationships"><Relationship Id="r1" '
        f'Type="{main}officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}spreadsheetml/2006/main" xmlns:r="{main}officeDocument/2006/relationships"><sheets>'
        '<sheet name="people" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{main}package/2006/relationships"><Relationship Id="r1" '
        f'Type="{main}officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": sheet + "</sheetData></worksheet>",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return {"in.xlsx": packed.getvalue()}


PEOPLE = "id,name\n1,Ada\n2,Grace\n"
TWO = [("1", "Ada"), ("2", "Grace")]
CONTRACT = {
    "schema.json": json.dumps({"fields": [{"name": "zip", "type": "string", "constraints": {"pattern": "[0-9]{5}"}}, {"name": "age", "type": "integer", "constraints": {"maximum": 130}}]}),
    "json-schema.json": json.dumps({"type": "object", "properties": {"zip": {"type": "string", "pattern": "^[0-9]{5}$"}, "age": {"type": "integer", "maximum": 130}}}),
    "in.csv": "zip,age\n12345,30\n1234x,131\n",
}
SHOP = (
    "CREATE TABLE shops (shop INTEGER PRIMARY KEY); INSERT INTO shops VALUES (1), (2); CREATE TABLE t (id INTEGER PRIMARY KEY, shop INTEGER "
    "REFERENCES shops, amount INTEGER CHECK (amount >= 0))"
)


def timed(command):
    return f"/usr/bin/time -f %M -o peak.txt {command}"


FEATURES = [
    Feature(
        "`x` in a column declared INTEGER",
        {"in.csv": "id,n\n1,10\n2,x\n3,30\n"},
        kept_out(["1", "3"], 3),
        {
            "rowmill": "rowmill load in.csv out.db --table t --types n=integer",
            "sqlite3": "sqlite3 out.db 'CREATE TABLE t (id INTEGER, n INTEGER)' '.import --csv --skip 1 in.csv t'",
            "sqlite-utils": "sqlite-utils create-table out.db t id integer n integer && sqlite-utils insert out.db t in.csv --csv",
            "csvs-to-sqlite": "csvs-to-sqlite in.csv out.db -t t --shape 'id:id(INTEGER),n:n(INTEGER)'",
            "DuckDB": "duckdb out.duckdb \"CREATE TABLE t AS FROM read_csv('in.csv', types = {'n': 'BIGINT'}, store_rejects = true); SELECT line, error_message FROM reject_errors\"",
        },
    ),
    Feature(
        "a record with a field too few",
        {"in.csv": "id,a,b\n1,x,y\n2,z\n3,p,q\n"},
        kept_out(["1", "3"], 3),
        {"DuckDB": "duckdb out.duckdb \"CREATE TABLE t AS FROM read_csv('in.csv', header = true, store_rejects = true); SELECT line, error_message FROM reject_errors\""},
    ),
    Feature(
        "a quote that is never closed",
        {"in.csv": 'id,a\n1,x\n2,"open\n3,y\n4,z\n'},
        kept_out(["1", "3", "4"], 3),
        {"DuckDB": "duckdb out.duckdb \"CREATE TABLE t AS FROM read_csv('in.csv', header = true, store_rejects = true); SELECT line, error_message FROM reject_errors\""},
    ),
    Feature(
        "a key that comes twice",
        {"in.csv": "id,a\n1,x\n2,y\n1,z\n"},
        kept_out(["1", "2"], 4),
        {
            "rowmill": "rowmill load in.csv out.db --table t --key id",
            "sqlite3": "sqlite3 out.db 'CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)' '.import --csv --skip 1 in.csv t'",
            "sqlite-utils": "sqlite-utils insert out.db t in.csv --csv --pk id --ignore",
            "csvs-to-sqlite": "csvs-to-sqlite in.csv out.db -t t -pk id",
            "DuckDB": "duckdb out.duckdb \"CREATE TABLE t (id BIGINT PRIMARY KEY, a VARCHAR); INSERT OR IGNORE INTO t FROM read_csv('in.csv')\"",
            "qsv": "qsv dedup --select id in.csv -o t.csv && qsv to sqlite out.db t.csv",
            "csvkit": "csvsql --db sqlite:///out.db --tables t --insert --unique-constraint id in.csv",
        },
    ),
    Feature(
        "rows that break a CHECK or a foreign key of a table that is there",
        {"in.csv": "id,shop,amount\n1,1,10\n2,1,-5\n3,9,20\n4,2,5\n"},
        kept_out(["1", "4"], 3),
        {
            "sqlite3": "sqlite3 out.db 'PRAGMA foreign_keys = ON' '.import --csv --skip 1 in.csv t'",
            "csvkit": "csvsql --db sqlite:///out.db --tables t --insert --no-create in.csv",
            "DuckDB": f"duckdb out.duckdb \"{SHOP}; INSERT INTO t FROM read_csv('in.csv')\"",
            "csvs-to-sqlite": "csvs-to-sqlite in.csv out.db -t t",
            "qsv": None,
        },
        setup=f"sqlite3 out.db '{SHOP}'",
    ),
    Feature("`01234` stays as it is", {"in.csv": "id,zip\n1,01234\n2,10001\n"}, is_loaded([("1", "01234"), ("2", "10001")])),
    Feature(
        "fields between semicolons, not told",
        {"in.csv": "id;name\n1;Ada\n2;Grace\n"},
        is_loaded(TWO),
        {"sqlite-utils": "sqlite-utils insert out.db t in.csv --csv --sniff"},
    ),
    Feature(
        "Latin-1",
        {"in.csv": "id,name\n1,Zürich\n2,Genève\n".encode("latin-1")},
        is_loaded([("1", "Zürich"), ("2", "Genève")]),
        {
            "rowmill": "rowmill load in.csv out.db --table t --encoding latin1",
            "sqlite-utils": "sqlite-utils insert out.db t in.csv --csv --encoding latin-1",
            "DuckDB": "duckdb out.duckdb \"CREATE TABLE t AS FROM read_csv('in.csv', header = true, encoding = 'latin-1')\"",
            "qsv": "qsv input --encoding-errors strict in.csv -o t.csv && qsv to sqlite out.db t.csv",
            "csvkit": "csvsql -e latin1 --db sqlite:///out.db --tables t --insert in.csv",
        },
    ),
    Feature(
        "UTF-16, as Excel writes it",
        {"in.csv": PEOPLE.encode("utf-16")},
        is_loaded(TWO),
        {
            "sqlite-utils": "sqlite-utils insert out.db t in.csv --csv --encoding utf-16",
            "DuckDB": "duckdb out.duckdb \"CREATE TABLE t AS FROM read_csv('in.csv', header = true, encoding = 'utf-16')\"",
            "csvkit": "csvsql -e utf-16 --db sqlite:///out.db --tables t --insert in.csv",
        },
    ),
    Feature(
        "a file packed with gzip, as it is",
        {"in.csv.gz": gzip.compress(PEOPLE.encode())},
        is_loaded(TWO),
        {tool: command.replace("in.csv", "in.csv.gz") for tool, command in LOADERS.items()},
    ),
    Feature(
        "JSON Lines",
        {"in.jsonl": '{"id": 1, "name": "Ada"}\n{"id": 2, "name": "Grace"}\n'},
        is_loaded(TWO),
        {
            "rowmill": "rowmill load in.jsonl out.db --table t",
            "sqlite3": None,
            "sqlite-utils": "sqlite-utils insert out.db t in.jsonl --nl",
            "csvs-to-sqlite": None,
            "DuckDB": "duckdb out.duckdb \"CREATE TABLE t AS FROM read_json('in.jsonl')\"",
            "qsv": "qsv jsonl in.jsonl -o in.csv && qsv to sqlite out.db in.csv",
            "csvkit": "in2csv -f ndjson in.jsonl > in.csv && csvsql --db sqlite:///out.db --tables t --insert in.csv",
        },
    ),
    Feature(
        "an Excel sheet",
        workbook,
        sheet_is_loaded,
        {
            "rowmill": "rowmill load in.xlsx out.db --table t",
            "sqlite3": None,
            "sqlite-utils": None,
            "csvs-to-sqlite": None,
            "DuckDB": "duckdb out.duckdb \"CREATE TABLE t AS FROM read_xlsx('in.xlsx')\"",
            "qsv": "qsv excel in.xlsx -o in.csv && qsv to sqlite out.db in.csv",
            "csvkit": "in2csv in.xlsx > in.csv && csvsql --db sqlite:///out.db --tables t --insert in.csv",
        },
    ),
    Feature(
        "the same command a second time",
        {"in.csv": PEOPLE + "3,Alan\n"},
        run_twice,
        {tool: f"{command}; {command}" for tool, command in LOADERS.items()} | {"rowmill": "rowmill load in.csv out.db --table t --once; rowmill load in.csv out.db --table t --once"},
    ),
    Feature(f"killed in the middle of {KILLED:,} rows, then the same command again", lambda: many(KILLED), after_a_kill, kill_bytes=9_000_000),
    Feature(f"{TIMED:,} rows of 3 columns: time and peak memory", lambda: many(TIMED), in_seconds, {tool: timed(command) for tool, command in LOADERS.items()}),
    Feature(
        "what is in each column: NULLs, least, greatest",
        {"in.csv": "id,n\n1,10\n2,\n3,997\n"},
        says("10", "997", "1"),
        {
            "rowmill": "rowmill schema in.csv",
            "sqlite3": None,
            "sqlite-utils": "sqlite-utils insert out.db t in.csv --csv --empty-null && sqlite-utils analyze-tables out.db t",
            "csvs-to-sqlite": None,
            "DuckDB": "duckdb :memory: \"SUMMARIZE FROM 'in.csv'\"",
            "qsv": "qsv stats in.csv",
            "csvkit": "csvstat in.csv",
        },
    ),
    Feature(
        "rules for values in a file: faults told with their line",
        CONTRACT,
        faults_told,
        {
            "rowmill": "rowmill check in.csv --schema schema.json --all-errors",
            "sqlite3": None,
            "sqlite-utils": None,
            "csvs-to-sqlite": None,
            "DuckDB": None,
            "qsv": "qsv validate in.csv json-schema.json; code=$?; cat in.csv.validation-errors.tsv; exit $code",
            "csvkit": None,
        },
    ),
    Feature(
        "SQL over a file, without a database",
        {"in.csv": "id,n\n1,10\n2,997\n"},
        says("1007"),
        {
            "rowmill": None,
            "sqlite3": "sqlite3 :memory: '.import --csv in.csv t' 'SELECT sum(n) FROM t'",
            "sqlite-utils": "sqlite-utils memory in.csv 'SELECT sum(n) FROM t'",
            "csvs-to-sqlite": None,
            "DuckDB": "duckdb :memory: \"SELECT sum(n) FROM 'in.csv'\"",
            "qsv": "qsv sqlp in.csv 'SELECT sum(n) FROM _t_1'",
            "csvkit": "csvsql --tables t --query 'SELECT sum(n) FROM t' in.csv",
        },
    ),
]
