"""Telling people."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeVar, cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.audit import ALERT_STATUSES, SEVERITIES, Alerts, FileWrites
from schemas.frame import Frame, empty
from tasks.connections.durations import Duration
from tasks.connections.notify import Notifier
from tasks.connections.notify_ledger import Waiting
from tasks.connections.notify_message import Delivery, Severity
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.messages import Told, together, told
from tasks.run import Run
from tasks.wording import counted, listed

S = TypeVar("S", bound=Frame)

LARGEST = 20_000_000
"""Bytes of files that go with a message: mail servers take little more."""


@task(effect=True)
def send_alert(
    frame: DataFrame[S] | None,
    notifier: Notifier,
    run: Run,
    to: str,
    title: str,
    body: str = "",
    severity: Severity = "info",
    cooldown: Duration = timedelta(0),
    digest: Duration = timedelta(0),
    attach: list[str] | None = None,
    files: DataFrame[FileWrites] | None = None,
) -> DataFrame[Alerts]:
    """Send a message to a channel of the desk: a headline, the frame's figures, and the command that explains them.

    One alert is sent once. Where a run is repeated, or ended before it was known whether the message arrived,
    no place is told again that is known to have it. In the moment between a service's taking it and its being
    written down nothing can be known: mail is then sent again under the same Message-ID, which mail programs
    show once; other services are told again, with a remark that it may be a repeat.

    Parameters
    ----------
    frame
        What it tells of; None where there is no frame, as after a failure: then the steps that failed are named.
    to
        The channel's name in the desk file; a name that isn't there goes to the log alone.
    title, body
        What to say; a headline and the frame's figures follow.
    severity
        `critical` marks mail as important; chats show each in its colour.
    cooldown
        So long after an alert of the same step, title and channel the next ones are held back: only counted, and
        their number said in the one after. By the run's clock.
    digest
        So long after a message to the channel's digest the next ones wait, and go together in one message: that of
        the first alert after the time is up, or of `send_digest`, whichever comes first. Nothing else sends what
        waits: schedule a pipeline with `send_digest`.
    attach
        Files to send along, from the project's folder: plots, tables. Services that take no files are told without.
    files
        Files that a step of the run has written, as `write_report` does.

    Returns
    -------
    DataFrame[Alerts]
        One row a place of the channel: what was said, to whom, when, and what became of it.

    Raises
    ------
    DataProblem
        A file to attach isn't there; both `cooldown` and `digest` are given.
    DeadlinePassed
        The step ran out of its time before anything was sent.
    ConnectionProblem
        No place of the channel took it, and why. Another try may do.
    """
    if cooldown and digest:
        raise DataProblem("An alert is either held back for its `cooldown` or waits for a `digest`.", "Give one.")
    alert = _Alert(notifier, run, to, severity, 0 if frame is None else len(frame), _attached(run, attach, files))

    def tell(remark: str = "") -> Told:
        return told(title, body, frame, run.failures, run.explain, remark)

    if cooldown:
        return alert.unless_told(f"{run.pipeline}\n{run.step}\n{to}\n{title}", cooldown, tell)
    if digest:
        return alert.with_others(digest, tell())
    return alert.sent(tell())


@task(effect=True)
def send_digest(notifier: Notifier, run: Run, to: str) -> DataFrame[Alerts]:
    """Send what waits for a channel's digest, in one message; nothing where nothing waits.

    Schedule it: `schedule: {calendar: XNYS, from: open, until: close, every: 1h}`; in a stream, give the step an
    `every: 15m`.

    Parameters
    ----------
    to
        The channel's name in the desk file.

    Returns
    -------
    DataFrame[Alerts]
        One row a place of the channel; none where nothing waited.

    Raises
    ------
    ConnectionProblem
        No place of the channel took it: everything goes on waiting.
    """
    alert = _Alert(notifier, run, to, "info", 0, ())
    with notifier.ledger.digesting():
        waiting = notifier.ledger.waiting(to)
        return alert.digest(waiting) if waiting else cast("DataFrame[Alerts]", empty(Alerts))


@dataclass(frozen=True)
class _Alert:
    """One alert on its way."""

    notifier: Notifier
    run: Run
    to: str
    severity: Severity
    rows: int
    files: tuple[Path, ...]

    def sent(self, what: Told, key: str | None = None) -> DataFrame[Alerts]:
        """Send it now."""
        message = what.message(self.severity, self.run.key if key is None else key, self.files)
        return self._receipt(what, self.notifier.send(self.to, message))

    def unless_told(self, matter: str, cooldown: timedelta, tell: Callable[[str], Told]) -> DataFrame[Alerts]:
        """Send it, unless its matter was told of so short a time ago."""
        ledger, now = self.notifier.ledger, self.run.now()
        last = ledger.last_sent(matter, now)
        if last is not None and now - last < cooldown and ledger.status(self.run.key) != "sent":
            what = tell("")
            self._note("held", matter, what)
            until = f"{last + cooldown:%Y-%m-%d %H:%M:%S} UTC"
            return self._receipt(what, [Delivery("", "held", f"told of at {last:%H:%M:%S} UTC: no more until {until}")])
        held = 0 if last is None else ledger.held_since(matter, last)
        what = tell(f"{counted(held, 'alert')} like this held back since {last:%Y-%m-%d %H:%M} UTC." if held else "")
        receipt = self.sent(what)
        self._note("sent", matter, what)
        return receipt

    def with_others(self, period: timedelta, what: Told) -> DataFrame[Alerts]:
        """Send it with what waits; have it wait where a digest was sent so short a time ago."""
        ledger, now = self.notifier.ledger, self.run.now()
        last = ledger.last_sent(self._digests, now)
        if last is not None and now - last < period and ledger.status(self.run.key) != "sent":
            self._note("waiting", self._digests, what)
            until = f"{last + period:%Y-%m-%d %H:%M:%S} UTC"
            return self._receipt(what, [Delivery("", "waiting", f"goes with the first digest from {until} on")])
        with ledger.digesting():
            waiting = [each for each in ledger.waiting(self.to) if each.key != self.run.key]
            if waiting:
                return self.digest(waiting, what)
            receipt = self.sent(what)
            self._note("sent", self._digests, what)
            return receipt

    def digest(self, waiting: Sequence[Waiting], last: Told | None = None) -> DataFrame[Alerts]:
        """Send what waits, and one more, in one message. The caller holds the lock of digests."""
        parts = [Told(**json.loads(each.body)) for each in waiting]
        what = together([*parts, *([] if last is None else [last])])
        severest: Severity = max([*(each.severity for each in waiting), self.severity], key=SEVERITIES.index)
        # Of other alerts it is another message: mail programs hide one whose Message-ID they have had.
        key = hashlib.sha256("\n".join([self.run.key, *(each.key for each in waiting)]).encode()).hexdigest()[:32]
        receipt = replace(self, severity=severest, rows=len(waiting) + (last is not None)).sent(what, key)
        self._note("sent", self._digests, what)
        self.notifier.ledger.told([each.key for each in waiting])
        return receipt

    @property
    def _digests(self) -> str:
        return f"digest\n{self.to}"

    def _note(self, status: Literal["sent", "held", "waiting"], matter: str, what: Told) -> None:
        self.notifier.ledger.note(
            self.run.key or uuid.uuid4().hex,
            status,
            matter=matter,
            channel=self.to,
            title=what.title,
            body=json.dumps(asdict(what)),
            severity=self.severity,
            time=self.run.now(),
        )

    def _receipt(self, what: Told, deliveries: Sequence[Delivery]) -> DataFrame[Alerts]:
        count = len(deliveries)
        frame = pd.DataFrame(
            {
                "to": pd.Categorical([self.to] * count),
                "by": pd.Categorical([each.by for each in deliveries]),
                "title": pd.Series([what.title] * count, dtype=object),
                "body": pd.Series([what.text] * count, dtype=object),
                "rows": pd.Series([self.rows] * count, dtype="int64"),
                "severity": pd.Categorical([self.severity] * count, categories=SEVERITIES),
                "time": pd.Series([self.run.now()] * count, dtype="datetime64[ns, UTC]"),
                "status": pd.Categorical([each.status for each in deliveries], categories=ALERT_STATUSES),
                "reason": pd.Series([each.reason for each in deliveries], dtype=object),
            }
        )
        return cast("DataFrame[Alerts]", frame)


def _attached(run: Run, attach: list[str] | None, files: pd.DataFrame | None) -> tuple[Path, ...]:
    """The files to send along, as many as mail servers take."""
    names = [*(attach or []), *([] if files is None else files["path"])]
    paths = [run.root / name for name in dict.fromkeys(names)]
    missing = [name for name, path in zip(dict.fromkeys(names), paths, strict=True) if not path.is_file()]
    if missing:
        raise DataProblem(
            f"There is no file to attach: {listed(missing)}.", "Relative paths start in the project's folder."
        )
    kept: list[Path] = []
    left = LARGEST
    for path in paths:
        size = path.stat().st_size
        if size <= left:
            kept.append(path)
            left -= size
        else:
            note(f"{path.name} isn't attached: with it the files would be over {LARGEST // 1_000_000} MB")
    return tuple(kept)
