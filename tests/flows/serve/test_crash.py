"""A killed process is seen as crashed and alerted, once; also where what started it was killed with it."""

from __future__ import annotations

import os
import signal

DESK = """
    name: demo
    connections:
      gateway: {kind: ib, port: MUTE, timeout: 10m}
      alerts: {kind: notify}
    """
HANGS = """
    steps: {positions: {task: read_positions}}
    on_failure: {task: send_alert, with: {to: oncall, title: $run.pipeline is down}}
    """


def alerts(project) -> int:
    """How often somebody was told."""
    return project.output.count("oncall: hangs is down")


def running(project, flow_run: str) -> int:
    """The process of a flow run, once its step is under way."""
    path = project.root / ".hedgerow" / "running" / flow_run
    project.until(path.exists, "the flow run is under way", 60)
    return int(path.read_text().rpartition(":")[2])


def test_a_killed_process_is_seen_as_crashed_and_alerted_once(new_up, mute):
    project = new_up({"_desk": DESK.replace("MUTE", str(mute)), "hangs": HANGS})
    _, first = project.trigger("hangs")
    os.kill(running(project, first["id"]), signal.SIGKILL)
    assert project.finished(first["id"])["state_type"] == "CRASHED"
    project.until(lambda: alerts(project) == 1, "somebody is told of the crash", 60)
    assert "crashed" in project.output

    _, second = project.trigger("hangs")
    process = running(project, second["id"])
    project.kill()
    os.kill(process, signal.SIGKILL)
    project.start()  # what it said before is overwritten
    assert project.finished(second["id"])["state_type"] == "CRASHED"
    project.until(lambda: alerts(project) == 1, "somebody is told of the second crash", 60)
    assert not list((project.root / ".hedgerow" / "running").iterdir())
