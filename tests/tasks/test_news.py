"""News: providers, headlines, articles and bulletins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from schemas.news import Articles, Bulletins, Headlines, NewsProviders
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.news import Headline
from tasks.connections.ib.rows.ticks import NEWS
from tasks.connections.ib.simulator.instruments import listed
from tasks.connections.problems import DataProblem
from tasks.news import (
    _headlines,
    pull_articles,
    pull_headlines,
    read_news_providers,
    watch_bulletins,
    watch_headlines,
)

AAPL, KO = listed("AAPL"), listed("KO")
CONTRACT = Contract(265598, "AAPL", "STK", "USD")

Opened = Callable[..., Any]
Taking = Callable[..., Any]


def test_providers(opened: Opened) -> None:
    frame = read_news_providers(opened(AAPL).broker)
    NewsProviders.validate(frame)
    assert frame["provider"].tolist() == ["SIM", "SIM-RA"]


def test_headlines_of_some_days_the_earliest_first(opened: Opened) -> None:
    market = opened(AAPL, KO)
    frame = pull_headlines(market.held, market.broker, market.run, last=timedelta(days=5))
    Headlines.validate(frame)
    assert set(frame["symbol"]) == {"AAPL", "KO"}
    assert frame["con_id"].is_monotonic_increasing
    for _, rows in frame.groupby("con_id"):
        assert rows["time"].is_monotonic_increasing
    assert frame["time"].max() <= market.run.now()
    assert frame["time"].min() >= market.run.now() - pd.Timedelta("5D")
    assert frame["title"].str.contains("SIMULATED").all()
    assert not frame["title"].str.startswith("{").any()


def test_the_latest_few_of_one_provider(opened: Opened) -> None:
    market = opened(AAPL)
    options = {"last": timedelta(days=20)}
    everything = pull_headlines(market.held, market.broker, market.run, **options)
    few = pull_headlines(market.held, market.broker, market.run, limit=2, **options)
    assert few["article"].tolist() == everything["article"].tolist()[-2:]
    one = pull_headlines(market.held, market.broker, market.run, providers=["SIM"], **options)
    assert one["article"].tolist() == everything[everything["provider"] == "SIM"]["article"].tolist()


def test_a_past_session_has_the_news_of_its_time(opened: Opened) -> None:
    market = opened(AAPL, KO)
    run = type(market.run)("r", "p", date(2022, 12, 23), clock=market.gateway.clock, past=True)
    frame = pull_headlines(market.held, market.broker, run, last=timedelta(days=10))
    assert len(frame) > 0
    assert frame["time"].max() <= pd.Timestamp("2022-12-23T21:00Z")


def test_articles_of_headlines_each_once(opened: Opened, notes: list[str]) -> None:
    market = opened(AAPL)
    headlines = pull_headlines(market.held, market.broker, market.run, last=timedelta(days=10)).iloc[:3]
    twice = pd.concat([headlines, headlines.assign(con_id=np.int64(8894))])
    frame = pull_articles(twice, market.broker)
    Articles.validate(frame)
    assert frame["article"].tolist() == headlines["article"].tolist()
    assert frame["body"].str.contains("SIMULATED|simulated").all()
    unknown = headlines.iloc[:1].assign(article="NONE$1")
    pull_articles(pd.concat([headlines, unknown]), market.broker)
    assert any("Left out: Article NONE$1" in line for line in notes)
    with pytest.raises(DataProblem, match=r"Article NONE\$1"):
        pull_articles(unknown, market.broker)


def test_without_headlines_there_are_no_articles(opened: Opened) -> None:
    market = opened(AAPL)
    none = pull_headlines(market.held.iloc[:0], market.broker, market.run)
    Headlines.validate(none)
    frame = pull_articles(none, market.broker)
    Articles.validate(frame)
    assert frame.empty


def test_headlines_as_they_come_each_once(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL, KO, now="2022-12-28T15:00Z", speed=3600.0)
    batches = taking(watch_headlines(market.held, market.broker, market.run), rows=2)
    rows = pd.concat([batch.rows for batch in batches])
    for batch in batches:
        Headlines.validate(batch.rows)
    assert len(rows) >= 2
    assert not rows.duplicated(["con_id", "provider", "article"]).any()
    pulled = pull_headlines(market.held, market.broker, market.run)
    assert set(rows["article"]) <= set(pulled["article"])


def test_bulletins_come_once(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL)
    (batch,) = taking(watch_bulletins(market.broker, market.run))
    Bulletins.validate(batch.rows)
    assert batch.rows["kind"].tolist() == ["notice"]
    assert batch.rows["time"].tolist() == [market.run.now()]


def test_what_history_says_before_the_title_is_kept_apart() -> None:
    rows = [
        Headline("2022-12-28 15:30:01.0", "BRFG", "BRFG$1", "{A:800015:L:en:K:n/a:C:0.8}Apple climbs", ""),
        Headline("1672242660123", "DJ-N", "DJ-N$2", "Apple falls {sic}", "K:0.4"),
    ]
    frame = _headlines([(CONTRACT, row) for row in rows])
    Headlines.validate(frame)
    assert frame["title"].tolist() == ["Apple climbs", "Apple falls {sic}"]
    assert frame["extra"].tolist() == ["A:800015:L:en:K:n/a:C:0.8", "K:0.4"]
    assert frame["time"].tolist() == [pd.Timestamp("2022-12-28T15:30:01Z"), pd.Timestamp("2022-12-28T15:51:00.123Z")]


def test_a_headline_that_is_sent_again_is_told_once(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL)
    stream = watch_headlines(market.held, market.broker, market.run)
    (subscription,) = stream._subscriptions.values()
    headline = Headline("1672242660123", "SIM", "SIM$1", "Apple", "")
    for title in ("Apple climbs", "Apple climbs again"):
        subscription.add((NEWS, headline._replace(title=title)), 1)
        subscription.add((9, 126.0, 0), 1)
    (batch,) = taking(stream)
    assert batch.rows["title"].tolist() == ["Apple climbs"]
