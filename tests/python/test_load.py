"""What the functions do, and that they do what the command does."""

import copy
import json
import logging
import os
import pickle
import re
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import rowmill

ROOT = Path(__file__).resolve().parents[2]


def holds(report):
    """Whether its counts add up."""
    return report.identity_holds and report.records == report.loaded + report.updated + report.rejected + report.duplicates + report.pending


def test_a_load_gives_the_table_the_errors_file_and_the_report_of_the_command(people, rows):
    report = rowmill.load("people.csv", "people.db", key="id", types={"id": "integer"})
    assert (report.outcome, report.exit_code, report.loaded, report.rejected, report.duplicates) == ("complete", 2, 3, 2, 1)
    assert holds(report)
    assert report.by_code == {"invalid_quote": 1, "type_error": 1, "duplicate_key": 1}
    assert rows("people.db", "SELECT * FROM people") == [(1, "Ada", "01234"), (2, "Grace", "10001"), (5, "Donald", "94305")]
    command = [sys.executable, "-m", "rowmill", "load", "people.csv", "command.db", "--key", "id", "--types", "id=integer", "--errors", "command.csv",
               "--report", "command.json", "--quiet"]
    assert subprocess.run(command).returncode == 2
    assert Path("errors.csv").read_bytes() == Path("command.csv").read_bytes()
    of_command = json.loads(Path("command.json").read_text())
    of_module = report.as_dict()
    assert of_module.keys() == of_command.keys()
    for name in ("records", "loaded", "by_code", "columns", "key", "write_path", "batch_rows", "outcome", "exit_code"):
        assert of_module[name] == of_command[name], name


def test_a_report_is_plain_to_look_at_and_can_be_copied(people):
    report = rowmill.load(people, "people.db", key=["id"])
    assert (report.inputs[0].records, report.columns[0].type, report.columns[0].name) == (6, "text", "id")
    assert str(report).startswith("loaded 4 rows into table people of people.db\n")
    assert "loaded=4" in repr(report) and "loaded" in dir(report)
    for other in (pickle.loads(pickle.dumps(report)), copy.deepcopy(report)):
        assert other == report and str(other) == str(report)
    with pytest.raises(AttributeError, match="LoadReport has no 'lodaed'"):
        report.lodaed


def test_options_are_lists_pairs_and_paths_whatever_is_in_their_names(folder, rows):
    Path("-odd, name=.csv").write_text('"last, first",a=b,"say ""x""",n,x\n1,2,3,NA,y\n4,5,6,-,y\n')
    report = rowmill.load(
        [Path("-odd, name=.csv")],
        b"\xff.db",
        table="t",
        key=["last, first", "a=b"],
        types={"last, first": "integer", 'say "x"': "real"},
        rename={"x": "of=x"},
        const={"year": 2024},
        null=["NA", "-"],
        index=[["n"], ["a=b", "n"]],
        max_errors={"type_error": 5, "rule_failed": "1%"},
        on_duplicate={"update": ["n"]},
        errors=b"errors \xfe.csv",
        threads=1,
        memory="64MiB",
    )
    assert (report.loaded, report.rejected, report.key) == (2, 0, ["last, first", "a=b"])
    assert rows(b"\xff.db", "SELECT * FROM t") == [(1, 2, 3.0, None, "y", "2024"), (4, 5, 6.0, None, "y", "2024")]
    names = {name for (name,) in rows(b"\xff.db", "SELECT name FROM pragma_table_info('t')")}
    assert names == {"last, first", "a=b", 'say "x"', "n", "of=x", "year"}
    assert len(rows(b"\xff.db", "SELECT * FROM pragma_index_list('t')")) == 3
    assert b"errors \xfe.csv" in os.listdir(b".")


def test_switches_are_true_or_false_and_none_is_not_given(people, rows):
    report = rowmill.load(people, "people.db", text=True, no_header=False, key=None, threads=None)
    assert {column.type for column in report.columns} == {"text"} and report.loaded == 5
    with pytest.raises(TypeError, match="text is True or False"):
        rowmill.load(people, "people.db", text="yes")
    with pytest.raises(TypeError, match="key is not True or False, but a value"):
        rowmill.load(people, "people.db", key=True)
    with pytest.raises(TypeError, match="delimiter cannot be a object"):
        rowmill.load(people, "people.db", delimiter=object())
    with pytest.raises(TypeError, match="unexpected keyword argument 'bathc_rows'; did you mean 'batch_rows'"):
        rowmill.load(people, "people.db", bathc_rows=1)


