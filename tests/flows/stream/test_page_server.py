"""Who is let in to the live page, and what happens to tabs that come, stay away, or stop reading."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import flows.stream.page.page as page_module
import flows.stream.page.server as server_module
from flows.stream.page.page import Page, desk_token
from flows.stream.runner import Stream

PIPELINE = """
description: Prices, added up.
stream:
  ticks: {task: watch_ticks, keep: latest, max_age: 5s}
steps:
  total: {task: sum_ticks, in: ticks}
  twice: {task: add, in: {one: total, other: total}}
"""
SLOW = 10.0


class Tab:
    """A page's websocket, without the page."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.texts: list[dict[str, Any]] = []
        self.tables: dict[str, dict[str, dict[str, Any]]] = {}

    def read(self) -> None:
        message = self.socket.recv(timeout=SLOW)
        if isinstance(message, str):
            self.texts.append(json.loads(message))
            return
        size = int.from_bytes(message[:4], "little")
        head, rows = json.loads(message[4 : 4 + size]), message[4 + size :]
        assert (4 + size) % 8 == 0
        table = self.tables.setdefault(head["table"], {})
        if head["whole"]:
            table.clear()
        for key in head["removed"]:
            del table[key]
        for row in pa.ipc.open_stream(rows).read_all().to_pylist() if rows else []:
            table[row.get("_key", str(len(table)))] = row

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + SLOW
        while not condition():
            assert time.monotonic() < end, (self.texts[-3:], self.tables)
            self.read()

    def last(self, kind: str) -> dict[str, Any]:
        return next((text for text in reversed(self.texts) if text["type"] == kind), {})

    def prices(self) -> dict[str, float]:
        return {row["symbol"]: row["price"] for row in self.tables.get("ticks", {}).values()}


