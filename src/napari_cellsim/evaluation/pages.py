"""Pieces of a report that is one HTML file: nothing is loaded from elsewhere, and nothing runs in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .study import Study

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 1080px;
       margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.7em; } h2 { margin-top: 2em; border-bottom: 1px solid #ccc; } h3 { margin-top: 1.5em; }
table { border-collapse: collapse; margin: 0.6em 0; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { padding: 0.2em 0.7em; border-bottom: 1px solid #e3e3e3; text-align: right; white-space: nowrap; }
th:first-child, td:first-child, .text { text-align: left; }
thead th { border-bottom: 2px solid #999; vertical-align: bottom; white-space: normal; max-width: 8em; }
tr.model td { font-weight: 600; background: #eef5fb; }
small { color: #555; font-weight: 400; }
.command { font-size: 0.85em; color: #444; margin: 0.2em 0 1.2em; }
code { background: #f3f3f3; padding: 0.1em 0.35em; border-radius: 3px; overflow-wrap: anywhere; user-select: all; }
.charts { display: flex; flex-wrap: wrap; gap: 1em; } .charts > div { max-width: 470px; }
.legend { display: flex; flex-wrap: wrap; gap: 0.3em 1.2em; font-size: 0.85em; margin: 0 0 1em 60px; }
.warning { background: #fff6df; border-left: 4px solid #e0a100; padding: 0.4em 0.9em; }
svg, img { max-width: 100%; height: auto; } figure { margin: 1em 0; } figcaption { font-size: 0.9em; color: #444; }
pre { background: #f6f6f6; padding: 0.8em; overflow-x: auto; font-size: 0.85em; }
"""


def page(title: str, lead: str, body: Sequence[str]) -> str:
    """Return a whole HTML document.

    Parameters
    ----------
    title, lead : str
        Heading and first sentence, plain text.
    body : sequence of str
        HTML.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(lead)}</p>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """Return a section with a heading."""
    return f"<h2>{escape(title)}</h2>\n" + "\n".join(parts)


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def warnings(lines: Sequence[str]) -> str:
    """Return what a reader must know, one box per sentence."""
    return "\n".join(f'<p class="warning">{escape(line)}</p>' for line in lines)


def count(number: int, what: str) -> str:
    """Return a number of things, such as "1 movie" or "3 movies"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def command(text: str | None) -> str:
    """Return the line under numbers that says how to get them again."""
    if text is None:
        return (
            '<p class="command">Measured in Python, of pictures without a file; no command line gives it.</p>'
        )
    return f'<p class="command">Get these numbers again: <code>{escape(text)}</code></p>'


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], marked: Sequence[bool] = ()) -> str:
    """Return a table.

    Parameters
    ----------
    heads : sequence of str
    rows : sequence of rows
        Numbers are shown with four significant digits, None as a dash, text as it is.
    marked : sequence of bool
        Rows that stand out.
    """
    cells = [_cell(value) for value in rows[0]] if rows else [""] * len(heads)
    styles = [' class="text"' if 'class="text"' in cell else "" for cell in cells]
    top = "".join(f"<th{style}>{escape(head)}</th>" for head, style in zip(heads, styles, strict=True))
    lines = []
    for number, row in enumerate(rows):
        style = ' class="model"' if number < len(marked) and marked[number] else ""
        lines.append(f"<tr{style}>{''.join(_cell(value) for value in row)}</tr>")
    return (
        f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>\n'
        + "\n".join(lines)
        + "</tbody></table></div>"
    )


def interval(value: float | None, low: float | None, high: float | None, factor: float = 1) -> str:
    """Return a value with its interval as text."""
    if value is None:
        return "–"
    if low is None or high is None:
        return f"{factor * value:.4g}"
    return f"{factor * value:.4g} [{factor * low:.4g}, {factor * high:.4g}]"


def charts(*drawn: str) -> str:
    """Return charts side by side."""
    return '<div class="charts">' + "".join(f"<div>{one}</div>" for one in drawn) + "</div>"


def figure(picture: bytes, caption: str, under: str | None = None) -> str:
    """Return a JPEG picture inside the page, with its caption and the command that makes it."""
    data = base64.b64encode(picture).decode("ascii")
    made = "" if under is None else command(under)
    text = escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>{made}"
    )


def details(title: str, *parts: str) -> str:
    """Return parts that unfold at a click."""
    return f"<details><summary>{escape(title)}</summary>\n" + "\n".join(parts) + "</details>"


def provenance(study: Study, more: Mapping[str, Any]) -> str:
    """Return how a study came about, and what more is known of it, as indented JSON."""
    return facts({"command": study.command, "time": study.time, "versions": study.versions, **more})


def facts(values: Mapping[str, Any]) -> str:
    """Return facts as indented JSON."""
    return f"<pre>{escape(json.dumps(values, indent=2, default=str))}</pre>"


def _cell(value: Any) -> str:
    if value is None:
        return "<td>–</td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, float):
        return f"<td>{value:.4g}</td>"
    if isinstance(value, int):
        return f"<td>{value}</td>"
    text = str(value)
    if text[:1] in "0123456789-–<":
        number, bracket, ends = text.partition(
            " ["
        )  # the interval stands below its value, or tables get too wide
        below = f"<br><small>[{escape(ends)}</small>" if bracket else ""
        return f"<td>{escape(number)}{below}</td>"
    return f'<td class="text">{escape(text)}</td>'
