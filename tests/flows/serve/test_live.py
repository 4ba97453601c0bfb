"""A stream as a flow run: triggered from the UI, watched, cancelled there, and gone on with."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

pytestmark = pytest.mark.timeout(180)

FILES = {
    "_desk": """
        name: demo
        connections:
          gateway: {kind: ib, simulated: true, at: 2022-12-28T15:00:00Z, speed: 10}
          tables: {kind: sql}
        """,
    "live": """
        stream:
          positions: {task: watch_positions, keep: latest}
          quotes: {task: watch_quotes, in: {universe: positions}, keep: latest}
        steps:
          kept: {task: write_rows, in: quotes, every: 20s, with: {table: quotes}}
        """,
}


@pytest.fixture(scope="module")
def project(new_up):
    return new_up(FILES)


def firings(project) -> int:
    paths = list((project.root / ".hedgerow" / "streams" / "live").glob("*.db"))
    if not paths:
        return 0
    with closing(sqlite3.connect(f"file:{paths[0]}?mode=ro", uri=True)) as spool:
        return spool.execute("SELECT COUNT(*) FROM firings").fetchone()[0]


def journalled(project) -> list[str]:
    with closing(sqlite3.connect(project.root / ".hedgerow" / "journal" / "journal.db")) as journal:
        return [status for (status,) in journal.execute("SELECT status FROM runs ORDER BY started")]


def cancelled(project, more: int) -> dict:
    """A run of the stream that is cancelled once it has fired so often."""
    before = firings(project)
    status, created = project.trigger("live")
    assert status == 201, created
    project.until(lambda: firings(project) >= before + more, "it fires", 60)
    (running,) = project.ask("flow_runs/filter", {"flow_runs": {"id": {"any_": [created["id"]]}}})[1]
    assert running["state_type"] == "RUNNING"
    project.ask(f"flow_runs/{created['id']}/set_state", {"state": {"type": "CANCELLING"}, "force": False})
    return project.finished(created["id"])


def test_it_runs_as_one_flow_run_until_it_is_cancelled_there(project):
    ended = cancelled(project, 10)
    assert ended["state_type"] == "CANCELLED"
    project.until(lambda: journalled(project) == ["cancelled"], "the journal has its end")


def test_the_next_run_of_the_session_goes_on_in_the_same_capture(project):
    before = firings(project)
    cancelled(project, 5)
    assert firings(project) >= before + 5
    project.until(lambda: journalled(project) == ["cancelled", "cancelled"], "the journal has its end")
    assert len(list((project.root / ".hedgerow" / "streams" / "live").glob("*.db"))) == 1
