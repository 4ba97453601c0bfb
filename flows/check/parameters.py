"""unused-parameter, bad-parameter, bad-default: what a run may be given; and the giving of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from flows.annotations import NAMED, Disjoint, bounded, chosen, intersection, of_default
from flows.check.names import RESERVED
from flows.check.subject import Subject, Use
from flows.diagnostics import close_to
from flows.document import Location, parse
from flows.grammar import ParameterKeys
from flows.plan import Parameter, Plan
from flows.references import find
from flows.values import Unfit, convert, describe
from tasks.connections.problems import Problem


def check(subject: Subject) -> None:
    """Work out the type of each parameter from its uses, and hold its default and bounds against it."""
    mentioned = {reference.name for reference in find(subject.document.value)}
    for name, keys in subject.file.params.items():
        location: Location = ("params", name)
        if name not in mentioned and name not in RESERVED:
            subject.say_at_key(location, "unused-parameter", f"nothing uses `${name}`", "use it, or take it out")
            continue
        if keys.required and subject.file.schedule is not None:
            message = f"`{name}` has no default, so a schedule can't start this pipeline"
            subject.say_at_key(location, "bad-parameter", message, "give it a default, or leave the schedule out")
        try:
            annotation = _annotation(subject, name, keys)
        except Disjoint as disjoint:
            subject.say_at_key(location, "bad-parameter", str(disjoint))
            continue
        default = _default(subject, name, keys, annotation)
        subject.parameters[name] = Parameter(name, annotation, default, keys.required, keys.description)


def _annotation(subject: Subject, name: str, keys: ParameterKeys) -> Any:
    uses = [use for use in subject.uses.get(name, []) if use.annotation is not None]
    if keys.type is not None:
        uses.insert(0, Use(("params", name, "type"), NAMED[keys.type], "`type`"))
    annotation: Any = uses[0].annotation if uses else of_default(keys.default)
    for use in uses[1:]:
        try:
            annotation = intersection(annotation, use.annotation)
        except Disjoint:
            told = " and ".join(
                f"{describe(each.annotation)} for {each.what} (line {subject.document.at(each.location).line})"
                for each in (uses[0], use)
            )
            raise Disjoint(f"`{name}` can't be both {told}") from None
    location: Location = ("params", name)
    sides: tuple[tuple[Literal["min", "max"], Any], ...] = (("min", keys.min), ("max", keys.max))
    for side, bound in sides:
        if bound is not None:
            try:
                annotation = bounded(annotation, side, bound)
            except Unfit as unfit:
                subject.say((*location, side), "bad-parameter", f"`{side}`: {unfit.faults[0].message}")
    if keys.enum is not None:
        try:
            annotation = chosen(annotation, keys.enum)
        except Unfit as unfit:
            subject.say((*location, "enum"), "bad-parameter", f"`enum`: {unfit.faults[0].message}")
    return annotation


def _default(subject: Subject, name: str, keys: ParameterKeys, annotation: Any) -> Any:
    if keys.required:
        return None
    location: Location = ("params", name)
    if isinstance(subject.document.value_at(location), dict):
        location = (*location, "default")
    try:
        return convert(keys.default, annotation)
    except Unfit as unfit:
        for fault in unfit.faults:
            message = f"the default of `{name}` doesn't suit: {fault.message}"
            subject.say((*location, *fault.location), "bad-default", message, fault.hint)
    return None


def bind(plan: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every parameter of a run: those given, and the defaults of the rest.

    Parameters
    ----------
    plan
        The pipeline.
    given
        Values by name; text is read as the parameter's type asks, as on a command line.

    Raises
    ------
    Problem
        A name isn't a parameter, a value doesn't suit, or one is missing; everything at once.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in plan.parameters:
            hint = close_to(name, plan.parameters, "its parameters are") or "it has none"
            problems.append(f"{plan.name} has no parameter `{name}`: {hint}{'' if hint.endswith('?') else '.'}")
            continue
        try:
            values[name] = _read(value, plan.parameters[name].annotation)
        except Unfit as unfit:
            problems += [f"Parameter `{name}`: {fault.message}." for fault in unfit.faults]
    for name, parameter in plan.parameters.items():
        if parameter.required and name not in given:
            problems.append(f"Parameter `{name}` has no default: give {describe(parameter.annotation)}.")
        values.setdefault(name, parameter.default)
    if problems:
        raise Problem("\n".join(problems), "Give parameters as `-p name=value`.")
    return {name: values[name] for name in plan.parameters}


def _read(value: Any, annotation: Any) -> Any:
    """The value as the type has it; text that doesn't suit as it is is read as YAML would read it."""
    if not isinstance(value, str):
        return convert(value, annotation)
    try:
        return convert(value, annotation)
    except Unfit:
        document = parse(value, "value")
        if not document.readable or document.diagnostics:
            raise
        return convert(document.value, annotation)
