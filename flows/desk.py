"""The desk: its connections, its order policy, its folder of data, as `pipelines/_desk.yaml` says.

A profile (`--desk paper`) overrides the file's keys: connections and the order policy key by key,
the rest whole. In connections' settings `$env.NAME` stands for the environment variable `NAME`
and `$secret.name` for a secret, `HEDGEROW_SECRET_NAME` unless `secrets:` names other places to look in; they
are looked up when a connection is first used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.connection_spec import ConnectionSpec, DeskError
from flows.diagnostics import Diagnostic, Span, close_to, ordered
from flows.document import Document, Location, read, shown_path
from flows.grammar import DeskFile, DeskKeys, JournalKeys
from flows.secret_names import Secrets, secrets_of
from flows.shape import misshapen
from tasks.connections.base import connection_class, kinds
from tasks.connections.problems import Problem
from tasks.run import OrderPolicy

__all__ = ["ConnectionSpec", "Desk", "DeskError", "NoDesk", "load_desk"]

FILE = "_desk.yaml"


class NoDesk(Problem):
    """There is no desk file."""


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
    secrets: Secrets = field(default_factory=Secrets, repr=False, compare=False)

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
        secrets = secrets_of(keys.secrets, root)
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
            spec = self._connection(name, merged, places, secrets)
            if spec is not None:
                self.diagnostics += spec.check()
                connections[name] = spec
        data = root / keys.data
        if profile is not None and "data" not in override:
            data /= profile  # the journal of a paper desk must not be taken for that of a live one
        return Desk(keys.name, root, data, connections, keys.orders, profile, keys.journal, secrets)

    def _connection(
        self, name: str, given: dict[str, Any], places: dict[str, Location], secrets: Secrets
    ) -> ConnectionSpec | None:
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
        return ConnectionSpec(name, kind, cls, given, self.document, places, secrets)


def _kinds(kind: str) -> str:
    return close_to(kind, kinds())
