"""A pipeline file that is wrong says so: where, what, and what to do; one that is right becomes a plan.

The examples are tests/errors/*.yaml, each with what is said of it beside it (`.out`); docs/checks.md
shows the same. `HEDGEROW_GOLDEN=write pytest tests/flows/test_check.py` writes both anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandera.typing import DataFrame
from pydantic import TypeAdapter, ValidationError

from flows.check import Checked, check_file, render
from flows.check.parameters import bind
from flows.desk import load_desk
from flows.plan import Condition, Plan, Port, Retry
from schemas.book import Positions
from schemas.frame import Category, Frame, Session
from schemas.market import Contracts, Prices, Quotes, Universe
from tasks.connections.base import Connection
from tasks.connections.problems import Problem
from tasks.declare import source, task
from tasks.registry import Catalog, catalog

ROOT = Path(__file__).parents[2]
ERRORS = ROOT / "tests" / "errors"
EXAMPLES = sorted(path.stem for path in ERRORS.glob("[!_]*.yaml"))
CHECKS = ROOT / "docs" / "checks.md"
NOTES = ("endless_stream", "unproven", "unused_step")
"""Examples that run all the same."""
WRITING = os.environ.get("HEDGEROW_GOLDEN") == "write"


S = TypeVar("S", bound=Frame)


class Sides(NamedTuple):
    """A book by the side it is on."""

    long: DataFrame[Positions]
    short: DataFrame[Positions]


class LooseCloses(Frame):
    """Closes that may be anything."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "session")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    session: Session
    close: np.float64


class TickServer(Connection):
    """A connection that no desk of these tests has."""

    kind = "ticks"

    def _open(self) -> None: ...

    def _close(self) -> None: ...


@source
def watch_positions() -> Iterator[DataFrame[Positions]]:
    """A source."""
    yield from ()


@source
def watch_universe() -> Iterator[DataFrame[Universe]]:
    """A source of rows that no key tells apart."""
    yield from ()


@source
def watch_records() -> Iterator[pd.DataFrame]:
    """A source of whatever comes."""
    yield from ()


@task
def split_positions(positions: DataFrame[Positions]) -> Sides:
    """A task with two frames."""
    return Sides(positions, positions)


@task
def net_sides(long: DataFrame[S], short: DataFrame[S]) -> DataFrame[S]:
    """A task that takes frames of any one kind."""
    return pd.concat([long, short])


@task(effect=True)
def ring_bell(positions: DataFrame[Positions]) -> None:
    """A task with none."""


@task
def describe_contracts(contracts: DataFrame[Contracts]) -> DataFrame[Contracts]:
    """A task that asks for one row a contract."""
    return contracts


@task(reads="now")
def read_ticks(server: TickServer) -> DataFrame[Prices]:
    """A task with a connection."""
    raise NotImplementedError


@task
def smooth_quotes(
    quotes: DataFrame[Quotes], symbol: str, horizon: date | None = None, before: DataFrame[Quotes] | None = None
) -> DataFrame[Quotes]:
    """A task that may take its own last frame, and has an argument that is a column of its output."""
    return quotes


@pytest.fixture(scope="module")
def tasks() -> Catalog:
    """The project's tasks, and those above."""
    own = (watch_positions, watch_universe, watch_records, split_positions, net_sides, ring_bell)
    own += (describe_contracts, read_ticks, smooth_quotes)
    known = catalog()
    schemas = {**known.schemas, "LooseCloses": LooseCloses}
    return Catalog({**known.tasks, **{each.spec.name: each.spec for each in own}}, schemas)


