"""The live page of one run: looks on as it fires, and serves what it saw, from a thread of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from flows.stream.firing import Fired, Graph
from flows.stream.page.picture import Picture, picture_of
from flows.stream.page.scene import Scene
from schemas.limits import LimitEvents
from tasks.connections.problems import Problem

if TYPE_CHECKING:
    from flows.stream.page.server import Tab

log = logging.getLogger("hedgerow.page")

EVERY = 0.25
"""Seconds between two looks; what happened in between isn't shown."""
LINES = 300
"""Of what was told, at most."""
PORT = 8790
PATIENCE = 5.0


class Page:
    """Told of a stream's firings; shows the latest one to whoever has its address.

    Parameters
    ----------
    title
        The pipeline's name.
    description
        Its file's.
    desk
        The desk's name.
    token
        The secret part of its address.
    """

    def __init__(self, title: str, description: str, desk: str, token: str) -> None:
        self.address = ""
        self._about = {"pipeline": title, "description": description, "desk": desk}
        self._token = token
        self._latest: tuple[Graph, Picture] | None = None
        self._raw: deque[tuple[str, str, str]] = deque(maxlen=10 * LINES)
        self._alarms: tuple[str, ...] | None = None
        self._ended: tuple[str, str] | None = None
        self._stage: _Stage | None = None

    def start(self, port: int = PORT) -> str:
        """Serve it; return its address.

        Parameters
        ----------
        port
            Where; 0: any that is free, as is taken in place of the usual one.

        Raises
        ------
        Problem
            It can't be served there.
        """
        self._stage = _Stage(self._about, self._token, self._take)
        self.address = self._stage.start(port, exact=port not in (0, PORT))
        return self.address

    def fired(self, graph: Graph, fired: Fired) -> None:
        """A firing is done: its frames are noted, not copied."""
        if self._alarms is None:
            self._alarms = tuple(
                place.name
                for place in graph.layout.places
                if (model := place.node.step.outputs.get(None)) is not None and issubclass(model, LimitEvents)
            )
        for name in self._alarms:
            if name in fired.ran and (frame := graph.held[name].frame(None)) is not None and len(frame):
                self._raw.extend((name, text, level) for text, level in _alarms(frame))
        self._latest = (graph, picture_of(graph, fired))

    def told(self, name: str, text: str) -> None:
        """Something for a person to read."""
        self._raw.append((name, text, ""))

    def ended(self, how: str, why: str = "") -> None:
        """The run is over: say so on every tab, and stop serving.

        Parameters
        ----------
        how
            completed, cancelled, failed.
        why
            What went wrong; may be empty.
        """
        self._ended = (how, why)
        if self._stage is not None:
            self._stage.stop()
            self._stage = None

    def _take(self) -> tuple[tuple[Graph, Picture] | None, list[tuple[str, str, str]], tuple[str, str] | None]:
        lines = []
        while self._raw:
            lines.append(self._raw.popleft())
        return self._latest, lines, self._ended


