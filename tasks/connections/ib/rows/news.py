"""News as the broker tells it."""

from __future__ import annotations

from typing import NamedTuple


class Provider(NamedTuple):
    """Who writes."""

    code: str
    name: str


class Headline(NamedTuple):
    """The title of an article."""

    time: str
    """As it came: milliseconds since 1970, or `yyyy-mm-dd hh:mm:ss.f` in UTC."""
    provider: str
    article: str
    """The article's id at its provider."""
    title: str
    extra: str


class Article(NamedTuple):
    """The article itself."""

    kind: int
    """0 plain text or HTML, 1 a document in base 64."""
    text: str


class Bulletin(NamedTuple):
    """What the broker tells all its clients."""

    number: int
    kind: int
    """1 of the broker, 2 an exchange is no longer available, 3 it is again."""
    text: str
    exchange: str
