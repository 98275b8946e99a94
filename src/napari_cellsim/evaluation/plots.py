"""Small charts as SVG text, for reports that are one file and need no plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 470, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 30, 44
# Told apart by colour-blind people (Okabe & Ito 2008), and by dash and marker too.
_STYLES = (
    ("#0072B2", "", "circle"),
    ("#555555", "6 4", "square"),
    ("#D55E00", "2 3", "triangle"),
    ("#009E73", "9 3 2 3", "diamond"),
    ("#CC79A7", "4 2", "circle"),
    ("#B8860B", "1 2", "square"),
)


class Point(NamedTuple):
    """One value with its interval; None where there is none."""

    x: float
    value: float | None
    low: float | None = None
    high: float | None = None


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers (1, 2 or 5 times a power of ten apart) that cover an interval."""
    span = max(high - low, 1e-12) if high > low else abs(high) or 1.0
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)  # an axis needs two ends
    return [round(k * step, 12) for k in range(first, last + 1)]


def line_chart(
    title: str,
    series: Sequence[tuple[str, Sequence[Point]]],
    x_label: str,
    y_label: str,
    reference: float | None = None,
) -> str:
    """Draw lines with error bars.

    Parameters
    ----------
    title : str
    series : sequence of (name, points)
        Up to six; points without a value are left out.
    x_label, y_label : str
    reference : float, optional
        A horizontal line, such as 0 for "no gain"; otherwise the axis starts at 0.

    Returns
    -------
    str
        An ``<svg>`` element with a legend; hovering over a point tells its numbers.
    """
    shown = [(name, [p for p in points if p.value is not None]) for name, points in series]
    values = [v for _, points in shown for p in points for v in (p.value, p.low, p.high) if v is not None]
    places = [p.x for _, points in shown for p in points]
    if not values:
        return f"<p>{escape(title)}: no numbers.</p>"
    anchor = 0.0 if reference is None else reference
    y_ticks = ticks(min([*values, anchor]), max([*values, anchor]))
    x_low, x_high = min(places), max(places)
    pad = 0.5 if x_high == x_low else 0.06 * (x_high - x_low)

    def at_x(x: float) -> float:
        share = (x - x_low + pad) / (x_high - x_low + 2 * pad)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def at_y(y: float) -> float:
        share = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)

    whole = all(float(x).is_integer() for x in places)  # there is no step 1.2
    x_ticks = [t for t in ticks(x_low, x_high) if x_low <= t <= x_high and not (whole and t % 1)] or [x_low]
    parts = [_frame(title, x_label, y_label)]
    parts += [_y_tick(at_y(t), t) for t in y_ticks]
    parts += [_x_tick(at_x(t), t) for t in x_ticks]
    if reference is not None:
        y = at_y(reference)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="#999" stroke-width="1.2"/>')
    for number, (name, points) in enumerate(shown):
        nudge = 3 * (number - (len(shown) - 1) / 2)  # so that error bars do not cover each other
        parts.append(_line(name, points, number, lambda x, n=nudge: at_x(x) + n, at_y))
    return "\n".join([*parts, "</svg>", _legend([name for name, _ in shown])])


def histogram(title: str, sets: Sequence[tuple[str, Any]], x_label: str, mark: float | None = None) -> str:
    """Draw the distributions of sets of numbers as step lines of equal area.

    Parameters
    ----------
    title, x_label : str
    sets : sequence of (name, array)
        Each not empty.
    mark : float, optional
        A value that is marked by a vertical line.

    Returns
    -------
    str
        An ``<svg>`` element with a legend.
    """
    arrays = [(name, np.asarray(values, dtype=np.float64)) for name, values in sets]
    everything = np.concatenate([values for _, values in arrays])
    edges = np.linspace(min(everything.min(), mark or np.inf), everything.max() + 1e-9, 25)
    shares = [(name, np.histogram(v, edges)[0] / len(v)) for name, v in arrays]
    highest = max(float(s.max()) for _, s in shares)
    y_ticks = ticks(0, highest)

    def at_x(x: float) -> float:
        return float(_LEFT + (x - edges[0]) / (edges[-1] - edges[0]) * (WIDTH - _LEFT - _RIGHT))

    def at_y(y: float) -> float:
        return HEIGHT - _BOTTOM - y / y_ticks[-1] * (HEIGHT - _TOP - _BOTTOM)

    parts = [_frame(title, x_label, "share of pictures")]
    parts += [_y_tick(at_y(t), t) for t in y_ticks]
    parts += [_x_tick(at_x(t), t) for t in ticks(edges[0], edges[-1]) if edges[0] <= t <= edges[-1]]
    for number, (_, share) in enumerate(shares):
        parts.append(_steps(edges, share, number, at_x, at_y))
    if mark is not None:
        parts.append(
            f'<path d="M{at_x(mark):.1f} {_TOP}V{HEIGHT - _BOTTOM}" stroke="#999" stroke-dasharray="3 3"/>'
        )
    return "\n".join([*parts, "</svg>", _legend([name for name, _ in shares])])


