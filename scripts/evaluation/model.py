"""Requirements, checks and verdicts; and how large everything is at each scale."""

from dataclasses import dataclass
from typing import Callable, NamedTuple

MB = 1_000_000
MEMORY_LIMIT_BYTES = 256 * MB
SEED_ROWS_PER_SECOND = 31_000
SPEED_FACTOR = 50

REQUIREMENTS = {
    1: "A pool of worker threads that is really used",
    2: "A bounded queue: who is faster waits",
    3: "Peak RSS below 256 MB at any size",
    4: "A filter for 100,000,000 keys within the budget",
    5: "Exact dedup",
    6: "Dead letters with exact line numbers",
    7: "No row is lost: records = loaded + rejected + duplicates",
    8: "99,000 good and 1,000 bad records",
    9: "Atomic batches",
    10: "One ordered writer",
    11: "SIGINT and SIGTERM drain",
    12: "Pipes and FIFOs",
    13: "The same mapping as the old script on clean data",
    14: "Files and connections closed on every path",
    15: "At least 50 × the seed's 31,000 rows/s, on 2 cores",
}


class Verdict(NamedTuple):
    """Whether a check holds, and the numbers that were seen."""

    holds: bool
    evidence: str


@dataclass(frozen=True)
class Check:
    requirement: int
    name: str
    run: Callable
    # What is expected of each subject: does the check hold?
    expected: dict


CHECKS = []


def check(requirement, name, legacy=False, careful=None):
    """Registers `run(bench, subject) -> Verdict`. It must hold for rowmill, and hold or fail for the old forms as given."""

    def register(run):
        expected = {"legacy": legacy, "careful": legacy if careful is None else careful, "rowmill": True}
        CHECKS.append(Check(requirement, name, run, expected))
        return run

    return register


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    name: str
    middle_bytes: int
    stream_bytes: int
    careful_bytes: int
    stream_keys: int
    growth_rows: int
    filter_keys: int
    speed_rows: dict
    speed_rounds: int
    # A subject that holds more is stopped: the verdict is clear, and the machine is shared.
    guard_bytes: int
    time_limit_seconds: int
    sample_seconds: float
    # Whether rows per second of wall time are judged; if not, rows per second of CPU against the old script's.
    judges_wall_time: bool


QUICK = Scale(
    name="quick",
    middle_bytes=40 * MB,
    stream_bytes=60 * MB,
    careful_bytes=10 * MB,
    stream_keys=100_000,
    growth_rows=240_000,
    filter_keys=100_000,
    speed_rows={"legacy": 10_000, "careful": 40_000, "rowmill": 200_000},
    speed_rounds=1,
    guard_bytes=300 * MB,
    time_limit_seconds=120,
    sample_seconds=0.003,
    judges_wall_time=False,
)
FULL = Scale(
    name="full",
    middle_bytes=1_000 * MB,
    stream_bytes=10_000 * MB,
    careful_bytes=100 * MB,
    stream_keys=100_000_000,
    growth_rows=600_000,
    filter_keys=5_000_000,
    speed_rows={"legacy": 50_000, "careful": 200_000, "rowmill": 5_000_000},
    speed_rounds=3,
    guard_bytes=1_000 * MB,
    time_limit_seconds=1_200,
    sample_seconds=0.005,
    judges_wall_time=True,
)
