"""Hình vẽ: bar and line charts as SVG, readable in light and dark, without a library."""

from collections.abc import Mapping, Sequence
from html import escape
from math import log10
from typing import NamedTuple

WIDTH, LABELS, BAR, GAP = 720, 220, 18, 8
TOP, BOTTOM, RIGHT = 56, 16, 120
LINES_HEIGHT, LEFT_OF_LINES, BELOW_LINES = 260, 70, 46
COLOURS = ("#2f6fb7", "#c2571a", "#3d8b4f", "#8a5bb5", "#a8842c", "#4b8f99")
TICKS = 5

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.faint { fill: #59636e; font-size: 12px }
.axis { stroke: #8b949e; stroke-width: 1; stroke-opacity: 0.4 }
.spread { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .faint { fill: #9198a1 }
  .spread { stroke: #e6edf3 }
}
"""


class Bar(NamedTuple):
    """A value with its least and its most. `colour`: a number, equal for what belongs together."""

    label: str
    spread: Sequence[float]
    colour: int = 0


def bars(title: str, unit: str, shown: Sequence[Bar]) -> str:
    """Horizontal bars from 0; a thin line shows the spread."""
    scale = (WIDTH - LABELS - RIGHT) / (max((bar.spread[2] for bar in shown), default=0.0) or 1.0)
    parts = _heading(title, unit)
    for place, bar in enumerate(shown):
        top = TOP + place * (BAR + GAP)
        middle = top + BAR / 2
        long, low, high = (value * scale for value in bar.spread)
        parts += [
            _text(LABELS - 8, middle + 4, bar.label, anchor="end"),
            f'<rect x="{LABELS}" y="{top}" width="{long:.1f}" height="{BAR}" fill="{_colour(bar.colour)}"/>',
            _text(LABELS + high + 6, middle + 4, f"{bar.spread[0]:g}"),
        ]
        if high > low:
            parts.append(_line(LABELS + low, middle, LABELS + high, middle, "spread"))
    return _svg(TOP + len(shown) * (BAR + GAP) + BOTTOM, parts)


def lines(title: str, unit: str, across: str, series: Mapping[str, Mapping[float, float]]) -> str:
    """One line for each series of y by x; x are placed at equal distances, in their order."""
    xs = sorted({x for points in series.values() for x in points})
    most = nice(max([y for points in series.values() for y in points.values()] + [0.0]))
    left, right, bottom = LEFT_OF_LINES, WIDTH - RIGHT, TOP + LINES_HEIGHT
    step = (right - left) / max(1, len(xs) - 1)
    parts = _heading(title, unit)
    for tick in range(TICKS + 1):
        y = bottom - LINES_HEIGHT * tick / TICKS
        parts += [_line(left, y, right, y, "axis"), _text(left - 8, y + 4, f"{most * tick / TICKS:g}", "faint", "end")]
    for place, x in enumerate(xs):
        parts.append(_text(left + place * step, bottom + 18, f"{x:,.10g}", "faint", "middle"))
    parts.append(_text((left + right) / 2, bottom + 36, across, "faint", "middle"))
    for number, (name, points) in enumerate(series.items()):
        where = [(left + xs.index(x) * step, bottom - y / most * LINES_HEIGHT) for x, y in sorted(points.items())]
        parts += _curve(name, where, _colour(number))
    return _svg(bottom + BELOW_LINES, parts)


def nice(most: float) -> float:
    """The end of an axis: 1, 2 or 5 times a power of ten, at or above `most`; 1 when there is nothing."""
    if most <= 0:
        return 1.0
    power = 10.0 ** int(log10(most) // 1)
    return next(times * power for times in (1, 2, 5, 10) if times * power >= most * 0.999999)


def _curve(name: str, where: Sequence[tuple[float, float]], colour: str) -> list[str]:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in where)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in where]
    last_x, last_y = where[-1]
    line = f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>'
    return [line, *dots, _text(last_x + 10, last_y + 4, name)]


def _heading(title: str, unit: str) -> list[str]:
    return [_text(12, 22, title, "title"), _text(12, 40, unit, "faint")]


def _text(x: float, y: float, words: str, kind: str = "plain", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _svg(height: float, parts: Sequence[str]) -> str:
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<style>{STYLE}</style>\n{body}\n</svg>\n'