class Watched:
    """A stream whose page is served."""

    def __init__(self, project: Any) -> None:
        self.context, self._close = project.context("watched", PIPELINE)
        self.page = Page("watched", "Prices, added up.", "test", desk_token(self.context.desk.data))
        self.address = self.page.start(0)
        self.stream = Stream(self.context, (self.page,))
        self._thread = threading.Thread(target=self.stream.run, daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        return "/".join(self.address.split("/")[:3])

    def tab(self, origin: str | None = None, **options: Any) -> Tab:
        address = self.address.replace("http", "ws") + "live"
        return Tab(connect(address, origin=origin or self.origin, max_size=None, proxy=None, **options))

    def stop(self, how: str = "completed") -> None:
        self.stream.stop()
        self._thread.join(SLOW)
        self.page.ended(how)
        self._close()


@pytest.fixture
def watched(project, world, monkeypatch) -> Iterator[Watched]:
    monkeypatch.setattr(page_module, "EVERY", 0.05)
    watched = Watched(project)
    yield watched
    watched.stop()


def get(address: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=SLOW) as answer:  # noqa: S310 - http
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_the_page_is_for_whoever_has_its_address_on_this_machine(watched):
    status, headers, body = get(watched.address)
    assert status == 200
    assert b"Hedgerow" in body
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    for rule in policy.split("; "):  # nothing may be asked of any other machine
        assert all(
            source[0] == "'"
            or source in ("data:", "blob:")
            or source.startswith(("ws://127.0.0.1:", "ws://localhost:"))
            for source in rule.split()[1:]
        ), rule
    assert get(f"{watched.origin}/")[0] == 404
    assert get(f"{watched.origin}/{'x' * 32}/")[0] == 404
    assert get(f"{watched.address}../../etc/passwd")[0] == 404
    assert get(watched.address, Host="evil.example")[0] == 421


def test_a_page_of_another_site_gets_no_figures(watched):
    with pytest.raises(InvalidStatus) as refused:
        watched.tab(origin="http://evil.example")
    assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{watched.origin.replace('http', 'ws')}/wrong/live", origin=watched.origin, proxy=None)
    assert refused.value.response.status_code == 404


def test_tabs_see_what_the_steps_hold_and_symbols_that_come_later(watched, world, make):
    one, other = watched.tab(), watched.tab()
    world.hand("ticks").put(make.ticks((1, 10), (2, 20)))
    for tab in (one, other):
        tab.until(lambda tab=tab: tab.prices() == {"S1": 10, "S2": 20})
        assert tab.last("layout")["about"]["pipeline"] == "watched"
    world.hand("ticks").put(make.ticks((3, 30)))
    for tab in (one, other):
        tab.until(lambda tab=tab: tab.prices() == {"S1": 10, "S2": 20, "S3": 30})
        tab.until(lambda tab=tab: tab.tables["total"]["all"]["total"] == 60)
        tab.until(lambda tab=tab: tab.tables["*steps"]["total"]["firings"] == 2)
    late = watched.tab()
    late.until(lambda: late.prices() == {"S1": 10, "S2": 20, "S3": 30})
    late.until(lambda: "3 prices" in [line["text"] for line in late.last("told").get("lines", ())])


def test_nothing_that_a_tab_says_changes_anything(watched, world, make):
    world.hand("ticks").put(make.ticks((1, 10)))
    bad = watched.tab()
    bad.until(lambda: bad.prices() == {"S1": 10})
    for said in (b"\x00\x01rubbish", '{"type": "layout"}', "x"):
        bad.socket.send(said)
    with pytest.raises(ConnectionClosed):  # more than any page has to say
        _shout(bad)
    good = watched.tab()
    good.until(lambda: good.prices() == {"S1": 10})


def test_a_source_that_has_nothing_new_is_said_to_be_stale_and_since_when(watched, world, make):
    world.hand("ticks").put(make.ticks((1, 10)))
    tab = watched.tab()
    tab.until(lambda: tab.prices() == {"S1": 10})
    world.clock.advance("6s")
    tab.until(lambda: bool(tab.last("state").get("troubles")))
    (trouble,) = tab.last("state")["troubles"]
    assert trouble == {
        "why": "`ticks` is older than 5 s",
        "since": "15:00:06Z",
        "last": "15:00:00Z",
        "names": ["ticks", "total", "twice"],
    }
    tab.until(lambda: tab.tables["*steps"]["ticks"]["state"] == "`ticks` is older than 5 s")
    world.hand("ticks").put(make.ticks((1, 11)))
    tab.until(lambda: not tab.last("state")["troubles"])


def test_a_step_that_fails_is_named_with_all_that_suffer_from_it_and_its_last_figures_stay(watched, world, make):
    tab = watched.tab()
    world.hand("ticks").put(make.ticks((1, 10)))
    tab.until(lambda: tab.tables.get("twice", {}).get("all", {}).get("total") == 20)
    world.hand("ticks").put(make.ticks((1, 13)))
    tab.until(lambda: bool(tab.last("state").get("troubles")))
    (trouble,) = tab.last("state")["troubles"]
    assert "13 is unlucky" in trouble["why"]
    assert trouble["names"] == ["total", "twice"]
    assert tab.tables["twice"]["all"]["total"] == 20
    tab.until(lambda: any("13 is unlucky" in line["text"] for line in tab.last("told")["lines"]))
    tab.until(lambda: tab.tables["*steps"]["total"]["errors"] == 1)


def test_a_tab_that_stops_reading_holds_nobody_up_and_is_told_everything_once_it_reads_again(
    watched, world, make, monkeypatch
):
    monkeypatch.setattr(server_module, "BEHIND", 200_000)
    many = 4000
    slow = watched.tab(max_queue=1)
    quick = watched.tab()
    for round_ in range(60):
        world.hand("ticks").put(make.ticks(*((con_id, round_ + con_id) for con_id in range(1, many + 1))))
        quick.until(lambda round_=round_: quick.prices().get("S1") == round_ + 1)
    (behind,) = [tab for tab in _tabs(watched) if tab.waiting]
    assert behind.is_behind
    assert behind.waiting <= 200_000 + 400_000  # what was under way, and no more
    slow.until(lambda: slow.prices().get(f"S{many}") == 59 + many)
    world.hand("ticks").put(make.ticks((1, 5)))
    slow.until(lambda: slow.prices()["S1"] == 5)


def test_nothing_is_prepared_while_nobody_looks_and_the_plots_go_on(watched, world, make):
    for price in range(20):
        world.hand("ticks").put(make.ticks((1, price + 1)))
    tab = watched.tab()
    tab.until(lambda: tab.prices() == {"S1": 20})
    assert len([text for text in tab.texts if text["type"] == "layout"]) <= 2


def test_when_the_run_has_ended_the_tabs_are_told_how_and_the_address_finds_the_next_one(project, world, make):
    first = Watched(project)
    world.hand("ticks").put(make.ticks((1, 10)))
    tab = first.tab()
    tab.until(lambda: tab.prices() == {"S1": 10})
    first.stop("cancelled")
    with pytest.raises(ConnectionClosed):
        tab.until(lambda: False)
    assert tab.last("ended") == {"type": "ended", "how": "cancelled", "why": ""}
    assert tab.prices() == {"S1": 10}
    second = Watched(project)
    assert second.address.split("/")[-2] == first.address.split("/")[-2]
    second.stop()
    token = second.context.desk.data / "view.token"
    assert token.stat().st_mode & 0o077 == 0


def test_a_port_that_is_taken_is_said(watched):
    port = int(watched.origin.rsplit(":", 1)[1])
    with pytest.raises(Exception, match=f"can't be served at port {port}.*--view PORT"):
        Page("other", "", "test", "token").start(port)


def _shout(tab: Tab) -> None:
    for _ in range(200):
        tab.socket.send(b"x" * 100_000)
        time.sleep(0.01)


def _tabs(watched: Watched) -> list[Any]:
    stage = watched.page._stage
    assert stage is not None
    return list(stage.audience)


def test_the_moment_is_the_runs(watched, world):
    tab = watched.tab()
    tab.until(lambda: tab.last("state").get("now") == "2022-12-28T15:00:00Z")
    world.clock.advance(pd.Timedelta("1h"))
    tab.until(lambda: tab.last("state")["now"] == "2022-12-28T16:00:00Z")
