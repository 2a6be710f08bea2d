"""A process that is watched through /proc while it runs: memory, threads, descriptors, CPU; fed and signalled on the way."""

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
MAX_SERIES_POINTS = 400
# Whoever would commit to an SQLite database holds this byte of it until every reader has gone. Source: https://sqlite.org/lockingv3.html
PENDING_BYTE = 0x4000_0000


@dataclass
class Watched:
    """What was seen of a process until its end."""

    exit_code: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss_bytes: int = 0
    max_descriptors: int = 0
    # Nanoseconds on a CPU by thread: {(id, name): ns}.
    threads: dict = field(default_factory=dict)
    # (seconds since the start, resident bytes).
    memory_series: list = field(default_factory=list)
    # Why it was stopped before its end: "", "memory" or "time".
    stopped: str = ""
    stdout: str = ""
    stderr: str = ""
    fed_bytes: int = 0


class Process:
    """Runs `argv` in `folder`. `stdin` is None, an open file, or "pipe"; logs go to `log_folder`."""

    def __init__(self, argv, folder, log_folder, scale, stdin=None, guard_bytes=None, time_limit=None):
        self.seen = Watched()
        self.scale = scale
        self.guard_bytes = guard_bytes or 4_000_000_000
        self.deadline = time.monotonic() + (time_limit or scale.time_limit_seconds)
        self.logs = [log_folder / f"{time.monotonic_ns()}.{name}" for name in ("out", "err")]
        given = subprocess.DEVNULL if stdin is None else subprocess.PIPE if stdin == "pipe" else stdin
        with open(self.logs[0], "wb") as out, open(self.logs[1], "wb") as err:
            self.since = time.monotonic()
            self.child = subprocess.Popen([str(part) for part in argv], cwd=folder, stdin=given, stdout=out, stderr=err)
        self.stdin = self.child.stdin
        self.ended = threading.Event()
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()

    def _watch(self):
        root = Path(f"/proc/{self.child.pid}")
        while not self.ended.is_set():
            try:
                self._sample(root)
            except (OSError, ValueError, IndexError):
                pass  # It ended, or a thread of it did, while being looked at.
            if self.seen.peak_rss_bytes > self.guard_bytes:
                self._stop("memory")
            elif time.monotonic() > self.deadline:
                self._stop("time")
            self.ended.wait(self.scale.sample_seconds)

    def _stop(self, why):
        if not self.seen.stopped:
            self.seen.stopped = why
            self.signal(signal.SIGKILL)

    def _sample(self, root):
        seen = self.seen
        status = (root / "status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
        resident = int(status.split("VmRSS:")[1].split()[0]) * 1024
        seen.peak_rss_bytes = max(seen.peak_rss_bytes, peak)
        seen.memory_series.append((time.monotonic() - self.since, resident))
        if len(seen.memory_series) > 2 * MAX_SERIES_POINTS:
            del seen.memory_series[1::2]
        for task in os.listdir(root / "task"):
            name = (root / "task" / task / "comm").read_text().strip()
            ran = int((root / "task" / task / "schedstat").read_text().split()[0])
            seen.threads[int(task), name] = max(ran, seen.threads.get((int(task), name), 0))
        seen.max_descriptors = max(seen.max_descriptors, len(os.listdir(root / "fd")))

    def cpu_seconds(self):
        """CPU time so far; once it has ended, as of the last look."""
        try:
            fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return self.seen.cpu_seconds
        self.seen.cpu_seconds = (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
        return self.seen.cpu_seconds

    def signal(self, number):
        if self.child.returncode is None:
            os.kill(self.child.pid, number)

    def wait_until(self, condition):
        """Waits until `condition()`; returns whether it came before the process ended."""
        while not condition():
            if self.has_ended():
                return condition()
            time.sleep(0.002)
        return True

    def has_ended(self):
        """Without taking its exit status, which `wait` needs."""
        return os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def waits_for_readers(self, database):
        """Whether it is about to commit to an SQLite database that somebody else still reads."""
        inode = database.stat().st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()  # 1: POSIX ADVISORY WRITE 4242 fe:00:1234 1073741824 1073741825; see proc_locks(5).
            held = len(words) == 8 and words[3] == "WRITE" and int(words[4]) == self.child.pid
            if held and int(words[5].rpartition(":")[2]) == inode and int(words[6]) == PENDING_BYTE:
                return True
        return False

    def wait_at_most(self, seconds):
        """Waits for this long, or until it has ended."""
        until = time.monotonic() + seconds
        while not self.has_ended() and time.monotonic() < until:
            time.sleep(0.02)

    def wait_while_busy(self, condition, quiet_seconds):
        """Waits until `condition()`, the end, or until it has used no CPU for this long. Returns whether `condition()` came."""
        cpu, since = self.cpu_seconds(), time.monotonic()
        while not condition():
            if self.has_ended() or time.monotonic() - since > quiet_seconds:
                return condition()
            time.sleep(0.02)
            if self.cpu_seconds() > cpu + 0.03:
                cpu, since = self.cpu_seconds(), time.monotonic()
        return True

    def feed(self, pieces):
        """Starts a thread that writes `pieces` to its standard input, then closes it."""

        def write():
            try:
                for piece in pieces:
                    view = memoryview(piece)
                    while view:
                        written = os.write(self.stdin.fileno(), view[:65536])
                        self.seen.fed_bytes += written
                        view = view[written:]
            except BrokenPipeError:
                pass  # It no longer reads: its decision.
            finally:
                self.stdin.close()

        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        return thread

    def wait(self):
        _, status, usage = os.wait4(self.child.pid, 0)
        seen = self.seen
        seen.seconds = time.monotonic() - self.since
        seen.exit_code = self.child.returncode = os.waitstatus_to_exitcode(status)
        seen.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.ended.set()
        self.watcher.join()
        seen.stdout, seen.stderr = (log.read_text(errors="replace") for log in self.logs)
        for log in self.logs:
            log.unlink()
        return seen
