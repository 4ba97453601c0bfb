"""Effects happen once a slot; past sessions never act."""

from __future__ import annotations

from datetime import date

import pytest

from tasks.connections.clock import ManualClock
from tasks.connections.problems import DataProblem, Refused

TEXT = """
params: {close: 10.0}
steps:
  prices: {task: read_some, with: {close: $close}}
  do: {task: act, in: prices, with: {to: %s}}
"""


def acts(world) -> int:
    return sum(call.startswith("act") for call in world.calls)


def test_a_repeated_run_repeats_no_effect_and_says_whose_result_it_gives(project, world):
    first = project.run("book", TEXT % "desk")
    second = project.run("book")
    assert acts(world) == 1
    assert second.outcomes["do"].frames[None].equals(first.outcomes["do"].frames[None])
    assert second.outcomes["do"].notes == (f"already done by run {first.id}: nothing was done again",)


@pytest.mark.parametrize("change", ["argument", "parameter", "session", "again", "pipeline"])
def test_what_makes_it_another_effect(project, world, change):
    project.run("book", TEXT % "desk")
    if change == "session":
        world.clock = ManualClock("2022-12-29T20:45:00Z")
    project.run(
        "other" if change == "pipeline" else "book",
        TEXT % ("boss" if change == "argument" else "desk"),
        {"close": "11"} if change == "parameter" else {},
        again=1 if change == "again" else 0,
    )
    assert acts(world) == 2


def test_an_effect_that_failed_is_not_done(project, world):
    world.failures = 1
    assert project.run("book", TEXT % "desk").outcomes["do"].status == "failed"
    assert project.run("book").outcomes["do"].status == "completed"
    assert acts(world) == 2


def test_a_past_session_acts_on_nothing(project, world):
    finished = project.run("book", TEXT % "desk", session=date(2022, 12, 27))
    assert finished.status == "completed"
    assert acts(world) == 0
    assert finished.outcomes["do"].notes == ("not done: 2022-12-27 is past, and a past session never acts",)


def test_a_past_session_takes_what_is_only_so_now_from_the_journal_or_is_refused(project, world):
    text = "steps:\n  prices: {task: read_now}\n  returns: {task: compute_some, in: prices}\n"
    world.clock = ManualClock("2022-12-27T20:45:00Z")
    project.run("now", text)
    world.clock = ManualClock("2022-12-28T20:45:00Z")
    calls = world.calls.count("read_now")
    finished = project.run("now", session=date(2022, 12, 27))
    assert finished.outcomes["returns"].frames[None]["return"].tolist() == [0.27, 0.27]
    assert finished.outcomes["prices"].notes == ("as recorded on 2022-12-27",)
    assert world.calls.count("read_now") == calls
    with pytest.raises(Refused, match=r"past session 2022-12-23: `prices` can only be asked how things are now"):
        project.run("now", session=date(2022, 12, 23))


def test_a_session_that_has_not_begun_or_is_none_is_refused(project):
    project.write("book", TEXT % "desk")
    with pytest.raises(Refused, match="2022-12-29 has not begun"):
        project.run("book", session=date(2022, 12, 29))
    with pytest.raises(DataProblem, match="2022-12-26 is no session of XNYS"):
        project.run("book", session=date(2022, 12, 26))
