"""unknown-argument, missing-argument, bad-argument, unknown-reference, unknown-parameter: the values of each step."""

from __future__ import annotations

import typing
from collections.abc import Hashable, Mapping
from datetime import date
from typing import Any

from flows.check.subject import Piece, Subject, Use
from flows.diagnostics import close_to, nearest
from flows.document import Location
from flows.grammar import Step
from flows.references import RUN_TYPES, Reference, find, resolve, whole
from flows.values import Unfit, convert, describe

SAMPLES: dict[str, Any] = {"run.session": date(2024, 1, 2), "run.pipeline": "pipeline", "run.id": "run"}
"""Values of the right type for what only a run knows."""


def check(subject: Subject) -> None:
    """Hold every value against the type of the argument it is given to, and note where parameters are used."""
    for piece in subject.every():
        expected = expected_arguments(piece)
        location = (*piece.location, "with")
        for name, value in piece.keys.with_.items():
            if expected is None:
                note_uses(subject, value, (*location, name))  # a parameter used by a misspelt task is used
            elif piece.task is not None and name in piece.task.connections:
                continue
            elif name not in expected:
                _unknown(subject, piece, name, expected)
                note_uses(subject, value, (*location, name))
            else:
                check_value(subject, value, expected[name], (*location, name), f"`{name}` of {piece.what}")
        if expected is not None:
            _missing(subject, piece)


def expected_arguments(piece: Piece) -> dict[str, Any] | None:
    """The type of each argument that a piece may be given; None where that isn't known."""
    if piece.inlined is not None:
        return {name: parameter.annotation for name, parameter in piece.inlined.parameters.items()}
    if piece.task is None:
        return None
    return {name: argument.annotation for name, argument in piece.task.arguments.items()}


def check_value(subject: Subject, value: Any, annotation: Any, location: Location, what: str) -> None:
    """Hold a value against a type; where `$names` stand in it, note what is needed of them."""
    references = list(find(value))
    if not references:
        _convert(subject, value, annotation, location)
        return
    if not all([_known(subject, reference, location) for reference in references]):  # noqa: C419 - says all that are wrong
        return
    name = whole(value)
    if name is not None:
        if name in RUN_TYPES:
            _convert(subject, SAMPLES[name], annotation, location, f"`${name}`")
        else:
            subject.uses.setdefault(name, []).append(Use(location, annotation, what))
        return
    inner = _element_types(value, annotation)
    if inner is not None:
        for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
            check_value(subject, part, inner, (*location, key), what)
        return
    for reference in references:
        subject.uses.setdefault(reference.name, []).append(Use((*location, *reference.location), None))
    samples = _samples(subject, references)
    if samples is not None:
        _convert(subject, resolve(value, samples), annotation, location)


def note_uses(subject: Subject, value: Any, location: Location) -> None:
    """Check the `$names` of a value whose type nobody knows."""
    for reference in find(value):
        if _known(subject, reference, location):
            subject.uses.setdefault(reference.name, []).append(Use((*location, *reference.location), None))


def _known(subject: Subject, reference: Reference, base: Location) -> bool:
    """Whether a reference is one to something; says so where not."""
    location, name = (*base, *reference.location), reference.name
    token = str(subject.document.value_at(location))[reference.offset : reference.offset + reference.width]
    space = name.partition(".")[0]
    if reference.fault:
        subject.say_within(location, token, "unknown-reference", reference.fault)
    elif name in RUN_TYPES or name in subject.file.params or ("params", name) in subject.dropped:
        return True
    elif "." not in name:
        known = list(subject.file.params)
        hint = close_to(name, known, "the parameters are") or f"declare it: `params: {{{name}: …}}`"
        subject.say_within(location, token, "unknown-parameter", f"no parameter `{name}`", hint)
    elif space in ("env", "secret"):
        hint = "a parameter is given with `-p name=value`"
        message = f"`${space}.` is for connections, in _desk.yaml"
        subject.say_within(location, token, "unknown-reference", message, hint)
    else:
        hint = close_to(f"${name}", [f"${known}" for known in RUN_TYPES], "there are")
        subject.say_within(location, token, "unknown-reference", f"no `${name}`", hint)
    return False


def _samples(subject: Subject, references: list[Reference]) -> dict[str, Any] | None:
    """A value for each reference; None where one has no default to take."""
    samples = dict(SAMPLES)
    for reference in references:
        if reference.name not in samples:
            parameter = subject.file.params.get(reference.name)
            if parameter is None or parameter.required:
                return None
            samples[reference.name] = parameter.default
    return samples


def _element_types(value: Any, annotation: Any) -> Any:
    """The type of what is in a list or a mapping, where the annotation says one for all of it."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _element_types(value, arguments[0])
    if (isinstance(value, list) and origin in (list, set, frozenset)) or (
        isinstance(value, Mapping) and origin is dict
    ):
        return arguments[-1]
    parts = [_element_types(value, part) for part in arguments if part is not type(None)]
    return parts[0] if len(parts) == 1 and origin not in (list, dict, tuple) else None


def _convert(subject: Subject, value: Any, annotation: Any, location: Location, what: str = "") -> None:
    name = next(part for part in reversed(location) if isinstance(part, str))
    try:
        convert(value, annotation)
    except Unfit as unfit:
        for fault in unfit.faults:
            told = f"{what}: " if what else ""
            subject.say(
                (*location, *fault.location),
                "bad-argument",
                f"`{_innermost(name, fault.location)}`: {told}{fault.message}",
                fault.hint,
            )


def _innermost(name: str, location: tuple[Hashable, ...]) -> str:
    return next((part for part in reversed(location) if isinstance(part, str)), name)


def _unknown(subject: Subject, piece: Piece, name: str, expected: Mapping[str, Any]) -> None:
    location = (*piece.location, "with", name)
    task = piece.task
    if task is not None and name in task.frames:
        subject.say_at_key(location, "unknown-argument", f"`{name}` is a frame of {piece.what}", "it goes under `in:`")
    elif task is not None and name in task.injected:
        subject.say_at_key(location, "unknown-argument", f"{piece.what} is given `{name}` by the run itself")
    else:
        known = [*expected, *(task.connections if task is not None else ())]
        hint = close_to(name, set(known) - set(piece.keys.with_) or known)
        subject.say_at_key(location, "unknown-argument", f"{piece.what} takes no `{name}`", hint)


def _missing(subject: Subject, piece: Piece) -> None:
    if subject.lacks((*piece.location, "with")) or subject.lacks((*piece.location, "each")):
        return
    given = set(piece.keys.with_)
    if isinstance(piece.keys, Step) and piece.keys.each is not None:
        if isinstance(piece.keys.each, str):
            return  # its items are known only as it runs
        given |= set(piece.keys.each) if isinstance(piece.keys.each, dict) else set().union(*piece.keys.each)
    required: dict[str, Any] = {}
    if piece.inlined is not None:
        required = {n: p.annotation for n, p in piece.inlined.parameters.items() if p.required}
    elif piece.task is not None:
        required = {n: a.annotation for n, a in piece.task.arguments.items() if a.required}
    misspelt = {nearest(name, set(required) - given) for name in given - set(expected_arguments(piece) or ())}
    for name, annotation in required.items():
        if name not in given and name not in misspelt:
            message = f"{piece.what} needs `{name}`: {describe(annotation)}"
            subject.say_at_key(piece.location, "missing-argument", message, f"add `with: {{{name}: …}}`")
