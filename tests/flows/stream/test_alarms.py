"""Who is told of a stream's troubles, and how often."""

from __future__ import annotations

import threading

import pytest

from flows.stream.alarms import LASTS, QUIET, Alarms, alarms_of

TEXT = """
stream:
  ticks: {task: watch_ticks, keep: latest}
steps:
  total: {task: sum_ticks, in: ticks}
  after: {task: run_up, in: {totals: total}}
"""


@pytest.fixture
def looked(project, world, make):
    """A stream that has fired; what `Alarms` sends and says about it."""
    running = project.start("p", TEXT)
    world.hand("ticks").put(make.ticks((1, 10)))
    running.until(lambda: running.outputs("after") == [10])
    graph = running.stop().graph
    sent: list[dict[str, str]] = []
    said: list[tuple[str, str]] = []
    has_sent = threading.Event()

    def send(troubles, number):
        sent.append(dict(troubles))
        has_sent.set()

    alarms = Alarms(send, lambda name, text: said.append((name, text)))

    def look(at: float) -> list[dict[str, str]]:
        has_sent.clear()
        alarms.look(graph, 1, at)
        has_sent.wait(0.05)
        return sent

    return graph, look, said


def test_a_step_that_fails_for_a_minute_is_told_once_and_what_follows_from_it_not_at_all(looked):
    graph, look, said = looked
    assert look(0.0) == []
    graph.held["total"].failed = "it broke"
    graph.held["after"].stale = "`total` failed: it broke"
    assert look(1.0) == []
    assert look(1.0 + LASTS - 0.5) == []
    assert look(1.0 + LASTS) == [{"total": "it broke"}]
    assert look(1.0 + 2 * LASTS) == [{"total": "it broke"}]
    graph.held["total"].failed = ""
    look(1.0 + 3 * LASTS)
    assert said == [("total", f"is up to date again, after {3 * LASTS:.0f} s")]


def test_one_that_comes_and_goes_is_told_once_in_half_an_hour(looked):
    graph, look, said = looked
    at = 0.0
    for _ in range(8):
        graph.held["ticks"].stale = "the gateway is away"
        look(at)
        sent = look(at + LASTS)
        graph.held["ticks"].stale = ""
        look(at + LASTS + 1)
        at += 2 * LASTS
    assert len(sent) == 1
    assert len(said) == 8
    graph.held["ticks"].stale = "the gateway is away"
    look(QUIET + LASTS)
    assert len(look(QUIET + 2 * LASTS)) == 2


def test_rows_lost_or_set_aside_are_told_at_once_with_their_number(looked):
    graph, look, _ = looked
    look(0.0)
    graph.meters["ticks"].quarantined = 3
    assert look(1.0) == [{"ticks": "3 rows set aside so far"}]
    graph.meters["ticks"].quarantined = 5
    assert len(look(2.0)) == 1
    graph.meters["ticks"].lost = 7
    assert look(3.0)[1:] == [{"ticks": "7 rows lost so far"}]


def test_nothing_is_sent_where_nothing_is_wrong(looked):
    _, look, said = looked
    for at in range(5):
        assert look(at * LASTS) == []
    assert said == []


def test_alarms_go_by_the_files_own_step_each_as_an_effect_of_its_own(project, world, make, monkeypatch):
    monkeypatch.setattr("flows.stream.alarms.LASTS", 0.0)
    monkeypatch.setattr("flows.stream.alarms.EVERY", 0.0)
    running = project.start("p", TEXT + "on_failure: {task: cry}\n")
    context = running.context
    context.journal.begin_run(
        run=context.id,
        pipeline="p",
        text=context.plan.text,
        params={},
        desk={},
        session=context.session,
        slot=context.slot,
        clock="test",
        trigger="test",
        started=context.clock.now(),
        versions={},
    )
    alarms = alarms_of(context, running.stream.tell)
    assert alarms is not None
    running.stream.watch(alarms)
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10), (2, -1)))
    running.until(lambda: any("1 rows set aside so far" in act[1].get("ticks", "") for act in world.acts))
    hand.put(make.ticks((1, 13)))
    running.until(lambda: any("13 is unlucky" in act[1].get("total", "") for act in world.acts))
    running.stop()


def test_a_file_without_on_failure_has_no_alarms(project, world):
    context, close = project.context("p", TEXT)
    assert alarms_of(context, lambda name, text: None) is None
    close()
