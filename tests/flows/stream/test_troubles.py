"""What a stream does about what goes wrong: bad rows, failing steps, sources that break, data that is old."""

from __future__ import annotations

import numpy as np
import pytest

from flows.stream.spool import Spool
from tasks.connections.problems import ConnectionProblem, Refused

TABLE = """
stream:
  ticks: {task: watch_ticks, keep: latest, max_age: 10s}
steps:
  total: {task: sum_ticks, in: ticks}
"""
SINK = """
stream:
  prints: {task: watch_prints}
steps:
  kept: {task: keep_prints, in: prints}
"""


@pytest.mark.parametrize("bad", [-1.0, 0.0, -np.inf])
def test_a_bad_row_is_set_aside_with_its_reason_and_the_others_go_on(project, world, make, bad):
    running = project.start("p", TABLE)
    world.hand("ticks").put(make.ticks((1, 10), (2, bad), (3, 30)))
    running.until(lambda: running.outputs("total") == [40])
    ended = running.stop()
    assert ended.graph.meters["ticks"].quarantined == 1
    with Spool(running.stream.path) as spool:
        ((_, source, reason, rows),) = spool.set_aside()
    assert (source, reason) == ("ticks", "price: greater_than(0)")
    assert rows["con_id"].tolist() == [2]
    assert rows["price"].tolist() == [bad]


def test_rows_of_another_kind_are_set_aside_whole_and_the_source_goes_on(project, world, make):
    running = project.start("p", TABLE)
    world.hand("ticks").put(make.prints(1, 2))
    world.hand("ticks").put(make.ticks((1, 10)))
    running.until(lambda: running.outputs("total") == [10])
    ended = running.stop()
    assert ended.graph.meters["ticks"].quarantined == 2
    with Spool(running.stream.path) as spool:
        ((_, _, reason, rows),) = spool.set_aside()
    assert "column `symbol` is missing" in reason
    assert rows["number"].tolist() == [1, 2]


def test_a_step_that_fails_keeps_its_last_frame_and_what_follows_is_stale(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          ticks: {task: watch_ticks, keep: latest}
        steps:
          total: {task: sum_ticks, in: ticks}
          after: {task: run_up, in: {totals: total}}
        """,
    )
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10)))
    running.until(lambda: running.outputs("total") == [10])
    hand.put(make.ticks((1, 13)))
    running.until(lambda: any(fired.failed == ("total",) for fired in running.firings))
    hand.put(make.ticks((2, 1)))
    running.until(lambda: sum(fired.failed == ("total",) for fired in running.firings) == 2)
    assert [text for name, text in running.said if name == "total" and "unlucky" in text] == [
        f"ValueError: 13 is unlucky (conftest.py:{_line_of('13 is unlucky')})"
    ], "a failure is told once, not at each firing"
    hand.put(make.ticks((1, 12)))
    running.until(lambda: running.outputs("total") == [10, 13])
    assert ("total", "works again") in running.said
    ended = running.stop()
    assert ended.graph.meters["total"].errors == 2


def _line_of(text: str) -> int:
    from pathlib import Path

    lines = (Path(__file__).parent / "conftest.py").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if f'"{text}"' in line)


def test_a_sink_that_is_away_loses_no_row_and_gets_none_twice(project, world, make, monkeypatch):
    monkeypatch.setattr("flows.stream.firing.FIRST_WAIT", 0.01)
    running = project.start("p", SINK)
    world.failing["keep_prints"] = 3
    hand = world.hand("prints")
    for number in range(20):
        hand.put(make.prints(number))
    hand.end()
    running.until(lambda: sum(len(act[1]) for act in world.acts) == 20)
    running.wait()
    assert [number for _, numbers, _ in world.acts for number in numbers] == list(range(20))


def test_a_source_that_breaks_is_opened_again_and_told_of_once(project, world, make, monkeypatch):
    monkeypatch.setattr("flows.stream.feed.FIRST_WAIT", 0.01)
    running = project.start("p", TABLE)
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10)))
    running.until(lambda: running.outputs("total") == [10])
    for _ in range(3):
        hand.fail(ConnectionProblem("The gateway is away."))
    running.until(lambda: len(hand.opened) == 4)
    hand.put(make.ticks((1, 11)))
    running.until(lambda: running.outputs("total")[-1] == 11)
    assert [text for name, text in running.said if name == "ticks" and "away" in text and "opened" in text] == [
        "The gateway is away. It is opened again."
    ]
    running.stop()


def test_a_source_that_is_refused_for_good_ends_the_stream_when_no_other_is_left(project, world, make):
    running = project.start("p", TABLE)
    world.hand("ticks").fail(Refused("No permission."))
    ended = running.wait()
    assert ended.how == "completed"
    assert ("ticks", "No permission.") in running.said


ORDERS = """
stream:
  ticks: {task: watch_ticks, keep: latest, max_age: 10s}
steps:
  total: {task: sum_ticks, in: ticks}
  orders: {task: trade, in: {totals: total}}
  told: {task: tell, in: {totals: total}}
"""


def test_old_data_holds_orders_back_and_nothing_else(project, world, make):
    running = project.start("p", ORDERS)
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10)))
    running.until(lambda: len(world.acts) == 2)
    world.clock.advance("11s")
    running.until(lambda: ("ticks", "`ticks` is older than 10 s") in running.said)
    hand.stale = True  # the source itself says that what it gives isn't up to date
    hand.put(make.ticks((1, 11)))
    running.until(lambda: len(world.acts) == 3)
    assert [act[0] for act in world.acts] == ["trade", "tell", "tell"]
    assert any(name == "orders" and text.startswith("held back: ") for name, text in running.said)
    hand.stale = False
    running.until(lambda: len(world.acts) == 4)
    assert world.acts[-1] == ("trade", 11.0), "what was held back is done when the data is fresh"
    running.stop()


def test_rows_of_a_log_are_dropped_only_where_the_file_says_so_and_are_counted(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          prints: {task: watch_prints, buffer: {rows: 10, full: drop_oldest}, window: {every: 1h}}
        steps:
          size: {task: sum_prints, in: prints}
        """,
    )
    hand = world.hand("prints")
    for number in range(30):
        hand.put(make.prints(number))
    hand.end()
    ended = running.wait()
    assert ended.graph.meters["prints"].lost == 20
    assert running.outputs("size") == [10]


