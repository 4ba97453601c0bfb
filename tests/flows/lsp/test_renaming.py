"""A step or a parameter renamed everywhere is the same pipeline under another name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from flows.check import Checked, check_file
from flows.desk import load_desk
from flows.plan import Plan, StepPlan
from tasks.registry import catalog

ROOT = Path(__file__).parents[3]
SHIPPED = sorted(path.stem for path in (ROOT / "pipelines").glob("[!_]*.yaml"))

SIDES = """\
steps:
  book: {task: read_positions}
  market:
    task: read_quotes
    in:
      universe: book
  exposure:
    task: mark_exposure
    in:
    - positions
    - quotes
    - betas
  quotes: {task: read_quotes, in: {universe: positions}}
  positions: {task: read_positions, after: [market], when: not book}
  betas: {task: read_frame, with: {library: "risk/${run.session}", symbol: betas}, schema: Betas}
  exposed: {task: write_frame, in: exposure, with: {library: risk, symbol: exposure}}
  orders: {task: send_alert, in: exposure, last: {}, with: {to: desk, title: "quotes of $run.session"}}
output: exposure
"""


def checked(folder: Path, name: str, text: str) -> Checked:
    (folder / f"{name}.yaml").write_text(text)
    beside = [path.stem for path in folder.glob("[!_]*.yaml")]
    return check_file(folder / f"{name}.yaml", catalog(), load_desk(folder), folder, beside)


def shape(plan: Plan, old: str, new: str) -> list[object]:
    """What a plan does, with one name for another."""

    def name(one: object) -> str:
        text = str(one)
        step, dot, field = text.partition(".")
        return (new if step == old else step) + dot + field

    def of(step: StepPlan) -> object:
        edges = sorted((edge.parameter, name(edge.source)) for edge in step.edges)
        last = sorted((parameter, name(port)) for parameter, port in step.last.items())
        when = (name(step.when.source), step.when.has_rows) if step.when else None
        return (
            name(step.name),
            step.task.name if step.task else step.pipeline,
            edges,
            last,
            when,
            [name(one) for one in step.after],
            step.arguments,
        )

    return [sorted(repr(of(step)) for step in (*plan.steps, *plan.sources)), name(plan.output)]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_step_and_parameter_of_the_shipped_pipelines_can_be_renamed(
    editor: Any, pipelines: Path, name: str
) -> None:
    path = pipelines / f"{name}.yaml"
    text = editor.open(path)
    before = checked(pipelines, name, text)
    assert before.plan is not None
    lines = text.split("\n")
    for step in (*before.plan.file.stream, *before.plan.file.steps):
        line = lines[before.document.key(("steps" if step in before.plan.file.steps else "stream", step)).line - 1]
        edited = editor.rename(path, f"\n{line.replace(step, f'|{step}', 1)}\n", "renamed")
        after = checked(pipelines, name, edited[path])
        assert after.errors == ()
        assert after.plan is not None
        assert list(edited) == [path]
        assert shape(before.plan, step, "renamed") == shape(after.plan, step, "renamed")
    for parameter in before.plan.parameters:
        edited = editor.rename(
            path, f"\n  |{parameter}:" if f"\n  {parameter}:" in text else f"{{|{parameter}: ", "renamed"
        )
        after = checked(pipelines, name, edited[path])
        assert after.errors == ()
        assert after.plan is not None
        assert set(after.plan.parameters) == {*before.plan.parameters, "renamed"} - {parameter}
        assert f"${parameter}" not in edited[path]


def test_in_a_list_the_frame_keeps_its_parameter(editor: Any, pipelines: Path) -> None:
    path = pipelines / "sides.yaml"
    editor.open(path, SIDES)
    edited = editor.rename(path, "    - quo|tes", "market_now")[path]
    assert "    in:\n    positions: positions\n    quotes: market_now\n    betas: betas\n" in edited
    assert "  market_now: {task: read_quotes, in: {universe: positions}}" in edited
    assert 'title: "quotes of $run.session"' in edited, "text that happens to say so is left alone"
    assert "task: read_quotes" in edited


def test_conditions_and_order_follow(editor: Any, pipelines: Path) -> None:
    path = pipelines / "sides.yaml"
    editor.open(path, SIDES)
    assert "when: not held}" in editor.rename(path, "\n  bo|ok:", "held")[path]
    assert "after: [now]," in editor.rename(path, "after: [mar|ket]", "now")[path]
    assert editor.rename(path, "output: expo|sure", "marked")[path].endswith("output: marked\n")


def test_a_parameter_is_renamed_inside_text_and_in_the_files_that_give_it(editor: Any, pipelines: Path) -> None:
    inner, outer = pipelines / "inner.yaml", pipelines / "outer.yaml"
    inner.write_text(
        "params: {where: risk, what: betas}\nsteps:\n"
        "  kept: {task: read_frame, with: {library: $where, symbol: 'a/${ where }/$what/$$where'}, schema: Betas}\n"
        "output: kept\n"
    )
    outer.write_text("steps:\n  one: {pipeline: inner, with: {what: betas}, each: {where: [a, b]}}\n")
    editor.open(inner)
    edited = editor.rename(inner, "library: $whe|re", "place")
    assert edited[inner] == inner.read_text().replace("where:", "place:").replace(
        "library: $where", "library: $place"
    ).replace("${ where }", "${ place }")
    assert edited[outer] == outer.read_text().replace("where:", "place:")
    from_outside = editor.open(outer) and editor.rename(outer, "each: {whe|re:", "place")
    assert from_outside == edited


@pytest.mark.parametrize(
    ("marked", "name", "why"),
    [
        ("\n  bo|ok:", "market", "there is a step `market` already"),
        ("\n  bo|ok:", "My Book", "`My Book` can't be a name: use small letters, digits and `_`"),
        ("task: read_po|sitions", "other", "only steps and parameters can be renamed here"),
    ],
)
def test_what_can_not_be_renamed_is_refused_with_the_reason(
    editor: Any, pipelines: Path, marked: str, name: str, why: str
) -> None:
    path = pipelines / "sides.yaml"
    editor.open(path, SIDES)
    with pytest.raises(JsonRpcException, match=why):
        editor.rename(path, marked, name)


def test_a_name_that_stands_behind_an_alias_is_found_at_its_anchor(editor: Any, pipelines: Path) -> None:
    path = pipelines / "aliased.yaml"
    text = (
        "x-market: &market {universe: book}\nsteps:\n  book: {task: read_positions}\n"
        "  quotes: {task: read_quotes, in: *market}\n"
    )
    editor.open(path, text)
    assert editor.rename(path, "\n  bo|ok:", "held")[path] == text.replace("book", "held")
    editor.replace(path, "&market {universe: book}", "&market book")
    editor.replace(path, "in: *market", "in: {universe: *market}")
    with pytest.raises(JsonRpcException, match="by way of an alias"):
        editor.rename(path, "\n  bo|ok:", "held")


def test_a_new_name_for_an_effect_is_warned_of(editor: Any, pipelines: Path) -> None:
    path = pipelines / "beta_hedge.yaml"
    editor.open(path)
    editor.rename(path, "\n  or|ders: {task: place_orders", "placed")
    editor.until(lambda: bool(editor.messages))
    assert "what was done in this session may be done again" in editor.messages[0]


def test_what_can_be_renamed_is_said_beforehand(editor: Any, pipelines: Path) -> None:
    path = pipelines / "sides.yaml"
    editor.open(path, SIDES)

    def prepared(marked: str) -> Any:
        parameters = lsp.PrepareRenameParams(**editor._at(path, marked))
        return editor.wait(editor.client.text_document_prepare_rename_async(parameters))

    assert prepared("output: expo|sure").placeholder == "exposure"
    assert prepared("task: read_po|sitions") is None
