"""The workbench: folders, inputs that are made once, loads that are run once and looked at by several checks."""

import itertools
import json
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from .processes import Process
from .subjects import Load, Options

PEOPLE_TYPES = "id=integer,name=text,email=text,city=text,balance=real,created=datetime,zip=text,note=text"
# About what a record of the generator's `people` takes.
PEOPLE_ROW_BYTES = 111


class Made:
    """Something that is made once."""

    def __init__(self):
        self.lock, self.done, self.value, self.error = threading.RLock(), False, None, None


class Bench:
    def __init__(self, scale, subjects, generator, workdir=None):
        self.scale = scale
        self.subjects = {subject.name: subject for subject in subjects}
        self.generator = generator
        self.root = Path(tempfile.mkdtemp(prefix="rowmill-evaluate-", dir=workdir)).resolve()
        self.logs = self.root / "logs"
        self.logs.mkdir()
        self.made = {}
        self.lock = threading.Lock()
        self.folders = itertools.count(1)
        # What the charts show: {chart: {name: value}}.
        self.figures = {}

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def once(self, name, make):
        """What `make()` gave the first time; whoever asks meanwhile waits. A failure is remembered, too."""
        with self.lock:
            made = self.made.setdefault(name, Made())
        with made.lock:
            if not made.done:
                made.done = True
                try:
                    made.value = make()
                except Exception as error:  # Handed to every check that asks.
                    made.error = error
        if made.error:
            raise made.error
        return made.value

    def figure(self, chart, name, value):
        self.figures.setdefault(chart, {})[name] = value

    def memory_figure(self, name, series):
        """(seconds, bytes) from start to end, thinned: the highest point of each hundredth of the time."""
        end = series[-1][0] if series else 0
        highest = {}
        for seconds, held in series:
            part = int(100 * seconds / end) if end else 0
            highest[part] = max(highest.get(part, (0, 0)), (held, seconds))
        self.figure("memory over time", name, [[round(seconds, 2), held] for held, seconds in highest.values()])

    def folder(self):
        path = self.root / f"{next(self.folders):04}"
        path.mkdir()
        return path

    def file(self, name, content):
        """The path of an input with this content, given as bytes or as a function that makes them."""

        def make():
            path = self.root / name
            path.write_bytes(content() if callable(content) else content)
            return path

        return self.once(("file", name), make)

    def generate_command(self, shape, rows, bad=0, duplicates=0, seed=1):
        command = [self.generator, shape, "--rows", rows, "--seed", seed, "--bad", bad, "--duplicates", duplicates]
        return [str(part) for part in command]

    def generated(self, shape, rows, **more):
        """A generated file and what it announces: (path, expectation)."""

        def make():
            name = "-".join([shape, str(rows), *(f"{key}{value:g}" for key, value in sorted(more.items()))])
            path, expected = self.root / f"{name}.csv", self.root / f"{name}.json"
            command = self.generate_command(shape, rows, **more) + ["-o", str(path), "--expect", str(expected)]
            subprocess.run(command, check=True)
            return path, json.loads(expected.read_text())

        return self.once(("generated", shape, rows, *sorted(more.items())), make)

    def start(self, subject, source, options=Options(), folder=None, stdin=None, **limits):
        folder = folder or self.folder()
        argv = subject.command(source, options)
        process = Process(argv, folder, self.logs, self.scale, stdin=stdin, **limits)
        process.folder = folder
        return process

    def load(self, subject, source, options=Options(), folder=None, **limits):
        process = self.start(subject, source, options, folder, **limits)
        return Load(subject, process.folder, process.wait())

    def load_stream(self, subject, command, options, **limits):
        """Loads what `command` writes, through a pipe."""
        source = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process = self.start(subject, "-", options, stdin=source.stdout, **limits)
        # The reading end belongs to the subject alone, or the source would never hear that it is gone.
        source.stdout.close()
        load = Load(subject, process.folder, process.wait())
        source.wait()
        return load

    def clear(self, load):
        """Removes what a large load left."""
        shutil.rmtree(load.folder, ignore_errors=True)
