"""Draws charts as SVG, readable on light and dark ground, with nothing but the standard library."""

from html import escape

STYLE = """
  .ground { fill: #ffffff; } .ink { fill: #1f2328; } .soft { fill: #59636e; }
  .bar { fill: #b6bec7; } .own { fill: #0969da; }
  .wrong { fill: #e3c5b8; } .rule { stroke: #d1d9e0; } .whisker { stroke: #1f2328; } .limit { stroke: #bc4c00; }
  .line0 { stroke: #0969da; } .line1 { stroke: #8250df; } .line2 { stroke: #1a7f37; } .line3 { stroke: #bc4c00; }
  .dot0 { fill: #0969da; } .dot1 { fill: #8250df; } .dot2 { fill: #1a7f37; } .dot3 { fill: #bc4c00; }
  polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
  .small { font-size: 11.5px; } .title { font-size: 15px; font-weight: 600; } .strong { font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; } .ink { fill: #e6edf3; } .soft { fill: #9198a1; }
    .bar { fill: #4b535d; } .own { fill: #4493f8; }
    .wrong { fill: #6b4636; } .rule { stroke: #3d444d; } .whisker { stroke: #e6edf3; } .limit { stroke: #f0883e; }
    .line0 { stroke: #4493f8; } .line1 { stroke: #ab7df8; } .line2 { stroke: #3fb950; } .line3 { stroke: #f0883e; }
    .dot0 { fill: #4493f8; } .dot1 { fill: #ab7df8; } .dot2 { fill: #3fb950; } .dot3 { fill: #f0883e; }
  }
"""
LINES = 4


class Canvas:
    """Shapes by their class in STYLE; the height is known at the end."""

    def __init__(self, width):
        self.width, self.parts = width, []

    def text(self, x, y, text, classes="ink", anchor="start"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def rectangle(self, x, y, width, height, classes):
        size = f'width="{max(width, 1):.1f}" height="{height}"'
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} rx="2" class="{classes}"/>')

    def line(self, x1, y1, x2, y2, classes, dash=""):
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{classes}"{dashed}/>')

    def polyline(self, points, classes, dash=""):
        listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<polyline points="{listed}" class="{classes}"{dashed}/>')

    def dot(self, x, y, classes):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{classes}"/>')

    def svg(self, height, title):
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height:.0f}" width="{self.width}" '
            f'height="{height:.0f}" role="img">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n'
            f'<rect width="100%" height="100%" class="ground"/>\n{body}\n</svg>\n'
        )


def round_up(value):
    """The next 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten: where an axis ends."""
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    # A value that is an end but for rounding is that end.
    return next((step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8) if step * power >= value * 0.9999), 10 * power)


def short(value):
    """1234567 as 1.23 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def line_panel(canvas, box, series, title, x_title, y_label, limit=None):
    """Lines over a common x axis that begins at 0, as does y.

    `box` is x, y, width and height of the plot; `series` are points, number of the colour, whether it is dashed; `limit` is a
    value and its name.
    """
    left, top, width, height = box
    points = [point for line, _, _ in series for point in line]
    x_end = round_up(max((x for x, _ in points), default=1) or 1)
    y_end = round_up(max([y for _, y in points] + ([limit[0]] if limit else []), default=1) or 1)
    canvas.text(left, top - 14, title, "ink title")
    for step in range(5):
        y = top + height - height * step / 4
        canvas.line(left, y, left + width, y, "rule")
        canvas.text(left - 8, y + 4, y_label(y_end * step / 4), "soft small", "end")
        x = left + width * step / 4
        canvas.text(x, top + height + 17, short(x_end * step / 4), "soft small", "middle")
    canvas.text(left + width / 2, top + height + 34, x_title, "soft small", "middle")
    if limit:
        y = top + height - height * limit[0] / y_end
        canvas.line(left, y, left + width, y, "limit", "6 4")
        canvas.text(left + width, y - 5, limit[1], "soft small", "end")
    # The last, longest line first, so that short ones are not hidden beneath it.
    for line, colour, dashed in reversed(series):
        placed = [(left + width * x / x_end, top + height - height * y / y_end) for x, y in line]
        canvas.polyline(placed, f"line{colour % LINES}", "5 4" if dashed else "")
        if placed:
            canvas.dot(*placed[-1], f"dot{colour % LINES}")


def legend(canvas, x, y, names):
    """A dot in its colour before every name, none before a remark in brackets."""
    for index, name in enumerate(names):
        if not name.startswith("("):
            canvas.dot(x, y - 4, f"dot{index % LINES}")
        canvas.text(x + 9, y, name, "ink small")
        x += 30 + 7 * len(name)
