"""A script of faults: the YAML file that says what a gateway is to do wrong, and when."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from tasks.connections.problems import DataProblem

MESSAGES = {
    "reqMktData": 1,
    "placeOrder": 3,
    "cancelOrder": 4,
    "reqOpenOrders": 5,
    "reqAccountUpdates": 6,
    "reqExecutions": 7,
    "reqIds": 8,
    "reqContractDetails": 9,
    "reqAllOpenOrders": 16,
    "reqHistoricalData": 20,
    "reqCurrentTime": 49,
    "reqRealTimeBars": 50,
    "reqGlobalCancel": 58,
    "reqPositions": 61,
    "reqAccountSummary": 62,
    "startApi": 71,
    "reqSecDefOptParams": 78,
    "reqTickByTickData": 97,
    "reqCompletedOrders": 99,
}
"""Names of the messages that a script may wait for; others by their numbers."""

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
DATED = re.compile(r"\d{4}-\d{2}-\d{2}.")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Action:
    """Something to do, and how: arguments that aren't named have their defaults."""

    do: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.arguments.get(name, ACTIONS[self.do][name][1])


@dataclass(frozen=True)
class Cue:
    """An action and what it waits for: exactly one of `at`, `after` and `on`."""

    action: Action
    at: int | None = None
    """A moment of the market, nanoseconds since 1970."""
    after: float | None = None
    """Real seconds since the gateway began to listen."""
    on: int | None = None
    """A kind of message that a client sends."""
    nth: int = 1
    """The how manieth of them, of all clients."""


@dataclass(frozen=True)
class Chance:
    """Actions at random: about every so many real seconds one of them."""

    every: float
    actions: tuple[Action, ...]
    seed: int = 0


@dataclass(frozen=True)
class Script:
    """What is to happen."""

    cues: tuple[Cue, ...] = ()
    chance: Chance | None = None


def duration(text: str) -> float:
    """Seconds of a duration such as `500ms`, `30s`, `2m`. Raises `ValueError`."""
    match = DURATION.fullmatch(text)
    if match is None:
        raise ValueError("is no duration: write it as 500ms, 30s or 2m")
    return float(match[1]) * UNITS[match[2]]


def count(text: str) -> int:
    """A number of things. Raises `ValueError`."""
    if not text.isdecimal() or len(text) > 9 or not int(text):
        raise ValueError("is no whole number from 1 up")
    return int(text)


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"is none of {', '.join(choices)}")
        return text

    return read


Argument = tuple[Callable[[str], Any], Any]
_FOR: dict[str, Argument] = {"for": (duration, 10.0)}
_RATE: dict[str, Argument] = {"rate": (count, 1000), **_FOR}

ACTIONS: dict[str, dict[str, Argument]] = {
    "kick": {},
    "restart": {"down": (duration, 30.0)},
    "connectivity_lost": {**_FOR, "data": (_one_of("kept", "lost"), "kept")},
    "farm_down": {**_FOR, "farm": (_one_of("market", "history"), "market")},
    "mute": _FOR,
    "half_message": {},
    "slow_reader": _RATE,
    "slow_writer": _RATE,
    "duplicate_callbacks": _FOR,
    "reorder_callbacks": _FOR,
    "drop_orders": {"n": (count, 1)},
    "correction": {"n": (count, 1)},
    "bust": {"n": (count, 1)},
    "late_commission": {**_FOR, "seconds": (count, 30)},
    "burst": {"ticks": (count, 10_000)},
}
"""What can be done, and with which arguments: how each is read, and its default."""


