"""Loads that are stopped: what was read is committed, and the same call goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import rowmill

ROWS = 600_000


def numbers():
    """More than a load with little memory has in flight, in a file."""
    with open("numbers.csv", "w") as out:
        out.write("number,text\n")
        out.writelines(f"{number},some text that takes room {number}\n" for number in range(ROWS))


def load(**options):
    return rowmill.load("numbers.csv", "numbers.db", types={"number": "integer"}, batch_rows=5000, memory="48MiB", threads=1, **options)


def go_on(rows):
    """The same call ends the load, and no record is there twice, or missing."""
    [(before,)] = rows("numbers.db", "SELECT count(*) FROM numbers")
    assert before < ROWS
    report = load()
    assert (report.outcome, report.loaded, report.records) == ("complete", ROWS, ROWS)
    assert rows("numbers.db", "SELECT count(*), count(DISTINCT number), max(number) FROM numbers") == [(ROWS, ROWS, ROWS - 1)]
    return before


def once(action):
    """What does `action` when the load begins to write rows."""
    calls = []

    def progress(told):
        if told.phase == "load" and told.records and not calls:
            calls.append(told)
            action()

    return progress


def test_what_a_callback_raises_stops_the_load_and_comes_out(folder, rows):
    numbers()
    with pytest.raises(ZeroDivisionError):
        load(progress=once(lambda: 1 / 0))
    assert go_on(rows) > 0


def test_ctrl_c_stops_the_load_which_says_how_far_it_got(folder, rows):
    numbers()
    with pytest.raises(rowmill.Interrupted) as stopped:
        load(progress=once(lambda: signal.raise_signal(signal.SIGINT)))
    report = stopped.value.report
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert (report.outcome, report.resumable, report.exit_code) == ("interrupted", True, 130)
    assert go_on(rows) == report.loaded > 0


def test_other_handlers_may_raise_too(folder, rows):
    class Alarm(Exception):
        pass

    def ring(*_):
        raise Alarm

    numbers()
    before = signal.signal(signal.SIGUSR1, ring)
    try:
        with pytest.raises(Alarm):
            load(progress=once(lambda: signal.raise_signal(signal.SIGUSR1)))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert go_on(rows) > 0


def test_ctrl_c_is_heard_while_a_load_waits_for_its_input(folder):
    os.mkfifo("feed")
    program = "import rowmill\ntry:\n    rowmill.load('feed', 'x.db', table='t')\nexcept rowmill.Interrupted as stop:\n    print(stop.report.outcome)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    # Opening it waits until the load has.
    with open("feed", "w") as feed:
        feed.write("n\n1\n")
        feed.flush()
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate()
    assert (said, process.returncode) == (b"interrupted\n", 0)


def test_the_command_stops_as_the_binary_does(folder):
    os.mkfifo("feed")
    process = subprocess.Popen([Path(sys.executable).with_name("rowmill"), "load", "feed", "x.db", "--table", "t"], stderr=subprocess.PIPE)
    with open("feed", "w") as feed:
        feed.write("n\n1\n")
        feed.flush()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert process.returncode == 143 and b"Traceback" not in said and b"note: stopping" in said, said


def test_the_command_stops_at_ctrl_c_without_a_traceback(folder):
    os.mkfifo("feed")
    process = subprocess.Popen([sys.executable, "-m", "rowmill", "load", "feed", "x.db", "--table", "t"], stderr=subprocess.PIPE)
    with open("feed", "w") as feed:
        feed.write("n\n1\n")
        feed.flush()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130 and b"Traceback" not in said, said