def test_what_waits_when_it_is_stopped_is_still_taken(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          prints: {task: watch_prints, window: {rows: 100}}
        steps:
          kept: {task: keep_prints, in: prints}
        """,
    )
    world.hand("prints").put(make.prints(1, 2, 3))
    running.until(lambda: running.stream.waiting == {"prints": 3})
    running.stop()
    assert [act[1] for act in world.acts] == [[1, 2, 3]]


def test_what_its_source_confirms_is_no_older_for_not_changing(project, world, make):
    running = project.start("p", ORDERS)
    hand = world.hand("ticks")
    hand.confirmed = True
    hand.put(make.ticks((1, 10)))
    running.until(lambda: len(world.acts) == 2)
    world.clock.advance("11m")
    hand.put(make.ticks((1, 11)))
    running.until(lambda: len(world.acts) == 4)
    assert [act[0] for act in world.acts] == ["trade", "tell"] * 2
    assert not any("older" in text for _, text in running.said)
    running.stop()


def test_a_sink_that_acts_and_then_fails_is_asked_again_for_the_very_same_and_then_for_what_came_since(
    project, world, make, monkeypatch
):
    monkeypatch.setattr("flows.stream.firing.FIRST_WAIT", 0.2)
    running = project.start("p", SINK)
    world.failing["keep_prints answering"] = 1  # it has kept them, and the answer was lost
    hand = world.hand("prints")
    hand.put(make.prints(1, 2))
    running.until(lambda: len(world.acts) == 1)
    hand.put(make.prints(3))
    running.until(lambda: len(world.acts) == 3)
    (_, first, one), (_, again, two), (_, rest, three) = world.acts
    assert (first, again, rest) == ([1, 2], [1, 2], [3])
    assert one == two != three, "one effect has one key, by which it is done once"
    running.stop()


def test_a_source_that_tells_all_takes_the_place_of_what_was_told_before(project, world, make):
    running = project.start("p", TABLE)
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10), (2, 20)))
    running.until(lambda: running.outputs("total") == [30])
    hand.put(make.ticks((2, 5)), is_all=True)
    running.until(lambda: running.outputs("total") == [30, 5])
    hand.put(make.ticks(), is_all=True)
    running.until(lambda: running.outputs("total") == [30, 5, 0])
    running.stop()


def test_what_an_earlier_run_has_left_in_a_table_holds_orders_back_until_the_source_has_told(project, world, make):
    first = project.start("p", ORDERS)
    world.hand("ticks").put(make.ticks((1, 10)))
    first.until(lambda: len(world.acts) == 2)
    first.stop()
    world.acts.clear()
    second = project.start("p", ORDERS)
    second.until(lambda: bool(second.firings))
    assert second.stream.waiting == {"ticks": 0}
    assert world.acts == []
    world.hand("ticks").put(make.ticks((1, 11)))
    second.until(lambda: len(world.acts) == 2)
    assert world.acts[0][:2] == ("trade", 11.0)
    second.stop()


def test_a_source_that_is_up_to_date_again_is_so_only_once_its_rows_are_in_the_graph(project, world, make):
    running = project.start("p", ORDERS)
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10)))
    running.until(lambda: len(world.acts) == 2)
    hand.stale = True
    running.until(lambda: any(name == "ticks" for name, _ in running.said))
    hand.put(make.ticks((1, 11)))
    running.until(lambda: len(world.acts) == 3)
    hand.stale = False
    hand.put(make.ticks((1, 12)))
    running.until(lambda: ("trade", 12.0) in world.acts)
    assert ("trade", 11.0) not in world.acts, "an order on what was stale"
    running.stop()


def test_a_clock_that_is_set_back_makes_nothing_young_again(project, world, make):
    running = project.start("p", ORDERS)
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10)))
    running.until(lambda: len(world.acts) == 2)
    world.clock.advance("9s")
    before = len(running.firings)
    hand.put(make.ticks((1, 11)))
    running.until(lambda: len(running.firings) > before)
    world.clock.advance("-1h")
    hand.put(make.ticks((1, 12)))
    running.until(lambda: ("trade", 12.0) in world.acts)
    times = [fired.time for fired in running.firings]
    assert times == sorted(times), "time goes on"
    assert any("set back by 3600 s" in text for _, text in running.said)
    running.stop()


def test_a_clock_that_is_set_forward_makes_what_is_old_stale(project, world, make):
    running = project.start("p", ORDERS)
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10)))
    running.until(lambda: len(world.acts) == 2)
    world.clock.advance("1h")
    running.until(lambda: ("ticks", "`ticks` is older than 10 s") in running.said)
    hand.put(make.ticks((1, 11)))
    running.until(lambda: ("trade", 11.0) in world.acts)
    running.stop()
