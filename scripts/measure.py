"""What the benchmarks share: building, generated inputs, one measured run of a command, and what machine it was.

Python 3.9 or newer, nothing else. Linux.
"""

import datetime
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = (ROOT / os.environ.get("CARGO_TARGET_DIR", "target")).resolve()
BINARIES = TARGET / "release"
INPUTS = TARGET / "bench"
GNU_TIME = "/usr/bin/time"


def build(manifest=ROOT / "Cargo.toml"):
    """Builds the release binaries of a package into the one target folder."""
    command = ["cargo", "build", "--release", "--bins", "--locked", "--quiet", "--manifest-path", manifest, "--target-dir", TARGET]
    if manifest == ROOT / "Cargo.toml":
        command += ["--features", "gen"]
    subprocess.run(command, cwd=ROOT, check=True)


def make_input(shape, rows, seed=1, bad_percent=0, duplicate_percent=0):
    """A generated file and what loading it must give; kept under the target folder from run to run."""
    INPUTS.mkdir(parents=True, exist_ok=True)
    name = f"{shape}-{rows}-seed{seed}-bad{bad_percent:g}-duplicates{duplicate_percent:g}"
    path, expected_path = INPUTS / f"{name}.csv", INPUTS / f"{name}.json"
    expected = json.loads(expected_path.read_text()) if path.exists() and expected_path.exists() else {}
    if expected.get("bytes") != (path.stat().st_size if path.exists() else -1):
        command = [BINARIES / "rowmill-gen", shape, "--rows", rows, "--seed", seed, "--bad", bad_percent]
        command += ["--duplicates", duplicate_percent, "-o", path, "--expect", expected_path]
        subprocess.run([str(part) for part in command], check=True)
        expected = json.loads(expected_path.read_text())
    return path, expected


def read_through(path):
    """Brings the file into the page cache, so that no tool is the first to read it."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 22):
            pass


def run(command, folder, stdin="", limit_s=None):
    """One run of `command` in `folder`: exit code, wall and CPU seconds, peak RSS in KiB, and the end of what it said.

    CPU and RSS are the kernel's (wait4). A child starts with its parent's maximum RSS; GNU time, which is small, stands
    between where it is installed, so that this script's own 20 MB do not count.
    """
    rss_path, log_path = folder / "run-rss.txt", folder / "run.log"
    rss_path.unlink(missing_ok=True)
    command = [str(part) for part in command]
    timed = [GNU_TIME, "--quiet", "-f", "%M", "-o", str(rss_path)] if os.path.exists(GNU_TIME) else []
    timed += ["timeout", "--kill-after=5", str(limit_s)] if limit_s else []
    # What earlier runs left to be written must not be charged to this one.
    os.sync()
    with log_path.open("wb") as log:
        start = time.perf_counter()
        process = subprocess.Popen(timed + command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder)
        try:
            process.stdin.write(stdin.encode())
            process.stdin.close()
        except BrokenPipeError:
            pass  # It ended early; its exit code says so.
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    rss = rss_path.read_text().split() if rss_path.exists() else []
    return {
        "exit_code": process.returncode,
        "wall_s": round(wall_s, 4),
        "user_s": round(usage.ru_utime, 3),
        "sys_s": round(usage.ru_stime, 3),
        "peak_rss_kib": int(rss[-1]) if rss else usage.ru_maxrss,
        "log": tail(log_path, 1500),
    }


def tail(path, length_bytes):
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - length_bytes))
        return file.read().decode(errors="replace").strip()


def must(command, **options):
    """Runs `command`, which must succeed, and returns what it wrote."""
    command = [str(part) for part in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout.strip()


def first_match(path, pattern, default):
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return default
    return found.group(1).strip() if found else default


def filesystem(folder):
    """The type of the file system that holds `folder`."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(len(point), kind) for point, kind in mounts if folder.is_relative_to(point)]
    return max(holding)[1] if holding else "unknown"


def need_room(folder, needed_bytes):
    """Ends the script if `folder` does not have this much room, with a tenth to spare."""
    folder.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes * 1.1:
        sys.exit(f"{folder} has {free_bytes / 1e9:.1f} GB free, this needs {needed_bytes * 1.1 / 1e9:.1f} GB")


def now():
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def describe_machine():
    memory_kib = int(first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)", "0"))
    return {
        "cpu": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$", platform.processor() or platform.machine()),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / 2**20, 1),
        "kernel": platform.release(),
    }


def commit():
    """The commit that is measured, with a mark if rowmill itself was changed since."""
    if not (ROOT / ".git").exists():
        return "unknown"
    git = ["git", "-C", str(ROOT)]
    changed = must([*git, "status", "--porcelain", "--untracked-files=no", "--", "src", "Cargo.toml", "Cargo.lock"])
    return must([*git, "rev-parse", "--short", "HEAD"]) + ("+changes" if changed else "")
