"""Takes secrets out of what is said: drivers put their addresses, passwords and all, into their errors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote

PREFIX = "HEDGEROW_SECRET_"
"""Of the environment variables that hold secrets: `$secret.name` is that of NAME."""

_LEAST = 4
"""Characters that a secret needs to be looked for: shorter ones stand in every other word."""
_TOKEN = 12
"""Characters from which a part of an address's path may be a key, as chat services have them."""
_FILES = ("sqlite", "lmdb", "file")
"""Addresses whose path is one on this machine."""
_TELLING = re.compile(r"pass|pwd|secret|token|key|access|sig|auth|cred", re.IGNORECASE)


_kept_out: set[tuple[str, str]] = set()


def keep_out(name: str, secret: str) -> None:
    """From now on this process says `$secret.name` where this secret would stand: it comes from elsewhere."""
    _kept_out.add((PREFIX + name.upper(), secret))


def scrubbed(text: str) -> str:
    """The text with `$secret.name` in place of every secret that this process knows, and of its telling parts.

    Known are those that the environment holds, and those that were looked up elsewhere.

    Parts are an address's password, user's name and password together, keys in its query and path; each
    also as it looks quoted for an address, or within a string as Python prints it.
    """
    held = tuple((name, value) for name, value in os.environ.items() if name.startswith(PREFIX))
    held += tuple(item for item in sorted(_kept_out) if item not in held)
    if not held:
        return text
    for piece, name in _pieces(held):
        text = text.replace(piece, name)
    return text


@lru_cache(maxsize=8)
def _pieces(held: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """What to look for, the longest first, and what to say instead."""
    found: dict[str, str] = {}
    for name, value in held:
        for part in _parts(value):
            for form in (part, unquote(part), quote(part, safe=""), quote_plus(part), repr(part)[1:-1]):
                if len(form) >= _LEAST:
                    found.setdefault(form, f"$secret.{name.removeprefix(PREFIX).lower()}")
    return tuple(sorted(found.items(), key=lambda item: -len(item[0])))


def _parts(secret: str) -> Iterator[str]:
    yield secret
    yield secret.strip()
    yield from (line for line in secret.splitlines() if len(line) >= _TOKEN)
    scheme, mark, rest = secret.strip().partition("://")
    if not mark:
        return
    # A password with an @ or a / of its own is no proper address, and what reads it cuts it anywhere.
    before, at, after = rest.rpartition("@")
    head, _, tail = rest.partition("?")
    if "@" in head and re.match(r"[\w.+-]+=", tail):  # a query after it may hold an @ rightly: ?to=ann@example.com
        before, at, after = head.rpartition("@")
        after = f"{after}?{tail}"
    if at:
        yield before
        _, colon, password = before.partition(":")
        if colon:
            yield password
            yield from re.split(r"[@:/?#]", password)
    path, _, query = (after if at else rest).partition("?")
    if scheme.partition("+")[0] not in _FILES:
        machine, *parts = re.split(r"[/@:]", path)
        # A machine's name stays, so that whoever reads the error knows what was asked; a key has no dots.
        yield from (part for part in ([] if "." in machine else [machine]) + parts if len(part) >= _TOKEN)
    for pair in re.split(r"[&;]", query):
        name, equals, value = pair.partition("=")
        if equals and _TELLING.search(name):
            yield value
