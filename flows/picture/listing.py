"""A pipeline's graph as lines of text."""

from __future__ import annotations

from flows.picture.boxes import Box, Taken, boxes
from flows.plan import Plan

MARKS = {"effect": "▲", "source": "≋", "reads": "○", "pure": " ", "pipeline": "▣"}
LEGEND = "○ reads the world   ▲ changes it   ≋ a stream's source   ▣ another pipeline"


def listing(plan: Plan) -> str:
    """Every step in the order of a run: what it calls, takes and yields."""
    found = boxes(plan)
    width = max(len(box.name) for box in found)
    called = max(len(box.calls) for box in found)
    lines = [plan.name + (f": {plan.file.description}" if plan.file.description else "")]
    for box in found:
        yields = ", ".join(
            " ".join(filter(None, (f".{one.field}" if one.field else "", one.schema, f"({one.flow})" * bool(one.flow))))
            for one in box.yields
        )
        notes = f"   [{'; '.join(box.notes)}]" if box.notes else ""
        output = "   = the output" if box.is_output else ""
        head = f"{MARKS[box.kind]} {box.name:<{width}}  {box.calls:<{called}}"
        lines.append((f"{head}  → {yields}" if yields else head.rstrip()) + output + notes)
        lines += [f"{'':<{width + 4}}{_taken(box, one)}" for one in box.takes]
    return "\n".join([*lines, "", LEGEND, ""])


def _taken(box: Box, taken: Taken) -> str:
    if taken.way == "order":
        return f"· {taken.source}: {taken.name}"
    arrow = "⟲" if taken.way == "last" else "←"
    before = " of the time before" if taken.way == "last" else ""
    kind = " ".join(filter(None, (taken.schema, taken.flow, "optional" if taken.is_optional else "")))
    name = f"{taken.name} {arrow} " if taken.name != str(taken.source) or taken.way == "last" else f"{arrow} "
    return f"{name}{taken.source}{before} ({kind})"
