"""What was found, as JSON and as Markdown."""

import datetime
import os
import platform
import sqlite3
import subprocess
from pathlib import Path

from .model import REQUIREMENTS
from .subjects import SCRIPTS

FIELDS = {"legacy": "before", "careful": "before_careful", "rowmill": "after"}
WORDS = {True: "passes", False: "fails", None: "error"}


def output_of(*command):
    done = subprocess.run(command, cwd=SCRIPTS.parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip()


def cpu_model():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def describe(scale, rowmill):
    changed = "+changes" if output_of("git", "status", "--porcelain", "--untracked-files=no") else ""
    memory = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "scale": scale.name,
        "machine": {
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "cores_used": min(2, len(os.sched_getaffinity(0))),
            "memory_gib": round(memory / 2**30, 1),
            "kernel": platform.release(),
            "load_average": [round(load, 2) for load in os.getloadavg()],
        },
        "versions": {
            "rowmill": output_of(str(rowmill), "--version").rpartition(" ")[2],
            "commit": output_of("git", "rev-parse", "--short", "HEAD") + changed,
            "python": platform.python_version(),
            "sqlite_of_python": sqlite3.sqlite_version,
        },
        "requirements": {str(number): title for number, title in REQUIREMENTS.items()},
    }


def entry(check, verdicts):
    """One check as it goes into the report: `verdicts` by subject, None in place of `holds` for one that could not be made."""
    found = {"requirement": check.requirement, "name": check.name}
    found["expected"] = {FIELDS[name]: WORDS[holds] for name, holds in check.expected.items()}
    for name, (holds, _) in verdicts.items():
        found[FIELDS[name]] = WORDS[holds]
    found["as_expected"] = all(verdicts[name][0] is check.expected[name] for name in verdicts)
    found["evidence"] = {FIELDS[name]: evidence for name, (_, evidence) in verdicts.items()}
    return found


def totals(entries):
    counts = {field: sum(found[field] == "passes" for found in entries) for field in FIELDS.values()}
    return {"checks": len(entries), "as_expected": sum(found["as_expected"] for found in entries), "passes": counts}


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def markdown(report):
    machine, versions, total = report["machine"], report["versions"], report["totals"]
    lines = [
        "# What holds before and after",
        "",
        f"{total['checks']} checks under {len(report['requirements'])} requirements; each ran against the old script row by row (before), its",
        "careful form with `--executemany`, and rowmill (after).",
        "",
        f"- {report['date'][:16]}, scale {report['scale']}, {machine['cpu']}, {machine['cores']} cores ({machine['cores_used']} used), "
        f"load average at the start {machine['load_average'][0]}",
        f"- rowmill {versions['rowmill']} ({versions['commit']}), Python {versions['python']}, its SQLite {versions['sqlite_of_python']}",
        f"- passes: {total['passes']['before']} before, {total['passes']['before_careful']} careful, {total['passes']['after']} after; "
        f"{total['as_expected']} of {total['checks']} checks came out as written down beforehand",
        *(f"- {note}" for note in report["notes"]),
    ]
    for number, title in report["requirements"].items():
        lines += ["", f"## {number}. {title}", "", "| check | before | careful | after | as expected |", "|---|---|---|---|---|"]
        own = [found for found in report["checks"] if found["requirement"] == int(number)]
        for found in own:
            cells = [found["name"], found["before"], found["before_careful"], found["after"], "yes" if found["as_expected"] else "**no**"]
            lines.append("| " + " | ".join(map(cell, cells)) + " |")
        lines.append("")
        for found in own:
            for field, title_of_field in (("before", "before"), ("before_careful", "careful"), ("after", "after")):
                lines.append(f"- {found['name']}, {title_of_field}: {cell(found['evidence'][field])}")
    return "\n".join(lines) + "\n"
