"""What was found, as one HTML page: no script, nothing from elsewhere, light and dark."""

from html import escape

from . import charts
from .model import MB, MEMORY_LIMIT_BYTES, SEED_ROWS_PER_SECOND, SPEED_FACTOR

FIELDS = (
    ("before", "before: legacy script", "legacy"),
    ("before_careful", "before: executemany", "careful"),
    ("after", "after: rowmill", "rowmill"),
)
STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --panel: #f6f7f9; --ink: #1c2330; --soft: #5b6575; --rule: #d9dde4;
  --legacy: #7b8494; --careful: #b8610b; --rowmill: #1f62d0; --limit: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --back: #12161d; --panel: #1b212b; --ink: #e6e9ef; --soft: #a2abba; --rule: #343c49;
  --legacy: #8d97a8; --careful: #eda04a; --rowmill: #74a7ff; --limit: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 980px; padding: 28px 20px 60px; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.8rem; margin: 0 0 6px; } h2 { font-size: 1.2rem; margin: 44px 0 4px; } p { margin: 4px 0 12px; }
.soft { color: var(--soft); font-size: .92rem; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 22px 0; }
.tile { flex: 1 1 180px; background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 16px; }
.tile b { display: block; font-size: 1.7rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; } svg { display: block; width: 100%; min-width: 720px; height: auto; margin: 8px 0; }
svg text { font-size: 12.5px; fill: var(--ink); } svg .value { font-variant-numeric: tabular-nums; fill: var(--soft); }
svg .head { font-weight: 600; } svg .limit-label { fill: var(--limit); font-size: 12px; }
.limit { stroke: var(--limit); stroke-width: 1.5; } .grid { stroke: var(--rule); }
.legacy { fill: var(--legacy); } .careful { fill: var(--careful); } .rowmill { fill: var(--rowmill); }
.hollow { fill: none; stroke: var(--soft); stroke-opacity: .55; } .line { fill: none; stroke-width: 2; } .dashed { stroke-dasharray: 6 4; }
.legacy-line { stroke: var(--legacy); } .careful-line { stroke: var(--careful); } .rowmill-line { stroke: var(--rowmill); }
svg .legacy-text { fill: var(--legacy); } svg .careful-text { fill: var(--careful); } svg .rowmill-text { fill: var(--rowmill); }
details { border-top: 1px solid var(--rule); padding: 8px 0; } summary { cursor: pointer; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; margin: 8px 0; }
th, td { text-align: left; vertical-align: top; padding: 6px 8px; border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; }
td.mark { white-space: nowrap; width: 150px; } td.passes { color: var(--rowmill); font-weight: 600; } td.fails { color: var(--soft); }
td.error, .unexpected { color: var(--limit); font-weight: 600; }
"""
MARKS = {"passes": "✓ passes", "fails": "✗ fails", "error": "! error"}


def tile(value, words):
    return f'<div class="tile"><b>{escape(value)}</b>{escape(words)}</div>'


def chart(title, words, content):
    return f'<h2>{escape(title)}</h2><p class="soft">{escape(words)}</p><div class="scroll">{content}</div>'


def ordered(figures):
    """By subject, in the order in which they are always named."""
    names = list(charts.CLASSES.values())
    return sorted(figures.items(), key=lambda item: names.index(charts.class_of(item[0])))


def figures(report):
    found = report["figures"]
    parts = []
    if "speed" in found:
        floor = SPEED_FACTOR * SEED_ROWS_PER_SECOND
        note = "" if report["scale"] == "full" else " Quick scale: loads this short say little; only CPU time was judged."
        words = f"Rows per second into the same typed table, on 2 cores. Wanted: {SPEED_FACTOR} times {SEED_ROWS_PER_SECOND:,}.{note}"
        bars = charts.bars(ordered(found["speed"]), "rows/s", floor, f"{floor:,} rows/s wanted")
        parts.append(chart("Speed", words, bars))
    if "memory" in found:
        values = [(label, value / MB) for label, value in ordered(found["memory"])]
        words = "Peak resident set of each load. A load that held more than the guard was stopped there."
        parts.append(chart("Peak memory", words, charts.bars(values, "MB", MEMORY_LIMIT_BYTES / MB, "256 MB allowed")))
    if "memory over time" in found:
        words = "Resident set from start to end of each load, whatever its length; dashed: through a pipe."
        parts.append(chart("Memory while loading", words, charts.lines(found["memory over time"], MEMORY_LIMIT_BYTES)))
    if "false alarms" in found:
        rows = "".join(
            f"<tr><td>{escape(label)}</td><td>{theory:,.0f}</td><td>{measured:,}</td></tr>"
            for label, (theory, measured) in sorted(found["false alarms"].items())
        )
        head = "<tr><th>load</th><th>expected by theory</th><th>measured</th></tr>"
        words = "Rows whose key the filter could not rule out although it was new. Each was looked up and loaded; none was lost."
        parts.append(chart("False alarms of the filter", words, f"<table>{head}{rows}</table>"))
    return parts


def details(report):
    parts = ["<h2>Every check, with the numbers seen</h2>"]
    for number, title in report["requirements"].items():
        own = [found for found in report["checks"] if found["requirement"] == int(number)]
        counts = ", ".join(f"{sum(found[field] == 'passes' for found in own)}" for field, _, _ in FIELDS)
        parts.append(f"<details><summary>{number}. {escape(title)} <span class=soft>({counts} of {len(own)})</span></summary><table>")
        for found in own:
            odd = "" if found["as_expected"] else ' <span class="unexpected">not as expected</span>'
            parts.append(f"<tr><th colspan=2>{escape(found['name'])}{odd}</th></tr>")
            for field, words, _ in FIELDS:
                mark = f'<td class="mark {found[field]}">{MARKS[found[field]]}<br><span class="soft">{escape(words)}</span></td>'
                parts.append(f"<tr>{mark}<td>{escape(found['evidence'][field])}</td></tr>")
        parts.append("</table></details>")
    return parts


def html(report):
    machine, versions, total = report["machine"], report["versions"], report["totals"]
    count = total["checks"]
    meta = f"{report['date'][:10]}, {machine['cpu']}, {machine['cores_used']} of {machine['cores']} cores used, {machine['memory_gib']} GiB, "
    meta += f"load average at the start {machine['load_average'][0]}; rowmill {versions['rowmill']} ({versions['commit']}), "
    meta += f"Python {versions['python']}; scale {report['scale']}"
    tiles = [
        tile(f"{total['passes'][field]} of {count}", words.replace("before: ", "pass before: ").replace("after: ", "pass after: "))
        for field, words, _ in FIELDS
    ]
    tiles.append(tile(f"{total['as_expected']} of {count}", "came out as written down beforehand"))
    squares = charts.squares(report["requirements"], report["checks"], FIELDS)
    words = "One square for each check: full when it passes, hollow when it fails. What passed before is shown, too."
    body = [
        "<h1>What holds before and after</h1>",
        f"<p>{count} behavioural checks under {len(report['requirements'])} requirements. Each ran against a CSV loader in the old style,",
        "row by row, against the most careful form of it, and against rowmill. Every verdict was measured.</p>",
        f'<p class="soft">{escape(meta)}</p>',
        *(f'<p class="soft">{escape(note)}</p>' for note in report["notes"]),
        f'<div class="tiles">{"".join(tiles)}</div>',
        chart("Requirements", words, squares),
        *figures(report),
        *details(report),
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    title = "<title>rowmill: what holds before and after</title>"
    head = f"<head>{head}{title}<style>{STYLE}</style></head>"
    return "\n".join(["<!DOCTYPE html>", f'<html lang="en">{head}', "<body>", *body, "</body></html>", ""])
