"""What the journal lets go of, and when: what can be computed again, once it is old or there is too much of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from flows.journal.database import JournalDatabase

_AT_ONCE = 500
"""Frames of one transaction: other runs wait for it."""

# A step that had an effect, and whatever led to it.
_LED_TO_EFFECTS = """
WITH RECURSIVE led (run, step) AS (
    SELECT run, step FROM effects
    UNION SELECT from_run, from_step FROM inputs JOIN led USING (run, step)
)
"""
# The latest completed run of each pipeline.
_LATEST = """
    SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY pipeline ORDER BY session DESC, started DESC) AS place
                    FROM runs WHERE status = 'completed') WHERE place = 1
"""
_STAYING = f"""
{_LED_TO_EFFECTS}
SELECT DISTINCT outputs.frame FROM outputs JOIN led USING (run, step)
UNION SELECT value ->> 'id' FROM effects, json_each(effects.outputs)
UNION SELECT frame FROM outputs JOIN steps USING (run, step) WHERE task NOT IN (SELECT task FROM repeatable)
UNION SELECT frame FROM (
    SELECT frame, row_number() OVER (PARTITION BY pipeline, step, field ORDER BY session DESC, started DESC) AS place
    FROM outputs JOIN runs ON runs.id = run WHERE status = 'completed') WHERE place = 1
"""  # noqa: S608 - our own text
_GOING = f"""
SELECT frame, max(date(started / 1000000000, 'unixepoch')) AS day, length(packed) AS bytes
FROM outputs JOIN runs ON runs.id = outputs.run JOIN frames ON frames.id = frame
LEFT JOIN contents USING (frame) LEFT JOIN expired USING (frame)
WHERE frames.origin IS NULL AND expired.at IS NULL AND frame NOT IN ({_STAYING})
GROUP BY frame ORDER BY day DESC, frame
"""  # noqa: S608 - our own text
_OLD_MESSAGES = f"""
{_LED_TO_EFFECTS}
DELETE FROM messages WHERE (run, step) IN (
    SELECT run, step FROM steps JOIN runs ON runs.id = run
    WHERE date(started / 1000000000, 'unixepoch') < ? AND task IN (SELECT task FROM repeatable)
    AND run NOT IN ({_LATEST}) AND (run, step) NOT IN (SELECT run, step FROM led)
)
"""  # noqa: S608 - our own text


@dataclass(frozen=True)
class Expired:
    """What a journal has let go of."""

    frames: int = 0
    bytes: int = 0
    messages: int = 0


class Retention:
    """How long a journal keeps what nothing depends on.

    Effects and what led to them stay, as do readings of a moment, which nobody can repeat, and the
    latest frame of each step, which `last:` may ask for. Of the rest, the frames and messages of the last `sessions`
    days on which the desk ran stay, and of these frames the newest within `budget`.

    Parameters
    ----------
    sessions
        Days on which anything ran, the present one included; by the day of the run, so that a backfill
        of years isn't gone the day after.
    budget
        Bytes of frames that may expire.
    repeatable
        Names of the tasks whose frames can be computed, or asked for, again.
    """

    def __init__(self, sessions: int, budget: int, repeatable: Collection[str]) -> None:
        self.sessions = sessions
        self.budget = budget
        self.repeatable = frozenset(repeatable)

    def expire(self, database: JournalDatabase, sizes: Mapping[str, int], now: pd.Timestamp) -> Expired:
        """Let go of what is due, and remember of each frame that it was there.

        Each transaction looks anew: a run that goes on meanwhile may come to need what nobody did.

        Parameters
        ----------
        database
            The journal's.
        sizes
            Bytes of the frames that aren't in the database.
        now
            When they expire.
        """
        told = Expired()
        while True:
            with database.transaction() as connection:
                self._tell_repeatable(connection)
                going = self._going(connection, sizes)[:_AT_ONCE]
                if not going:
                    connection.execute(_OLD_MESSAGES, [self._first_day(connection)])
                    (messages,) = connection.execute("SELECT changes()").fetchone()
                    return Expired(told.frames, told.bytes, messages)
                connection.executemany("INSERT INTO expired VALUES (?, ?)", [(frame, now.value) for frame, _ in going])
                connection.executemany("DELETE FROM contents WHERE frame = ?", [(frame,) for frame, _ in going])
            told = Expired(told.frames + len(going), told.bytes + sum(size for _, size in going))

    def _tell_repeatable(self, connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS repeatable (task TEXT PRIMARY KEY)")
        connection.execute("DELETE FROM repeatable")
        connection.executemany("INSERT INTO repeatable VALUES (?)", [(task,) for task in self.repeatable])

    def _first_day(self, connection: sqlite3.Connection) -> str:
        """The first of the days that count."""
        days = connection.execute(
            "SELECT DISTINCT date(started / 1000000000, 'unixepoch') FROM runs ORDER BY 1 DESC LIMIT ?", [self.sessions]
        ).fetchall()
        return str(days[-1][0]) if len(days) == self.sessions else ""

    def _going(self, connection: sqlite3.Connection, sizes: Mapping[str, int]) -> list[tuple[str, int]]:
        """Frames that are due, and their bytes; the oldest first."""
        first, filled = self._first_day(connection), 0
        going: list[tuple[str, int]] = []
        for frame, day, packed in connection.execute(_GOING).fetchall():
            size = packed if packed is not None else sizes.get(frame, 0)
            filled += size
            if day < first or filled > self.budget:
                going.append((frame, size))
        return going[::-1]