class _Stage:
    """The thread that serves."""

    def __init__(self, about: dict[str, str], token: str, take: Any) -> None:
        self._about, self._token, self._take = dict(about), token, take
        self._scene: Scene | None = None
        self._picture: Picture | None = None
        self._version = -1
        self._pictured = time.monotonic()
        self._now: pd.Timestamp | None = None
        self._lines: deque[dict[str, str]] = deque(maxlen=LINES)
        self._end: dict[str, str] | None = None
        self._stopping = threading.Event()
        self._listening = threading.Event()
        self._problem: BaseException | None = None
        self._address = ""

    def start(self, port: int, exact: bool) -> str:
        self._thread = threading.Thread(target=self._run, args=(port, exact), name="page", daemon=True)
        self._thread.start()
        if not self._listening.wait(PATIENCE):
            raise Problem("The live page can't be served: its server doesn't start.")
        if self._problem is not None:
            raise self._problem
        return self._address

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE)

    def _run(self, port: int, exact: bool) -> None:
        try:
            asyncio.run(self._serve(port, exact))
        except BaseException as error:
            self._problem = error
            if self._listening.is_set():
                log.exception("the live page has stopped; the stream goes on")
            self._listening.set()

    async def _serve(self, port: int, exact: bool) -> None:
        from flows.stream.page.server import HOST, Audience, application, listen

        audience = self.audience = Audience(self._greet)
        server, bound = listen(lambda at: application(self._token, at, audience), port, exact)
        self._address = f"http://{HOST}:{bound}/{self._token}/"
        self._listening.set()
        while not self._stopping.is_set():
            begun = time.monotonic()
            audience.tell(self._news(seen=len(audience) > 0))
            await asyncio.sleep(max(0.05, EVERY - (time.monotonic() - begun)))
        audience.tell(self._news(seen=len(audience) > 0))
        await asyncio.sleep(0.1)
        audience.close()
        server.stop()
        await asyncio.sleep(0.1)

    def _news(self, seen: bool) -> list[str | bytes]:
        """What is new since the last look, as messages; nothing is made where nobody sees it."""
        from flows.stream.page.server import packed

        latest, lines, end = self._take()
        monotonic = time.monotonic()
        if latest is not None and latest[1] is not self._picture:
            graph, self._picture = latest
            self._pictured = monotonic
            if self._scene is None:
                self._scene = Scene(graph)
                context = graph.context
                self._about |= {"run": context.id, "session": str(context.session)}
                self._about["mode"] = "replay" if context.past else "live"
            self._scene.look(self._picture, monotonic)
        self._move_clock(latest)
        stamp = "" if self._now is None else f"{self._now:%H:%M:%S}Z"
        new = [{"at": stamp, "name": name, "text": text, "level": level} for name, text, level in lines]
        self._lines.extend(new)
        ending = end is not None and self._end is None
        if end is not None and ending:
            self._end = {"how": end[0], "why": end[1]}
        if not seen:
            return []
        messages: list[str | bytes] = [json.dumps({"type": "told", "lines": new})] if new else []
        if self._scene is not None and self._now is not None:
            rows = [packed(sent) for sent in self._scene.changes(self._now, monotonic)]
            if self._version != self._scene.version:
                # Pages are built anew on a new layout, and know nothing then.
                self._version = self._scene.version
                messages.append(self._layout())
                rows = [packed(sent) for sent in self._scene.whole()]
            messages += rows
            messages.append(self._state(monotonic))
        if ending:
            messages.append(json.dumps({"type": "ended", **(self._end or {})}))
        return messages

    def _move_clock(self, latest: tuple[Graph, Picture] | None) -> None:
        if latest is not None:
            graph, picture = latest
            now = picture.time if graph.context.past else graph.context.clock.now()
            self._now = max(now, picture.time)

    def _greet(self, tab: Tab) -> None:
        from flows.stream.page.server import packed

        tab.send(self._layout())
        if self._scene is not None:
            for sent in self._scene.whole():
                tab.send(packed(sent))
            tab.send(self._state(time.monotonic()))
        tab.send(json.dumps({"type": "told", "lines": list(self._lines), "all": True}))
        if self._end is not None:
            tab.send(json.dumps({"type": "ended", **self._end}))

    def _layout(self) -> str:
        layout = {} if self._scene is None else self._scene.layout()
        return json.dumps({"type": "layout", "about": self._about, **layout})

    def _state(self, monotonic: float) -> str:
        assert self._scene is not None  # noqa: S101
        assert self._now is not None  # noqa: S101
        return json.dumps({"type": "state", **self._scene.state(self._now, monotonic - self._pictured)})


def desk_token(data: Path) -> str:
    """The desk's token: the same from run to run, so that an open page finds the next one.

    Parameters
    ----------
    data
        The desk's data folder. The file is for its owner alone.
    """
    path = data / "view.token"
    try:
        if token := path.read_text().strip():
            return token
    except FileNotFoundError:
        pass
    data.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token)
    return token


def _alarms(frame: pd.DataFrame) -> list[tuple[str, str]]:
    told = []
    for row in frame.to_dict("records"):
        figures = f"{row['figure']} {row['value']:.6g}, limit {row['limit']:.6g} ({row['unit']})"
        told.append((f"{row['event']}: {figures}. {row['detail']}", "good" if row["event"] == "recovery" else "bad"))
    return told
