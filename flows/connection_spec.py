"""A connection as the desk file states it, and its settings once its references are looked up."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from flows.diagnostics import Diagnostic, ordered, rendered
from flows.document import Document, Location
from flows.redaction import guarded
from flows.references import Reference, find, resolve
from flows.scalars import scalar
from flows.secret_names import NotSet, Secrets
from flows.shape import misshapen
from flows.values import within
from tasks.connections.base import Connection, Settings
from tasks.connections.problems import ConnectionProblem, Problem


class DeskError(Problem):
    """The desk file is wrong; the diagnostics say where."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], text: str) -> None:
        super().__init__(rendered(diagnostics, text).rstrip())
        self.diagnostics = diagnostics
        self.text = text

    def __reduce__(self) -> Any:
        return type(self), (self.diagnostics, self.text)


@dataclass(frozen=True)
class ConnectionSpec:
    """A connection as the desk file states it."""

    name: str
    kind: str
    cls: type[Connection]
    given: Mapping[str, Any]
    """Its settings as written, `$env.X` and `$secret.x` still in them."""
    document: Document = field(repr=False, compare=False)
    places: Mapping[str, Location] = field(repr=False, compare=False)
    """Where each setting stands: in the file's own connections, or in a profile's."""
    secrets: Secrets = field(repr=False, compare=False)
    """Where `$secret.x` is looked up."""

    @cached_property
    def settings(self) -> Settings:
        """Its settings, with what the environment and the desk's secrets hold.

        Raises
        ------
        DeskError
            Names the variables that aren't set, the secrets that are nowhere, and where they were looked for.
        ConnectionProblem
            A place of secrets doesn't answer.
        """
        references = list(find(self.given))
        names: dict[str, Any] = {}
        missing: list[Diagnostic] = []
        for reference in references:
            try:
                names[reference.name] = self._looked_up(reference)
            except ConnectionProblem:
                raise
            except Problem as problem:
                code = "missing-variable" if isinstance(problem, NotSet) else "missing-secret"
                missing.append(self._diagnostic(reference, code, problem.reason.removesuffix("."), problem.instruction))
        if missing:
            raise DeskError(ordered(missing), self.document.text)
        hidden = {str(ref.location[0]): self.given[str(ref.location[0])] for ref in references if _is_secret(ref)}
        model = guarded(self.cls.Settings, hidden) if hidden else self.cls.Settings
        try:
            return _validated(model, resolve(self.given, names))
        except ValidationError as error:
            # Variables and secrets are only text; where a setting is none, it is read as YAML would read it.
            wrong = {within(self.given, details["loc"]) for details in error.errors()}
            names |= {ref.name: scalar(names[ref.name]) for ref in references if ref.whole and ref.location in wrong}
        try:
            return _validated(model, resolve(self.given, names))
        except ValidationError as error:
            raise DeskError(ordered(self._misshapen(error, references)), self.document.text) from None

    def check(self) -> list[Diagnostic]:
        """What is wrong with its settings, as far as can be said without the environment."""
        references = list(find(self.given))
        strange = [
            self._diagnostic(
                reference,
                "unknown-reference",
                reference.fault or f"no `${reference.name}` in a desk file",
                "`$env.NAME` stands for an environment variable, `$secret.name` for a secret; `$$` is a dollar",
            )
            for reference in references
            if reference.fault or reference.name.partition(".")[0] not in ("env", "secret") or "." not in reference.name
        ]
        try:
            _validated(self.cls.Settings, resolve(self.given, {reference.name: "" for reference in references}))
        except ValidationError as error:
            strange += self._misshapen(error, references, frozenset(reference.location for reference in references))
        return strange

    def secret_names(self) -> list[str]:
        """The secrets that its settings name, each once."""
        return list(dict.fromkeys(ref.name.partition(".")[2] for ref in find(self.given) if _is_secret(ref)))

    def _looked_up(self, reference: Reference) -> str:
        name = reference.name.partition(".")[2]
        if _is_secret(reference):
            return self.secrets.find(name).value
        if name not in os.environ:
            raise NotSet(f"environment variable {name} is not set")
        return os.environ[name]

    def _misshapen(
        self, error: ValidationError, references: list[Reference], known_later: frozenset[Location] = frozenset()
    ) -> list[Diagnostic]:
        secret = {reference.location: reference.name for reference in references if _is_secret(reference)}
        diagnostics: list[Diagnostic] = []
        for location, found in misshapen(error, self.document, self.given, self.cls.Settings, self._place):
            if location in known_later or (not location and known_later and found.code == "bad-value"):
                continue
            if location in secret:
                message = f"`{location[0]}`: what `${secret[location]}` holds doesn't suit"
                diagnostics.append(replace(found, message=message, hint=""))
            else:
                diagnostics.append(found)
        return diagnostics

    def _place(self, location: Location) -> Location:
        if not location:
            return self.places[""]
        return (*self.places[str(location[0])], *location[1:])

    def _diagnostic(self, reference: Reference, code: str, message: str, hint: str = "") -> Diagnostic:
        span = self.document.at(self._place(reference.location))
        return Diagnostic(self.document.path, span, code, f"connection `{self.name}`: {message}", hint)


def _validated(model: type[Settings], values: Any) -> Settings:
    # As JSON, so that paths and durations may be text while nothing else is coerced.
    return model.model_validate_json(json.dumps(values), strict=True)


def _is_secret(reference: Reference) -> bool:
    return reference.name.startswith("secret.")
