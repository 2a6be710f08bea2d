"""Writes the results of scripts/bench_peers as Markdown and as a bar chart."""

import statistics

from chart import Canvas, short
from peers.tools import TOOLS

OWN = "rowmill"
PLACES = {"tmpfs": "tmpfs (no disk)", "disk": "disk"}
CHART_WIDTH = 900
NAME_WIDTH = 140
BAR_WIDTH = 400
BAR_STEP = 23


class Figure:
    """All rounds of one tool on one input."""

    def __init__(self, runs):
        self.runs = runs
        first = runs[0]
        self.tool, self.rows, self.rounds = first["tool"], first["rows"], len(runs)
        walls = [run["wall_s"] for run in runs]
        self.wall_s, self.least_s, self.most_s = statistics.median(walls), min(walls), max(walls)
        self.cpu_s = statistics.median(run["user_s"] + run["sys_s"] for run in runs)
        self.peak_mb = max(run["peak_rss_kib"] for run in runs) * 1024 / 1e6
        self.database_mb = statistics.median(run["database_bytes"] for run in runs) / 1e6
        self.rate = self.rows / self.wall_s
        self.exact = all(run.get("exact", True) for run in runs)

    def result(self):
        """What is in the table, in words."""
        # How far off a tool is may change from round to round, such as which duplicate DuckDB's threads keep.
        run = max(self.runs, key=lambda run: (not run["exact"], run["rows_expected"] - run.get("rows_right", 0)))
        if run.get("timed_out"):
            return "stopped: too slow"
        expected, loaded = run["rows_expected"], run["rows_loaded"]
        if self.exact:
            return "exact"
        words = f"{loaded:,} of {expected:,} rows"
        if "rows_right" in run:
            wrong, missing = loaded - run["rows_right"], expected - run["rows_right"]
            words += f": {wrong:,} that should not be there or not so, {missing:,} good ones missing"
        return f"{words} (exit code {run['exit_code']})"


def figures(results):
    """Figures by place and shape, in the order of the runs; rowmill first, `dd` last."""
    grouped = {}
    for run in results["runs"]:
        grouped.setdefault((run["place"], run["shape"]), {}).setdefault((run["tool"], run["rows"]), []).append(run)
    order = ["", *TOOLS, "dd"]
    for key, tools in grouped.items():
        # A file may hold a trial with fewer rows: the largest number of rows counts.
        most = {}
        for tool, rows in tools:
            most[tool] = max(rows, most.get(tool, 0))
        yield key, [Figure(tools[name, most[name]]) for name in sorted(most, key=order.index)]


def grouped_count(value):
    """Three significant figures with thousands separators."""
    digits = max(0, len(str(int(value))) - 3)
    return f"{round(value, -digits):,.0f}"


def describe(own):
    run = own.runs[0]
    return f"{own.rows:,} rows × {run['columns']} columns, {run['bytes'] / 1e6:,.0f} MB"


def ratio(own, figure):
    return figure.wall_s / figure.rows / (own.wall_s / own.rows)


def markdown(results):
    session = results["sessions"][0]
    machine = session["machine"]
    versions = {name: version for one in results["sessions"] for name, version in one["versions"].items()}
    left_out = {name: why for one in results["sessions"] for name, why in one["left_out"].items()}
    lines = [
        "# rowmill and its peers",
        "",
        f"{session['date'][:10]}, commit {session['commit']}; {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, Linux {machine['kernel']}. Load average when it began: "
        f"{', '.join(format(one['load_average'], '.1f') for one in results['sessions'])}.",
        "",
        "All tools load the same file, which is in the page cache, into a new table; in turn, and every round another one",
        "begins. Times are medians, with least and most; CPU is user and system time; peak is the largest RSS of any round.",
        "`exact`: number of rows, key sum and a digest of every value are what the csv crate reads in the input, after every",
        "round (`''` and NULL count as the same for an empty field). For a tool that is not exact, its worst round is shown.",
        "",
    ]
    for (place, shape), found in figures(results):
        lines += table(place, shape, found)
    lines += ["## What each one promises", ""]
    lines += ["| tool | version | types | key | durability | bad rows |", "|---|---|---|---|---|---|"]
    for name, version in sorted(versions.items(), key=lambda item: list(TOOLS).index(item[0])):
        tool = TOOLS[name]
        lines.append(f"| {name} | {version} | {tool.types} | {tool.key} | {tool.durability} | {tool.bad_rows} |")
    for name, why in left_out.items():
        lines.append(f"| {name} | left out: {' '.join(why.split())} | | | | |")
    lines += [
        "",
        "`rowmill` also checks dates and writes errors.csv and a report; no peer that writes SQLite does. `sqlite3 .import`,",
        "`csv_rusqlite` and DuckDB load in one transaction, so a kill loses all of it; `rowmill` commits every 200,000 rows",
        "and goes on from there. The tables for duckdb-sqlite and sqlite-utils are made before the clock starts. sqlite-utils",
        "is so slow that it gets a smaller file; its rate is that of its own run.",
        "",
        "## Commands",
        "",
    ]
    lines += commands(results)
    return "\n".join(lines) + "\n"


