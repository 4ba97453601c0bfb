"""The instants of a schedule as a server holds them: how many it is given, and when it needs new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

import pandas as pd

from flows.grammar import Schedule
from flows.schedule import Slot, slots

FEWEST = 24
"""Instants of one schedule, five weeks' sessions: a server reads them all each time that it looks at it."""
MOST = 64
"""For schedules that come due so often that the fewest wouldn't last for `ENOUGH`."""
ENOUGH = pd.Timedelta(days=14)
AHEAD = pd.Timedelta(days=366)
RENEWED = pd.Timedelta(days=30)
"""How often a schedule is looked at anew at least: calendars are amended."""
_STAMP = "%Y%m%dT%H%M%SZ"


def upcoming(schedule: Schedule | None, now: pd.Timestamp, most: int | None = None) -> tuple[Slot, ...]:
    """The next slots of a schedule, as many as a server is given at a time.

    Parameters
    ----------
    schedule
        None has none.
    now
        The first instant that may be among them.
    most
        So many instead, where there are within a year.
    """
    if schedule is None:
        return ()
    found = slots(schedule, now, now + AHEAD)
    return tuple(islice(found, most) if most is not None else _lasting(found, now))


def _lasting(found: Iterator[Slot], now: pd.Timestamp) -> Iterator[Slot]:
    for count, slot in enumerate(islice(found, MOST)):
        if count >= FEWEST and slot.instant > now + ENOUGH:
            return
        yield slot


def renewal(wanted: Sequence[Slot], held: int, now: pd.Timestamp) -> pd.Timestamp | None:
    """When a server has only half of a schedule's instants left, or in a month if that is sooner.

    Parameters
    ----------
    wanted
        What it would be given now; None is the answer where that is nothing.
    held
        How many of them it has.
    now
        The wall's time.
    """
    if not wanted:
        return None
    return min(wanted[min(held - len(wanted) // 2, len(wanted) - 1)].instant, now + RENEWED)


def instants_text(found: Sequence[Slot]) -> str:
    """Explicit instants as an iCalendar rule, which is what Prefect takes."""
    texts = [f"{slot.instant:{_STAMP}}" for slot in found]
    return f"DTSTART:{texts[0]}\nRDATE:{','.join(texts)}"


def instants_of(rule: str) -> list[pd.Timestamp]:
    """The instants of a rule that `instants_text` has written, in order; none of any other rule."""
    _, marked, listed = rule.partition("\nRDATE:")
    return sorted(pd.Timestamp(text) for text in listed.split(",")) if marked else []


def held(rules: Sequence[str], wanted: Sequence[Slot], now: pd.Timestamp) -> int | None:
    """How many of the wanted slots, the next ones, a server has already.

    Parameters
    ----------
    rules
        Of the schedules that the server has.
    wanted
        What it would be given now.
    now
        The wall's time: what was due before it doesn't count.

    Returns
    -------
    int or None
        None where it must be told anew: it has other instants, or no more than half of these.
    """
    if len(rules) != bool(wanted):
        return None
    known = {instant for rule in rules for instant in instants_of(rule) if instant >= now}
    count = sum(1 for _ in takewhile(lambda slot: slot.instant in known, wanted))
    is_enough = not wanted or 2 * count > len(wanted)
    return count if is_enough and count == len(known) else None