def test_a_config_file_says_what_is_not_given(people):
    Path("load.toml").write_text('inputs = "people.csv"\ndatabase = "people.db"\nkey = "id"\nthreads = 1\n')
    report = rowmill.load(config="load.toml", threads=2)
    assert (report.loaded, report.threads, report.key) == (4, 2, ["id"])


def test_a_check_makes_no_database(people):
    report = rowmill.check(people, key="id", types={"id": "integer"}, errors="faults.csv")
    assert (report.is_check, report.loaded, report.rejected, report.duplicates) == (True, 3, 2, 1)
    assert sorted(os.listdir()) == ["faults.csv", "people.csv"]


def test_a_schema_is_a_profile_a_table_schema_or_a_text(people, rows):
    profile = rowmill.schema(people)
    assert [(column.name, column.type, column.nulls) for column in profile.columns] == [("id", "text", 0), ("name", "text", 0), ("zip", "text", 0)]
    assert rowmill.schema(people, form="sql").startswith('CREATE TABLE "people" (')
    contract = rowmill.schema(people, form="table-schema")
    contract["fields"][0]["type"] = "integer"
    report = rowmill.load(people, "people.db", schema=contract)
    assert report.columns[0].type == "integer" and report.schema.path is None and report.by_code["type_error"] == 1
    with pytest.raises(rowmill.UsageError, match="form|--as|as"):
        rowmill.schema(people, form="xml")
    with pytest.raises(rowmill.SchemaError) as wrong:
        rowmill.load(people, "other.db", schema={"fields": 7})
    assert wrong.value.exit_code == 78 and not Path("other.db").exists()


def test_mended_rejects_are_loaded_by_a_retry(people, rows):
    rowmill.load(people, "people.db", types={"id": "integer"}, key="id")
    Path("errors.csv").write_text(Path("errors.csv").read_text().replace(",x,type", ",x,type").replace('"x,Edsger', '"3,Edsger'))
    report = rowmill.retry("errors.csv", "people.db", types={"id": "integer"}, key="id")
    assert (report.loaded, report.rejected + report.duplicates) == (1, 2)
    assert rows("people.db", "SELECT name FROM people WHERE id = 3") == [("Edsger",)]


def test_every_kind_of_error_has_a_class():
    kinds = (ROOT / "src/error.rs").read_text().split("pub enum ErrorKind {")[1].split("\n}\n")[0]
    variants = re.findall(r"^    ([A-Z]\w+) \{", kinds, re.MULTILINE)
    assert len(variants) > 10
    for variant in variants:
        class_ = getattr(rowmill, variant + "Error")
        assert issubclass(class_, rowmill.Error) and class_.__name__ in rowmill.__all__


def test_errors_say_what_where_and_what_to_do(people):
    with pytest.raises(rowmill.InputMissingError, match="check the path and its permissions") as error:
        rowmill.load("none.csv", "people.db")
    assert (error.value.exit_code, error.value.path) == (66, "none.csv")
    Path("image.csv").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(rowmill.InputUnusableError) as error:
        rowmill.load("image.csv", "people.db")
    assert (error.value.exit_code, error.value.path) == (65, "image.csv")
    with pytest.raises(rowmill.UsageError, match="`key` names \"nope\", which is not a column") as error:
        rowmill.load(people, "people.db", key="nope")
    assert error.value.exit_code == 64 and isinstance(error.value, ValueError)
    with pytest.raises(rowmill.UsageError, match="^invalid value 'x' for `batch_rows`: invalid digit found in string$"):
        rowmill.load(people, "people.db", batch_rows="x")
    with pytest.raises(rowmill.UsageError, match="the argument `header` cannot be used with `no_header`"):
        rowmill.load(people, "people.db", header=True, no_header=True)
    for nothing in (lambda: rowmill.check([]), lambda: rowmill.load(None, None), lambda: rowmill.schema([])):
        with pytest.raises(rowmill.UsageError, match="needs an input"):
            nothing()
    with pytest.raises(rowmill.OutputCreateError) as error:
        rowmill.load(people, "none/people.db")
    assert error.value.exit_code == 73
    again = pickle.loads(pickle.dumps(error.value))
    assert (type(again), str(again), again.path) == (type(error.value), str(error.value), error.value.path)


