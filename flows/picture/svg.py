"""A pipeline's graph as a picture: SVG that stands alone, light or dark as its reader likes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from flows.picture.boxes import Box, Taken, Yielded, boxes
from flows.picture.layers import Placed, Size, bend, place
from flows.plan import Plan

CHARACTER = 7.3
"""Width of one, in a monospaced face of 12 px."""
LINE, HEAD, PADDING = 18.0, 42.0, 10.0
BETWEEN = 74.0
"""Between two layers: room for the edges."""
MARGIN = 16.0

STYLE = """
svg { --ground: #ffffff; --ink: #1c2430; --faint: #5d6878; --box: #f6f7f9; --rim: #c4cbd6; --way: #8b96a8;
  --effect: #b3441e; --effect-box: #fdf1ea; --source: #11677a; --source-box: #e9f6f8; --reads: #3657a6;
  --pipeline: #6b4ba1; font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
@media (prefers-color-scheme: dark) { svg { --ground: #14181f; --ink: #e6eaf0; --faint: #98a3b5; --box: #1e242e;
  --rim: #3c4656; --way: #66738a; --effect: #f0905f; --effect-box: #33221a; --source: #5cc3d6; --source-box: #17303a;
  --reads: #8fb0ff; --pipeline: #bfa2ef; } }
.ground { fill: var(--ground); } text { fill: var(--ink); } .faint { fill: var(--faint); } .name { font-weight: 700; }
.box { fill: var(--box); stroke: var(--rim); stroke-width: 1.2; } .rule { stroke: var(--rim); }
.effect .box { fill: var(--effect-box); stroke: var(--effect); stroke-width: 2; } .effect .kind { fill: var(--effect); }
.source .box { fill: var(--source-box); stroke: var(--source); } .source .kind { fill: var(--source); }
.reads .box { stroke: var(--reads); } .reads .kind { fill: var(--reads); }
.pipeline .box { stroke: var(--pipeline); } .pipeline .kind { fill: var(--pipeline); }
.output .box { stroke-width: 3; }
.way { fill: none; stroke: var(--way); stroke-width: 1.4; } .log { stroke-width: 3.2; }
.last { stroke-dasharray: 2 4; } .order { stroke-dasharray: 7 4; }
.dot { fill: var(--way); } .dot.open { fill: var(--ground); stroke: var(--way); stroke-width: 1.4; }
.way.lit { stroke: var(--effect); } g.dim, .way.dim { opacity: .25; }
"""

KINDS = {"pure": "", "reads": "reads", "source": "source", "effect": "▲ effect", "pipeline": "pipeline"}


@dataclass(frozen=True)
class _Drawn:
    box: Box
    size: Size
    x: float
    y: float

    def taken_at(self, position: int) -> tuple[float, float]:
        return self.x, self.y + HEAD + LINE * (position + 0.5)

    def yielded_at(self, field: str | None) -> tuple[float, float]:
        fields = [one.field for one in self.box.yields]
        row = len(self.box.takes) + (fields.index(field) if field in fields else 0)
        return self.x + self.size.width, self.y + HEAD + LINE * (row + 0.5)


def picture(plan: Plan) -> str:
    """The graph as an SVG document.

    Sources are to the left, effects (▲) stand out, the output has a thick rim. A thick line is a log, a thin one
    a table or a batch's frame; dots are a frame of the time before, dashes an order without a frame.
    """
    found = boxes(plan)
    sizes = {box.name: _size(box) for box in found}
    edges = [(one.source.step, box.name) for box in found for one in box.takes if one.way != "last"]
    placed = place(sizes, edges)
    left = _lefts(placed, sizes)
    drawn = {
        box.name: _Drawn(
            box,
            sizes[box.name],
            left[placed[box.name].layer] + MARGIN,
            placed[box.name].middle - sizes[box.name].height / 2 + MARGIN,
        )
        for box in found
    }
    ways = [_way(drawn, box, number, placed, left) for box in found for number in range(len(box.takes))]
    width = max(each.x + each.size.width for each in drawn.values()) + MARGIN + BETWEEN / 2
    height = max(each.y + each.size.height for each in drawn.values()) + MARGIN + LINE
    body = "\n".join([*ways, *(_box(each) for each in drawn.values())])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' height="{height:.0f}" role="img" aria-label="Graph of {escape(plan.name)}">\n'
        f"<title>{escape(plan.name)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="ground" width="100%" height="100%"/>\n{body}\n</svg>\n'
    )


def _size(box: Box) -> Size:
    head = [len(box.name) + len(KINDS[box.kind]) + 3, len(_calls(box))]
    lines = [len(_takes(one)) + 1 for one in box.takes] + [len(_yields(one)) + 1 for one in box.yields]
    width = max(*head, *lines, 14) * CHARACTER + 2 * PADDING
    return Size(width, HEAD + LINE * len(lines) + (6 if lines else 0))


def _lefts(placed: dict[str, Placed], sizes: dict[str, Size]) -> list[float]:
    """Where each layer begins."""
    widths = [0.0] * (max(each.layer for each in placed.values()) + 1)
    for name, size in sizes.items():
        widths[placed[name].layer] = max(widths[placed[name].layer], size.width)
    left = [0.0]
    for width in widths:
        left.append(left[-1] + width + BETWEEN)
    return left


def _calls(box: Box) -> str:
    return "; ".join((box.calls, *box.notes)) if box.calls != box.name or box.notes else box.calls


def _takes(one: Taken) -> str:
    if one.way == "order":
        return f"{one.source} {one.name}"
    kind = f"{one.schema}{'?' if one.is_optional else ''}"
    return f"{one.name}: {kind}" + (f" {one.flow}" if one.flow else "") + (" before" if one.way == "last" else "")


def _yields(one: Yielded) -> str:
    return " ".join(filter(None, (f"{one.field}:" if one.field else "", one.schema, one.flow)))


def _box(each: _Drawn) -> str:
    box, x, y = each.box, each.x, each.y
    right = x + each.size.width
    lines = [
        f'<g class="step {box.kind}{" output" if box.is_output else ""}" data-step="{escape(box.name)}">',
        f'<rect class="box" x="{x:.1f}" y="{y:.1f}" width="{each.size.width:.1f}" height="{each.size.height:.1f}"'
        f' rx="{14 if box.kind == "source" else 5}"/>',
        f'<text class="name" x="{x + PADDING:.1f}" y="{y + 17:.1f}">{escape(box.name)}</text>',
        f'<text class="faint" x="{x + PADDING:.1f}" y="{y + 34:.1f}">{escape(_calls(box))}</text>',
    ]
    if kind := KINDS[box.kind]:
        at = f'x="{right - PADDING:.1f}" y="{y + 17:.1f}" text-anchor="end"'
        lines.append(f'<text class="kind" {at}>{kind}</text>')
    if box.takes or box.yields:
        rule = y + HEAD - 1
        lines.append(f'<line class="rule" x1="{x:.1f}" y1="{rule:.1f}" x2="{right:.1f}" y2="{rule:.1f}"/>')
    for position, taken in enumerate(box.takes):
        at_x, at_y = each.taken_at(position)
        lines.append(_dot(at_x, at_y, is_open=taken.is_optional or taken.way != "edge"))
        lines.append(f'<text x="{at_x + PADDING:.1f}" y="{at_y + 4:.1f}">{escape(_takes(taken))}</text>')
    for yielded in box.yields:
        at_x, at_y = each.yielded_at(yielded.field)
        lines.append(_dot(at_x, at_y, is_open=False))
        text = escape(_yields(yielded))
        lines.append(f'<text x="{at_x - PADDING:.1f}" y="{at_y + 4:.1f}" text-anchor="end">{text}</text>')
    return "\n".join([*lines, "</g>"])


def _dot(x: float, y: float, *, is_open: bool) -> str:
    return f'<circle class="dot{" open" if is_open else ""}" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>'


def _way(drawn: dict[str, _Drawn], box: Box, number: int, placed: dict[str, Placed], left: Sequence[float]) -> str:
    taken = box.takes[number]
    first, last = drawn[taken.source.step], drawn[box.name]
    start, end = first.yielded_at(taken.source.field), last.taken_at(number)
    if taken.way == "last":
        path = _round(start, end, max(first.y + first.size.height, last.y + last.size.height) + 10)
    else:
        points = [start]
        for layer in range(placed[first.box.name].layer + 1, placed[box.name].layer):
            y = placed[bend(first.box.name, box.name, layer)].middle + MARGIN
            points += [(left[layer] + MARGIN, y), (left[layer + 1] - BETWEEN + MARGIN, y)]
        path = _curve([*points, end])
    kinds = f"way {taken.way}{' log' if taken.flow == 'log' else ''}"
    told = f"{taken.source} → {box.name}: {_takes(taken)}"
    ends = f'data-from="{escape(taken.source.step)}" data-to="{escape(box.name)}"'
    return f'<path class="{kinds}" {ends} d="{path}"><title>{escape(told)}</title></path>'


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Level at each point."""
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in pairwise(points):
        half = (to_x - x) / 2
        path += f" C{x + half:.1f},{y:.1f} {to_x - half:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"
    return path


def _round(start: tuple[float, float], end: tuple[float, float], below: float) -> str:
    """From a box's right side back to a left side, below both."""
    (x, y), (to_x, to_y), out = start, end, 22.0
    return (
        f"M{x:.1f},{y:.1f} C{x + out:.1f},{y:.1f} {x + out:.1f},{below:.1f} {x:.1f},{below:.1f}"
        f" L{to_x:.1f},{below:.1f} C{to_x - out:.1f},{below:.1f} {to_x - out:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"
    )
