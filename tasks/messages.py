"""An alert as it is read: on a phone first. A headline, the figures, and the command that explains them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.connections.notify_message import Message, Severity
from tasks.shown import cell
from tasks.summaries import figures, headline
from tasks.wording import counted, listed

ROWS = 10
"""Rows of a frame that a message shows."""
WIDTH = 76
"""Characters of a line of a table in plain text."""
SHORT = 300
"""Characters of a text message: two of its parts."""
_STYLE = (
    "<meta name='viewport' content='width=device-width'><meta name='color-scheme' content='light dark'>"
    "<style>body{font:16px/1.45 system-ui,sans-serif}h1{font-size:1.2em}h2{font-size:1.05em}"
    "table{border-collapse:collapse}"
    "th,td{text-align:left;padding:.2em .7em .2em 0;border-bottom:1px solid #8886;font-weight:normal;"
    "vertical-align:top}thead th{font-weight:600}td.n,th.n{text-align:right}code{font-size:.9em}</style>"
)


@dataclass(frozen=True)
class Told:
    """What is told of one matter, in the forms that services want it in."""

    title: str
    text: str
    markdown: str
    html: str
    short: str
    """Title and all, for a text message."""

    def message(self, severity: Severity, key: str, files: tuple[Path, ...] = ()) -> Message:
        """As a message of its own."""
        body = _page(self.title, self.html)
        return Message(self.title, self.text, self.markdown, body, self.short, severity, files, key)


def told(
    title: str,
    body: str,
    frame: pd.DataFrame | None,
    failures: Mapping[str, str],
    source: str,
    remark: str = "",
) -> Told:
    """What an alert tells: what its file says of it, then what failed, then the frame.

    Parameters
    ----------
    body
        What the pipeline's file says.
    frame
        What it tells of; None where there is none.
    failures
        Steps that failed, and why.
    source
        The command that shows where it comes from.
    remark
        What else is to be said of it.
    """
    lines = [body] if body else []
    lines += [f"{name}: {reason}" for name, reason in list(failures.items())[:ROWS]]
    if len(failures) > ROWS:
        lines.append(f"… and {counted(len(failures) - ROWS, 'more step')} failed.")
    shown: tuple[tuple[str, str], ...] = ()
    table = None
    if frame is not None and len(frame):
        shown = tuple(figures(frame))
        if len(shown) != frame.shape[1]:  # told field by field, that it is one row is no news
            lines.append(headline(frame))
        table = None if shown else frame
    lines += [remark] if remark else []
    width = max((len(name) for name, _ in shown), default=0)
    code = "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in shown) or _columns(table)
    return Told(
        title,
        _apart("\n".join(lines), code, f"Why: {source}"),
        _apart("\n".join(lines), _fenced(code), f"Why: `{source}`"),
        "".join(f"<p>{escape(line)}</p>" for line in lines)
        + _html_figures(shown)
        + _html_table(table)
        + f"<p>Why: <code>{escape(source)}</code></p>",
        _short(f"{title}: {' '.join(lines)}" if lines else title, source),
    )


def together(parts: Sequence[Told]) -> Told:
    """Several in one: their titles first, then each; one by itself."""
    if len(parts) == 1:
        return parts[0]
    titles = [part.title for part in parts]
    title = f"{counted(len(parts), 'alert')}: {listed_titles(titles)}"
    return Told(
        title,
        "\n\n".join(f"{part.title}\n{'=' * min(len(part.title), WIDTH)}\n{part.text}" for part in parts),
        "\n\n".join(f"**{part.title}**\n{part.markdown}" for part in parts),
        "".join(f"<h2>{escape(part.title)}</h2>{part.html}" for part in parts),
        _short(title, ""),
    )


def listed_titles(titles: Sequence[str]) -> str:
    """The titles, each once, how often it comes beside it."""
    counts = Counter(titles)
    return listed((title if count == 1 else f"{title} ({count} times)" for title, count in counts.items()), 3)


def _apart(*parts: str) -> str:
    return "\n\n".join(filter(None, parts))


def _fenced(code: str) -> str:
    return "```\n" + code.replace("```", "'''") + "\n```" if code else ""


def _short(told: str, source: str) -> str:
    """Cut to what a text message holds, the command whole where there is room for it."""
    line = " ".join(told.split())
    command = f" {source}" if source and len(source) < SHORT // 2 else ""
    room = SHORT - len(command)
    return (line if len(line) <= room else line[: room - 1] + "…") + command


def _page(title: str, body: str) -> str:
    """An HTML document."""
    return f"<!doctype html><html lang=en><head>{_STYLE}</head><body><h1>{escape(title)}</h1>{body}</body></html>"


def _columns(frame: pd.DataFrame | None) -> str:
    """The first rows, as many columns as a line has room for."""
    if frame is None:
        return ""
    shown = frame.head(ROWS)
    cells = [[str(name), *map(cell, shown[name])] for name in shown.columns]
    flush = [str.rjust if _is_number(shown[name]) else str.ljust for name in shown.columns]
    padded = [[pad(text, max(map(len, column))) for text in column] for column, pad in zip(cells, flush, strict=True)]
    width, kept = 0, 0
    for column in padded:
        width += len(column[0]) + 2
        if kept and width > WIDTH + 2:
            break
        kept += 1
    lines = ["  ".join(row).rstrip() for row in zip(*padded[:kept], strict=True)]
    more = [counted(frame.shape[0] - ROWS, "more row")] if len(frame) > ROWS else []
    more += [counted(frame.shape[1] - kept, "more column")] if kept < frame.shape[1] else []
    return "\n".join([*lines, *([f"… and {' and '.join(more)}"] if more else [])])


def _html_figures(shown: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td class=n>{escape(value)}</td></tr>" for name, value in shown)
    return f"<table>{rows}</table>" if rows else ""


def _html_table(frame: pd.DataFrame | None) -> str:
    if frame is None:
        return ""
    shown = frame.head(ROWS)
    kinds = [" class=n" if _is_number(shown[name]) else "" for name in shown.columns]
    heads = "".join(f"<th{k}>{escape(str(n))}</th>" for n, k in zip(shown.columns, kinds, strict=True))
    rows = "".join(
        f"<tr>{''.join(f'<td{k}>{escape(cell(v))}</td>' for v, k in zip(row, kinds, strict=True))}</tr>"
        for row in shown.itertuples(index=False, name=None)
    )
    more = f"<p>… and {counted(len(frame) - ROWS, 'more row')}</p>" if len(frame) > ROWS else ""
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _is_number(column: pd.Series[Any]) -> bool:
    return column.dtype.kind in "iuf"
