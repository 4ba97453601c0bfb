"""Every number explains itself: from a row, back through each step's frames, to the broker's messages."""

from flows.explain.evidence import Evidence, Explanation, Rows
from flows.explain.lineage import explain
from flows.explain.objects import to_object
from flows.explain.rendering import render

__all__ = ["Evidence", "Explanation", "Rows", "explain", "render", "to_object"]
