"""Loads on Spark, with executors in processes of their own, beside loads on this machine: the same rows, the same errors file."""

import ast
import datetime
import decimal
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow
import pyarrow.fs
import pyarrow.parquet
import pytest

import rowmill
import rowmill.spark
from rowmill._shards import Folder, Table

# What is dirty about inputs, and with which options they are loaded.
CASES = {
    "a repeated key": ({"a.csv": "id,name\n1,Ada\n2,Grace\n1,Ada again\n3,Alan\n2,Grace again\n1,once more\n"}, {"key": "id"}),
    "a composite key in two files": (
        {"a.csv": "shop,day,sum\nx,2024-01-01,1.5\ny,2024-01-01,2.5\nx,2024-01-01,9\n", "b.csv": "shop,day,sum\nx,2024-01-01,3\nz,2024-01-02,4\n"},
        {"key": ["shop", "day"]},
    ),
    "keys that are NULL": ({"a.csv": "id,name\n,a\n,b\n1,c\n1,d\n"}, {"key": "id"}),
    "a key of texts": ({"a.csv": 'word,n\n"a, b",1\na,2\n"a, b",3\nä,4\nA,5\n"a\nb",6\n"a\nb",7\n'}, {"key": "word"}),
    "line ends in quotes": ({"a.csv": 'id,text\n1,"one\ntwo\n\nthree"\n2,"four\r\nfive"\n3,six\n'}, {}),
    "a quote that is never closed": ({"a.csv": 'id,text\n1,"open\n2,good\n3,good\n4,good\n'}, {}),
    "text after a quote": ({"a.csv": 'id,text\n1,"a"b\n2,"c"\n3,"d" \n4,e"f\n'}, {}),
    "records too short and too long": ({"a.csv": "a,b,c\n1,2,3\n1,2\n1,2,3,4\n\n5,6,7\n"}, {}),
    "lines that end with CR LF, and a byte order mark": ({"a.csv": "\ufeffid,name\r\n1,Ada\r\n2,\r\n\r\n3,x,y\r\n"}, {}),
    "bytes that are no UTF-8, and NULs": ({"a.csv": b"id,name\n1,caf\xe9\n2,\xff\xfe\n3,a\x00b\n4,good\n"}, {}),
    "values that do not fit": (
        {"a.csv": "n,r,b,d,m\n1,1.5,yes,2024-01-01,1.25\nx,2,no,2024-13-01,2\n3,nan,maybe,2024-02-29,3.999\n4,,true,,4.5\n"},
        {"types": {"n": "integer", "r": "real", "b": "boolean", "d": "date", "m": "decimal(2)"}},
    ),
    "semicolons, decimal commas and a missing line end": ({"a.csv": "id;sum;at\n1;1,5;2024-01-01 10:00\n2;x;2024-01-01T10:00Z\n3;2,25;"}, {"decimal_comma": True, "types": {"sum": "real"}}),
}


@pytest.fixture(scope="session")
def spark():
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master(os.environ.get("ROWMILL_SPARK_MASTER", "local-cluster[2,1,1024]"))
    session = session.config("spark.sql.shuffle.partitions", "4").config("spark.ui.enabled", "false").config("spark.task.maxFailures", "8")
    session = session.config("spark.executorEnv.PYSPARK_PYTHON", sys.executable).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_stored(value):
    """A value as SQLite has it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, decimal.Decimal):
        return int(value.scaleb(2))
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def in_database(database):
    connection = sqlite3.connect(database)
    try:
        return sorted(connection.execute("SELECT * FROM t").fetchall(), key=repr)
    finally:
        connection.close()


def in_parquet(folder):
    rows = pyarrow.parquet.read_table(folder).to_pylist()
    return sorted((tuple(map(as_stored, row.values())) for row in rows), key=repr)


def compare(spark, folder, paths, options, **how):
    """Loads both ways, and returns the report of Spark's."""
    single = rowmill.load(paths, "single.db", table="t", errors="single.csv", **options)
    report = rowmill.spark.load(spark, paths, f"file://{folder}/out", errors="spark.csv", **how, **options)
    assert in_parquet("out/rows") == in_database("single.db")
    assert Path("spark.csv").read_bytes() == Path("single.csv").read_bytes()
    assert (report.records, report.loaded, report.rejected, report.duplicates) == (single.records, single.loaded, single.rejected, single.duplicates)
    assert report.identity_holds and report.by_code == single.by_code and report.key == single.key
    return report