def _steps(edges: npt.NDArray[Any], share: npt.NDArray[Any], number: int, at_x: Any, at_y: Any) -> str:
    colour, dash, _ = _STYLES[number % len(_STYLES)]
    path = f"M{at_x(edges[0]):.1f} {at_y(0):.1f}"
    for value, end in zip(share, edges[1:], strict=True):
        path += f"V{at_y(float(value)):.1f}H{at_x(end):.1f}"
    return f'<path d="{path}V{at_y(0):.1f}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'


def _frame(title: str, x_label: str, y_label: str) -> str:
    middle = (_TOP + HEIGHT - _BOTTOM) / 2
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12">'
        f'<text x="{WIDTH / 2}" y="18" text-anchor="middle" font-weight="bold">{escape(title)}</text>'
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">{escape(y_label)}</text>'
        f'<path d="M{_LEFT} {_TOP}V{HEIGHT - _BOTTOM}H{WIDTH - _RIGHT}" fill="none" stroke="#333"/>'
    )


def _y_tick(y: float, value: float) -> str:
    return (
        f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="#ddd" stroke-width="0.7"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
    )


def _x_tick(x: float, value: float) -> str:
    base = HEIGHT - _BOTTOM
    return (
        f'<path d="M{x:.1f} {base}v4" stroke="#333"/>'
        f'<text x="{x:.1f}" y="{base + 17}" text-anchor="middle">{value:g}</text>'
    )


def _line(name: str, points: Sequence[Point], number: int, at_x: Any, at_y: Any) -> str:
    colour, dash, marker = _STYLES[number % len(_STYLES)]
    parts = []
    if len(points) > 1:
        path = " ".join(f"{at_x(p.x):.1f},{at_y(p.value):.1f}" for p in points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        )
    for p in points:
        x, y = at_x(p.x), at_y(p.value)
        told = f"{name}, {p.x:g}: {p.value:.4g}"
        if p.low is not None and p.high is not None:
            told += f" [{p.low:.4g}, {p.high:.4g}]"
            parts.append(f'<path d="M{x:.1f} {at_y(p.low):.1f}V{at_y(p.high):.1f}" stroke="{colour}"/>')
        parts.append(f"<g>{_marker(marker, x, y, colour)}<title>{escape(told)}</title></g>")
    return "".join(parts)


def _marker(kind: str, x: float, y: float, colour: str) -> str:
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    shapes = {
        "square": "m-3.5 -3.5h7v7h-7z",
        "triangle": "m0 -5l4.5 8h-9z",
        "diamond": "m0 -5l4.5 5l-4.5 5l-4.5 -5z",
    }
    return f'<path d="M{x:.1f} {y:.1f}{shapes[kind]}" fill="{colour}"/>'


def _legend(names: Sequence[str]) -> str:
    entries = []
    for number, name in enumerate(names):
        colour, dash, marker = _STYLES[number % len(_STYLES)]
        sample = (
            '<svg width="34" height="12" aria-hidden="true">'
            f'<path d="M1 6H33" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
            f"{_marker(marker, 17, 6, colour)}</svg>"
        )
        entries.append(f"<span>{sample} {escape(name)}</span>")
    return f'<p class="legend">{" ".join(entries)}</p>'