def table(place, shape, found):
    own = next((figure for figure in found if figure.tool == OWN), None)
    title = own or found[0]
    lines = [f"## {shape}, {PLACES[place]}: {describe(title)}", ""]
    lines += ["| tool | rows/s | wall s | CPU s | peak MB | database MB | rowmill is faster by | rounds | table |"]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    for figure in found:
        wall = f"{figure.wall_s:.2f} ({figure.least_s:.2f}–{figure.most_s:.2f})"
        common = f"{wall} | {figure.cpu_s:.2f} | {figure.peak_mb:.0f} | {figure.database_mb:,.0f}"
        if figure.tool == "dd":
            speed = figure.database_mb / figure.wall_s
            share = f"takes {own.wall_s / figure.wall_s:.2f} × as long" if own else ""
            name = "`dd conv=fdatasync` of as many bytes"
            lines.append(f"| {name} | {speed:,.0f} MB/s | {common} | {share} | {figure.rounds} | |")
            continue
        name = figure.tool + (f" ({figure.rows:,} rows)" if figure.rows != title.rows else "")
        # How long it took to do something else says nothing.
        rate = grouped_count(figure.rate) if figure.exact else "–"
        faster = f"{ratio(own, figure):.1f} ×" if own and figure.exact and figure.tool != OWN else ""
        lines.append(f"| {name} | {rate} | {common} | {faster} | {figure.rounds} | {figure.result()} |")
    return [*lines, ""]


def commands(results):
    """One command of every tool, on the first shape that it ran on."""
    seen = {}
    for run in results["runs"]:
        if run["tool"] != "dd":
            seen.setdefault(run["tool"], run["command"])
    lines = []
    for command in seen.values():
        lines += ["```sh", command, "```", ""]
    return lines


def chart(results):
    canvas, y = Canvas(CHART_WIDTH), 34
    machine = results["sessions"][0]["machine"]
    canvas.text(20, y, "Rows per second into one typed table with a key", "ink title")
    note = f"{machine['cores']} cores ({machine['cpu']}), {results['sessions'][0]['date'][:10]}"
    note += "; medians, least to most; every table checked"
    canvas.text(20, y + 19, note, "soft small")
    y += 56
    for (place, shape), found in figures(results):
        y = panel(canvas, y, f"{shape}, {PLACES[place]}", found)
    return canvas.svg(y, "rowmill and its peers: rows per second")


def panel(canvas, y, title, found):
    found = [figure for figure in found if figure.tool != "dd"]
    own = next((figure for figure in found if figure.tool == OWN), None)
    most = max((figure.rows / figure.least_s for figure in found if figure.exact), default=1)
    canvas.text(20, y, title, "ink strong")
    canvas.text(CHART_WIDTH - 20, y, describe(own or found[0]), "soft small", "end")
    y += 12
    for figure in found:
        canvas.text(20 + NAME_WIDTH, y + 13, figure.tool, "ink strong" if figure is own else "ink", "end")
        left = 30 + NAME_WIDTH
        if not figure.exact:
            words = figure.result().partition(":")[0].partition(" (")[0]
            canvas.rectangle(left, y, 4, 16, "wrong")
            canvas.text(left + 12, y + 13, f"not exact: {words}" if "rows" in words else words, "soft small")
            y += BAR_STEP
            continue
        canvas.rectangle(left, y, BAR_WIDTH * figure.rate / most, 16, "own" if figure is own else "bar")
        low, high = (left + BAR_WIDTH * figure.rows / wall / most for wall in (figure.most_s, figure.least_s))
        canvas.line(low, y + 8, high, y + 8, "whisker")
        label = f"{short(figure.rate)} rows/s"
        if own and figure is not own:
            label += f" · rowmill {ratio(own, figure):.1f} ×"
        if own and figure.rows != own.rows:
            label += f" (on {short(figure.rows)} rows)"
        canvas.text(max(high, left) + 8, y + 13, label, "ink small" if figure is own else "soft small")
        y += BAR_STEP
    return y + 26
