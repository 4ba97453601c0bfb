"""The parts of an HTML page that stands alone: no asset from outside, light or dark, on paper and on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import pandas as pd

from tasks.shown import cell

ROWS = 500
"""Rows of a frame that a table shows."""
OPEN = 30
"""Rows of a table that is shown open; a longer one is unfolded by whoever wants it."""

_LIGHT = (
    "--paper:#fff;--ink:#1b2530;--faint:#5f6b78;--grid:#e3e8ee;--soft:#f5f7f9;--up:#2f6db5;--down:#c9651a;"
    "--line:#c2342b;--series-1:#2f6db5;--series-2:#c9651a;--series-3:#2e8555;--series-4:#8a56b8;--series-5:#a8791a;"
    "--series-6:#c2346b"
)
_DARK = (
    "--paper:#14181d;--ink:#e6eaef;--faint:#9aa6b3;--grid:#2a323b;--soft:#1b2128;--up:#6ea8ec;--down:#f0a35e;"
    "--line:#ff7b72;--series-1:#6ea8ec;--series-2:#f0a35e;--series-3:#63c393;--series-4:#b794e6;--series-5:#d9b44a;"
    "--series-6:#f07fa8"
)
_STYLE = f"""
:root{{color-scheme:light dark;{_LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
@media print{{:root{{color-scheme:light;{_LIGHT}}}main{{max-width:none;padding:0}}details>*{{display:revert}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 Inter,system-ui,Helvetica,Arial,sans-serif}}
main{{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem}}
h1{{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem}}
h2{{font-size:1.2rem;margin:2.5rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--grid)}}
h3{{font-size:1rem;margin:1.5rem 0 .5rem}}
p{{margin:.5rem 0;max-width:44rem}}
.faint,caption,figcaption{{color:var(--faint)}}
figcaption{{font-size:.9rem;padding-left:1rem}}
.lead{{font-size:1.2rem;font-weight:600;margin-top:1.25rem}}
.facts{{display:grid;grid-template-columns:repeat(auto-fit,minmax(11.5rem,1fr));gap:.75rem;margin:1.25rem 0;padding:0}}
.facts div{{background:var(--soft);border-radius:.5rem;padding:.6rem .8rem}}
.facts dt{{color:var(--faint);font-size:.85rem}}
.facts dd{{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}}
figure{{margin:1rem 0;overflow-x:auto}}
figure svg{{display:block;max-width:100%;height:auto;min-width:26rem}}
.two{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(26rem,100%),1fr));gap:0 1rem}}
.wide{{overflow-x:auto;margin:1rem 0}}
table{{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}}
caption{{text-align:left;padding-bottom:.35rem;font-size:.9rem}}
th,td{{text-align:left;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--grid);vertical-align:top}}
thead th{{color:var(--faint);font-weight:500;border-bottom:1px solid var(--faint);white-space:nowrap}}
tbody th{{font-weight:500}}
.n{{text-align:right;white-space:nowrap}}
tr{{break-inside:avoid}}
figure,.facts div{{break-inside:avoid}}
summary{{cursor:pointer;color:var(--faint)}}
code{{font:.85em ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}}
pre{{background:var(--soft);border-radius:.5rem;padding:.6rem .8rem;overflow-x:auto;margin:.5rem 0}}
""".strip()


def document(title: str, body: str) -> str:
    """A whole page. Its own policy forbids it to fetch anything."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def paragraph(text: str, kind: str = "") -> str:
    """A sentence or more."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def heading(text: str, level: int = 2) -> str:
    """A heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def commands(lines: Iterable[str]) -> str:
    """Commands to copy."""
    return f"<pre><code>{escape(chr(10).join(lines))}</code></pre>"


def facts(named: Iterable[tuple[str, str]]) -> str:
    """A few figures, each with its name."""
    told = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in named)
    return f'<dl class="facts">{told}</dl>'


def figure(svg: str, words: str = "") -> str:
    """A picture, with what is to be said below it. The picture carries its own title."""
    caption = f"<figcaption>{escape(words)}</figcaption>" if words else ""
    return f"<figure>{svg}{caption}</figure>"


def side_by_side(parts: Iterable[str]) -> str:
    """Figures beside one another, where there is room for it."""
    return f'<div class="two">{"".join(parts)}</div>'


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Iterable[str] = ()) -> str:
    """A table, its first column naming the rows; a long one is folded.

    Parameters
    ----------
    caption
        What it shows.
    heads
        Names of the columns.
    rows
        Values, as `cell` shows them.
    numbers
        The heads of the columns that end flush.
    """
    all_rows = list(rows)
    flush = frozenset(numbers)
    kinds = ["n" if head in flush else "" for head in heads]
    top = "".join(f'<th scope="col"{_class(kind)}>{escape(head)}</th>' for head, kind in zip(heads, kinds, strict=True))
    body = "\n".join(_row(row, kinds) for row in all_rows[:ROWS])
    more = f" The first {ROWS:,} of {len(all_rows):,} rows." if len(all_rows) > ROWS else ""
    told = (
        f'<div class="wide"><table><caption>{escape(caption + more)}</caption><thead><tr>{top}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )
    if len(all_rows) <= OPEN:
        return told
    return f"<details><summary>{escape(caption)}: {len(all_rows):,} rows</summary>{told}</details>"


def frame_table(caption: str, frame: pd.DataFrame) -> str:
    """The columns of a frame as a table, its numbers flush."""
    heads = [str(name).replace("_", " ") for name in frame.columns]
    kinds = frame.dtypes.tolist()
    numbers = [head for head, kind in zip(heads, kinds, strict=True) if getattr(kind, "kind", "") in "iuf"]
    return table(caption, heads, frame.itertuples(index=False, name=None), numbers)


def _row(row: Sequence[Any], kinds: Sequence[str]) -> str:
    first, *others = zip(row, kinds, strict=True)
    return (
        f'<tr><th scope="row"{_class(first[1])}>{escape(cell(first[0]))}</th>'
        + "".join(f"<td{_class(kind)}>{escape(cell(value))}</td>" for value, kind in others)
        + "</tr>"
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
