"""unknown-key, missing-key, bad-value: the shape of the file.

What is misshapen is dropped, so that the rest of the file is still checked.
"""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError

from flows.diagnostics import Diagnostic
from flows.document import Document, Location
from flows.grammar import PipelineFile
from flows.shape import misshapen
from flows.values import shown


def well_shaped(document: Document) -> tuple[PipelineFile | None, frozenset[Location], list[Diagnostic]]:
    """(the file, what was dropped from it, what is wrong); no file where nothing useful is left."""
    written = document.value
    if not isinstance(written, dict):
        message = f"a pipeline is a mapping of keys such as `steps:`, this is {shown(written)}"
        return None, frozenset(), [Diagnostic(document.path, document.at(()), "bad-value", message)]
    value = copy.deepcopy({key: part for key, part in written.items() if not key.startswith("x-")})
    dropped: set[Location] = set()
    told: list[Diagnostic] = []
    while True:
        try:
            return PipelineFile.model_validate(value), frozenset(dropped), told
        except ValidationError as error:
            found = misshapen(error, document, value, PipelineFile)
        cuts = {_cut(location) for location, _ in found}
        # What fails only because something of it was dropped isn't told twice.
        told += [diagnostic for location, diagnostic in found if not any(d[:2] == location[:2] for d in dropped)]
        if () in cuts:
            return None, frozenset(dropped), told
        for cut in cuts:
            _remove(value, cut)
        dropped |= cuts


def _cut(location: Location) -> Location:
    """The part that goes with a misshapen value: a key of a step, a parameter, or a key of the file."""
    if location[:1] in (("steps",), ("stream",)):
        return location[:3]
    return location[:2] if location[:1] == ("params",) else location[:1]


def _remove(value: Any, location: Location) -> None:
    for part in location[:-1]:
        value = value.get(part, {})
    value.pop(location[-1], None)
