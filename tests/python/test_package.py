"""What is in the package: the command, stubs, help texts, and what the README says of it."""

import inspect
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stubs import REPORT, PROFILE, stubs

import rowmill

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).with_name("rowmill")


def test_versions_are_one():
    manifests = [ROOT / "Cargo.toml", ROOT / "src/python/Cargo.toml"]
    versions = {re.search(r'^version = "(.*)"$', manifest.read_text(), re.MULTILINE)[1] for manifest in manifests}
    assert versions == {rowmill.__version__}


def test_the_stubs_are_what_the_module_has():
    there = (ROOT / "src/python/rowmill/__init__.pyi").read_text()
    assert stubs() == there, "write them anew: python tests/python/stubs.py > src/python/rowmill/__init__.pyi"
    declared = set(re.findall(r"^(?:class|def) (\w+)", there, re.MULTILINE)) | {"__version__"}
    assert declared == set(rowmill.__all__)


def test_the_stubs_have_every_field(people):
    assert list(REPORT) == list(rowmill.load(people, "people.db", key="id").as_dict())
    assert list(PROFILE) == list(rowmill.schema(people).as_dict())


@pytest.mark.parametrize("subcommand", ["load", "check", "schema", "retry"])
def test_every_flag_is_an_option_that_help_describes(subcommand):
    said = subprocess.run([COMMAND, subcommand, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    flags = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", said, re.MULTILINE)) - {"help", "version", "color", "progress", "then"}
    assert len(flags) > 20
    function = getattr(rowmill, subcommand)
    options = set(inspect.signature(function).parameters)
    missing = {flag for flag in flags if flag.replace("-", "_") not in options}
    assert missing == {"load": {"quiet", "verbose", "forget"}, "schema": {"quiet", "as"}}.get(subcommand, {"quiet", "verbose"})
    described = pydoc.render_doc(function, renderer=pydoc.plaintext)
    for flag in flags - missing:
        assert f"\n      {flag.replace('-', '_')} = " in described, flag


def test_the_command_is_the_program(people):
    def run(*words):
        return subprocess.run([COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    assert run("--version").stdout == f"rowmill {rowmill.__version__}\n"
    loaded = run("load", "people.csv", "people.db", "--key", "id")
    assert (loaded.returncode, loaded.stdout) == (2, "") and loaded.stderr.startswith("rowmill: loaded 4 rows")
    assert run("load", "none.csv", "people.db").returncode == 66
    wrong = run("load", "people.csv", "people.db", "--max-errors", "x")
    assert wrong.returncode == 64 and "--max-errors" in wrong.stderr
    assert "try" in run("load", "people.csv", "p.db", "--memory", "1k").stderr or "--memory" in run("load", "people.csv", "p.db", "--memory", "1k").stderr


def test_a_reader_that_has_gone_away_is_no_failure(people):
    process = subprocess.Popen([COMMAND, "schema", "people.csv", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    said = process.stderr.read()
    assert (process.wait(), said) == (2, b"")


@pytest.mark.parametrize("heading", ["### From Python", "## The Python module"])
def test_what_the_readme_shows_runs(folder, heading):
    section = (ROOT / "README.md").read_text().split(f"\n{heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert blocks
    (folder / "people.csv").write_text("id,name,born\n1,Ada,1815-12-10\n2,Grace,1906-12-09\n2,Grace,1906-12-09\n3,Alan,1912\n")
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert (folder / "people.db").exists()
