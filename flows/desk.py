"""The desk: its connections, its order policy, its folder of data, as `pipelines/_desk.yaml` says.

A profile (`--desk paper`) overrides the file's keys: connections and the order policy key by key,
the rest whole. In connections' settings `$env.NAME` stands for the environment variable `NAME`
and `$secret.name` for `HEDGEROW_SECRET_NAME`; they are looked up when a connection is first used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.diagnostics import Diagnostic, Span, close_to, ordered, rendered
from flows.document import Document, Location, read, shown_path
from flows.grammar import DeskFile, DeskKeys, JournalKeys
from flows.redaction import guarded
from flows.references import Reference, find, resolve
from flows.scalars import scalar
from flows.shape import misshapen
from flows.values import within
from tasks.connections.base import Connection, Settings, connection_class, kinds
from tasks.connections.problems import Problem
from tasks.connections.scrubbing import PREFIX
from tasks.run import OrderPolicy

FILE = "_desk.yaml"


class DeskError(Problem):
    """The desk file is wrong; the diagnostics say where."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], text: str) -> None:
        super().__init__(rendered(diagnostics, text).rstrip())
        self.diagnostics = diagnostics
        self.text = text

    def __reduce__(self) -> Any:
        return type(self), (self.diagnostics, self.text)


class NoDesk(Problem):
    """There is no desk file."""


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

    @cached_property
    def settings(self) -> Settings:
        """Its settings, with what the environment holds. Raises `DeskError` naming a variable that isn't set."""
        references = list(find(self.given))
        missing = [
            self._diagnostic(reference, "missing-variable", f"environment variable {_variable(reference)} is not set")
            for reference in references
            if _variable(reference) not in os.environ
        ]
        if missing:
            raise DeskError(ordered(missing), self.document.text)
        names: dict[str, Any] = {reference.name: os.environ[_variable(reference)] for reference in references}
        hidden = {str(ref.location[0]): self.given[str(ref.location[0])] for ref in references if _is_secret(ref)}
        model = guarded(self.cls.Settings, hidden) if hidden else self.cls.Settings
        try:
            return _validated(model, resolve(self.given, names))
        except ValidationError as error:
            # The environment knows only text; where a setting is none, it is read as YAML would read it.
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
                "`$env.NAME` and `$secret.name` stand for environment variables; `$$` is a dollar",
            )
            for reference in references
            if reference.fault or reference.name.partition(".")[0] not in ("env", "secret") or "." not in reference.name
        ]
        try:
            _validated(self.cls.Settings, resolve(self.given, {reference.name: "" for reference in references}))
        except ValidationError as error:
            strange += self._misshapen(error, references, frozenset(reference.location for reference in references))
        return strange

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


@dataclass(frozen=True)
class Desk:
    """Where a project trades, and where it keeps what it knows."""

    name: str
    root: Path
    """The project's folder."""
    data: Path
    connections: Mapping[str, ConnectionSpec]
    orders: OrderPolicy
    profile: str | None = None
    journal: JournalKeys = field(default_factory=JournalKeys)

    def redacted(self) -> dict[str, Any]:
        """What the journal keeps of it: settings as written, so that secrets stand there by name."""
        return {
            "name": self.name,
            "profile": self.profile,
            "data": str(self.data),
            "connections": {name: {"kind": spec.kind, **spec.given} for name, spec in self.connections.items()},
            "orders": self.orders.model_dump(mode="json"),
        }


def load_desk(folder: Path, profile: str | None = None) -> Desk:
    """The desk of a project.

    Parameters
    ----------
    folder
        The folder of pipelines, where `_desk.yaml` is.
    profile
        One of the file's profiles; None for the file as it is.

    Raises
    ------
    NoDesk
        There is no such file.
    DeskError
        It is wrong; everything at once.
    """
    path = folder / FILE
    if not path.exists():
        raise NoDesk(
            f"There is no desk file {shown_path(path)}.",
            "It names the connections and the order policy; the shortest is `connections: {gateway: {kind: ib, "
            "simulated: true}}`.",
        )
    document = read(path)
    loader = _Loader(document)
    desk = loader.desk(folder.resolve().parent, profile)
    if desk is None or loader.diagnostics:
        raise DeskError(ordered(loader.diagnostics), document.text)
    return desk


