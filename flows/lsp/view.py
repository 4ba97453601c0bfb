"""One file as a question about it is answered: its text, what stands where, and what the checker last knew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flows.check.subject import Piece, Schema, Subject
from flows.document import Document
from flows.lsp.outline import Outline, outline
from flows.lsp.positions import Text
from flows.lsp.project import Project
from flows.lsp.reading import Token
from flows.lsp.symbols import Occurrence, Symbol, desk_occurrences, occurrences, tokens_of
from tasks.declare import TaskSpec
from tasks.registry import Catalog


@dataclass(frozen=True)
class View:
    """A file of a project, as it stands now."""

    project: Project
    path: Path
    text: Text
    document: Document
    catalog: Catalog

    @property
    def name(self) -> str:
        """The pipeline's."""
        return self.path.stem

    @property
    def is_desk(self) -> bool:
        """Whether it is the desk file."""
        return self.path == self.project.desk_path

    @cached_property
    def outline(self) -> Outline:
        """Its keys and values, as far as they can be made out."""
        return outline(self.text.source)

    @cached_property
    def tokens(self) -> list[Token]:
        """Its keys and values, in the order they are written."""
        return tokens_of(self.text, self.document, self.outline)

    @cached_property
    def occurrences(self) -> list[Occurrence]:
        """Every name in it that stands for something."""
        if self.is_desk:
            return list(desk_occurrences(self.tokens))
        return list(occurrences(self.name, self.tokens, self.outline, self.catalog.tasks, self.text.source))

    def at(self, offset: int) -> Occurrence | None:
        """The name at an offset: the shortest where one is part of another."""
        here = [found for found in self.occurrences if found.start <= offset <= found.end]
        return min(here, key=lambda found: found.end - found.start, default=None)

    def of(self, symbol: Symbol) -> list[Occurrence]:
        """Every place in this file where the same thing is named."""
        return [found for found in self.occurrences if found.symbol == symbol]

    @property
    def subject(self) -> Subject | None:
        """What the checker made of it, or of what it was when it could last be read."""
        good = self.project.good(self.path)
        return good.subject if good else None

    def task_of(self, step: str) -> TaskSpec | None:
        """The task that a step or source calls, as the file says now; `on_failure` is one, too."""
        if step == "on_failure":
            return self.catalog.tasks.get(self.outline.value(("on_failure", "task")) or "")
        for section in ("steps", "stream"):
            if name := self.outline.value((section, step, "task")):
                return self.catalog.tasks.get(name)
        return None

    def piece(self, step: str) -> Piece | None:
        """A step as the checker last knew it, if it still calls the same."""
        piece = self.subject.pieces.get(step) if self.subject else None
        if piece is None or (piece.task is not None and piece.task is not self.task_of(step)):
            return None
        return piece

    def outputs(self, step: str) -> dict[str | None, Schema]:
        """The frames that a step yields, by field: as the checker knows them, or as its task declares them."""
        piece = self.piece(step)
        if piece is not None and piece.outputs is not None:
            return piece.outputs
        task = self.task_of(step)
        return {field: output.schema for field, output in task.outputs.items()} if task else {}

    def steps(self) -> list[str]:
        """The ids of sources and steps."""
        return [str(name) for section in ("stream", "steps") for name in self.outline.children((section,))]

    def parameters(self) -> list[str]:
        """The names of the pipeline's parameters."""
        return [str(name) for name in self.outline.children(("params",))]
