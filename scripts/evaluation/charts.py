"""Charts as inline SVG. Colours are classes, so that the page's style sheet decides about light and dark."""

from html import escape

WIDTH = 880
# Three subjects, distinguished by colour and, in lists, by their order.
CLASSES = {"legacy script": "legacy", "legacy, executemany": "careful", "rowmill": "rowmill"}


def class_of(label):
    return next((name for title, name in CLASSES.items() if label.startswith(f"{title}, ")), "legacy")


def text(x, y, content, anchor="start", kind="label"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(content)}</text>'


def svg(height, parts, title):
    head = f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
    return "\n".join([head, *parts, "</svg>"])


def bars(values, unit, limit=None, limit_text=""):
    """Horizontal bars: [(label, value)], with a line at `limit`."""
    left, right, row = 350, 130, 24
    largest = max([value for _, value in values] + ([limit] if limit else []))
    scale = (WIDTH - left - right) / largest
    top = 26 if limit else 6
    height = top + row * len(values) + 6
    parts = []
    for index, (label, value) in enumerate(values):
        y = top + index * row
        # What stands in brackets is in the evidence; here it would not fit.
        parts.append(text(left - 10, y + 15, label.partition(" (")[0], "end"))
        parts.append(f'<rect x="{left}" y="{y + 3}" width="{max(value * scale, 2):.1f}" height="16" rx="2" class="{class_of(label)}"/>')
        end = left + max(value * scale, 2)
        if limit and end < left + limit * scale < end + 120:
            # The line would run through the figure.
            end = left + limit * scale
        parts.append(text(end + 8, y + 15, f"{value:,.0f} {unit}", kind="value"))
    if limit:
        x = left + limit * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{height - 4}" class="limit"/>')
        parts.append(text(x, top - 10, limit_text, "middle", "limit-label"))
    return svg(height, parts, limit_text or unit)


def squares(requirements, checks, fields):
    """A row for each requirement, a square for each check and subject: full when it passes."""
    left, row, size, gap = 400, 26, 13, 4
    group = 160
    parts = []
    for column, (_, title, name) in enumerate(fields):
        parts.append(text(left + column * group, 14, title, kind=f"head {name}-text"))
    for index, (number, title) in enumerate(requirements.items()):
        y = 26 + index * row
        parts.append(text(0, y + 12, f"{number}  {title}"))
        own = [found for found in checks if found["requirement"] == int(number)]
        for column, (field, _, name) in enumerate(fields):
            for place, found in enumerate(own):
                x = left + column * group + place * (size + gap)
                kind = name if found[field] == "passes" else "hollow"
                hint = f"<title>{escape(found['name'])}: {found[field]}</title>"
                parts.append(f'<rect x="{x}" y="{y}" width="{size}" height="{size}" rx="2" class="{kind}">{hint}</rect>')
    return svg(26 + row * len(requirements) + 4, parts, "Checks that pass, by requirement and subject")


def lines(series, limit):
    """Resident memory over the share of the run: {label: [(seconds, bytes)]}."""
    left, right, top, height = 60, 250, 16, 300
    bottom = height - 34
    ceiling = max([limit * 1.15] + [value for points in series.values() for _, value in points])
    width = WIDTH - left - right
    y_of = lambda value: bottom - value / ceiling * (bottom - top)  # noqa: E731
    parts = []
    step = next(step for step in (64e6, 128e6, 256e6, 512e6, 1024e6) if ceiling / step <= 6)
    tick = 0
    while tick <= ceiling:
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y_of(tick):.1f}" y2="{y_of(tick):.1f}" class="grid"/>')
        parts.append(text(left - 8, y_of(tick) + 4, f"{tick / 1e6:.0f}", "end"))
        tick += step
    labels = []
    for label, points in series.items():
        if not points:
            continue
        end = max(points[-1][0], 1e-9)
        path = " ".join(f"{left + seconds / end * width:.1f},{y_of(value):.1f}" for seconds, value in points)
        dashed = " dashed" if "pipe" in label else ""
        parts.append(f'<polyline points="{path}" class="line {class_of(label)}-line{dashed}"/>')
        labels.append([y_of(points[-1][1]), label])
    place_labels(parts, labels, left + width + 8, bottom)
    parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y_of(limit):.1f}" y2="{y_of(limit):.1f}" class="limit"/>')
    parts.append(text(left + 6, y_of(limit) - 5, "256 MB", kind="limit-label"))
    parts.append(text(left, height - 8, "start of each load"))
    parts.append(text(left + width, height - 8, "its end", "end"))
    parts.append(text(left - 8, 10, "MB", "end"))
    return svg(height, parts, "Resident memory over time")


def place_labels(parts, labels, x, bottom):
    """Writes each label at its line's end, moved so that none covers another."""
    line_height = 15
    labels.sort()
    for index in range(1, len(labels)):
        labels[index][0] = max(labels[index][0], labels[index - 1][0] + line_height)
    overflow = labels[-1][0] - bottom if labels else 0
    for index in range(len(labels) - 1, -1, -1):
        if overflow > 0:
            below = labels[index + 1][0] - line_height if index + 1 < len(labels) else bottom
            labels[index][0] = min(labels[index][0], below)
    for y, label in labels:
        parts.append(text(x, y + 4, label, kind=f"{class_of(label)}-text label"))