@pytest.fixture
def checked(tasks: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.chdir(ERRORS)
    desk = load_desk(ERRORS)
    return lambda name: check_file(f"{name}.yaml", tasks, desk, ERRORS)


@pytest.fixture
def check(tasks: Catalog, tmp_path: Path) -> object:
    """Check a text as the file `trial.yaml`, beside any other files."""

    def run(text: str, **others: str) -> Checked:
        for name, other in {"trial": text, **others}.items():
            (tmp_path / f"{name}.yaml").write_text(other)
        return check_file(tmp_path / "trial.yaml", tasks, load_desk(ERRORS), tmp_path)

    return run


@pytest.fixture
def plan(check: object) -> object:
    """The plan of a text that must be right."""

    def run(text: str, **others: str) -> Plan:
        result = check(text, **others)  # type: ignore[operator] # a fixture
        assert result.plan is not None, render(result)
        return result.plan

    return run


def codes(result: Checked) -> list[str]:
    return [diagnostic.code for diagnostic in result.diagnostics]


# What is said of each mistake


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_mistake_is_told_as_its_example_shows(name, checked):
    result = checked(name)
    told = render(result)
    golden = ERRORS / f"{name}.out"
    if WRITING:
        golden.write_text(told)
    assert told == golden.read_text()
    assert name.lower().replace("_", "-") in codes(result)
    assert (result.plan is None) == (name not in NOTES)
    assert list(result.diagnostics) == sorted(result.diagnostics, key=lambda one: (one.span.line, one.span.column))


SECTION = re.compile(r"^### (\S+)\n(.*?)(?=^##|\Z)", re.DOTALL | re.MULTILINE)
"""A code's section in the documentation: its name, and what follows."""


def example(code: str) -> str:
    """A code's example and what is said of it, as the documentation shows them; nothing where it has none."""
    for name in EXAMPLES:
        if name.lower().replace("_", "-") == code:
            text, told = (ERRORS / f"{name}.yaml").read_text(), (ERRORS / f"{name}.out").read_text()
            return f"\n```yaml\n{text}```\n\n```text\n{told}```\n"
    return ""


def test_the_documentation_has_a_section_for_each_code_with_its_example():
    text = CHECKS.read_text()
    anew = SECTION.sub(
        lambda found: f"### {found[1]}\n\n{found[2].partition('```')[0].strip()}\n{example(found[1])}\n", text
    )
    if WRITING:
        CHECKS.write_text(anew.rstrip() + "\n")
    assert CHECKS.read_text() == anew.rstrip() + "\n"


def test_each_code_has_a_section_and_each_section_is_of_a_code():
    modules = [*(ROOT / "flows" / "check").glob("*.py")]
    modules += [
        path for name in ("desk", "shape", "document", "connection_*") for path in (ROOT / "flows").glob(f"{name}.py")
    ]
    said = {code for module in modules for code in re.findall(r'"([a-z]+(?:-[a-z]+)+)"', module.read_text())}
    assert {code for code, _ in SECTION.findall(CHECKS.read_text())} == said | {"syntax", "cycle", "unproven"}


def test_all_mistakes_of_a_file_are_told_at_once_in_the_order_of_the_file(check):
    result = check("""
        schedule: {calendar: XNYS, att: close}
        params: {benchmark: SPY, spare: 1}
        steps:
          positions: {task: read_position}
          prices: {task: pull_history, in: {universe: position}, with: {returns: many}}
          returns: {task: compute_returns, in: prices, with: {kind: lgo}, retry: -1}
          betas: {task: regress_betas, in: prices, with: {benchmark: $benchmark}}
        output: beta
    """)
    assert [(one.span.line, one.code) for one in result.diagnostics] == [
        (2, "unknown-key"),
        (3, "unused-parameter"),
        (5, "unknown-task"),
        (6, "unknown-step"),
        (6, "bad-argument"),
        (7, "bad-argument"),
        (7, "bad-value"),
        (8, "schema-mismatch"),
        (9, "unknown-step"),
    ]


def test_what_depends_on_a_mistake_is_not_told_again(check):
    misspelt = """
        steps:
          positions: {tusk: read_positions}
          prices: {task: pull_histry, in: {universe: positions}}
          returns: {task: compute_returns, in: prices}
          betas: {task: regress_betas, in: returns, with: {benchmrk: SPY}}
          Quotes: {task: read_quotes, in: {universe: positions}}
          exposure: {task: mark_exposure, in: {positions: positions, quotes: Quotes, betas: betas}}
    """
    assert codes(check(misspelt)) == ["unknown-key", "unknown-task", "unknown-argument", "bad-value", "bad-value"]


def test_a_file_of_the_wrong_kind_says_so(check):
    for text in (
        "",
        "# nothing",
        "steps",
        "[1, 2]",
        "steps:",
        "steps: []",
        "steps: {}",
        "description: x",
        "steps: {a: }",
    ):
        result = check(text)
        assert result.plan is None
        assert result.errors


# What a right file becomes


BOOK = """
params:
  benchmark: SPY
  minimum: {default: 60, min: 30, max: 250, description: Fewest observations}
defaults: {retry: 2, timeout: 2m}
steps:
  save: {task: write_rows, in: exposure, with: {table: exposures}}
  exposure: {task: mark_exposure, in: [positions, quotes, betas]}
  positions: {task: read_positions, retry: {times: 4, delay: 15s, backoff: 2}}
  quotes: {task: read_quotes, in: {universe: positions}, with: {timeout: 5s}, timeout: 30s}
  betas: {task: regress_betas, in: returns, with: {benchmark: $benchmark, minimum: $minimum}}
  returns: {task: compute_returns, in: prices}
  prices: {task: pull_history, in: {universe: positions}, with: {benchmark: $benchmark, broker: gateway}}
  alarm: {task: send_alert, when: not exposure, after: [save], with: {notifier: pager, to: desk, title: Flat}}
output: exposure
on_failure: {task: send_alert, with: {notifier: pager, to: desk, title: $run.pipeline failed}}
"""


def test_steps_are_ordered_by_what_they_need_and_then_as_written(plan):
    names = [step.name for step in plan(BOOK).steps]
    assert names == ["positions", "quotes", "prices", "returns", "betas", "exposure", "save", "alarm"]


def test_frames_conditions_and_connections_are_bound(plan):
    book = plan(BOOK)
    exposure = book.step("exposure")
    assert {edge.parameter: (edge.source, edge.required) for edge in exposure.edges} == {
        "positions": (Port("positions"), True),
        "quotes": (Port("quotes"), True),
        "betas": (Port("betas"), True),
    }
    assert book.step("prices").edges[0].schema is Universe
    assert book.step("prices").connections == {"broker": "gateway", "store": "frames"}
    assert book.step("prices").arguments == {"benchmark": "$benchmark"}
    assert book.step("quotes").connections == {"broker": "gateway"}  # the desk's only one
    assert book.step("alarm").when == Condition(Port("exposure"), has_rows=False)
    assert book.step("alarm").upstream == ("exposure", "save")
    assert book.output == Port("exposure")
    assert book.on_failure is not None
    assert book.on_failure.arguments == {"to": "desk", "title": "$run.pipeline failed"}


def test_retry_and_timeout_come_from_the_step_then_the_defaults_and_effects_inherit_no_retry(plan):
    book = plan(BOOK)
    assert book.step("positions").retry == Retry(4, 15.0, 2.0)
    assert book.step("returns").retry == Retry(2, 1.0, 1.0)
    assert book.step("save").retry == Retry()
    assert book.step("save").timeout == timedelta(minutes=2)
    assert book.step("quotes").timeout == timedelta(seconds=30)


def test_a_parameter_takes_its_type_and_bounds_from_its_uses(plan):
    minimum = plan(BOOK).parameters["minimum"]
    accepts = TypeAdapter(minimum.annotation)
    assert minimum.default == 60
    assert minimum.description == "Fewest observations"
    assert accepts.validate_python(250, strict=True) == 250
    for wrong in (29, 251, "60", 60.5):
        with pytest.raises(ValidationError):
            accepts.validate_python(wrong, strict=True)


def test_the_strictest_of_several_uses_counts(plan):
    text = """
        params: {number: 5}
        steps:
          returns: {task: read_rows, with: {table: returns}, schema: Returns}
          quotes: {task: read_rows, with: {table: quotes}, schema: Quotes}
          exposure: {task: read_rows, with: {table: exposures}, schema: Exposures}
          betas: {task: regress_betas, in: returns, with: {benchmark: SPY, minimum: $number}}
          hedge: {task: size_hedge, in: [exposure, quotes], with: {instrument: SPY, band: $number}}
    """
    accepts = TypeAdapter(plan(text).parameters["number"].annotation)
    assert accepts.validate_python(3, strict=True) == 3
    for wrong in (2, 3.5):
        with pytest.raises(ValidationError):
            accepts.validate_python(wrong, strict=True)


def test_an_untyped_frame_takes_the_stated_schema_and_a_generic_effect_takes_any(plan):
    text = """
        steps:
          betas: {task: read_frame, with: {library: risk, symbol: betas}, schema: Betas}
          copy: {task: write_frame, in: betas, with: {library: risk, symbol: copy}}
          raw: {task: read_rows, with: {table: anything}}
          save: {task: write_rows, in: raw, with: {table: more}}
    """
    made = plan(text)
    assert made.step("betas").outputs[None].__name__ == "Betas"
    assert made.step("copy").edges[0].schema is None
    assert made.step("raw").outputs == {None: None}


def test_a_step_may_take_one_of_several_frames_and_its_own_last(plan):
    text = """
        steps:
          positions: {task: read_positions}
          sides: {task: split_positions, in: positions}
          quotes: {task: read_quotes, in: {universe: sides.long}}
          smooth: {task: smooth_quotes, in: quotes, with: {symbol: SPY}, last: {before: smooth}}
          shorts: {task: write_rows, in: sides.short, with: {table: shorts}, when: sides.short}
    """
    made = plan(text)
    assert made.step("quotes").edges[0].source == Port("sides", "long")
    assert made.step("smooth").last == {"before": Port("smooth")}
    assert made.step("shorts").when == Condition(Port("sides", "short"))


def test_a_list_binds_a_field_by_the_field_s_name(plan):
    text = """
        steps:
          positions: {task: read_positions}
          sides: {task: split_positions, in: positions}
          net: {task: net_sides, in: [sides.long, sides.short]}
    """
    edges = plan(text).step("net").edges
    assert {edge.parameter: edge.source for edge in edges} == {
        "long": Port("sides", "long"),
        "short": Port("sides", "short"),
    }


def test_frames_that_must_be_of_one_kind_are(check):
    text = """
        steps:
          positions: {task: read_positions}
          quotes: {task: read_quotes, in: {universe: positions}}
          net: {task: net_sides, in: {long: positions, short: %s}}
          save: {task: mark_exposure, in: {positions: net, quotes: quotes, betas: net}}
    """
    (told,) = check(text % "quotes").diagnostics  # what `net` is isn't known then, and nothing is said of it
    assert told.message == "task `net_sides` takes frames of one kind: `long` is Positions, `short` Quotes"
    both = check(text % "positions")
    assert [one.message.partition(":")[0] for one in both.diagnostics] == [
        "task `mark_exposure` takes `betas` as Betas, but `net` is Positions"
    ]


def test_a_date_may_be_text_or_the_run_s_session_and_nothing_else(plan, check):
    text = """
        steps:
          quotes: {task: read_rows, with: {table: quotes}, schema: Quotes}
          smooth: {task: smooth_quotes, in: quotes, with: {symbol: SPY, horizon: %s}}
    """
    for good in ("2024-12-31", "$run.session", "null"):
        plan(text % good)
    for bad in ("2024-13-31", "20241231", "$run.id", "soon"):
        assert codes(check(text % bad)) == ["bad-argument"], bad


def test_each_takes_lists_rows_or_a_parameter(plan, check):
    text = """
        params: {symbols: [SPY, QQQ], rows: [{symbol: SPY}]}
        steps:
          quotes: {task: read_rows, with: {table: quotes}, schema: Quotes}
          a: {task: smooth_quotes, in: quotes, each: {symbol: [SPY, QQQ]}}
          b: {task: smooth_quotes, in: quotes, each: {symbol: $symbols}}
          c: {task: smooth_quotes, in: quotes, each: [{symbol: SPY}, {symbol: QQQ}]}
          d: {task: smooth_quotes, in: quotes, each: $rows}
    """
    made = plan(text)
    assert made.step("a").each == {"symbol": ["SPY", "QQQ"]}
    assert made.step("b").each == {"symbol": "$symbols"}
    assert made.step("c").each == ({"symbol": "SPY"}, {"symbol": "QQQ"})
    assert made.step("d").each == "$rows"
    assert codes(check(text.replace("[SPY, QQQ], rows", "[1, 2], rows"))) == ["bad-default", "bad-default"]
    for wrong, code in {
        "{symbol: [SPY, 5]}": ["bad-argument"],
        "{symbol: []}": ["bad-value"],
        "{symbol: SPY}": ["bad-value"],
        "[{symbol: SPY}, {}]": ["each-key"],
        "{horizon: [2024-12-31]}": ["each-key", "missing-argument"],
    }.items():
        assert set(codes(check(text.replace("{symbol: [SPY, QQQ]}", wrong)))) == set(code), wrong


def test_a_pipeline_can_stand_in_for_a_task(plan, check):
    inner = """
        params: {table: returns, benchmark: {description: no default}}
        steps:
          returns: {task: read_rows, with: {table: $table}, schema: Returns}
          betas: {task: regress_betas, in: returns, with: {benchmark: $benchmark}}
        output: betas
    """
    outer = """
        steps:
          betas: {pipeline: inner, with: {benchmark: SPY}}
          save: {task: write_frame, in: betas, with: {library: risk, symbol: betas}}
    """
    made = plan(outer, inner=inner)
    assert made.step("betas").pipeline is not None
    assert made.step("betas").outputs[None].__name__ == "Betas"
    assert codes(check(outer.replace("{benchmark: SPY}", "{benchmark: 5}"), inner=inner)) == ["bad-argument"]
    assert codes(check(outer.replace("{benchmark: SPY}", "{}"), inner=inner)) == ["missing-argument"]
    assert codes(check(outer.replace("benchmark:", "bench:"), inner=inner)) == ["unknown-argument"]
    assert codes(check(outer, inner=inner.replace("output: betas", ""))) == ["no-output"]
    assert codes(check(outer, inner=inner.replace("SPY", "5").replace("regress", "regres"))) == ["broken-pipeline"]


def test_pipelines_that_inline_each_other_are_a_cycle_told_in_order(check):
    files = {
        "second": "steps: {a: {pipeline: third}}\noutput: a",
        "third": "steps: {a: {pipeline: trial}}\noutput: a",
    }
    (told,) = check("steps: {a: {pipeline: second}}\noutput: a", **files).diagnostics
    assert (told.code, told.message) == (
        "cycle",
        "a pipeline can't inline itself: `trial` → `second` → `third` → `trial`",
    )
    outside = check(
        "steps: {a: {pipeline: second}}\noutput: a", **{**files, "third": files["third"].replace("trial", "second")}
    )
    assert codes(outside) == ["broken-pipeline"]


def test_keys_of_a_stream_are_refused_where_there_is_none(check):
    text = "steps: {positions: {task: read_positions, every: 20s, max_age: 1m}}"
    assert codes(check(text)) == ["misplaced-key", "misplaced-key"]


def test_what_a_schema_does_not_promise_is_noted_and_checked_as_it_runs(plan, check):
    text = """
        steps:
          closes: {task: read_rows, with: {table: closes}, schema: LooseCloses}
          returns: {task: compute_returns, in: closes}
    """
    (note,) = check(text).diagnostics
    assert (note.code, note.severity) == ("unproven", "note")
    assert plan(text).step("returns").edges[0].unproven == ("close: greater_than(0)",)


def test_every_knot_is_told_once_by_its_shortest_way_round(check):
    result = check("""
        steps:
          a: {task: read_positions, after: [c, d]}
          b: {task: read_positions, after: [a]}
          c: {task: read_positions, after: [b, a]}
          d: {task: read_positions, after: [d]}
          e: {task: read_positions, after: [a]}
    """)
    assert [one.message for one in result.diagnostics] == [
        "steps wait for each other: `a` → `c` → `a`",
        "steps wait for each other: `d` → `d`",
    ]


def test_a_stream_s_keys_are_modelled_and_its_frames_checked(plan, check):
    text = """
        schedule: {calendar: XNYS, from: open + 5m, until: close - 15m}
        stream:
          positions: {task: watch_positions, keep: 10m, max_age: 5m, buffer: {rows: 1000, full: drop_oldest}}
        steps:
          quotes: {task: read_quotes, in: {universe: positions}, every: 20s}
    """
    made = plan(text)
    assert [source.name for source in made.sources] == ["positions"]
    assert [step.name for step in made.steps] == ["quotes"]
    assert made.file.stream["positions"].max_age == timedelta(minutes=5)
    assert made.file.schedule.from_.offset == timedelta(minutes=5)
    assert made.file.schedule.until.anchor == "close"
    assert codes(check(text.replace("{universe: positions}", "{universe: quote}"))) == ["unknown-step"]
    assert codes(check(text.replace("rows: 1000", "rows: 0"))) == ["bad-value"]


def test_what_a_pipeline_runs_after_must_be_there_and_not_wait_for_it(tasks, tmp_path):
    after = "schedule: {{after: {}}}\nsteps: {{positions: {{task: read_positions}}}}\n"
    earlier = {"open": "close", "close": "report", "report": "open", "late": "report", "lost": "reprot"}
    for name, other in earlier.items():
        (tmp_path / f"{name}.yaml").write_text(after.format(other))

    def told(name, beside):
        found = check_file(tmp_path / f"{name}.yaml", tasks, load_desk(ERRORS), tmp_path, beside)
        return [(one.code, one.message, one.hint) for one in found.diagnostics]

    assert told("lost", list(earlier)) == [("unknown-pipeline", "no pipeline `reprot`", "did you mean `report`?")]
    (circle,) = told("close", list(earlier))
    assert circle[:2] == ("cycle", "pipelines wait for each other: `close` → `open` → `report` → `close`")
    assert told("late", list(earlier)) == []
    assert told("lost", None) == []


def test_without_a_desk_connections_are_left_alone_and_the_check_says_so():
    result = check_file(ROOT / "pipelines" / "beta_hedge.yaml", catalog(), None)
    assert [(one.code, one.severity) for one in result.diagnostics] == [("no-desk", "note")]
    assert result.plan is not None
    assert result.errors == ()


def test_the_shipped_pipeline_is_right():
    result = check_file(ROOT / "pipelines" / "beta_hedge.yaml", catalog(), load_desk(ROOT / "pipelines"))
    assert result.diagnostics == ()
    assert result.plan is not None


# Parameters of a run


def test_parameters_given_as_text_are_read_as_their_type_asks(plan):
    text = """
        params: {table: returns, minimum: 60, symbols: [SPY], horizon: {default: null}, flag: {default: true}}
        steps:
          returns: {task: read_rows, with: {table: $table}, schema: Returns}
          betas: {task: regress_betas, in: returns, with: {benchmark: "${table}_$flag", minimum: $minimum}}
          quotes: {task: read_rows, with: {table: quotes}, schema: Quotes}
          smooth: {task: smooth_quotes, in: quotes, each: {symbol: $symbols}, with: {horizon: $horizon}}
    """
    made = plan(text)
    assert bind(made, {}) == {"table": "returns", "minimum": 60, "symbols": ["SPY"], "horizon": None, "flag": True}
    given = {"table": "5", "minimum": "90", "symbols": "[A, B]", "horizon": "2024-12-31", "flag": "false"}
    assert bind(made, given) == {
        "table": "5",
        "minimum": 90,
        "symbols": ["A", "B"],
        "horizon": date(2024, 12, 31),
        "flag": False,
    }


def test_everything_wrong_with_the_given_parameters_is_told_at_once(plan):
    with pytest.raises(Problem) as told:
        bind(plan(BOOK), {"minimum": "20", "benchmrk": "QQQ"})
    assert "Parameter `minimum`: expected at least 30, got `20`." in told.value.reason
    assert "no parameter `benchmrk`: did you mean `benchmark`?" in told.value.reason


def test_a_parameter_without_default_must_be_given(plan):
    made = plan("params: {table: {}}\nsteps: {a: {task: read_rows, with: {table: $table}}}")
    assert bind(made, {"table": "x"}) == {"table": "x"}
    with pytest.raises(Problem, match="`table` has no default: give text"):
        bind(made, {})


# Whatever is in a file


WORDS = st.sampled_from(
    [
        "",
        "5",
        "~",
        "[]",
        "{}",
        "a",
        "$a",
        "${",
        "$run.session",
        "[a, b]",
        "{a: b}",
        "steps",
        "positions.x",
        "'",
        "- ",
        ": ",
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_file_breaks_the_checker(tasks, tmp_path, data):
    """Tokens of a right file replaced, dropped or doubled: a plan or an error, never a traceback."""
    tokens = re.split(r"(\s+|[{},:\[\]])", BOOK)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(tokens) - 1))
        tokens[position] = data.draw(WORDS | st.just(tokens[position] * 2))
    path = tmp_path / "trial.yaml"
    path.write_text("".join(tokens))
    result = check_file(path, tasks, load_desk(ERRORS), tmp_path)
    assert (result.plan is None) == bool(result.errors)
    assert isinstance(render(result, color=True), str)
