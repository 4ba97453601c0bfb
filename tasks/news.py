"""News, from the broker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, cast

import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.market import Universe
from schemas.news import Articles, Bulletins, Headlines, NewsProviders
from tasks.columns import frame_of
from tasks.connections.durations import Duration
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.news import Bulletin, Headline
from tasks.connections.ib.rows.ticks import NEWS
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.contracts import answered, contracts_of
from tasks.declare import source, task
from tasks.run import Run
from tasks.sessions import moment_of
from tasks.stream import Arrival, Stream

MOST = 300
"""Headlines that the broker gives of a contract."""

KINDS = {1: "notice", 2: "exchange_lost", 3: "exchange_restored"}


@task(reads="now")
def read_news_providers(broker: Broker) -> DataFrame[NewsProviders]:
    """Whose news the broker's login may read, sorted by code."""
    rows = sorted(broker.news_providers())
    frame = frame_of(NewsProviders, {"provider": [row.code for row in rows], "name": [row.name for row in rows]})
    return cast("DataFrame[NewsProviders]", frame)


@task(reads="as_of")
def pull_headlines(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    providers: list[str] | None = None,
    last: Duration = timedelta(days=1),
    limit: Annotated[int, Field(ge=1, le=MOST)] = MOST,
    calendar: str = "XNYS",
) -> DataFrame[Headlines]:
    """Headlines about each contract, up to now or to the close of a past session.

    Parameters
    ----------
    universe
        The contracts; each is asked for once.
    broker
        The connection to ask.
    run
        Its clock, or its past session's close, says up to when.
    providers
        Their codes; all that the login may read when absent.
    last
        How far to reach back.
    limit
        Most headlines of one contract, the latest ones.
    calendar
        The exchange calendar of the sessions.

    Returns
    -------
    Headlines
        One row a contract and article, sorted by contract and time. A contract without an answer
        isn't in it, and a note says why.

    Raises
    ------
    DataProblem
        The login may read no provider's news.
    Problem
        The first contract's, where none has an answer.
    """
    end = moment_of(run, calendar)
    codes = _providers(broker, providers)
    contracts = contracts_of(universe)
    answers = broker.headlines(contracts, codes, _text(end - last), _text(end), limit)
    rows = [
        (contract, headline)
        for contract, headlines in answered(contracts, answers, "headlines").items()
        for headline in sorted(headlines, key=lambda headline: _moment(headline.time))
    ]
    return cast("DataFrame[Headlines]", _headlines(rows))


@task(reads="now")
def pull_articles(headlines: DataFrame[Headlines], broker: Broker) -> DataFrame[Articles]:
    """The articles under headlines, whole.

    Parameters
    ----------
    headlines
        Each article is asked for once, however many contracts it is about.
    broker
        The connection to ask.

    Returns
    -------
    Articles
        In the order of the headlines. One without an answer isn't in it, and a note says why.

    Raises
    ------
    DataProblem
        The first article's, where none has an answer.
    """
    found = []
    problems: list[DataProblem] = []
    for provider, article in dict.fromkeys(zip(headlines["provider"], headlines["article"], strict=True)):
        try:
            found.append((provider, article, broker.article(provider, article)))
        except DataProblem as problem:
            problems.append(problem)
    if problems and not found:
        raise problems[0]
    for left_out in problems:
        note(f"Left out: {left_out}")
    frame = frame_of(
        Articles,
        {
            "provider": [provider for provider, _, _ in found],
            "article": [article for _, article, _ in found],
            "kind": ["text" if row.kind == 0 else "binary" for _, _, row in found],
            "body": [row.text for _, _, row in found],
        },
    )
    return cast("DataFrame[Articles]", frame)


@source
def watch_headlines(
    universe: DataFrame[Universe], broker: Broker, run: Run, providers: list[str] | None = None
) -> Stream[DataFrame[Headlines]]:
    """Headlines about each contract as they come.

    Parameters
    ----------
    universe
        The contracts; each takes one of the account's market-data lines.
    broker
        The connection to follow.
    run
        Its clock dates the batches.
    providers
        Their codes; all that the login may read when absent.

    Returns
    -------
    Stream of Headlines
        A log, each headline once. A contract that is refused is noted and left out.

    Raises
    ------
    DataProblem
        The login may read no provider's news.
    """
    contracts = {contract.con_id: contract for contract in contracts_of(universe)}
    followed = broker.follow_headlines(list(contracts.values()), _providers(broker, providers))
    told: dict[tuple[int, str, str], None] = {}

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        rows = []
        for con_id, _, tick in arrivals:
            if tick[0] == NEWS and (key := (con_id, tick[1].provider, tick[1].article)) not in told:
                told[key] = None
                rows.append((contracts[con_id], tick[1]))
        while len(told) > 100 * MOST:
            del told[next(iter(told))]
        return _headlines(rows)

    return Stream(followed, read, Headlines, run.clock)


@source
def watch_bulletins(broker: Broker, run: Run) -> Stream[DataFrame[Bulletins]]:
    """What the broker tells all its clients, today's first: exchanges out of reach, and other notices.

    Parameters
    ----------
    broker
        The connection to follow.
    run
        Its clock says when they came.

    Returns
    -------
    Stream of Bulletins
        A log, each bulletin once.
    """
    told: set[int] = set()

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        rows: dict[int, tuple[int, Bulletin]] = {}
        for _, time, row in arrivals:
            if row.number not in told:
                rows[row.number] = (time, row)
                told.add(row.number)
        return frame_of(
            Bulletins,
            {
                "number": list(rows),
                "time": [time for time, _ in rows.values()],
                "kind": [KINDS.get(row.kind, "other") for _, row in rows.values()],
                "exchange": [row.exchange for _, row in rows.values()],
                "text": [row.text for _, row in rows.values()],
            },
        )

    return Stream({"": broker.follow_bulletins()}, read, Bulletins, run.clock)


def _providers(broker: Broker, providers: Sequence[str] | None) -> list[str]:
    codes = sorted(row.code for row in broker.news_providers()) if providers is None else list(providers)
    if not codes:
        raise DataProblem("This login may read no provider's news.", "Subscribe to one at the broker.")
    return codes


def _headlines(rows: Sequence[tuple[Contract, Headline]]) -> pd.DataFrame:
    unique = {(contract.con_id, row.provider, row.article): (contract, row) for contract, row in rows}
    kept = list(unique.values())
    split = [_split(row) for _, row in kept]
    return frame_of(
        Headlines,
        {
            "con_id": [contract.con_id for contract, _ in kept],
            "symbol": [contract.symbol for contract, _ in kept],
            "time": [_moment(row.time) for _, row in kept],
            "provider": [row.provider for _, row in kept],
            "article": [row.article for _, row in kept],
            "title": [title for title, _ in split],
            "extra": [extra for _, extra in split],
        },
    )


def _split(row: Headline) -> tuple[str, str]:
    """(title, what else is said): history puts it before the title, in braces."""
    if row.title.startswith("{") and "}" in row.title:
        extra, _, title = row.title[1:].partition("}")
        return title.strip(), row.extra or extra
    return row.title, row.extra


def _moment(text: str) -> pd.Timestamp:
    """Milliseconds since 1970, or a moment in UTC."""
    if text.isdigit():
        return pd.Timestamp(int(text), unit="ms", tz="UTC").as_unit("ns")
    return pd.Timestamp(text).tz_localize("UTC").as_unit("ns")


def _text(moment: pd.Timestamp) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.0")
