"""No slip of the pen in a right file goes unnoticed: a thousand of them, seeded, in the shipped pipelines.

Each mutation is told at its place (of what is gone or renamed: where it is missed), or the file means the same, or it
is another right pipeline: a frame was swapped for one of a kind that fits. Those the modes take, and every frame in
them is of the schema that its consumer asks for. Words that nothing in a project gives a meaning to (a title, the
name of a table) aren't mutated: nobody could say that they are wrong. `pytest -s` prints the table.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from flows.check import Checked, check_file, render
from flows.check.parameters import bind
from flows.compatibility import fit
from flows.desk import Desk, load_desk
from flows.diagnostics import Span
from flows.document import Document, Location, parse, read
from flows.editor import schema
from flows.graph import unroll
from flows.plan import Plan
from flows.stream.layout import lay_out
from tasks.registry import catalog

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "pipelines"
SHIPPED = sorted(FOLDER.glob("[!_]*.yaml"))
SEED = 20221228
COUNTS = {
    "key misspelt": 300,
    "value misspelt": 220,
    "edge rewired": 200,
    "type changed": 150,
    "step dropped": 50,
    "loop made": 80,
}
"""A thousand in all."""

STEPS = ("stream", "steps")
REFERRING = ("in", "last", "when", "after", "begin")


@dataclass(frozen=True)
class Mutant:
    kind: str
    path: Path
    text: str
    lines: frozenset[int]
    """Where it was done."""
    missed: str = ""
    """A name that is gone: it is told where it is missed."""
    why: str = ""


@dataclass(frozen=True)
class Original:
    path: Path
    document: Document
    plan: Plan


@pytest.fixture(scope="module")
def desk() -> Desk:
    return load_desk(FOLDER)


@pytest.fixture(scope="module")
def check(desk: Desk) -> Callable[[Path, str], Checked]:
    beside = [path.stem for path in SHIPPED]

    def run(path: Path, text: str) -> Checked:
        reader = lambda other: parse(text, other.name) if other == path else read(other)  # noqa: E731
        return check_file(path, catalog(), desk, FOLDER, beside, reader)

    return run


@pytest.fixture(scope="module")
def originals(check: Callable[[Path, str], Checked]) -> list[Original]:
    found = []
    for path in SHIPPED:
        result = check(path, path.read_text())
        assert result.plan is not None, render(result)
        found.append(Original(path, result.document, result.plan))
    return found


# The mutations


def replaced(document: Document, span: Span, new: str) -> str:
    lines = document.text.split("\n")
    line, start = lines[span.line - 1], span.column - 1
    lines[span.line - 1] = line[:start] + new + line[start + span.width :]
    return "\n".join(lines)


def misspelt(word: str, dice: random.Random) -> str:
    """A letter left out, doubled, or swapped with the next."""
    letters = [at for at, letter in enumerate(word) if letter.isalpha()]
    while True:
        at = dice.choice(letters)
        slip = dice.choice(["drop", "double", "swap"])
        if slip == "swap" and at + 1 < len(word):
            made = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        else:
            made = word[:at] + (word[at + 1 :] if slip == "drop" else word[at] * 2 + word[at + 1 :])
        if made not in ("", word) and (made[0].islower() or word[0].isupper() or not word[0].isalpha()):
            return made


def is_free(location: Location) -> bool:
    """Whether the keys below are the user's own: columns of a file, names of limits."""
    return location[:1] == ("steps",) and len(location) > 4 and location[2] == "with"


def keys(original: Original, dice: random.Random) -> Iterator[Mutant]:
    for location, span in original.document.key_spans.items():
        word = str(location[-1])
        if is_free(location):
            continue
        made = misspelt(word, dice)
        is_name = len(location) == 2 and location[0] in (*STEPS, "params")
        text = replaced(original.document, span, made)
        yield Mutant("key misspelt", original.path, text, frozenset({span.line}), word if is_name else "", made)


def scalars(original: Original) -> Iterator[tuple[Location, Span, Any]]:
    document = original.document
    for location, span in document.spans.items():
        value = document.value_at(location)
        if location and not isinstance(value, dict | list) and document.line(span.line)[span.column - 1] not in "|>":
            yield location, span, value