def test_a_load_stopped_at_its_limit_is_no_exception(people):
    report = rowmill.load(people, "people.db", types={"id": "integer"}, max_errors=0)
    assert (report.outcome, report.exit_code) == ("error_limit", 3)


def test_a_database_that_this_process_has_open_is_refused_and_nothing_is_lost(people, rows):
    rowmill.load(people, "people.db", text=True)
    os.link("people.db", "linked.db")
    connection = sqlite3.connect("people.db")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO people VALUES ('9', 'Own', '0')")
    for database in ("people.db", "linked.db"):
        with pytest.raises(rowmill.DatabaseBusyError, match="open in this process") as error:
            rowmill.load(people, database, text=True)
        assert error.value.exit_code == 75
    other = subprocess.run([sys.executable, "-c", "import sqlite3; sqlite3.connect('people.db', timeout=0).execute('BEGIN IMMEDIATE')"], stderr=subprocess.PIPE)
    assert b"locked" in other.stderr, "the lock of the connection is still there"
    connection.commit()
    connection.close()
    assert rowmill.load(people, "people.db", text=True, errors="again.csv").loaded == 5
    assert rows("people.db", "SELECT count(*) FROM people") == [(11,)]


def test_two_loads_of_one_process_know_of_each_other(folder):
    os.mkfifo("slow")
    Path("quick.csv").write_text("a\n1\n")
    rowmill.load("quick.csv", "x.db", table="t", errors="quick.errors.csv")
    first = threading.Thread(target=lambda: reports.append(rowmill.load("slow", "x.db", table="t")))
    reports = []
    first.start()
    with open("slow", "w") as feed:
        feed.write("a\n2\n")
        feed.flush()
        with pytest.raises(rowmill.DatabaseBusyError) as error:
            # The first one has the load's lock before it opens its input.
            rowmill.load("quick.csv", "x.db", table="t", errors="quick.errors.csv")
        assert "open in this process" not in str(error.value)
    first.join()
    assert reports[0].loaded == 1


def test_other_threads_run_while_a_load_does(folder):
    """A thread of Python feeds the load: if that kept the interpreter to itself, neither would end."""
    os.mkfifo("feed")

    def feed():
        with open("feed", "w") as out:
            out.write("n\n")
            for number in range(20_000):
                out.write(f"{number}\n")

    feeder = threading.Thread(target=feed)
    feeder.start()
    report = rowmill.load("feed", "x.db", table="t")
    feeder.join()
    assert report.loaded == 20_000 and holds(report)


def test_notes_go_to_the_logger(people, caplog):
    caplog.set_level(logging.DEBUG, "rowmill")
    rowmill.load(people, "people.db", key="id")
    rowmill.load(people, "other.db", text=True)
    notes = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert any("errors.1.csv" in note for note in notes), notes
    details = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]
    assert any(detail.startswith("memory ") for detail in details), details


def test_progress_is_told_of_each_phase_to_its_end(folder):
    Path("n.csv").write_text("n\n" + "".join(f"{number}\n" for number in range(1000)))
    told = []
    report = rowmill.load("n.csv", "n.db", progress=told.append)
    of_load = [progress for progress in told if progress.phase == "load"]
    assert of_load[-1].records == report.records == 1000
    assert of_load[-1].bytes == of_load[-1].total_bytes == os.path.getsize("n.csv")
    assert all(isinstance(progress, rowmill.Progress) for progress in told)
    os.mkdir("two")
    for name in ("a.csv", "b.csv"):
        Path("two", name).write_text("n\n1\n")
    told.clear()
    reports = rowmill.load("two", "two.db", table_per_file=True, progress=told.append).loads
    assert [report.table for report in reports] == ["a", "b"] and isinstance(reports[0], rowmill.LoadReport)
    assert {progress.file for progress in told} == {"two/a.csv", "two/b.csv"}


def test_a_load_is_forgotten(people):
    rowmill.load(people, "people.db", keep_checkpoint=True, errors="errors.csv")
    assert rowmill.forget(database="people.db", table="people") is None
