"""News that the broker passes on."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Instant


class NewsProviders(Frame):
    """Whose news the login may read."""

    __key__: ClassVar[tuple[str, ...]] = ("provider",)

    provider: Category = pa.Field(description="The code that requests name")
    name: object


class Headlines(Frame):
    """Titles of articles, one row a contract and article."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "provider", "article")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    time: Instant
    provider: Category
    article: object = pa.Field(description="Its id at the provider; what `pull_articles` asks by")
    title: object
    extra: object = pa.Field(description="What else the provider says, such as language and scores")


class Articles(Frame):
    """Articles, whole."""

    __key__: ClassVar[tuple[str, ...]] = ("provider", "article")

    provider: Category
    article: object
    kind: Category = pa.Field(isin=["text", "binary"], description="text: plain or HTML; binary: in base 64")
    body: object


class Bulletins(Frame):
    """What the broker tells all its clients."""

    __key__: ClassVar[tuple[str, ...]] = ("number",)

    number: np.int64
    time: Instant = pa.Field(description="When it came, by the run's clock")
    kind: Category = pa.Field(isin=["notice", "exchange_lost", "exchange_restored", "other"])
    exchange: Category = pa.Field(description="Which one it is about; empty for none")
    text: object