def has_meaning(location: Location, value: Any, plan: Plan) -> bool:
    """Whether something in the project says what this text may be."""
    if not isinstance(value, str) or not re.search("[a-zA-Z]", value):
        return False
    if location[0] in STEPS and len(location) > 2 and location[2] == "with":
        step = next(step for step in (*plan.sources, *plan.steps) if step.name == location[1])
        plain = len(location) == 4 and step.task is not None and location[3] in step.task.arguments
        return value.startswith("$") or (plain and step.task.arguments[str(location[3])].annotation is not str)
    if location[0] == "on_failure":
        return location[1] == "task"
    return location[0] not in ("description", "params")


def values(original: Original, dice: random.Random) -> Iterator[Mutant]:
    for location, span, value in scalars(original):
        if has_meaning(location, value, original.plan):
            made = misspelt(value, dice)
            text = replaced(original.document, span, made)
            yield Mutant("value misspelt", original.path, text, frozenset({span.line}), why=f"{value} → {made}")


def edges(original: Original) -> Iterator[tuple[Span, str]]:
    for location, span, value in scalars(original):
        if (location[0] in STEPS and len(location) > 2 and location[2] in REFERRING) or location == ("output",):
            yield span, value


def rewired(original: Original, dice: random.Random) -> Iterator[Mutant]:
    names = [step.name for step in (*original.plan.sources, *original.plan.steps)]
    for span, value in edges(original):
        other = dice.choice([name for name in names if name != value])
        text = replaced(original.document, span, other)
        yield Mutant("edge rewired", original.path, text, frozenset({span.line}), value, f"{value} → {other}")


def retyped(original: Original, dice: random.Random) -> Iterator[Mutant]:
    for location, span, value in scalars(original):
        choices = ["[{}]", "{{a: {}}}", "7.5", "true", "~"]
        if location[0] == "params" or str(value).startswith("$"):  # whose types follow from their uses
            choices = choices[:2]
        elif location[2:3] == ("with",):  # null may be what an argument takes
            choices = choices[:4]
        made = dice.choice(choices).format(value if value != "," else "x")
        text = replaced(original.document, span, made)
        yield Mutant("type changed", original.path, text, frozenset({span.line}), why=f"{location}: {made}")


def dropped(original: Original, dice: random.Random) -> Iterator[Mutant]:
    document = original.document
    lines = document.text.split("\n")
    starts = sorted(span.line for location, span in document.key_spans.items() if len(location) <= 2)
    for section in STEPS:
        for name in document.value.get(section, {}):
            first = document.key((section, name)).line
            after = next((line for line in starts if line > first), len(lines) + 1)
            text = "\n".join(lines[: first - 1] + lines[after - 1 :])
            yield Mutant("step dropped", original.path, text, frozenset(), str(name), str(name))


def looped(original: Original, dice: random.Random) -> Iterator[Mutant]:
    """A step made to wait for one that waits for it."""
    steps = {step.name: step for step in original.plan.steps}
    for step in steps.values():
        below = [other.name for other in steps.values() if step.name in _above(other.name, steps)]
        span = original.document.spans.get(("steps", step.name, "task"))
        if below and span is not None and not step.after:
            other = dice.choice(below)
            brace = original.document.line(span.line).strip().startswith(f"{step.name}:")
            joint = ", after: [{}]" if brace else "\n    after: [{}]"
            text = replaced(original.document, span, step.task.name + joint.format(other))  # type: ignore[union-attr]
            # A circle has no first step: it is told once, at one of its edges.
            lines = frozenset(
                original.document.key(("steps", name)).line + extra for name in steps for extra in range(9)
            )
            yield Mutant("loop made", original.path, text, lines, why=f"{step.name} after {other}")