@pytest.mark.parametrize("case", CASES)
def test_dirty_inputs_give_the_same_rows_and_rejects(spark, folder, case):
    files, options = CASES[case]
    for name, content in files.items():
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    paths = [str(folder / name) for name in files]
    report = compare(spark, folder, paths, options, range_bytes=7)
    assert report.ranges > 1


def dirty(path, records):
    """A file in which about one record of ten is bad or repeats a key."""
    chance = random.Random(1)
    with open(path, "w") as out:
        out.write("id,name,amount,day\n")
        for number in range(records):
            kind = chance.randrange(30)
            id = chance.randrange(number + 1) if kind == 0 else number
            name = ['"quoted, ""name"""', '"on two\nlines"', "plain", '"bad"quote', ""][min(chance.randrange(60), 4) if kind == 1 else 2]
            amount = "much" if kind == 2 else f"{number / 8:.3f}"
            out.write(f"{id},{name},{amount},2024-01-{1 + number % 28:02}{',more' if kind == 3 else ''}\n")


OPTIONS = {"key": "id", "types": {"amount": "real", "id": "integer", "day": "date"}}


def test_many_dirty_records_give_the_same(spark, folder):
    dirty("many.csv", int(os.environ.get("ROWMILL_SPARK_RECORDS", "200000")))
    report = compare(spark, folder, [str(folder / "many.csv")], OPTIONS, range_bytes=1 << 20)
    assert report.duplicates > 100 and report.rejected > 100


def executors(spark):
    """The processes of executors that this session has."""
    parent = spark.sparkContext._gateway.proc.pid
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words, state = (process / "cmdline").read_bytes(), (process / "stat").read_text()
        except OSError:
            continue
        # The name of the command, in brackets, may hold anything; the parent is the second word after it.
        if b"CoarseGrainedExecutorBackend" in words and int(state.rsplit(")", 1)[1].split()[1]) == parent:
            found.append(int(process.name))
    return found


def kill_in(spark, monkeypatch, stage, after):
    """Kills an executor so many seconds after a stage has begun, whatever it does then; the list has it then."""
    killed = []

    def begin(name):
        if name == stage:
            threading.Timer(after, kill).start()

    def kill():
        victims = executors(spark)
        if victims:
            os.kill(victims[0], signal.SIGKILL)
            killed.append(victims[0])

    monkeypatch.setattr(rowmill.spark._Clock, "begun", staticmethod(begin))
    return killed


@pytest.mark.skipif("local-cluster" not in os.environ.get("ROWMILL_SPARK_MASTER", "local-cluster"), reason="there are no executors to kill")
@pytest.mark.parametrize("stage", ["scan", "judge", "duplicates", "rejects", "rows"])
def test_an_executor_that_is_killed_changes_nothing(spark, folder, monkeypatch, stage):
    dirty("many.csv", 60_000)
    killed = kill_in(spark, monkeypatch, stage, after=0.7)
    compare(spark, folder, [str(folder / "many.csv")], OPTIONS, range_bytes=100_000)
    assert killed


def test_an_input_that_changes_between_the_passes_fails_the_load(spark, folder, monkeypatch):
    def change(stage):
        if stage == "judge":
            change.how()

    monkeypatch.setattr(rowmill.spark._Clock, "begun", staticmethod(change))
    path = folder / "a.csv"
    text = "id,name\n" + "".join(f"{number},name\n" for number in range(100))

    def shorten():
        path.write_text(text[:-20])

    def rewrite():
        path.write_text(text.replace("50,name", "50,n,me"))

    for number, change.how in enumerate((shorten, rewrite)):
        path.write_text(text)
        with pytest.raises(Exception, match="changed while it was being"):
            rowmill.spark.load(spark, str(path), f"file://{folder}/out{number}", range_bytes=300)
        assert not (folder / f"out{number}/rows").exists()


