"""A captured stream again: the same frames, bit for bit."""

from __future__ import annotations

import pandas as pd
import pytest

from flows.stream.replay import replay
from tasks.connections.content import content_id

EVERYTHING = """
params: {scale: 1.5}
stream:
  ticks: {task: watch_ticks, keep: latest}
  prints: {task: watch_prints, window: {rows: 2}}
  recent: {task: watch_prints, keep: 30s, with: {hand: recent}}
steps:
  base: {task: read_base, every: 40s}
  total: {task: sum_ticks, in: ticks, with: {scale: $scale}}
  size: {task: sum_prints, in: [prints, ticks]}
  lately: {task: sum_prints, in: {prints: recent}}
  sum: {task: run_up, in: {totals: size}, last: {previous: sum}}
  both: {task: add, in: {one: total, other: base}}
  slow: {task: sum_ticks, in: ticks, every: 25s}
  kept: {task: keep_prints, in: prints}
  told: {task: tell, in: {totals: both}, when: prints}
"""


@pytest.fixture
def lived(project, world, make, monkeypatch):
    monkeypatch.setattr("flows.stream.firing.FIRST_WAIT", 0.01)
    running = project.start("p", EVERYTHING)
    world.failing["keep_prints"] = 1
    for number in range(12):
        world.hand("ticks").put(
            make.ticks((1 + number % 3, 13 if number == 5 else 10 + number), (7, -1 if number == 8 else 3))
        )
        world.hand("prints").put(make.prints(number))
        world.hand("recent").put(make.prints(number, number + 100))
        firings = len(running.firings)
        running.until(lambda firings=firings: len(running.firings) > firings)
        world.clock.advance("7s")
    for hand in world.hands.values():
        hand.end()
    running.wait()
    assert sum(len(act[1]) for act in world.acts if act[0] == "keep") == 12
    return running


def _hashes(frames: list[dict[str, pd.DataFrame]]) -> list[dict[str, str]]:
    return [{step: content_id(frame) for step, frame in fired.items()} for fired in frames]


def _replayed(running, project, **params) -> tuple[list[dict[str, pd.DataFrame]], list]:
    seen: list[dict[str, pd.DataFrame]] = []
    firings = []
    context, close = project.context("p", EVERYTHING, **params)

    def look(graph, fired) -> None:
        firings.append(fired)
        seen.append({name: frame for name in fired.ran if (frame := graph.held[name].frame(None)) is not None})

    replay(context, running.stream.path, look)
    close()
    return seen, firings


def test_a_replay_gives_the_very_frames_of_the_live_run(lived, project, world):
    acted = list(world.acts)
    first, firings = _replayed(lived, project)
    second, _ = _replayed(lived, project)
    assert [fired.ran for fired in firings] == [fired.ran for fired in lived.firings]
    assert [fired.failed for fired in firings] == [fired.failed for fired in lived.firings]
    assert [fired.time for fired in firings] == [fired.time for fired in lived.firings]
    assert _hashes(first) == _hashes(lived.frames)
    assert _hashes(second) == _hashes(lived.frames)
    assert sum(map(len, first)) > 40, "hardly anything was compared"
    assert world.acts == acted, "a replay acts on nothing"
    assert any(fired.failed for fired in lived.firings)


def test_a_what_if_has_other_frames_where_its_parameter_matters_and_nowhere_else(lived, project, world):
    acted = list(world.acts)
    changed, _ = _replayed(lived, project, scale="3.0")
    for live, other in zip(lived.frames, changed, strict=True):
        for step in live:
            same = content_id(live[step]) == content_id(other[step])
            assert same == (step not in ("total", "both", "told")) or step == "told", step
    assert world.acts == acted


def test_what_wasnt_captured_cant_be_replayed(lived, project, tmp_path):
    context, close = project.context("p", EVERYTHING)
    with pytest.raises(Exception, match="No stream of p was captured for 2022-12-28"):
        replay(context, tmp_path / "nothing.db", lambda *_: None)
    close()