class _Loader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.diagnostics = list(document.diagnostics)

    def say(self, span: Span, code: str, message: str, hint: str = "") -> None:
        self.diagnostics.append(Diagnostic(self.document.path, span, code, message, hint))

    def desk(self, root: Path, profile: str | None) -> Desk | None:
        written = self.document.value
        if not self.document.readable or not self._well_shaped(written, DeskFile, ()):
            return None
        profiles = written.get("profiles", {})
        for name, override in profiles.items():
            self._well_shaped(override, DeskKeys, ("profiles", name))
        if self.diagnostics:
            return None
        if profile is not None and profile not in profiles:
            hint = close_to(profile, profiles) if profiles else "the file has no profiles"
            self.say(self.document.key(("profiles",)), "unknown-profile", f"no profile `{profile}`", hint)
            return None
        return {name: self._one(root, written, name) for name in (None, *profiles)}[profile]

    def _well_shaped(self, value: Any, model: type[DeskKeys], base: Location) -> bool:
        try:
            model.model_validate(value)
        except ValidationError as error:
            found = misshapen(error, self.document, value, model, lambda location: (*base, *location))
            self.diagnostics += [diagnostic for _, diagnostic in found]
            return False
        return True

    def _one(self, root: Path, written: Mapping[str, Any], profile: str | None) -> Desk:
        """The desk under one profile; what is wrong with its connections is said."""
        override = written.get("profiles", {}).get(profile, {}) if profile else {}
        base: Location = ("profiles", profile)
        keys = DeskKeys.model_validate(
            {
                **{key: value for key, value in written.items() if key != "profiles"},
                **override,
                "orders": {**written.get("orders", {}), **override.get("orders", {})},
                "connections": {},
            }
        )
        connections: dict[str, ConnectionSpec] = {}
        own, other = written.get("connections", {}), override.get("connections", {})
        for name in dict.fromkeys([*own, *other]):
            merged = {**own.get(name, {}), **other.get(name, {})}
            if name in own and own[name].get("kind") != merged.get("kind"):
                merged = dict(other[name])  # of another kind, it shares no settings
            places: dict[str, Location] = {
                key: (*base, "connections", name, key) if key in other.get(name, {}) else ("connections", name, key)
                for key in merged
            }
            places[""] = ("connections", name) if name in own else (*base, "connections", name)
            spec = self._connection(name, merged, places)
            if spec is not None:
                self.diagnostics += spec.check()
                connections[name] = spec
        data = root / keys.data
        if profile is not None and "data" not in override:
            data /= profile  # the journal of a paper desk must not be taken for that of a live one
        return Desk(keys.name, root, data, connections, keys.orders, profile, keys.journal)

    def _connection(self, name: str, given: dict[str, Any], places: dict[str, Location]) -> ConnectionSpec | None:
        if "kind" not in given:
            self.say(self.document.key(places[""]), "missing-key", f"connection `{name}` lacks its `kind`", _kinds(""))
            return None
        kind = given.pop("kind")
        at_kind = self.document.at(places["kind"])
        if not isinstance(kind, str) or kind not in kinds():
            self.say(at_kind, "unknown-connection", f"no connection of kind `{kind}`", _kinds(str(kind)))
            return None
        try:
            cls = connection_class(kind)
        except ImportError as error:
            self.say(at_kind, "unknown-connection", f"connections of kind `{kind}` can't be loaded: {error}")
            return None
        return ConnectionSpec(name, kind, cls, given, self.document, places)


def _kinds(kind: str) -> str:
    return close_to(kind, kinds())


def _validated(model: type[Settings], values: Any) -> Settings:
    # As JSON, so that paths and durations may be text while nothing else is coerced.
    return model.model_validate_json(json.dumps(values), strict=True)


def _is_secret(reference: Reference) -> bool:
    return reference.name.startswith("secret.")


def _variable(reference: Reference) -> str:
    name = reference.name.partition(".")[2]
    return PREFIX + name.upper() if _is_secret(reference) else name