def read_script(path: Path) -> Script:
    """The script of a file. Raises `DataProblem` with every mistake in it, each with its line and column."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataProblem(f"The faults {path} can't be read: {error}.") from None
    return parse_script(text, str(path))


def parse_script(text: str, name: str) -> Script:
    """The script of a text. Raises `DataProblem`."""
    reader = _Reader(name)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise DataProblem(f"{name}:{place}: this is no YAML: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DataProblem(f"{name}:1:1: this is no YAML: {type(error).__name__}.") from None
    script = reader.script(root)
    if reader.mistakes:
        raise DataProblem("\n".join(reader.mistakes), "docs/simulator-faults.md has every fault and its arguments.")
    return script


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self.mistakes: list[str] = []

    def script(self, root: yaml.Node | None) -> Script:
        if root is None:
            return Script()
        parts = self._mapping(root, {"faults", "random"}, "a script")
        faults = parts.get("faults")
        cues = [self._cue(node) for node in self._sequence(faults)] if faults else []
        chance = self._chance(parts["random"]) if "random" in parts else None
        return Script(tuple(cue for cue in cues if cue is not None), chance)

    def _cue(self, node: yaml.Node) -> Cue | None:
        parts = self._mapping(node, {"at", "on", "nth", "do", *self._arguments(node)}, "a fault")
        action = self._action(node, parts)
        when = [name for name in ("at", "on") if name in parts]
        if len(when) != 1:
            self._mistake(node, "a fault takes either `at` or `on`")
            return None
        if "nth" in parts and "on" not in parts:
            self._mistake(parts["nth"], "`nth` counts messages: it goes with `on`")
        at = self._moment(parts["at"]) if "at" in parts else {}
        on = {"on": self._message(parts["on"])} if "on" in parts else {}
        nth = self._value(parts["nth"], count, 1) if "nth" in parts else 1
        return None if action is None else Cue(action, nth=nth, **at, **on)

    def _chance(self, node: yaml.Node) -> Chance | None:
        parts = self._mapping(node, {"every", "kinds", "seed"}, "`random`")
        if not {"every", "kinds"} <= parts.keys():
            self._mistake(node, "`random` takes `every` and `kinds`")
            return None
        actions = []
        for kind in self._sequence(parts["kinds"]):
            if isinstance(kind, yaml.ScalarNode):
                actions.append(self._named(kind, {}))
            else:
                actions.append(self._action(kind, self._mapping(kind, {"do", *self._arguments(kind)}, "a fault")))
        every = self._value(parts["every"], duration, 5.0)
        seed = self._value(parts["seed"], _seed, 0) if "seed" in parts else 0
        known = tuple(action for action in actions if action is not None)
        if not known or every <= 0:
            self._mistake(parts["kinds"], "`random` takes at least one kind, and an `every` above 0")
            return None
        return Chance(every, known, seed)

    def _action(self, node: yaml.Node, parts: dict[str, yaml.Node]) -> Action | None:
        if "do" not in parts:
            self._mistake(node, f"a fault says what to `do`: one of {', '.join(ACTIONS)}")
            return None
        return self._named(parts["do"], parts)

    def _named(self, node: yaml.Node, parts: dict[str, yaml.Node]) -> Action | None:
        name = self._text(node)
        if name not in ACTIONS:
            if name:
                self._mistake(node, f"there is no fault `{name}`{_meant(name, ACTIONS)}")
            return None
        given = {key: self._value(parts[key], *spec) for key, spec in ACTIONS[name].items() if key in parts}
        return Action(name, given)

    def _arguments(self, node: yaml.Node) -> set[str]:
        """The arguments that the fault of a mapping takes; where it is unknown, those of all."""
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        named = [value.value for key, value in pairs if key.value == "do" and isinstance(value.value, str)]
        specs = [ACTIONS[named[0]]] if named and named[0] in ACTIONS else list(ACTIONS.values())
        return {argument for spec in specs for argument in spec}

    def _moment(self, node: yaml.Node) -> dict[str, Any]:
        text = self._text(node)
        if text.startswith("+"):
            return {"after": self._value(node, lambda text: duration(text[1:]), 0.0)}
        return {"at": self._value(node, _instant, 0)}

    def _message(self, node: yaml.Node) -> int:
        text = self._text(node)
        if text.isdecimal() and len(text) < 4:
            return int(text)
        if text not in MESSAGES:
            self._mistake(node, f"there is no message `{text}`{_meant(text, MESSAGES)}, and it is no number of one")
        return MESSAGES.get(text, 0)

    def _value(self, node: yaml.Node, read: Callable[[str], Any], default: Any) -> Any:
        text = self._text(node)
        try:
            return read(text)
        except ValueError as error:
            self._mistake(node, f"`{text}` {error}")
            return default

    def _text(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith("tag:yaml.org,2002:"):
            return str(node.value)
        self._mistake(node, "here a single value is expected, without a tag")
        return ""

    def _sequence(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self._mistake(node, "here a list is expected")
            return []
        return list(node.value)

    def _mapping(self, node: yaml.Node, known: set[str], of: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._mistake(node, f"{of} is a mapping with the keys {', '.join(sorted(known))}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._text(key)
            if name in found:
                self._mistake(key, f"the key `{name}` is given twice")
            elif name not in known:
                self._mistake(key, f"{of} has no key `{name}`{_meant(name, known)}")
            found[name] = value
        return found

    def _mistake(self, node: yaml.Node, text: str) -> None:
        self.mistakes.append(f"{self._name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}: {text}.")


def _instant(text: str) -> int:
    try:
        if not DATED.match(text):
            raise ValueError(text)
        moment = pd.Timestamp(text)
    except ValueError:
        raise ValueError("is no moment: write it as 2022-12-28T20:50:00Z, or +30s after the start") from None
    if pd.isna(moment) or moment.tzinfo is None:
        raise ValueError("has no time zone: write it as 2022-12-28T20:50:00Z")
    return moment.tz_convert("UTC").as_unit("ns").value


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise ValueError("is no whole number")
    return int(text)


def _meant(name: str, known: Any) -> str:
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean `{close[0]}`?" if close else f": there are {', '.join(sorted(known))}"