def test_nothing_that_is_there_is_written_over(spark, folder):
    Path("a.csv").write_text("id\n1\n")
    rowmill.spark.load(spark, str(folder / "a.csv"), f"file://{folder}/out")
    before = sorted(os.listdir("out/rows"))
    with pytest.raises(Exception, match="ALREADY_EXISTS|already exists"):
        rowmill.spark.load(spark, str(folder / "a.csv"), f"file://{folder}/out")
    assert sorted(os.listdir("out/rows")) == before


def in_shards(folder):
    """The rows of all shards, by their view, as it is used: from within the folder."""
    told = subprocess.run(
        [sys.executable, "-c", "import sqlite3, sys; c = sqlite3.connect(':memory:'); c.executescript(open('shards.sql').read()); "
         "print(c.execute('SELECT * FROM rows').fetchall())"],
        cwd=folder, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return sorted(ast.literal_eval(told.stdout), key=repr)


@pytest.mark.parametrize("case", ["a repeated key", "a composite key in two files", "keys that are NULL", "values that do not fit"])
def test_shards_have_the_rows_of_a_load(spark, folder, case):
    files, options = CASES[case]
    for name, content in files.items():
        Path(name).write_text(content)
    paths = [str(folder / name) for name in files]
    single = rowmill.load(paths, "single.db", table="t", errors="single.csv", **options)
    report = rowmill.spark.load(spark, paths, f"file://{folder}/out", errors="spark.csv", shards=3, range_bytes=7, **options)
    assert in_shards("out/shards") == in_database("single.db")
    assert Path("spark.csv").read_bytes() == Path("single.csv").read_bytes()
    assert report.identity_holds and report.loaded == single.loaded == sum(shard.rows for shard in report.shards)
    with pytest.raises(FileExistsError):
        rowmill.spark._Sharded(f"file://{folder}/out/shards", 3, None).folder.begin()


@pytest.mark.skipif("local-cluster" not in os.environ.get("ROWMILL_SPARK_MASTER", "local-cluster"), reason="there are no executors to kill")
def test_many_records_go_into_shards_though_an_executor_is_killed(spark, folder, monkeypatch):
    dirty("many.csv", 200_000)
    killed = kill_in(spark, monkeypatch, "rows", after=2.0)
    rowmill.load("many.csv", "single.db", table="t", errors="single.csv", **OPTIONS)
    report = rowmill.spark.load(spark, str(folder / "many.csv"), f"file://{folder}/out", shards=4, range_bytes=1 << 20, **OPTIONS)
    assert killed and report.identity_holds and report.view == f"file://{folder}/out/shards/shards.sql"
    assert in_shards("out/shards") == in_database("single.db")
    # All have about as many rows, and nothing else is left.
    assert len(report.shards) == 4 and min(shard.rows for shard in report.shards) > 40_000
    assert sorted(os.listdir("out/shards")) == [*(shard.name for shard in report.shards), "shards.sql"]


def test_more_shards_than_sqlite_attaches_have_no_view(spark, folder):
    Path("a.csv").write_text("id\n" + "".join(f"{number}\n" for number in range(200)))
    report = rowmill.spark.load(spark, str(folder / "a.csv"), f"file://{folder}/out", shards=12, table="ids")
    assert len(report.shards) == 12 and report.view is None and "attaches 10" in report.notices[-1]
    ids = []
    for shard in report.shards:
        connection = sqlite3.connect(f"out/shards/{shard.name}")
        ids += [id for id, in connection.execute("SELECT id FROM ids")]
        connection.close()
    assert sorted(ids) == list(range(200))
    with pytest.raises(TypeError, match="save_format"):
        rowmill.spark.load(spark, "a.csv", "out", shards=2, save_format="orc")
    with pytest.raises(ValueError, match="not 0"):
        rowmill.spark.load(spark, "a.csv", "out", shards=0)


def test_the_command_loads(folder):
    Path("a.csv").write_text("id,name\n1,Ada\n2,Grace\n2,Grace again\n")
    environment = {**os.environ, "SPARK_SUBMIT_FLAGS": "--master local[1] --conf spark.ui.enabled=false"}
    script = Path(__file__).parents[2] / "scripts/spark_load"
    words = [script, folder / "a.csv", f"file://{folder}/out", "--key", "id", "--shards", "2", "--errors", "errors.csv", "--report", "report.json"]
    told = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert told.returncode == 0, told.stderr
    report = json.loads(Path("report.json").read_text())
    assert (report["loaded"], report["duplicates"], json.loads(told.stdout)) == (2, 1, report)
    assert in_shards("out/shards") == [(1, "Ada"), (2, "Grace")]
    assert "duplicate_key" in Path("errors.csv").read_text()


def test_inputs_come_from_fsspec(spark, folder):
    fsspec = pytest.importorskip("fsspec")
    dirty("many.csv", 5_000)
    single = rowmill.load("many.csv", "single.db", table="t", errors="single.csv", **OPTIONS)
    inputs, filesystem = str(folder / "many.csv"), fsspec.filesystem("file")
    report = rowmill.spark.load(spark, inputs, f"file://{folder}/out", filesystem=filesystem, range_bytes=50_000, **OPTIONS)
    assert in_parquet("out/rows") == in_database("single.db")
    assert report.by_code == single.by_code and report.identity_holds


def test_inputs_come_from_an_object_store(spark, folder):
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        store = pyarrow.fs.S3FileSystem(access_key="test", secret_key="test", endpoint_override=f"http://127.0.0.1:{port}", region="us-east-1", allow_bucket_creation=True)
        store.create_dir("inputs")
        dirty("many.csv", 5_000)
        with store.open_output_stream("inputs/many.csv") as out:
            out.write(Path("many.csv").read_bytes())
        single = rowmill.load("many.csv", "single.db", table="t", errors="single.csv", **OPTIONS)
        report = rowmill.spark.load(spark, "s3://inputs/many.csv", f"file://{folder}/out", filesystem=store, range_bytes=50_000, **OPTIONS)
        assert in_parquet("out/rows") == in_database("single.db")
        assert report.by_code == single.by_code and report.identity_holds
        put_shards_into(store)
    finally:
        server.stop()


def put_shards_into(store):
    """As executors and driver do: here Spark itself does not write to the store."""
    shards = Folder("inputs/shards", store)
    shards.begin()
    schema = pyarrow.schema([("id", pyarrow.int64())])
    made = shards.make(0, Table("rows", schema, ["id"], 8 << 20), [pyarrow.RecordBatch.from_pydict({"id": [1, 2]}, schema=schema)])
    shards.write_view(shards.put([made]), "rows")
    shards.end()
    there = store.get_file_info(pyarrow.fs.FileSelector("inputs/shards", recursive=True))
    assert sorted(file.base_name for file in there if file.is_file) == ["shard-00000.db", "shards.sql"]
    with pytest.raises(FileExistsError):
        shards.begin()


def test_a_data_source_reads_rows(spark, folder):
    spark.dataSource.register(rowmill.spark.RowmillSource)
    Path("a.csv").write_text("id;name\n1;Ada\n2;Grace\n")
    read = spark.read.format("rowmill").option("delimiter", ";").load(str(folder / "a.csv"))
    assert [tuple(row) for row in read.orderBy("id").collect()] == [(1, "Ada"), (2, "Grace")]
    Path("b.csv").write_text("id,name\n1,Ada\n2\n")
    with pytest.raises(Exception, match="line 3: missing_columns"):
        spark.read.format("rowmill").load(str(folder / "b.csv")).collect()
    assert spark.read.format("rowmill").option("rejects", "drop").load(str(folder / "b.csv")).count() == 1


def test_the_recipe_of_the_readme(spark, folder, capsys):
    readme = Path(__file__).resolve().parents[2] / "README.md"
    recipe = readme.read_text().split("\n### On Spark\n")[1].split("```py\n")[1].split("```")[0]
    assert "/data/" in recipe
    Path("a.csv").write_text("id,name\n1,Ada\n2,Grace\n")
    Path("b.csv").write_text("id,name\n2,Grace again\n3,Alan\n4\n")
    names = {}
    exec(compile(recipe.replace("/data/", f"{folder}/"), "README.md", "exec"), names)
    report = names["report"]
    assert (report.loaded, report.rejected, report.duplicates) == (3, 1, 1)
    assert Path("errors.csv").read_text().count("\n") == 3
    assert "Alan" in capsys.readouterr().out
