"""What fires, in which order, and on what: the firing rule."""

from __future__ import annotations

TABLE = """
stream:
  ticks: {task: watch_ticks, keep: latest}
steps:
  total: {task: sum_ticks, in: ticks}
  twice: {task: sum_ticks, in: ticks, with: {scale: 2}}
  both: {task: add, in: {one: total, other: twice}}
"""


def test_a_table_holds_the_latest_row_of_each_key(project, world, make):
    running = project.start("p", TABLE)
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10), (2, 20)))
    running.until(lambda: running.outputs("total") == [30])
    hand.put(make.ticks((2, 25)))
    running.until(lambda: running.outputs("total") == [30, 35])
    running.stop()


def test_each_step_runs_once_a_firing_after_what_it_needs(project, world, make):
    running = project.start("p", TABLE)
    world.hand("ticks").put(make.ticks((1, 10)))
    running.until(lambda: running.outputs("both") == [30])
    ran = [fired.ran for fired in running.firings if fired.ran]
    assert ran == [("total", "twice", "both")]
    running.stop()


def test_a_log_delivers_each_row_once_however_often_it_fires(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          prints: {task: watch_prints}
        steps:
          size: {task: sum_prints, in: prints}
          sum: {task: run_up, in: {totals: size}, last: {previous: sum}}
        """,
    )
    hand = world.hand("prints")
    for number in range(50):
        hand.put(make.prints(number))
    hand.end()
    running.wait()
    assert sum(running.outputs("size")) == 50
    assert running.outputs("sum")[-1] == 50


def test_what_no_stream_feeds_runs_once(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          ticks: {task: watch_ticks, keep: latest}
        steps:
          base: {task: read_base}
          total: {task: sum_ticks, in: ticks}
          both: {task: add, in: {one: total, other: base}}
        """,
    )
    for price in (1, 2, 3):
        world.hand("ticks").put(make.ticks((1, price)))
        running.until(lambda price=price: running.outputs("both")[-1:] == [100 + price])
    running.stop()
    assert world.reads == 1


def test_every_runs_a_step_at_most_once_in_its_interval_and_once_more_for_what_came_meanwhile(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          ticks: {task: watch_ticks, keep: latest}
        steps:
          total: {task: sum_ticks, in: ticks}
          slow: {task: sum_ticks, in: ticks, every: 1m}
        """,
    )
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10)))
    running.until(lambda: running.outputs("slow") == [10])
    for price in (11, 12):
        hand.put(make.ticks((1, price)))
        running.until(lambda price=price: running.outputs("total")[-1] == price)
    assert running.outputs("slow") == [10]
    world.clock.advance("61s")
    running.until(lambda: running.outputs("slow") == [10, 12])
    world.clock.advance("61s")
    hand.put(make.ticks((2, 1)))
    running.until(lambda: running.outputs("slow") == [10, 12, 13] or running.outputs("total")[-1] == 13)
    running.stop()


def test_a_step_with_an_interval_and_no_stream_refreshes_at_it(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          ticks: {task: watch_ticks, keep: latest}
        steps:
          base: {task: read_base, every: 20s}
          total: {task: sum_ticks, in: ticks}
          both: {task: add, in: {one: total, other: base}}
        """,
    )
    world.hand("ticks").put(make.ticks((1, 1)))
    running.until(lambda: running.outputs("both") == [101])
    world.clock.advance("21s")
    running.until(lambda: running.outputs("both") == [101, 201])
    running.stop()
    assert world.reads == 2


def test_when_holds_a_step_back_until_there_are_rows(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          ticks: {task: watch_ticks, keep: latest}
          prints: {task: watch_prints}
        steps:
          total: {task: sum_ticks, in: ticks, when: prints}
          other: {task: sum_ticks, in: ticks}
        """,
    )
    world.hand("ticks").put(make.ticks((1, 1)))
    running.until(lambda: running.outputs("other") == [1])
    assert running.outputs("total") == []
    world.hand("prints").put(make.prints(1))
    running.until(lambda: running.outputs("total") == [1])
    running.stop()


def test_a_source_is_opened_when_its_universe_is_there_and_anew_when_it_changes(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          ticks: {task: watch_ticks, keep: latest}
          quotes: {task: watch_of, in: {universe: ticks}, keep: latest}
        steps:
          total: {task: sum_ticks, in: quotes}
        """,
    )
    assert world.hand("of").opened == []
    world.hand("ticks").put(make.ticks((1, 10)))
    running.until(lambda: len(world.hand("of").opened) == 1)
    world.hand("of").put(make.ticks((1, 11)))
    running.until(lambda: running.outputs("total") == [11])
    world.hand("ticks").put(make.ticks((1, 10)))  # the same again
    world.hand("ticks").put(make.ticks((2, 20)))
    running.until(lambda: len(world.hand("of").opened) == 2)
    assert world.hand("of").opened[1]["con_id"].tolist() == [1, 2]
    running.stop()


def test_a_window_passes_rows_on_when_it_is_full(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          prints: {task: watch_prints, window: {every: 1h, rows: 3}}
        steps:
          size: {task: sum_prints, in: prints}
        """,
    )
    hand = world.hand("prints")
    hand.put(make.prints(1))
    hand.put(make.prints(2))
    hand.put(make.prints(3, 4))
    running.until(lambda: running.outputs("size") == [4])
    running.stop()


def test_effects_come_last(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          ticks: {task: watch_ticks, keep: latest}
        steps:
          told: {task: tell, in: {totals: total}}
          total: {task: sum_ticks, in: ticks}
          twice: {task: sum_ticks, in: ticks}
        """,
    )
    world.hand("ticks").put(make.ticks((1, 10)))
    running.until(lambda: len(world.acts) == 1)
    running.stop()
    assert [fired.ran for fired in running.firings if fired.ran] == [("total", "twice", "told")]


BEGUN = """
stream:
  prints: {task: watch_prints, begin: earlier}
steps:
  earlier: {task: read_prints}
  size: {task: sum_prints, in: prints}
  sum: {task: run_up, in: {totals: size}, last: {previous: sum}}
"""


def test_a_log_begins_with_the_rows_of_a_step_and_overlap_counts_once(project, world, make):
    running = project.start("p", BEGUN)
    running.until(lambda: running.outputs("size") == [3])  # 1, 2 and 3 were read
    world.hand("prints").put(make.prints(2, 3, 4))
    running.until(lambda: running.outputs("sum") == [3, 4])
    running.stop()
    second = project.start("p", BEGUN)
    world.hand("prints").put(make.prints(3, 5))
    second.until(lambda: second.outputs("sum") == [5])
    second.stop()


def test_a_window_that_its_buffer_cant_hold_is_passed_on_when_the_source_waits(project, world, make):
    running = project.start(
        "p",
        """
        stream:
          prints: {task: watch_prints, window: {rows: 4}, buffer: {rows: 5, full: block}}
        steps:
          size: {task: sum_prints, in: prints}
        """,
    )
    world.hand("prints").put(make.prints(1, 2, 3))
    world.hand("prints").put(make.prints(4, 5, 6))
    running.until(lambda: sum(running.outputs("size")) >= 3)
    world.hand("prints").end()
    running.wait()
    assert sum(running.outputs("size")) == 6