def _above(name: str, steps: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    queue = [name]
    for one in queue:
        new = [up for up in steps[one].upstream if up in steps and up not in found]
        found.update(new)
        queue += new
    return found


MUTATE = {
    "key misspelt": keys,
    "value misspelt": values,
    "edge rewired": rewired,
    "type changed": retyped,
    "step dropped": dropped,
    "loop made": looped,
}


def mutants(originals: list[Original]) -> Iterator[Mutant]:
    for kind, count in COUNTS.items():
        dice = random.Random(f"{SEED} {kind}")  # noqa: S311 - guards nothing
        pool: dict[tuple[Path, str], Mutant] = {}
        for _ in range(200):
            for original in originals:
                for mutant in MUTATE[kind](original, dice):
                    pool.setdefault((mutant.path, mutant.text), mutant)
            if len(pool) >= count:
                break
        assert len(pool) >= count, (kind, len(pool))
        yield from dice.sample(list(pool.values()), count)


# What is said of them


def verdict(mutant: Mutant, result: Checked, original: Original) -> str:
    if any(one.span.line in mutant.lines for one in result.errors):
        return "told at its place"
    if mutant.missed and any(mutant.missed in one.message or mutant.missed in one.hint for one in result.diagnostics):
        return "told where it is missed"
    if result.errors:
        return "told elsewhere"
    assert result.plan is not None
    if meaning(result.plan) == meaning(original.plan):
        return "means the same"
    return "another right pipeline"


def may_differ(mutant: Mutant, originals: list[Original]) -> bool:
    """A frame of a kind that fits in place of another; one effect less."""
    (plan,) = [original.plan for original in originals if original.path == mutant.path]
    gone = {step.name for step in plan.steps if step.task is not None and step.task.kind == "effect"}
    return mutant.kind == "edge rewired" or (mutant.kind == "step dropped" and mutant.missed in gone)


def meaning(plan: Plan) -> Any:
    """What a plan does, whatever its steps that nobody takes are called."""
    steps = [*plan.sources, *plan.steps]
    taken = {name for step in steps for name in step.upstream} | {port.step for s in steps for port in s.last.values()}
    return (
        [replace(step, name=step.name if step.name in taken else "", line=0) for step in steps],
        {name: (one.annotation, one.default) for name, one in plan.parameters.items()},
        plan.file.model_dump(exclude={"description", "steps", "params", "on_failure", "output"}),
        plan.output,
        plan.on_failure and replace(plan.on_failure, line=0),
    )


def takes(plan: Plan) -> None:
    """The modes take it, and every frame is of the schema that its consumer asks for."""
    names = {**bind(plan, {}), "run.session": None, "run.pipeline": plan.name, "run.id": "r"}
    assert unroll(plan, names)
    if plan.sources:
        lay_out(plan, names)
    for step in (*plan.sources, *plan.steps):
        for edge in step.edges:
            assert edge.kind is None or not fit(edge.kind, edge.schema).faults


def test_a_thousand_slips_are_told_or_change_nothing_or_are_another_right_pipeline(originals, check):
    validator = Draft7Validator(schema(catalog()))
    by_path = {original.path: original for original in originals}
    found: Counter[tuple[str, str]] = Counter()
    unexpected: list[str] = []
    for mutant in mutants(originals):
        result = check(mutant.path, mutant.text)
        said = verdict(mutant, result, by_path[mutant.path])
        found[mutant.kind, said] += 1
        if said == "told elsewhere" or (said == "another right pipeline" and not may_differ(mutant, originals)):
            unexpected.append(f"{mutant.kind} {mutant.path.stem}: {mutant.why}: {said}\n{render(result)}")
        if result.plan is not None:
            takes(result.plan)
            assert not list(validator.iter_errors(result.document.value)), "an editor would flag what the checker takes"
    verdicts = list(dict.fromkeys(said for _, said in found))
    print("\n" + " | ".join(["kind", *verdicts]))  # noqa: T201 - the table is asked for
    for kind, count in COUNTS.items():
        assert sum(found[kind, said] for said in verdicts) == count
        print(" | ".join([kind, *(str(found[kind, said]) for said in verdicts)]))  # noqa: T201
    assert sum(found.values()) == 1000
    assert not unexpected, "\n".join(unexpected)
